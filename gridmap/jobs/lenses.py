"""What lenses judge, read from the store: targets of a day, and links of all times.

Belongs here: turning layers into targets and links. Does not belong here: judging them
(``org_coverage``), what becomes of the answers (``jobs.coverage``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from gridmap import crs, org_coverage, store, topology
from gridmap.errors import LensNotFound
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, LENSES, Lens, Level, lens_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from sqlalchemy import Connection

MOSTLY = 0.5
"""The share of a building that a courtyard holds for it to lie in it. Own choice."""


@dataclass(frozen=True)
class Register:
    """What lenses judge.

    ``holders`` and ``duties`` as `store.read_holders` and `store.read_duties`, ``projects`` as
    `store.read_projects`; ``targets`` by layer: index code; unit_code, household_count,
    floor_area_m2 and the layer's columns. ``inside``: columns target_code, part, holder_code.
    ``shapes``: index building code, in a metric CRS; empty where nothing asks for them.
    """

    day: dt.date
    holders: pd.DataFrame
    duties: pd.DataFrame
    projects: pd.DataFrame
    targets: dict[str, pd.DataFrame]
    inside: pd.DataFrame
    shapes: gpd.GeoSeries

    def links(self, lens: Lens) -> pd.DataFrame:
        """Return the links that a lens judges, as `org_coverage.judged` reads them."""
        if lens.source == "duty":
            some = self.duties[self.duties["service"].isin(lens.parts)]
            return some.rename(columns={"service": "part"})
        if lens.source == "host":
            return org_coverage.host_links(self.holders, lens)
        if lens.source == "field":
            return org_coverage.field_links(self.targets[lens.target], lens)
        if lens.source == "inside":
            some = self.inside[self.inside["part"].isin(lens.parts)]
            return some.assign(mode=None, begins=None, ends=None, last_on=None)
        return org_coverage.project_links(self.projects)

    def branch_grids(self) -> pd.DataFrame:
        """Return which branch serves which grid on the day."""
        return org_coverage.holding(self.duties[self.duties["service"] == "party_branch"], self.day)


def read_lenses(conn: Connection, day: dt.date) -> dict[str, Lens]:
    """Read the lenses of a day: those that are shipped, and those that are stored, which win.

    Parameters
    ----------
    conn
        An open connection.
    day
        The date.

    Returns
    -------
    dict
        By code, in the order shipped, then stored.
    """
    stored = store.read_layer(conn, "lens", as_of=day).to_dict("records")
    return LENSES | {
        str(row["code"]): lens_of({str(k): v for k, v in row.items()}) for row in stored
    }


def lens_of_day(conn: Connection, code: str, day: dt.date) -> Lens:
    """Read a lens of a day by its code.

    Parameters
    ----------
    conn
        An open connection.
    code
        Its code.
    day
        The date.

    Returns
    -------
    Lens
        The lens.

    Raises
    ------
    LensNotFound
        There is no such lens.
    """
    lenses = read_lenses(conn, day)
    if code not in lenses:
        raise LensNotFound(f"there is no lens {code[:40]!r}; lenses are {', '.join(lenses)}")
    return lenses[code]


def read_register(
    conn: Connection,
    day: dt.date,
    lenses: Collection[Lens],
    *,
    units: Collection[str] | None = None,
) -> Register:
    """Read what some lenses judge.

    Parameters
    ----------
    conn
        An open connection.
    day
        The date of the targets.
    lenses
        What is to be judged by; what none of them asks for is left empty.
    units
        Only targets of these units, an empty text for those in none; None for all.

    Returns
    -------
    Register
        With all links of all times that can bear on the targets.
    """
    kinds = {lens.target for lens in lenses}
    places = {part for lens in lenses if lens.source == "inside" for part in lens.parts}
    buildings = _buildings(conn, day, units, lenses)
    targets = {"building": buildings}
    for level in DIVISION_LEVELS:
        if str(level) in kinds:
            targets[str(level)] = _divisions(conn, level, day, buildings, units)
    if "organisation" in kinds:
        targets["organisation"] = _organisations(conn, day, units)
    near = any(lens.neighbour_m is not None for lens in lenses)
    grounds = {name: store.read_places(conn, name, as_of=day) for name in places}
    if "courtyard" in kinds:
        grounds.setdefault("courtyard", store.read_places(conn, "courtyard", as_of=day))
    shapes = _shapes(conn, day, buildings, wanted=near or any(len(g) for g in grounds.values()))
    inside = _inside(buildings, grounds, shapes)
    if "courtyard" in kinds:
        targets["courtyard"] = _courtyards(grounds["courtyard"], buildings, inside, units)
    duties, holders = _links(conn, lenses, targets, units)
    projects = any(lens.source == "project" for lens in lenses)
    return Register(
        day=day,
        holders=holders,
        duties=duties,
        projects=store.read_projects(conn) if projects else _NONE,
        targets=targets,
        inside=inside,
        shapes=shapes,
    )


def _links(
    conn: Connection,
    lenses: Collection[Lens],
    targets: dict[str, pd.DataFrame],
    units: Collection[str] | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the duties that bear on the targets, and their holders."""
    services = {part for lens in lenses if lens.source == "duty" for part in lens.parts}
    same_grid = any(lens.same_grid for lens in lenses)
    hosts = any(lens.source == "host" for lens in lenses)
    if units is None or hosts:
        services |= {"party_branch"} if same_grid else set()
        return _plain(store.read_duties(conn, services)), _plain(store.read_holders(conn))
    lengths = CODE_LENGTH.values()
    given = {unit[:length] for unit in units for length in lengths if len(unit) >= length}
    given |= {code for lens in lenses for code in targets[lens.target].index}
    duties = store.read_duties(conn, services, targets=given)
    holders = store.read_holders(conn, set(duties["holder_code"]))
    parts = [duties]
    posts = set(holders["code"][holders["filled"].notna()])
    if posts:  # whether they have several targets
        parts.append(store.read_duties(conn, services, holders=posts))
    if same_grid:
        branches = set(holders["parent_code"].dropna())
        parts.append(store.read_duties(conn, ["party_branch"], holders=branches))
    every = pd.concat([part for part in parts if len(part)] or parts[:1])
    return _plain(every[~every.index.duplicated()]), _plain(holders)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of plain objects: codes are looked up in them three times as fast."""
    return frame.astype(object)


_NONE = pd.DataFrame(columns=["code", "community_code", "year", "state", "begins", "ends"])


def _buildings(
    conn: Connection, day: dt.date, units: Collection[str] | None, lenses: Collection[Lens]
) -> pd.DataFrame:
    """Return the buildings of some units, of divisions all that are in them."""
    grids = units
    if units is not None and any(lens.target in DIVISION_LEVELS for lens in lenses):
        inside = tuple(unit for unit in units if unit)
        known = store.read_codes(conn, Level.GRID, as_of=day)
        grids = {*units, *(code for code in known if code.startswith(inside))}
    rows = store.read_homes(conn, as_of=day, grids=grids)
    rows = rows.rename(columns={"grid_code": "unit_code"})
    rows.index = rows.index.astype(object)
    return rows.assign(unit_code=rows["unit_code"].astype(object))


def _divisions(
    conn: Connection,
    level: Level,
    day: dt.date,
    buildings: pd.DataFrame,
    units: Collection[str] | None,
) -> pd.DataFrame:
    """Return the divisions of a level, with the households and floor area in them."""
    rows = pd.DataFrame(index=store.read_codes(conn, level, as_of=day))
    rows = rows if units is None else rows[rows.index.isin(list(units))]
    above = buildings["unit_code"].str[: CODE_LENGTH[level]]
    sums = buildings.groupby(above)[["household_count", "floor_area_m2"]].sum()
    return rows.assign(unit_code=rows.index, code=rows.index).join(sums)


def _organisations(conn: Connection, day: dt.date, units: Collection[str] | None) -> pd.DataFrame:
    """Return the organisations as targets: they are where their host is."""
    rows = store.read_layer(conn, "organisation", as_of=day).set_index("code")
    rows = rows.assign(unit_code=rows["host_code"], household_count=None)
    some = rows["unit_code"].fillna("").isin(list(units or ()))
    return rows if units is None else rows[some]


def _shapes(
    conn: Connection, day: dt.date, buildings: pd.DataFrame, *, wanted: bool
) -> gpd.GeoSeries:
    """Return the buildings' outlines in metres."""
    if not wanted or buildings.empty:
        return gpd.GeoSeries([], index=pd.Index([], dtype=object), crs=crs.STORAGE_CRS)
    rows = store.read_shapes(conn, "building", buildings.index.to_series(), as_of=day)
    return rows.to_crs(crs.metric_crs_of(rows.to_frame("geometry").set_geometry("geometry")))


def _inside(
    buildings: pd.DataFrame, grounds: dict[str, gpd.GeoDataFrame], shapes: gpd.GeoSeries
) -> pd.DataFrame:
    """Return on which ground each building lies for the most part."""
    parts = []
    for name, ground in grounds.items():
        if ground.empty or shapes.empty:
            continue
        found = topology.assign(
            shapes.to_frame("geometry"), ground[["geometry"]].to_crs(shapes.crs)
        )
        held = found[found["unit_code"].notna() & (found["share"] >= MOSTLY)]
        links = {"target_code": held.index, "part": name, "holder_code": held["unit_code"]}
        parts.append(pd.DataFrame(links))
    columns = ["target_code", "part", "holder_code"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _courtyards(
    courtyards: gpd.GeoDataFrame,
    buildings: pd.DataFrame,
    inside: pd.DataFrame,
    units: Collection[str] | None,
) -> pd.DataFrame:
    """Return the courtyards with what is in them; they are in the grid of most of it."""
    held = inside[inside["part"] == "courtyard"].set_index("target_code")["holder_code"]
    homes = buildings.loc[held.index, ["unit_code", "household_count", "floor_area_m2"]]
    homes = homes.assign(courtyard=held)
    sums = homes.groupby("courtyard")[["household_count", "floor_area_m2"]].sum()
    most = homes.groupby("courtyard")["unit_code"].agg(_commonest)
    rows = pd.DataFrame(courtyards.drop(columns="geometry")).join(sums)
    rows = rows.assign(unit_code=most.reindex(rows.index).astype(object))
    rows["unit_code"] = rows["unit_code"].where(rows["unit_code"].notna(), None)
    return rows if units is None else rows[rows["unit_code"].fillna("").isin(list(units))]


def _commonest(codes: pd.Series) -> str | None:
    """Return the value that stands most often, of equals the lowest."""
    counts = codes.value_counts()
    return None if counts.empty else str(min(counts.index[counts == counts.iloc[0]]))
