"""Words and shapes of the domain: levels, codes, layers, and what functions hand back.

Belongs here: the levels and their codes, the specification of each layer and the row checks
that follow from it alone, frozen dataclasses that cross rooms. Does not belong here: checks
that need a second layer (``topology``), coordinates (``crs``), storage (``tables``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as attribute
from enum import StrEnum
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.errors import CodeError, FrameError, LayerNotFound
from gridmap.rules import RULES, Rule, Severity


class Level(StrEnum):
    """The levels of a district, from the top."""

    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"
    GRID = "grid"
    BUILDING = "building"


CODE_LENGTH = {Level.DISTRICT: 6, Level.STREET: 9, Level.COMMUNITY: 12, Level.GRID: 15}
"""Digits of a division code: GB/T 2260, GB/T 10114, statistical code, unit grid (domain.md 1.1)."""

DIVISION_LEVELS = tuple(CODE_LENGTH)

# Kind of a street-level or community-level code by its last three digits (domain.md 1.1).
_KIND_RANGES: dict[Level, tuple[tuple[int, int, str], ...]] = {
    Level.STREET: (
        (1, 99, "street"),
        (100, 199, "town"),
        (200, 399, "township"),
        (400, 599, "similar"),
    ),
    Level.COMMUNITY: (
        (1, 199, "community"),
        (200, 399, "village"),
        (400, 499, "similar_community"),
        (500, 599, "similar_village"),
        (601, 999, "merged_community"),
    ),
}


def level_of(code: str) -> Level:
    """Return the level a division code belongs to.

    Parameters
    ----------
    code
        6, 9, 12 or 15 digits.

    Returns
    -------
    Level
        Never `Level.BUILDING`: building codes are opaque.

    Raises
    ------
    CodeError
        Other characters or another length.

    Examples
    --------
    >>> level_of("500108001")
    <Level.STREET: 'street'>
    """
    if code.isascii() and code.isdigit():
        for level, length in CODE_LENGTH.items():
            if len(code) == length:
                return level
    raise CodeError(f"{code!r} is no division code: 6, 9, 12 or 15 digits are expected")


def parent_code(code: str) -> str | None:
    """Return the code one level up, or None for a district.

    Parameters
    ----------
    code
        A division code.

    Returns
    -------
    str or None
        Its prefix.

    Raises
    ------
    CodeError
        ``code`` is no division code.

    Examples
    --------
    >>> parent_code("500108001001")
    '500108001'
    """
    length = CODE_LENGTH[level_of(code)]
    return None if length == CODE_LENGTH[Level.DISTRICT] else code[: length - 3]


def kind_of(code: str) -> str | None:
    """Return the kind of a division that its code's range states.

    Parameters
    ----------
    code
        A division code.

    Returns
    -------
    str or None
        ``street``, ``town``, ``community``, ``village``, …; ``basic`` for a grid, ``district``
        for a district; None where the digits are in no range.

    Raises
    ------
    CodeError
        ``code`` is no division code.

    Notes
    -----
    Rule C03. Source: GB/T 10114-2003 and the statistical division codes (domain.md 1.1).

    Examples
    --------
    >>> kind_of("500108100"), kind_of("500108001001")
    ('town', 'community')
    """
    level = level_of(code)
    if level not in _KIND_RANGES:
        return "district" if level is Level.DISTRICT else "basic"
    number = int(code[-3:])
    return next((kind for low, high, kind in _KIND_RANGES[level] if low <= number <= high), None)


@dataclass(frozen=True)
class Issue:
    """One broken rule in one place: data, not an exception.

    ``shape`` is a key of ``rules.RULES``; ``row`` is the feature's number in the file, from 1
    (None: the whole file); ``geometry`` is the offence in the frame's CRS.
    """

    shape: str
    row: int | None = None
    field: str | None = None
    values: Mapping[str, Any] = attribute(default_factory=dict)
    geometry: shapely.Geometry | None = None

    @property
    def rule(self) -> str:
        """The rule's id, such as ``C01``."""
        return self.shape.partition(".")[0]

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self._rule.severity

    @property
    def _rule(self) -> Rule:
        return RULES[self.shape]

    def message(self, language: str = "zh") -> str:
        """Return the sentence for a person.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        str
            Plain text; values from the file stand in it unescaped.
        """
        values = {"field": self.field, **self.values}
        values = {k: _short(v) if isinstance(v, str) else v for k, v in values.items()}
        if language == "en":
            return self._rule.en.format(**values)
        named = {
            k: _ZH_WORDS[v] for k, v in values.items() if isinstance(v, str) and v in _ZH_WORDS
        }
        return self._rule.zh.format(**{**values, **named})

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into JSON: rule, severity, row, field and both messages."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "row": self.row,
            "field": self.field,
            "message": {language: self.message(language) for language in ("zh", "en")},
        }


def _short(text: str) -> str:
    """Return a text a sentence can hold: one cell may be a megabyte."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


MAX_SHOWN = 400


@dataclass(frozen=True)
class ImportReport:
    """What an import found and did.

    ``inserted``, ``updated`` and ``unchanged`` count rows of the file; all are 0 in a check.
    """

    layer: str
    source: str
    sha256: str
    effective: str
    rows: int
    issues: tuple[Issue, ...]
    committed: bool = False
    batch_id: int | None = None
    source_crs: str | None = None
    encoding: str | None = None
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The issues that block the import."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.ERROR)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        plain = {k: v for k, v in self.__dict__.items() if k != "issues"}
        return {**plain, "issues": [issue.as_dict() for issue in self.issues]}


@dataclass(frozen=True)
class Unit:
    """A division as `locate` and the interfaces name it."""

    level: Level
    code: str
    name: str | None
    kind: str | None = None


@dataclass(frozen=True)
class Location:
    """Where a position lies: one unit a level, None where there is none."""

    longitude: float
    latitude: float
    as_of: str
    district: Unit | None = None
    street: Unit | None = None
    community: Unit | None = None
    grid: Unit | None = None
    building: Unit | None = None


@dataclass(frozen=True)
class Rate:
    """A share that can be checked: what was counted, out of what, of which date.

    ``share`` is ``covered / total`` in 0..1, None where nothing is there to be covered.
    """

    measure: str
    unit_of_measure: str
    covered: float
    total: float

    @property
    def share(self) -> float | None:
        """Covered over total, None for an empty denominator."""
        return self.covered / self.total if self.total > 0 else None


def rate_as_dict(rate: Rate) -> dict[str, Any]:
    """Return a rate for JSON, its share included.

    Parameters
    ----------
    rate
        The rate.

    Returns
    -------
    dict
        The fields and ``share``.
    """
    return {**asdict(rate), "share": rate.share}


class Kind(StrEnum):
    """The type of a column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True)
class Field:
    """One column of a layer: type, limits, meaning, and the Chinese heading."""

    name: str
    kind: Kind
    zh: str
    meaning: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()


POLYGONS = frozenset({"Polygon", "MultiPolygon"})
LINES = frozenset({"LineString", "MultiLineString"})
POINTS = frozenset({"Point"})

_TRUE = {"1", "1.0", "true", "yes", "是", "y", "t"}
_FALSE = {"0", "0.0", "false", "no", "否", "n", "f"}
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")

MAX_CODE, MAX_TEXT = 64, 500
"""Characters of a key and of any other text: what a label, an index and a page can bear."""


@dataclass(frozen=True)
class LayerSpec:
    """What a layer's rows must be; the contract of every frame that crosses rooms.

    ``key`` names the columns that identify a row; ``kinds`` is empty for a table without
    geometry; ``level`` is set for divisions.
    """

    name: str
    zh: str
    fields: tuple[Field, ...]
    kinds: frozenset[str] = frozenset()
    key: tuple[str, ...] = ("code",)
    level: Level | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order, without the geometry."""
        return [column.name for column in self.fields]

    def check(self, frame: pd.DataFrame) -> list[Issue]:
        """Return every issue that the rows show by themselves.

        Parameters
        ----------
        frame
            Index: row number in the file. Columns: any; those of the specification are read.
            A GeoDataFrame if the layer has a geometry.

        Returns
        -------
        list of Issue
            In the order file, columns, rows, geometry; empty if all is well.

        Notes
        -----
        Rules F01-F05, C01, C03, C04, G01 (validity and kind), V01, V05, V10.
        Source: domain.md 1.7. Cost O(n log n).
        """
        if frame.empty:
            return [Issue("F01.empty")]
        issues = [self._missing_column(f, frame) for f in self.fields if self._lacks(f, frame)]
        for column in self.fields:
            if column.name in frame:
                issues += _check_field(column, frame[column.name], self.name)
        if not any(i.shape == "F01.column" and i.field in self.key for i in issues):
            issues += _check_unique(frame, self.key)
        if self.level and "code" in frame:
            issues += _check_codes(frame["code"], self.level)
        if self.name == "camera":
            issues += _check_cameras(frame)
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
        parsed = {f.name: _parse(f, frame.get(f.name), frame.index)[0] for f in self.fields}
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


def _parse(column: Field, values: pd.Series | None, index: pd.Index) -> tuple[pd.Series, pd.Series]:
    """Return a column in its type and the mask of cells that could not be read."""
    if values is None:
        values = pd.Series(None, index=index, dtype=object)
    text = values.astype(object).map(_as_text).astype(object)
    given = text.notna()
    if column.kind is Kind.TEXT:
        return text, pd.Series(False, index=index)  # noqa: FBT003
    if column.kind is Kind.BOOLEAN:
        lower = text.str.lower()
        parsed = lower.map(lambda v: True if v in _TRUE else False if v in _FALSE else None)
        return parsed.astype("boolean"), given & parsed.isna()
    if column.kind is Kind.DATE:
        dates = pd.Series([_as_date(v) for v in text], index=index, dtype=object)
        return dates, given & dates.isna()
    numbers = pd.to_numeric(text, errors="coerce").astype(float)
    # Beyond 2**53 a float counts no more in ones.
    bad = given & ~(np.isfinite(numbers) & (numbers.abs() <= 2**53))
    if column.kind is Kind.INTEGER:
        bad |= given & numbers.notna() & (numbers != np.floor(numbers))
        return numbers.where(~bad).astype("Int64"), bad
    return numbers.where(~bad), bad


def _as_date(value: object) -> dt.date | None:
    """Return a year-month-day text as a date, None for any other."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def _as_text(value: object) -> str | None:
    """Return a cell as stripped text, None for every kind of empty."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a code column that pandas read as numbers
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).strip() or None


def _check_field(column: Field, values: pd.Series, layer: str) -> list[Issue]:
    """Check one column: presence, type, limits, choices."""
    parsed, bad = _parse(column, values, values.index)
    issues = [
        Issue(
            "F03.type",
            int(row),
            column.name,
            {"value": str(values[row]), "kind": str(column.kind)},
        )
        for row in bad.index[bad]
    ]
    if column.kind is Kind.TEXT:
        issues += _check_text(column, values, parsed)
    if column.required:
        empty = parsed.isna() & ~bad
        issues += [
            Issue("F02.null", int(r), column.name, {"layer": layer}) for r in empty.index[empty]
        ]
    if column.choices:
        wrong = parsed.notna() & ~parsed.isin(column.choices)
        choices = ", ".join(column.choices)
        issues += [
            Issue("F05.choice", int(r), column.name, {"value": parsed[r], "choices": choices})
            for r in wrong.index[wrong]
        ]
    if column.low is not None and column.high is not None:
        wrong = (parsed < column.low) | (parsed > column.high)
        wrong = wrong.fillna(value=False).astype(bool)
        limits = {"low": f"{column.low:g}", "high": f"{column.high:g}", "unit": column.unit}
        issues += [
            Issue("F04.range", int(r), column.name, {"value": str(values[r]), **limits})
            for r in wrong.index[wrong]
        ]
    return issues


def _check_text(column: Field, values: pd.Series, parsed: pd.Series) -> list[Issue]:
    """Find text that is too long, and codes that a spreadsheet kept as numbers and cut."""
    most = MAX_CODE if "code" in column.name else MAX_TEXT
    issues = []
    for row, text in parsed.items():
        if isinstance(values[row], float) and abs(values[row]) >= 2**53:
            issues.append(Issue("F03.digits", int(row), column.name, {"value": text}))
        elif isinstance(text, str) and len(text) > most:
            told = {"value": text, "most": most, "length": len(text)}
            issues.append(Issue("F04.length", int(row), column.name, told))
    return issues


def _check_unique(frame: pd.DataFrame, key: tuple[str, ...]) -> list[Issue]:
    """Find keys that stand in several rows: one issue a key, at its second row."""
    keys = frame[list(key)].map(_as_text)
    keys = keys[keys.notna().all(axis=1)]
    repeated = keys[keys.duplicated(keep=False)]
    issues = []
    for value, group in repeated.groupby(list(key), sort=False):
        rows = ", ".join(str(r) for r in group.index[:10])
        label = "/".join(str(v) for v in value)
        issues.append(
            Issue(
                "C04.unique",
                int(group.index[1]),
                "/".join(key),
                {"value": label, "rows": rows},
            )
        )
    return issues


def _check_codes(codes: pd.Series, level: Level) -> list[Issue]:
    """Check division codes: digits and length (C01), range of the kind (C03)."""
    length = CODE_LENGTH[level]
    issues = []
    for row, code in codes.map(_as_text).items():
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


_OPTICS = ("azimuth_deg", "hfov_deg", "max_range_m")


def _check_cameras(frame: pd.DataFrame) -> list[Issue]:
    """Check what a camera must say of itself: id (V01), place (V05), optics (V10)."""
    issues = []
    text = frame.reindex(columns=["code", "place_category", *_OPTICS]).map(_as_text)
    code = text["code"].fillna("").astype(str)
    odd = text["code"].notna() & ~code.str.fullmatch(r"[0-9]{10}13[12][0-9]{7}")
    issues += [Issue("V01.code", int(r), "code", {"value": code[r]}) for r in code.index[odd]]
    silent = text["place_category"].isna()
    issues += [Issue("V05.category", int(r), "place_category") for r in text.index[silent]]
    missing = text[list(_OPTICS)].isna()
    for row in missing.index[missing.any(axis=1)]:
        names = ", ".join(name for name in _OPTICS if missing.at[row, name])
        issues.append(Issue("V10.optics", int(row), "azimuth_deg", {"fields": names}))
    return issues


def _check_geometry(frame: pd.DataFrame, spec: LayerSpec) -> list[Issue]:
    """Check presence, kind and validity of each geometry (G01)."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame._geometry_column_name is None:
        return [Issue("F01.geometry")]
    if frame.crs is None:
        return [Issue("F01.crs")]
    shapes = frame.geometry.array
    rows = frame.index.to_numpy()
    absent = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    issues = [Issue("G01.null", int(r), "geometry") for r in rows[absent]]
    kinds = np.array([None if g is None else g.geom_type for g in shapes], dtype=object)
    wrong = ~absent & ~np.isin(kinds.astype(str), list(spec.kinds))
    values = {"layer": spec.name, "kinds": " / ".join(sorted(spec.kinds))}
    issues += [
        Issue("G01.kind", int(r), "geometry", {"value": k, **values})
        for r, k in zip(rows[wrong], kinds[wrong], strict=True)
    ]
    broken = ~absent & ~wrong & ~shapely.is_valid(shapes)
    for row, shape in zip(rows[broken], shapes[broken], strict=True):
        reason, _, place = shapely.is_valid_reason(shape).partition("[")
        at = ", ".join(f"{float(part):.6f}" for part in place.rstrip("]").split())
        values = {"reason": reason.strip(), "place": f"({at})"}
        issues.append(Issue("G01.invalid", int(row), "geometry", values, shape))
    return issues


def _division(level: Level, zh: str) -> LayerSpec:
    fields = (
        Field("code", Kind.TEXT, "编码", "division code", required=True),
        Field("name", Kind.TEXT, "名称", "official name", required=True),
    )
    return LayerSpec(str(level), zh, fields, POLYGONS, level=level)


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
ORG_KINDS = (
    "working_committee",
    "committee",
    "general_branch",
    "branch",
    "joint_branch",
    "party_group",
)
SERVICES = ("party_branch", "party_group")
MODES = ("own", "joint")
ROAD_KINDS = ("trunk", "main", "street", "lane", "path")
CAMERA_STATES = ("in_use", "under_repair", "removed")
PLACE_CATEGORIES = ("road", "public_venue", "hub", "transport", "service_area")
"""The five places of Decree 799, article 7 (domain.md 1.4)."""

_T, _N, _INT, _B, _D = Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN, Kind.DATE

LAYERS: dict[str, LayerSpec] = {
    "district": _division(Level.DISTRICT, "区"),
    "street": _division(Level.STREET, "街道/镇"),
    "community": _division(Level.COMMUNITY, "社区/村"),
    "grid": _division(Level.GRID, "网格"),
    "building": LayerSpec(
        "building",
        "楼栋",
        (
            Field("code", _T, "楼栋编码", "building code, opaque text", required=True),
            Field("name", _T, "名称", "name"),
            Field("address", _T, "地址", "address as written"),
            Field("kind", _T, "类型", "form of the building", choices=BUILDING_KINDS),
            Field("floors", _INT, "层数", "floors above ground", low=0, high=200, unit="floors"),
            Field("height_m", _N, "高度", "height above ground", low=0, high=1000, unit="m"),
            Field("household_count", _INT, "户数", "households", low=0, high=5000),
            Field("floor_area_m2", _N, "建筑面积", "floor area", low=0, high=5_000_000, unit="m²"),
            Field("management_kind", _T, "物业管理", "who manages it", choices=MANAGEMENT_KINDS),
        ),
        POLYGONS,
    ),
    "road": LayerSpec(
        "road",
        "道路",
        (
            Field("code", _T, "道路编码", "road code, opaque text", required=True),
            Field("name", _T, "名称", "name"),
            Field("kind", _T, "类型", "class of the road", choices=ROAD_KINDS),
            Field("width_m", _N, "宽度", "width", low=0, high=200, unit="m"),
        ),
        LINES,
    ),
    "camera": LayerSpec(
        "camera",
        "摄像机",
        (
            Field("code", _T, "国标编号", "GB/T 28181 id", required=True),
            Field("name", _T, "名称", "name"),
            Field(
                "azimuth_deg",
                _N,
                "方位角",
                "view direction, clockwise from north",
                low=0,
                high=360,
                unit="°",
            ),
            Field(
                "hfov_deg", _N, "水平视场角", "horizontal field angle", low=0, high=360, unit="°"
            ),
            Field(
                "max_range_m", _N, "最大距离", "greatest view distance", low=0, high=2000, unit="m"
            ),
            Field(
                "mount_height_m", _N, "安装高度", "height of the lens", low=0, high=200, unit="m"
            ),
            Field("place_category", _T, "场所类别", "article 7", choices=PLACE_CATEGORIES),
            Field("point_type", _INT, "点位类别", "GB/T 28181 PointType", low=1, high=9),
            Field("networked", _B, "已联网", "networked"),
            Field("hd", _B, "高清", "high definition"),
            Field("state", _T, "设备状态", "state of the device", choices=CAMERA_STATES),
            Field("in_use_since", _D, "启用日期", "first day of use"),
            Field("filed_at", _D, "备案日期", "day of filing with the police"),
        ),
        POINTS,
    ),
    "party_org": LayerSpec(
        "party_org",
        "党组织",
        (
            Field("code", _T, "组织编码", "organisation code, opaque text", required=True),
            Field("name", _T, "名称", "name", required=True),
            Field("kind", _T, "类型", "kind of organisation", required=True, choices=ORG_KINDS),
            Field("parent_code", _T, "上级组织", "organisation one level up"),
            Field("host_code", _T, "所在区划", "division that hosts it"),
            Field("full_members", _INT, "正式党员数", "full members", low=0, high=100_000),
            Field(
                "probationary_members",
                _INT,
                "预备党员数",
                "probationary members",
                low=0,
                high=100_000,
            ),
        ),
    ),
    "duty": LayerSpec(
        "duty",
        "服务关系",
        (
            Field("org_code", _T, "组织编码", "who serves", required=True),
            Field("service", _T, "服务", "what is served", required=True, choices=SERVICES),
            Field("target_code", _T, "对象编码", "grid or building served", required=True),
            Field("mode", _T, "方式", "own, or joint with neighbours", choices=MODES),
        ),
        key=("org_code", "service", "target_code"),
    ),
}
"""Every layer gridmap stores, by name."""

_ZH_WORDS: dict[Any, str] = {
    **{spec.name: spec.zh for spec in LAYERS.values()},
    **{f.name: f"{f.zh}({f.name})" for spec in LAYERS.values() for f in spec.fields},
    "integer": "整数",
    "number": "数字",
    "boolean": "是/否值",
    "date": "日期（年-月-日）",
}
"""What a Chinese message calls layers, fields and types; other values stand as they are."""

SERVICE_KINDS = {
    "party_branch": ("committee", "general_branch", "branch", "joint_branch"),
    "party_group": ("party_group",),
}
"""Which organisations can give a service: a group serves buildings, its branch a grid."""

SERVICE_TARGET = {"party_branch": Level.GRID, "party_group": Level.BUILDING}
"""What each service is given to: branches into grids, groups into buildings (domain.md 4)."""


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
