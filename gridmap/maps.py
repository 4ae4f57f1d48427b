"""Frames in, a Folium map and its HTML out.

Belongs here: what the map shows and how it is composed, packed and rendered, as a page of the
server or as one file. Does not belong here: reading the store (``jobs``), behaviour in the
browser (``web/static/gridmap.js``).

Folium's own assets are on foreign hosts and its tooltips run stored text (web.md 1.1, 1.2): the
map here loads only Leaflet, installed at set-up, and every word from data goes through
``textContent`` in our script.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folium
import numpy as np
import pandas as pd
import shapely
from folium.map import Layer
from folium.template import Template
from folium.utilities import JsCode
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

from gridmap.language import catalogue, translate
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Mapping

    import geopandas as gpd

WEB = Path(__file__).parent / "web"

VECTOR_GRID = "Leaflet.VectorGrid.bundled.min.js"

_ATTENTION = ("#99000d", "#e34a33", "#fc8d59", "#fdcc8a", "#fef0d9")
_SEEN = ("#4a2574", "#7b52ab", "#a98bc9", "#d3c3e4", "#f2edf7")
_FIFTHS = (0.2, 0.4, 0.6, 0.8)
_PARTY, _SERVICES, _OTHERS = "Party building", "Services", "Courtyards and enterprises"
_MISSING = "Grids where most is missing"
# Cameras see about a tenth of a district's ground (domain.md 0): fifths would all be one.
_TENTHS = (0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True)
class Lens:
    """One question the map can answer: a rate, its classes and colours (dark = look here).

    ``headline``: its figure stands in the panel; the others are a click away.
    """

    measure: str
    label: str
    unit: str
    blank: str
    colours: tuple[str, ...] = _ATTENTION
    breaks: tuple[float, ...] = _FIFTHS
    note: str = ""
    group: str = "Cameras"
    headline: bool = True


def _more(measure: str, label: str, unit: str, group: str, *, headline: bool = False) -> Lens:
    return Lens(measure, label, unit, _MISSING, group=group, headline=headline)


LENSES = (
    Lens(
        "party_group.buildings",
        "Buildings with a Party group",
        "buildings",
        "Grids with most buildings without a Party group",
        group=_PARTY,
    ),
    Lens(
        "party_group.households",
        "Households in buildings with a Party group",
        "households",
        "Grids with most households without a Party group",
        group=_PARTY,
    ),
    Lens(
        "party_branch.grids",
        "Grids with a Party branch",
        "grids",
        "Grids without a Party branch",
        group=_PARTY,
    ),
    _more("member_area.buildings", "Buildings in members' areas", "buildings", _PARTY),
    _more("grid_leader.grids", "Grids with a grid leader", "grids", _PARTY),
    _more("volunteer_team.grids", "Grids with a volunteer team", "grids", _PARTY),
    _more(
        "six_services.buildings",
        "Buildings with all six services",
        "buildings",
        _SERVICES,
        headline=True,
    ),
    _more("community_workers.buildings", "Community workers", "buildings", _SERVICES),
    _more("community_police.buildings", "Community police", "buildings", _SERVICES),
    _more("volunteers.buildings", "Volunteers and social workers", "buildings", _SERVICES),
    _more("legal_service.buildings", "Legal service", "buildings", _SERVICES),
    _more("community_affairs.buildings", "Community affairs", "buildings", _SERVICES),
    _more("city_management.buildings", "City management", "buildings", _SERVICES),
    _more("courtyard_131.courtyards", "Courtyards with all five parts", "courtyards", _OTHERS),
    _more("scattered_courtyard.buildings", "Scattered in courtyards", "buildings", _OTHERS),
    _more(
        "enterprise_branch.organisations",
        "Enterprises with a Party organisation",
        "organisations",
        _OTHERS,
    ),
    _more(
        "enterprise_work.organisations",
        "Enterprises with Party work",
        "organisations",
        _OTHERS,
    ),
    Lens(
        "camera.key_public_area",
        "Key public areas seen by cameras",
        "m2",
        "Grids with most blind ground in key public areas",
        colours=_SEEN,
        note="Of open ground in key public areas: the official coverage rate.",
    ),
    Lens(
        "camera.frontage",
        "Building frontage seen by cameras",
        "m",
        "Grids with most frontage unseen",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of the metres of wall that face open ground.",
    ),
    Lens(
        "camera.open_ground",
        "Open ground seen by cameras",
        "m2",
        "Grids with most blind open ground",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of open ground: the unit without its buildings. Possible views: what nobody "
        "declared is assumed.",
    ),
    Lens(
        "camera.open_ground_certain",
        "Open ground certainly seen by cameras",
        "m2",
        "Grids with most open ground not certainly seen",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of open ground. Seen in every case that the register allows; assumed optics make "
        "nothing certain.",
    ),
    Lens(
        "camera.open_ground_twice",
        "Open ground seen by two cameras or more",
        "m2",
        "Grids with most open ground seen by fewer than two",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of open ground: the unit without its buildings. Possible views: what nobody "
        "declared is assumed.",
    ),
    Lens(
        "camera.gross_area",
        "Gross area seen by cameras",
        "m2",
        "Grids with most gross area unseen",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of gross area: the unit with its buildings.",
    ),
)
"""The questions the map answers, in the order it offers them."""

DETAILS = {
    "road": "Roads",
    "blind": "Blind ground",
    "view": "Camera views",
    "building": "Buildings",
    "camera": "Cameras",
}
"""Layers drawn for the window from zoom 15, and their labels; the question asked decides which
of them start switched on (`gridmap.js`)."""

_LEVEL_LABELS = {Level.STREET: "Streets", Level.COMMUNITY: "Communities", Level.GRID: "Grids"}

DETAIL_COLUMNS = {
    "road": ("name", "kind"),
    "blind": ("blind_area_m2",),
    "view": (
        "name",
        "azimuth_deg",
        "hfov_deg",
        "max_range_m",
        "area_m2",
        "certain_area_m2",
        "status",
        "reason",
        "assumed",
    ),
    "building": (
        "name",
        "address",
        "household_count",
        "grid_code",
        "status",
        "reason",
        "holder_code",
        "holder_name",
    ),
}
DETAIL_COLUMNS["camera"] = DETAIL_COLUMNS["view"]
"""What a detail tells of itself, besides its code."""

SIMPLIFY_DEG = 3e-5
"""A corner of a border is left out where it takes less than the square of this, about 9 m²."""

BORDER_DECIMALS = 5
"""Of the degrees of a border: 1 m. Close up it is a thin line between buildings drawn to 0.1 m."""


class OfflineMap(folium.Map):
    """A Folium map that names no foreign asset: the page loads Leaflet itself."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012  Folium's own class attribute
    default_css: list[tuple[str, str]] = []  # noqa: RUF012


class DetailLayer(Layer):
    """A layer whose features are loaded for the window by our script."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = gridmap.detail({{ this.detail|tojson }});"
        "{% endmacro %}"
    )

    def __init__(self, detail: str, label: str) -> None:
        super().__init__(name=label, overlay=True, control=True, show=False)
        self._name = "DetailLayer"
        self.detail = detail


class Start(folium.MacroElement):
    """Hands the composed map and its level layers to our script."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "gridmap.start({{ this._parent.get_name() }}, { "
        "{%- for level, layer in this.levels.items() %}"
        "{{ level|tojson }}: {{ layer.get_name() }}, {% endfor %}});"
        "{% endmacro %}"
    )

    def __init__(self, levels: Mapping[str, folium.GeoJson]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Start"
        self.levels = levels


@dataclass(frozen=True)
class MapParts:
    """A composed map, rendered into the parts of a page, and what our script needs to know."""

    header: str
    html: str
    script: str
    config: dict[str, Any]
    heading: str
    language: str
    synthetic: bool
    stale: bool


def district_map(
    units: Mapping[Level, gpd.GeoDataFrame],
    rates: pd.DataFrame,
    *,
    dates: Mapping[str, str],
    language: str,
    synthetic: bool,
    stale: bool = False,
    packed: Mapping[str, Any] | None = None,
    details: Collection[str] | None = None,
    rows: bool = True,
) -> MapParts:
    """Compose the district's map, or that of the part of it that somebody sees.

    Parameters
    ----------
    units
        By level, district to grid: index code; columns name, geometry (EPSG:4490). One level has
        at least one row.
    rates
        Index ``unit_code``; columns measure, covered, total.
    dates
        As-of date of each measure, as text.
    language
        ``zh`` or ``en``.
    synthetic
        Whether the page must say that the data is invented.
    stale
        Whether it must say that data has changed since the figures were computed.
    packed
        Details by layer from `pack`; without them the page asks the server.
    details
        Which of `DETAILS` it asks for; None for all.
    rows
        Whether the rows behind a figure can be listed.

    Returns
    -------
    MapParts
        For `page`.

    Notes
    -----
    Cost O(n) in the vertices of the units.
    """
    # Who sees one street only has no district: the map is of the highest units there are.
    district = next(units[level] for level in DIVISION_LEVELS if len(units.get(level, ())))
    by_unit = _rates_by_unit(rates)
    west, south, east, north = (float(v) for v in district.total_bounds)
    drawn = _blank_map(district)
    layers = {
        str(level): _level_layer(units[level], by_unit, translate(label, language), level)
        for level, label in _LEVEL_LABELS.items()
        if level in units and not units[level].empty
    }
    for layer in layers.values():
        layer.add_to(drawn)
    for name, label in DETAILS.items():
        if name not in (DETAILS if packed is None else packed):
            continue
        if details is not None and name not in details:
            continue
        DetailLayer(name, translate(label, language)).add_to(drawn)
    folium.LayerControl(collapsed=False).add_to(drawn)
    Start(layers).add_to(drawn)
    figure: Any = drawn.get_root()
    figure.render()
    config = {
        "language": language,
        "messages": dict(catalogue(language)),
        "lenses": [{**asdict(lens), "as_of": dates.get(lens.measure)} for lens in LENSES],
        "bounds": [west, south, east, north],
        "district": _properties(district.index[0], district["name"].iloc[0], by_unit),
        "packed": packed,
        "rows": rows,
    }
    return MapParts(
        header=figure.header.render(),
        html=figure.html.render(),
        script=figure.script.render(),
        config=config,
        heading=" · ".join(district["name"].astype(str)),
        language=language,
        synthetic=synthetic,
        stale=stale,
    )


def _blank_map(districts: gpd.GeoDataFrame) -> OfflineMap:
    west, south, east, north = (float(v) for v in districts.total_bounds)
    return OfflineMap(
        location=[(south + north) / 2, (west + east) / 2],  # Folium's order: latitude first
        tiles=None,
        prefer_canvas=True,
        zoom_control="bottomright",
        minZoom=9,
        maxZoom=19,
        zoomSnap=0.25,
        attributionControl=False,
    )


def _rates_by_unit(rates: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """Return unit -> measure -> [covered, total], rounded to what is shown; whole as such."""
    found: dict[str, dict[str, list[float]]] = {}
    for code, measure, covered, total in zip(
        rates.index, rates["measure"], rates["covered"], rates["total"], strict=True
    ):
        found.setdefault(code, {})[measure] = [_short(covered), _short(total)]
    return found


def _short(value: float) -> float:
    return int(value) if value == int(value) or value >= 1e4 else round(value, 1)


def _properties(
    code: str, name: str, by_unit: Mapping[str, dict[str, list[float]]]
) -> dict[str, Any]:
    """Return what a unit tells: its rates in the order of `LENSES`, for a name takes more room."""
    known = by_unit.get(code, {})
    return {"code": code, "name": name, "rates": [known.get(lens.measure, 0) for lens in LENSES]}


def _level_layer(
    units: gpd.GeoDataFrame,
    by_unit: Mapping[str, dict[str, list[float]]],
    label: str,
    level: Level,
) -> folium.GeoJson:
    """Return a level's choropleth; only one level is shown at a time."""
    shapes = simplified(units.geometry.to_numpy())
    features = [
        {
            "type": "Feature",
            "properties": _properties(code, name, by_unit),
            "geometry": shapely.geometry.mapping(shape),
        }
        for code, name, shape in zip(units.index, units["name"], shapes, strict=True)
    ]
    return folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=label,
        overlay=False,
        show=level is Level.STREET,
        smooth_factor=0.5,
        style=JsCode("gridmap.styleUnit"),
        on_each_feature=JsCode("gridmap.bindUnit"),
    )


def simplified(shapes: np.ndarray) -> np.ndarray:
    """Return polygons with fewer vertices whose common borders still fit.

    Parameters
    ----------
    shapes
        Array of polygons in degrees that share vertices along common borders.

    Returns
    -------
    ndarray
        Same order; coordinates rounded to `BORDER_DECIMALS`.
    """
    thin = shapely.coverage_simplify(shapes, SIMPLIFY_DEG)
    rounded: np.ndarray = shapely.transform(thin, partial(np.round, decimals=BORDER_DECIMALS))
    return rounded


def page(
    parts: MapParts,
    *,
    nonce: str | None = None,
    inline: bool = False,
    places: Iterable[tuple[str, str]] = (),
) -> str:
    """Return the HTML of a map.

    Parameters
    ----------
    parts
        From `district_map`.
    nonce
        Put on every script, for a content security policy.
    inline
        Put scripts and styles into the page instead of naming the server's.
    places
        Path and name of the server's other pages.

    Returns
    -------
    str
        A whole document.
    """
    header = parts.header
    if nonce:
        header = header.replace("<script>", f'<script nonce="{nonce}">')
    template = _templates().get_template("map.html")
    top = parts.config["district"]
    return template.render(
        title=f"{parts.heading} · gridmap",
        heading=parts.heading,
        # Of whom: who sees a part of a district is not shown figures of all of it.
        part=None if len(top["code"]) == CODE_LENGTH[Level.DISTRICT] else top["name"],
        language=parts.language,
        other="en" if parts.language == "zh" else "zh",
        places=places,
        synthetic=parts.synthetic,
        stale=parts.stale,
        header=header,
        html=parts.html,
        script=parts.script,
        config=htmlsafe_json_dumps(parts.config, dumps=_COMPACT),
        nonce=nonce,
        inline=_inline_assets() if inline else None,
        _=partial(translate, language=parts.language),
    )


CHANGE_COLOURS = {
    "gained": "#1b7837",
    "lost": "#b2182b",
    "added": "#2166ac",
    "changed": "#e08214",
    "ended": "#6b6b6b",
}
"""What became of a thing between two days; told by a word too, never by colour alone."""

_DIFFERENCES = {
    "ground": ("Ground seen", ("unit_code", "area_m2")),
    "coverage": ("Coverage", ("lens", "target_code", "status", "reason", "holder_code")),
    "buildings": ("Buildings", ("code", "name", "address", "fields")),
    "divisions": ("Divisions", ("level", "code", "name", "fields")),
}


def difference_page(
    layers: Mapping[str, pd.DataFrame],
    districts: gpd.GeoDataFrame,
    *,
    days: tuple[dt.date, dt.date],
    language: str,
    synthetic: bool,
) -> str:
    """Return the map of what differs between two days, as one page that needs no network.

    Parameters
    ----------
    layers
        ``ground``, ``coverage``, ``buildings``, ``divisions``: a column ``change`` and geometry
        (EPSG:4490); ``rates``: index measure, covered and total before and after.
    districts
        Index code; columns name, geometry (EPSG:4490); at least one row.
    days
        The earlier and the later day.
    language
        ``zh`` or ``en``.
    synthetic
        Whether the page must say that the data is invented.

    Returns
    -------
    str
        A whole document.
    """
    west, south, east, north = (float(v) for v in districts.total_bounds)
    drawn = _blank_map(districts)
    drawn.fit_bounds([[south, west], [north, east]])
    outline = folium.GeoJson(
        json.loads(districts[["geometry"]].to_json()),
        control=False,
        style=JsCode("gridmapDiff.outline"),
    )
    outline.add_to(drawn)
    counts = []
    for name, (label, columns) in reversed(_DIFFERENCES.items()):
        frame = layers[name].reset_index()
        counts += _change_counts(frame, label)
        folium.GeoJson(
            _changes_geojson(frame, columns),
            name=translate(label, language),
            style=JsCode("gridmapDiff.style"),
            point_to_layer=JsCode("gridmapDiff.point"),
            on_each_feature=JsCode("gridmapDiff.bind"),
        ).add_to(drawn)
    folium.LayerControl(collapsed=False).add_to(drawn)
    figure: Any = drawn.get_root()
    figure.render()
    return (
        _templates()
        .get_template("difference.html")
        .render(
            heading=str(districts["name"].iloc[0]),
            language=language,
            days=[day.isoformat() for day in days],
            synthetic=synthetic,
            counts=counts[::-1],
            rates=_labelled(layers["rates"].reset_index()),
            header=figure.header.render(),
            html=figure.html.render(),
            script=figure.script.render(),
            config=htmlsafe_json_dumps(
                {"messages": dict(catalogue(language)), "colours": CHANGE_COLOURS}, dumps=_COMPACT
            ),
            inline=_inline_assets(),
            _=partial(translate, language=language),
        )
    )


def _change_counts(frame: pd.DataFrame, label: str) -> list[dict[str, Any]]:
    """Count a layer's changes; ground is told in square metres."""
    parts = {change: frame[frame["change"] == change] for change in CHANGE_COLOURS}
    return [
        {
            "label": label,
            "change": change,
            "count": len(rows),
            "area_m2": float(rows["area_m2"].sum()) if "area_m2" in rows else None,
            "colour": CHANGE_COLOURS[change],
        }
        for change, rows in parts.items()
        if len(rows)
    ]


def _labelled(rates: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the figures that the map knows, each with its label, those of people first."""
    labels = {lens.measure: lens.label for lens in LENSES}
    some = rates[rates["measure"].isin(labels)].sort_values("measure", ascending=False)
    told = some.assign(label=some["measure"].map(labels)).astype(object)
    records: list[dict[str, Any]] = told.where(told.notna(), None).to_dict("records")
    return records


def _changes_geojson(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, Any]:
    """Return changes as GeoJSON; what has no place is counted, not drawn."""
    placed = frame[frame["geometry"].notna()]
    shapes = shapely.transform(placed["geometry"].to_numpy(), partial(np.round, decimals=6))
    names = ("change", *columns)
    cells = [map(_plain, placed[name]) for name in names]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {
                    name: _plain(value)
                    for name, value in zip(("change", *columns), row, strict=True)
                },
                "geometry": shapely.geometry.mapping(shape),
            }
            for shape, row in zip(shapes, zip(*cells, strict=True), strict=True)
        ],
    }


def empty_page(language: str) -> str:
    """Return the page of a store without a district: what to do next.

    Parameters
    ----------
    language
        ``zh`` or ``en``.

    Returns
    -------
    str
        A whole document.
    """
    template = _templates().get_template("empty.html")
    return template.render(language=language, _=partial(translate, language=language))


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined
    )


def missing_assets() -> list[str]:
    """Return which third-party files of the pages were not installed.

    Returns
    -------
    list of str
        Their names, ascending; none after `make`.
    """
    vendor = WEB / "static" / "vendor"
    names = ("leaflet/leaflet.css", "leaflet/leaflet.js", f"vectorgrid/{VECTOR_GRID}")
    return [Path(name).name for name in names if not (vendor / name).is_file()]


@cache
def _inline_assets() -> dict[str, str]:
    """Return scripts and styles as text that can stand inside a page."""
    vendor = WEB / "static" / "vendor" / "leaflet"
    css = re.sub(
        r"url\((images/[\w.-]+\.png)\)",
        lambda match: f"url({_data_uri(vendor / match[1])})",
        (vendor / "leaflet.css").read_text("utf-8"),
    )
    js = (vendor / "leaflet.js").read_text("utf-8")
    return {
        "leaflet_css": css,
        "leaflet_js": re.sub(r"//# sourceMappingURL=\S+", "", js),
        "gridmap_css": (WEB / "static" / "gridmap.css").read_text("utf-8"),
        "difference_js": (WEB / "static" / "difference.js").read_text("utf-8"),
        "gridmap_js": (WEB / "static" / "gridmap.js").read_text("utf-8"),
    }


# Chinese as it is: escaped, a character would take six bytes.
_COMPACT = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


# --- details


def feature_collection(
    frame: gpd.GeoDataFrame, columns: Iterable[str], *, truncated: bool
) -> dict[str, Any]:
    """Return a frame as GeoJSON, rounded to 0.1 m.

    Parameters
    ----------
    frame
        Index: code. EPSG:4490. Rows without geometry are left out.
    columns
        Which columns become properties, besides the code.
    truncated
        Whether more rows match than are given: said, never hidden.

    Returns
    -------
    dict
        A FeatureCollection with ``truncated``.
    """
    frame = frame[frame.geometry.notna()]
    shapes = shapely.transform(frame.geometry.to_numpy(), partial(np.round, decimals=6))
    rows = _plain_columns(frame, columns)
    features = [
        {
            "type": "Feature",
            "properties": {name: values[i] for name, values in rows.items()},
            "geometry": shapely.geometry.mapping(shape),
        }
        for i, shape in enumerate(shapes)
    ]
    return {"type": "FeatureCollection", "features": features, "truncated": truncated}


PACK_SCALE = 1_000_000


def pack(frame: gpd.GeoDataFrame, columns: Iterable[str], *, kind: str) -> dict[str, Any]:
    """Return a frame in the small form a one-file map carries.

    Parameters
    ----------
    frame
        Index: code. EPSG:4490. Rows without geometry are left out.
    columns
        Which columns are told, besides the code.
    kind
        ``Point``, ``LineString`` or ``Polygon``.

    Returns
    -------
    dict
        ``scale``, ``kind``, ``columns`` (name -> list), ``shapes``: per feature parts, rings,
        and in a ring the differences of successive x, y in 1/scale degrees.
    """
    frame = frame[frame.geometry.notna()]
    shapes = [_packed_parts(shape) for shape in frame.geometry]
    return {
        "scale": PACK_SCALE,
        "kind": kind,
        "columns": _plain_columns(frame, columns),
        "shapes": shapes,
    }


def _packed_parts(shape: shapely.Geometry) -> list[list[list[int]]]:
    return [
        [_deltas(ring) for ring in (part.exterior, *part.interiors)]
        if part.geom_type == "Polygon"
        else [_deltas(part)]
        for part in shapely.get_parts(shape)
    ]


def _deltas(line: shapely.Geometry) -> list[int]:
    whole = np.rint(shapely.get_coordinates(line) * PACK_SCALE).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=0)
    moved = np.ones(len(steps), dtype=bool)
    moved[1:] = (steps[1:] != 0).any(axis=1)
    return [int(v) for v in steps[moved].ravel()]


def _plain_columns(frame: gpd.GeoDataFrame, columns: Iterable[str]) -> dict[str, list[Any]]:
    """Return columns as lists of JSON values: no NaN, numbers to a decimal."""
    plain = {"code": [str(code) for code in frame.index]}
    for name in columns:
        plain[name] = [_plain(value) for value in frame[name].astype(object)]
    return plain


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return round(float(value), 1) if isinstance(value, float) else value
