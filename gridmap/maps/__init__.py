"""Frames in, a Folium map and its HTML out.

Belongs here: what the map shows and how it is composed, packed and rendered, as a page of the
server or as one file. Does not belong here: reading the store (``jobs``), behaviour in the
browser (``web/static/map``).

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
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

from gridmap.language import catalogue, translate
from gridmap.maps.carried import MADE, Carried, packed_answers
from gridmap.maps.lenses import CHANGE_BREAKS_PP, CHANGE_CLASSES, LENSES, Lens
from gridmap.maps.packing import PACK_SCALE, feature_collection, json_value, pack
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, REASON_NAMES, STATUS_NAMES, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Mapping

    import geopandas as gpd

__all__ = [
    "BORDER_DECIMALS",
    "CARRIED_COLUMNS",
    "CHANGE_COLOURS",
    "DETAILS",
    "DETAIL_COLUMNS",
    "LENSES",
    "MADE",
    "PACK_SCALE",
    "SIMPLIFY_DEG",
    "Carried",
    "Lens",
    "MapParts",
    "OfflineMap",
    "difference_page",
    "district_map",
    "empty_page",
    "feature_collection",
    "missing_assets",
    "pack",
    "packed_answers",
    "page",
    "simplified",
    "spoken",
]

WEB = Path(__file__).parents[1] / "web"

FINDER = WEB / "static" / "finder.js"

VECTOR_GRID = "Leaflet.VectorGrid.bundled.min.js"

_DESK = ("table", "measure", "print", "keys")
"""What one works with at a desk."""

SCRIPTS = (
    "reach",
    "hatch",
    "words",
    "filter",
    "units",
    "details",
    "panel",
    "days",
    *_DESK,
    "start",
)
"""Of `web/static/map`, in the order in which they run."""

_AFTER = SCRIPTS.index("details") + 1
CARRIED_SCRIPTS = (*SCRIPTS[:_AFTER], "carried", *SCRIPTS[_AFTER:])
"""The same of a map that is one file, with what stands there for the server."""

SPEAKING = (*CARRIED_SCRIPTS, "basemap")
"""Every script that says something; `basemap` is sent where there is one."""

DETAILS = {
    "road": "Roads",
    "seen": "Ground seen",
    "blind": "Blind ground",
    "view": "Camera views",
    "certain": "Certain camera views",
    "building": "Buildings",
    "camera": "Cameras",
}
"""Layers drawn for the window from zoom 15, and their labels; the question asked decides which
of them start switched on (`map/details.js`)."""

_REASONS = {name: STATUS_NAMES[name] for name in ("own", "joint")} | REASON_NAMES
"""Why a target is not covered, and what a link is worth; the script says it."""

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

CARRIED_COLUMNS = DETAIL_COLUMNS | {
    "building": ("name", "address", "household_count", "grid_code"),
}
"""The same in a file, where who covers a building stands apart, for each question."""

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


class UnitLayer(Layer):
    """The areas of a level, one of which is shown at a time, packed: a third of their GeoJSON."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = gridmap.units(JSON.parse({{ this.packed }}));"
        "{% endmacro %}"
    )

    def __init__(self, packed: Mapping[str, Any], label: str) -> None:
        super().__init__(name=label, overlay=False, control=True, show=False)
        self._name = "UnitLayer"
        self.packed = _literal(packed)


class ChangeLayer(Layer):
    """What differs between two days, of one kind."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = gridmapDiff.layer(JSON.parse({{ this.data }}));"
        "{% endmacro %}"
    )

    def __init__(self, data: Mapping[str, Any], label: str | None) -> None:
        super().__init__(name=label, overlay=True, control=label is not None, show=True)
        self._name = "ChangeLayer"
        self.data = _literal(data)


def _literal(value: Any) -> str:
    """Return a value as JSON in a literal of a script that Folium renders.

    Folium compiles what a template gave as a template once more: a name with braces would run
    here, in the server. And as text a browser reads it in half the time of a program.
    """
    text = htmlsafe_json_dumps(_COMPACT(value), dumps=_COMPACT)
    return str(text).replace("{", "\\u007b")


class Start(folium.MacroElement):
    """Hands the composed map and its level layers to our script."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "gridmap.start({{ this._parent.get_name() }}, { "
        "{%- for level, layer in this.levels.items() %}"
        "{{ level|tojson }}: {{ layer.get_name() }}, {% endfor %}});"
        "{% endmacro %}"
    )

    def __init__(self, levels: Mapping[str, Layer]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Start"
        self.levels = levels


@dataclass(frozen=True)
class MapParts:
    """A composed map, rendered into the parts of a page, and what our script needs to know.

    ``made``: what a file says of itself, by the names of `MADE`; a page of the server says nothing.
    """

    header: str
    html: str
    script: str
    config: dict[str, Any]
    heading: str
    language: str
    synthetic: bool
    stale: bool
    made: Mapping[str, str] | None = None


def district_map(
    units: Mapping[Level, gpd.GeoDataFrame],
    rates: pd.DataFrame,
    *,
    dates: Mapping[str, str],
    language: str,
    synthetic: bool,
    stale: bool = False,
    carried: Carried | None = None,
    details: Collection[str] | None = None,
    rows: bool = True,
    before: pd.DataFrame | None = None,
    days: Mapping[str, Any] | None = None,
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
    carried
        What a one-file map has in itself; without it the page asks the server.
    details
        Which of `DETAILS` it asks for; None for all.
    rows
        Whether the rows behind a figure can be listed.
    before
        Rates of an earlier day to compare with, as ``rates``.
    days
        Which days there are and which are shown; None where there is no choice.

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
    then = None if before is None else _rates_by_unit(before)
    west, south, east, north = (float(v) for v in district.total_bounds)
    drawn = _blank_map(district)
    layers = {
        str(level): _level_layer(units[level], by_unit, then, translate(label, language))
        for level, label in _LEVEL_LABELS.items()
        if level in units and not units[level].empty
    }
    for layer in layers.values():
        layer.add_to(drawn)
    for name, label in DETAILS.items():
        if carried and name not in carried.details:
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
        "messages": spoken(language, CARRIED_SCRIPTS if carried else SCRIPTS),
        "lenses": [{**asdict(lens), "as_of": dates.get(lens.measure)} for lens in LENSES],
        "bounds": [west, south, east, north],
        "district": _properties(district.index[0], district["name"].iloc[0], by_unit, then),
        "packed": carried and carried.details,
        "reasons": _REASONS,
        "rows": rows,
        "days": days,
        "changes": {"colours": CHANGE_CLASSES, "breaks": CHANGE_BREAKS_PP},
    } | (_carried_config(carried) if carried else {})
    names = [*(carried.above["name"] if carried else ()), " · ".join(district["name"].astype(str))]
    return MapParts(
        header=_header(figure),
        html=figure.html.render(),
        script=figure.script.render(),
        config=config,
        heading=" › ".join(map(str, names)),
        language=language,
        synthetic=synthetic,
        stale=stale,
        made=carried.made if carried else None,
    )


def _carried_config(carried: Carried) -> dict[str, Any]:
    """Return what the script of a one-file map needs besides."""
    # One by one: each holds the next, and together they are no coverage.
    thin = [simplified(np.array([shape]))[0] for shape in carried.above.geometry]
    outlines = carried.above[["name"]].set_geometry(thin, crs=carried.above.crs)
    return {
        "answers": carried.answers,
        "above": pack(outlines, ("name",), kind="Polygon", scale=10**BORDER_DECIMALS),
        "opens": carried.opens,
    }


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
        fadeAnimation=False,
        attributionControl=False,
    )


def _header(figure: Any) -> str:
    """Return what the map wants in the page's head, but for its ban on enlarging the page."""
    text: str = figure.header.render()
    return re.sub(r'<meta name="viewport".*?/>', "", text, flags=re.DOTALL)


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
    code: str,
    name: str,
    by_unit: Mapping[str, dict[str, list[float]]],
    then: Mapping[str, dict[str, list[float]]] | None,
) -> dict[str, Any]:
    """Return what a unit tells."""
    told = {"code": code, "name": name, "rates": _rates_in_order(by_unit.get(code, {}))}
    return told if then is None else told | {"before": _rates_in_order(then.get(code, {}))}


def _rates_in_order(known: Mapping[str, list[float]]) -> list[Any]:
    """Return rates in the order of `LENSES`, for a name takes more room."""
    return [known.get(lens.measure, 0) for lens in LENSES]


def _level_layer(
    units: gpd.GeoDataFrame,
    by_unit: Mapping[str, dict[str, list[float]]],
    then: Mapping[str, dict[str, list[float]]] | None,
    label: str,
) -> UnitLayer:
    """Return a level's choropleth; only one level is shown at a time: our script says which."""
    thin = units[["name"]].set_geometry(simplified(units.geometry.to_numpy()), crs=units.crs)
    packed = pack(thin, ("name",), kind="Polygon", scale=10**BORDER_DECIMALS)
    packed["columns"]["rates"] = [_rates_in_order(by_unit.get(code, {})) for code in units.index]
    if then is not None:
        columns = packed["columns"]
        columns["before"] = [_rates_in_order(then.get(code, {})) for code in units.index]
    return UnitLayer(packed, label)


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
    basemap: Mapping[str, Any] | None = None,
    account: str | None = None,
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
    basemap
        What is drawn below the areas, for the script; None for nothing.
    account
        Whose page it is: a print says who made it.

    Returns
    -------
    str
        A whole document.
    """
    scripts = (*SCRIPTS, "basemap") if basemap else SCRIPTS
    config = parts.config
    if basemap:
        config = config | {"basemap": basemap, "messages": spoken(parts.language, scripts)}
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
        days=parts.config["days"],
        account=account,
        synthetic=parts.synthetic,
        stale=parts.stale,
        made=[(MADE[name], text) for name, text in (parts.made or {}).items()],
        header=header,
        html=parts.html,
        script=parts.script,
        config=htmlsafe_json_dumps(config, dumps=_COMPACT),
        nonce=nonce,
        scripts=scripts,
        inline=_inline_assets() if inline else None,
        _=partial(translate, language=parts.language),
    )


CHANGE_COLOURS = {
    "gained": "#1b6ca8",
    "lost": "#b5451b",
    "added": "#4a2574",
    "changed": "#e0b000",
    "ended": "#8a8f98",
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
    ChangeLayer(json.loads(districts[["geometry"]].to_json(drop_id=True)), None).add_to(drawn)
    counts = []
    for name, (label, columns) in reversed(_DIFFERENCES.items()):
        frame = layers[name].reset_index()
        counts += _change_counts(frame, label)
        ChangeLayer(_changes_geojson(frame, columns), translate(label, language)).add_to(drawn)
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
            header=_header(figure),
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
    cells = [map(json_value, placed[name]) for name in names]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {
                    name: json_value(value)
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


def _script(name: str) -> Path:
    return WEB / "static" / "map" / f"{name}.js"


@cache
def spoken(language: str, scripts: tuple[str, ...] = SPEAKING) -> dict[str, str]:
    """Return what the map's scripts say, in a language.

    Parameters
    ----------
    language
        ``zh`` or ``en``.
    scripts
        Which of them; the search box is always there.

    Returns
    -------
    dict
        English -> translated: of each text that stands in a script or in `LENSES`, and of reasons.
    """
    known = catalogue(language)
    text = "".join(file.read_text("utf-8") for file in (FINDER, *map(_script, scripts)))
    # In a table, or at once: pairs of marks are lost where a line has others.
    said = {*re.findall(r'"([^"\n]+)"', text), *re.findall(r'\b(?:t|sentence)\("([^"\n]+)"', text)}
    for lens in LENSES:
        said |= {lens.label, lens.blank, lens.note, lens.group, lens.unit}
    said |= set(_REASONS.values())
    return {message: known[message] for message in sorted(said & known.keys())}


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
        "reach_js": _script("reach").read_text("utf-8"),
        "difference_js": (WEB / "static" / "difference.js").read_text("utf-8"),
        "finder_js": FINDER.read_text("utf-8"),
        "map_js": "".join(_script(name).read_text("utf-8") for name in CARRIED_SCRIPTS),
    }


# Chinese as it is: escaped, a character would take six bytes.
_COMPACT = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
