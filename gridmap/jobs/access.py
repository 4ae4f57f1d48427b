"""How far households walk to the nearest centre, by community.

Belongs here: where homes, centres and roads are. Does not belong here: the way itself
(``walking``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import crs, store, walking
from gridmap.errors import InputError
from gridmap.jobs.records import records
from gridmap.model import CENTRE_KINDS, CODE_LENGTH, Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Engine

WITHIN_M = 1000.0
"""A walk of a quarter of an hour, at 4 km/h. Own choice, after the 15-minute living circle."""


def walking_access(
    engine: Engine,
    kind: str,
    code: str,
    *,
    as_of: dt.date,
    limit: int,
    within_m: float = WITHIN_M,
) -> dict[str, Any]:
    """List how far the households of communities walk to the nearest centre of a kind.

    Parameters
    ----------
    engine
        The store.
    kind
        One of `model.CENTRE_KINDS`.
    code
        A division code: the homes in it; a centre counts wherever it is.
    as_of
        The day.
    limit
        The most rows to return.
    within_m
        What is near enough.

    Returns
    -------
    dict
        For JSON: ``unit``, ``kind``, ``as_of``, ``within_m``, ``centres`` and ``without_seat`` (how
        many there are, and of how many nobody knows the building), ``households``, ``near``,
        ``far``, ``unreached`` (of the unit), ``total`` (communities), ``rows``: community_code,
        households, near (of them within), unreached, mean_m, furthest_m; those with most far or
        unreached first.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        There is no such kind of centre.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if kind not in CENTRE_KINDS:
        raise InputError(f"centres are {', '.join(CENTRE_KINDS)}, not {kind[:40]!r}")
    with store.transaction(engine, snapshot=True) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        orgs = store.read_layer(conn, "organisation", as_of=as_of).set_index("code")
        centres = orgs[orgs["kind"] == kind]
        seats = store.read_shapes(conn, "building", centres["seat_code"], as_of=as_of)
        homes = store.read_buildings(conn, as_of=as_of, within=code)
        roads = store.read_roads(conn, as_of=as_of)
        metric = crs.metric_crs_of(store.read_units(conn, Level.DISTRICT, as_of=as_of))
    seated = centres[centres["seat_code"].isin(seats.index)]
    at = seats.to_crs(metric).representative_point().reindex(seated["seat_code"])
    found = walking.walking_distances(
        homes.geometry.to_crs(metric).representative_point(),
        at.set_axis(seated.index),
        roads.geometry.to_crs(metric),
    )
    table = _by_community(homes, found["distance_m"], within_m)
    sums = table[["households", "near", "far", "unreached"]].sum()
    rows = table.assign(worst=table["far"] + table["unreached"])
    rows = rows.sort_values("worst", ascending=False, kind="stable").drop(columns="worst")
    return {
        "unit": vars(unit),
        "kind": kind,
        "as_of": as_of,
        "within_m": within_m,
        "centres": len(centres),
        "without_seat": len(centres) - len(seated),
        **{str(name): int(count) for name, count in sums.items()},
        "total": len(table),
        "rows": records(rows.head(limit).reset_index()),
    }


def _by_community(homes: pd.DataFrame, far: pd.Series, within_m: float) -> pd.DataFrame:
    """Count households by how far they walk; a building that does not say has none."""
    count = homes["household_count"].astype(float).fillna(0.0)
    table = pd.DataFrame(
        {
            "households": count,
            "near": count.where(far <= within_m, 0.0),
            "far": count.where(far > within_m, 0.0),
            "unreached": count.where(far.isna(), 0.0),
            "walked": count * far.fillna(0.0),
            "furthest_m": far.where(count > 0),
        }
    )
    community = homes["grid_code"].str[: CODE_LENGTH[Level.COMMUNITY]].rename("community_code")
    groups = table.groupby(community)
    sums = groups[["households", "near", "far", "unreached", "walked"]].sum()
    reached = (sums["households"] - sums["unreached"]).where(lambda n: n > 0)
    return sums.assign(
        mean_m=(sums["walked"] / reached).round(1), furthest_m=groups["furthest_m"].max().round(1)
    ).drop(columns="walked")
