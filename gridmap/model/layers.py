"""The layers gridmap stores: columns, kinds of geometry, and what a row can have wrong."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.errors import FrameError, LayerNotFound
from gridmap.model import lenses, organisations
from gridmap.model.cameras import ROW_COLUMNS, row_breaches
from gridmap.model.codes import CODE_LENGTH, Level, kind_of
from gridmap.model.fields import Field, Kind, check_field, check_unique, filled, parse, texts
from gridmap.model.reports import Issue

POLYGONS = frozenset({"Polygon", "MultiPolygon"})
LINES = frozenset({"LineString", "MultiLineString"})
POINTS = frozenset({"Point"})


@dataclass(frozen=True)
class LayerSpec:
    """What a layer's rows must be; the contract of every frame that crosses rooms.

    ``key`` names the columns that identify a row; ``kinds`` is empty for a table without
    geometry; ``level`` is set for divisions.
    """

    name: str
    fields: tuple[Field, ...]
    kinds: frozenset[str] = frozenset()
    key: tuple[str, ...] = ("code",)
    level: Level | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order, without the geometry."""
        return [column.name for column in self.fields]

    def check(self, frame: pd.DataFrame, *, register: bool = True) -> list[Issue]:
        """Return every issue that the rows show by themselves.

        Parameters
        ----------
        frame
            Index: row number in the file. Columns: any; those of the specification are read.
            A GeoDataFrame if the layer has a geometry.
        register
            Check too what the register wants to know of a camera (V00, V01, V05, V10).

        Returns
        -------
        list of Issue
            In the order file, columns, rows, geometry; empty if all is well.

        Notes
        -----
        Rules F01-F05, C01, C03, C04, G01 (validity, kind, twins), L01, S03 (unit), V00, V01, V05,
        V10.
        Source: domain.md 1.7. Cost O(n log n).
        """
        if frame.empty:
            return [Issue("F01.empty")]
        issues = [self._missing_column(f, frame) for f in self.fields if self._lacks(f, frame)]
        for column in self.fields:
            if column.name in frame:
                issues += check_field(column, frame[column.name], self.name)
        if not any(i.shape == "F01.column" and i.field in self.key for i in issues):
            issues += check_unique(frame, self.key)
        if self.level and "code" in frame:
            issues += _check_codes(frame["code"], self.level)
        if self.level is Level.GRID:
            issues += _check_dedicated(frame, self)
        if self.name == "camera" and register:
            issues += _check_cameras(frame)
        if self.name == "lens":
            issues += _check_lenses(frame, self)
        if self.kinds:
            issues += _check_geometry(frame, self)
        return issues

    def parse(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with exactly the specification's columns and types.

        Parameters
        ----------
        frame
            A frame that `check` found free of errors.

        Returns
        -------
        DataFrame or GeoDataFrame
            Same index; missing optional columns are all-null; integers are ``Int64``, numbers
            ``float64``, booleans ``boolean``, dates ``datetime.date``, text ``object``; empty
            text is null.
        """
        parsed = {f.name: parse(f, frame.get(f.name), frame.index)[0] for f in self.fields}
        if not self.kinds:
            return pd.DataFrame(parsed, index=frame.index)
        return gpd.GeoDataFrame(parsed, index=frame.index, geometry=frame.geometry, crs=frame.crs)

    @staticmethod
    def _lacks(column: Field, frame: pd.DataFrame) -> bool:
        return column.required and column.name not in frame

    @staticmethod
    def _missing_column(column: Field, frame: pd.DataFrame) -> Issue:
        present = [str(c) for c in frame.columns if c != "geometry"]
        return Issue("F01.column", field=column.name, values={"columns": ", ".join(present)})


def _check_codes(codes: pd.Series, level: Level) -> list[Issue]:
    """Check division codes: digits and length (C01), range of the kind (C03)."""
    length = CODE_LENGTH[level]
    issues = []
    for row, code in texts(codes).items():
        if not isinstance(code, str):
            continue
        if not (code.isascii() and code.isdigit() and len(code) == length):
            values = {"value": code, "length": length, "layer": str(level)}
            issues.append(Issue("C01.digits", int(row), "code", values))
        elif kind_of(code) is None:
            values = {
                "value": code,
                "positions": f"{length - 2}-{length}",
                "digits": code[-3:],
                "layer": str(level),
            }
            issues.append(Issue("C03.range", int(row), "code", values))
    return issues


def _check_dedicated(frame: pd.DataFrame, spec: LayerSpec) -> list[Issue]:
    """Find dedicated grids that do not say which unit answers for them (S03)."""
    cells = {f.name: parse(f, frame.get(f.name), frame.index)[0] for f in spec.fields}
    lacking = (cells["kind"] == DEDICATED) & cells["unit_name"].isna()
    return [
        Issue("S03.unit", int(row), "unit_name", {"value": code})
        for row, code in cells["code"][lacking].items()
    ]


def _check_lenses(frame: pd.DataFrame, spec: LayerSpec) -> list[Issue]:
    """Find lenses that name a target, part or kind that there is not (L01)."""
    cells = {f.name: parse(f, frame.get(f.name), frame.index)[0] for f in spec.fields}
    typed = pd.DataFrame(cells, index=frame.index)
    columns = {name: tuple(LAYERS[name].columns) for name in lenses.TARGETS}
    needed = [f.name for f in spec.fields if f.required]
    return [
        Issue("L01.word", int(row), name, {"value": word, "choices": known})
        for row, cell in typed.dropna(subset=needed).to_dict("index").items()
        for name, word, known in lenses.lens_faults(lenses.lens_of(cell), columns)
    ]


def _check_cameras(frame: pd.DataFrame) -> list[Issue]:
    """Check what a camera must say of itself (V00, V01, V05, V10)."""
    fields = [column for column in LAYERS["camera"].fields if column.name in ROW_COLUMNS]
    typed = {f.name: parse(f, frame.get(f.name), frame.index)[0] for f in fields}
    cells = frame.reindex(columns=list(typed))
    held = pd.DataFrame({name: filled(cells[name]) for name in typed}, index=frame.index)
    breaches = row_breaches(pd.DataFrame(typed, index=frame.index), held)
    return [Issue(b.shape, int(str(b.key)), b.field, b.values) for b in breaches]


def _check_geometry(frame: pd.DataFrame, spec: LayerSpec) -> list[Issue]:
    """Check presence, kind and validity of each geometry (G01)."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame._geometry_column_name is None:
        return [Issue("F01.geometry")]
    if frame.crs is None:
        return [Issue("F01.crs")]
    shapes = frame.geometry.to_numpy()
    rows = frame.index.to_numpy()
    absent = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    issues = [Issue("G01.null", int(r), "geometry") for r in rows[absent]]
    meant = [int(shapely.GeometryType[kind.upper()]) for kind in spec.kinds]
    wrong = ~absent & ~np.isin(shapely.get_type_id(shapes), meant)
    values = {"layer": spec.name, "kinds": " / ".join(sorted(spec.kinds))}
    issues += [
        Issue("G01.kind", int(row), "geometry", {"value": shape.geom_type, **values})
        for row, shape in zip(rows[wrong], shapes[wrong], strict=True)
    ]
    broken = ~absent & ~wrong & ~shapely.is_valid(shapes)
    for row, shape in zip(rows[broken], shapes[broken], strict=True):
        reason, _, place = shapely.is_valid_reason(shape).partition("[")
        at = ", ".join(f"{float(part):.6f}" for part in place.rstrip("]").split())
        values = {"reason": reason.strip(), "place": f"({at})"}
        issues.append(Issue("G01.invalid", int(row), "geometry", values, shape))
    # Two units on one ground overlap (G02), and cameras of one pole share it (V04).
    if not spec.level and "Point" not in spec.kinds:
        issues += _check_twins(shapes, rows, ~absent & ~wrong & ~broken)
    return issues


def _check_twins(shapes: np.ndarray, rows: np.ndarray, usable: np.ndarray) -> list[Issue]:
    """Find the very same geometry in several rows: one issue a shape, at its second row."""
    bounds = pd.DataFrame(shapely.bounds(shapes[usable])).assign(row=rows[usable])
    alike = bounds.duplicated([0, 1, 2, 3], keep=False)
    shape = shapely.to_wkb(shapely.normalize(shapes[usable][alike]))
    issues = []
    for _, same in bounds["row"][alike].groupby(shape, sort=False):
        if len(same) > 1:
            told = {"rows": ", ".join(str(row) for row in same.iloc[:10])}
            issues.append(Issue("G01.duplicate", int(same.iloc[1]), "geometry", told))
    return issues


def _division(level: Level, *more: Field) -> LayerSpec:
    fields = (
        Field("code", Kind.TEXT, "division code", required=True),
        Field("name", Kind.TEXT, "official name", required=True),
        *more,
    )
    return LayerSpec(str(level), fields, POLYGONS, level=level)


BASIC, DEDICATED = GRID_KINDS = ("basic", "dedicated")
"""A grid of homes, and one of a single unit: a campus, a hospital, a mall (DB6101/T 3185-2024)."""

BUILDING_KINDS = (
    "slab",
    "tower",
    "low_rise",
    "village",
    "industrial",
    "commercial",
    "public",
    "other",
)
MANAGEMENT_KINDS = ("property", "self", "scattered")
ROAD_KINDS = ("trunk", "main", "street", "lane", "path")
CAMERA_STATES = ("in_use", "under_repair", "removed")
PLACE_CATEGORIES = ("road", "public_venue", "hub", "transport", "service_area")
"""The five places of Decree 799, article 7 (domain.md 1.4)."""
PRIVACY_KINDS = (
    "lodging",
    "dormitory",
    "bath",
    "toilet",
    "changing_room",
    "nursing_room",
    "dwelling",
    "other",
)
"""Where no camera may film: Decree 799, banned interiors (domain.md 1.4)."""
RESTRICTED_KINDS = ("military", "state_organ")
"""Around these a camera needs consent first: Decree 799 (domain.md 1.4)."""


_T, _N, _INT, _B, _D = Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN, Kind.DATE


LAYERS: dict[str, LayerSpec] = {
    "district": _division(Level.DISTRICT),
    "street": _division(Level.STREET),
    "community": _division(Level.COMMUNITY),
    "grid": _division(
        Level.GRID,
        Field("kind", _T, "basic where it says nothing", choices=GRID_KINDS),
        Field("unit_name", _T, "organisation a dedicated grid is for"),
    ),
    "building": LayerSpec(
        "building",
        (
            Field("code", _T, "building code, opaque text", required=True),
            Field("name", _T, "name"),
            Field("address", _T, "address as written"),
            Field("kind", _T, "form of the building", choices=BUILDING_KINDS),
            Field("floors", _INT, "floors above ground", low=0, high=200, unit="floors"),
            Field("height_m", _N, "height above ground", low=0, high=1000, unit="m"),
            Field("household_count", _INT, "households", low=0, high=5000),
            Field("floor_area_m2", _N, "floor area", low=0, high=5_000_000, unit="m²"),
            Field("management_kind", _T, "who manages it", choices=MANAGEMENT_KINDS),
            Field("declared_unit", _T, "division it is registered in"),
        ),
        POLYGONS,
    ),
    "road": LayerSpec(
        "road",
        (
            Field("code", _T, "road code, opaque text", required=True),
            Field("name", _T, "name"),
            Field("kind", _T, "class of the road", choices=ROAD_KINDS),
            Field("width_m", _N, "width", low=0, high=200, unit="m"),
        ),
        LINES,
    ),
    "camera": LayerSpec(
        "camera",
        (
            Field("code", _T, "GB/T 28181 id", required=True),
            Field("name", _T, "name"),
            Field(
                "azimuth_deg",
                _N,
                "view direction, clockwise from north",
                low=0,
                high=360,
                unit="°",
            ),
            Field("hfov_deg", _N, "horizontal field angle", low=0, high=360, unit="°"),
            Field("max_range_m", _N, "greatest view distance", low=0, high=2000, unit="m"),
            Field("mount_height_m", _N, "height of the lens", low=0, high=200, unit="m"),
            Field("place_category", _T, "article 7", choices=PLACE_CATEGORIES),
            Field("point_type", _INT, "GB/T 28181 PointType", low=1, high=9),
            Field("networked", _B, "networked"),
            Field("hd", _B, "high definition"),
            Field("state", _T, "state of the device", choices=CAMERA_STATES),
            Field("in_use_since", _D, "first day of use"),
            Field("filed_at", _D, "day of filing with the police"),
            Field("direction_type", _INT, "GB/T 28181 DirectionType", low=1, high=9),
            Field("azimuth_tolerance_deg", _N, "azimuth known to ±", low=0, high=180, unit="°"),
            Field("position_tolerance_m", _N, "position known to ±", low=0, high=100, unit="m"),
            Field("h_pixels", _INT, "pixels across the image", low=1, high=100_000),
            Field("group_code", _T, "what fails together: switch, power, link"),
            Field("indoor", _B, "stands indoors (GB/T 28181 RoomType 2)"),
            Field("declared_unit", _T, "division it is registered in"),
            Field("filing_no", _T, "number of the filing"),
            Field("sign_installed", _B, "a sign tells of it"),
            Field("consent_ref", _T, "consent near a restricted site"),
            Field("retention_days", _INT, "days images are kept", low=0, high=3650, unit="days"),
        ),
        POINTS,
    ),
    "entrance": LayerSpec(
        "entrance",
        (
            Field("code", _T, "entrance code, opaque text", required=True),
            Field("building_code", _T, "building it leads into", required=True),
            Field("name", _T, "name"),
        ),
        POINTS,
    ),
    "key_public_area": LayerSpec(
        "key_public_area",
        (
            Field("code", _T, "area code, opaque text", required=True),
            Field("name", _T, "name"),
            Field("place_category", _T, "article 7", choices=PLACE_CATEGORIES),
        ),
        POLYGONS,
    ),
    "privacy_zone": LayerSpec(
        "privacy_zone",
        (
            Field("code", _T, "zone code, opaque text", required=True),
            Field("name", _T, "name"),
            Field("kind", _T, "article 8", choices=PRIVACY_KINDS),
        ),
        POLYGONS,
    ),
    "restricted_site": LayerSpec(
        "restricted_site",
        (
            Field("code", _T, "site code, opaque text", required=True),
            Field("name", _T, "name"),
            Field("kind", _T, "who must consent", choices=RESTRICTED_KINDS),
            Field("consent_distance_m", _N, "consent is needed within", low=0, high=5000, unit="m"),
        ),
        POLYGONS,
    ),
    "organisation": LayerSpec("organisation", organisations.ORGANISATION),
    "post": LayerSpec("post", organisations.POST),
    "courtyard": LayerSpec("courtyard", organisations.COURTYARD, POLYGONS),
    "department_grid": LayerSpec("department_grid", organisations.DEPARTMENT_GRID, POLYGONS),
    "duty": LayerSpec("duty", organisations.DUTY, key=("holder_code", "service", "target_code")),
    "project": LayerSpec("project", organisations.PROJECT),
    "matter_item": LayerSpec("matter_item", organisations.MATTER_ITEM),
    "matter": LayerSpec("matter", organisations.MATTER, POINTS),
    "proposal": LayerSpec("proposal", organisations.PROPOSAL),
    "lens": LayerSpec("lens", lenses.LENS_FIELDS),
}
"""Every layer gridmap stores, by name."""


EXTENT = LayerSpec(
    "extent",
    (
        Field("code", _T, "code of the unit, opaque text", required=True),
        Field("name", _T, "name"),
    ),
    POLYGONS,
)
"""The units of a computation over files alone: any polygons that do not overlap."""


FIGURE = LayerSpec(
    "figure",
    (
        Field("measure", _T, "what is counted", required=True),
        Field("unit_code", _T, "code of the unit", required=True),
        Field("unit_name", _T, "name"),
        Field("level", _T, "level of the unit", required=True),
        Field("unit_of_measure", _T, "what it is counted in", required=True),
        Field("covered", _N, "numerator"),
        Field("total", _N, "denominator"),
        Field("share", _N, "covered of total", low=0, high=1),
        Field("withheld", _B, "of too few to be public"),
        Field("as_of", _D, "day it is for", required=True),
    ),
    key=("measure", "unit_code"),
)
"""Figures of units, as a file for others has them."""


def layer(name: str) -> LayerSpec:
    """Return the specification of a layer.

    Parameters
    ----------
    name
        A key of `LAYERS`.

    Returns
    -------
    LayerSpec
        The specification.

    Raises
    ------
    LayerNotFound
        There is no such layer.
    """
    if name not in LAYERS:
        raise LayerNotFound(f"there is no layer {name!r}; layers are {', '.join(LAYERS)}")
    return LAYERS[name]


def require_columns(frame: pd.DataFrame, columns: list[str], what: str) -> None:
    """Check that a frame has the columns a function reads.

    Parameters
    ----------
    frame
        Any frame.
    columns
        Needed names.
    what
        What to call the frame in the error.

    Raises
    ------
    FrameError
        A column is missing, or the index has duplicates.
    """
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise FrameError(f"{what} lacks the columns {', '.join(missing)}")
    if not frame.index.is_unique:
        raise FrameError(f"{what} has duplicate index values; its key must be its index")
