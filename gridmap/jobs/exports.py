"""A stored layer as a file, as it was on a date, in the frame that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd

from gridmap import crs, files, store
from gridmap.errors import InputError, UnitNotFound
from gridmap.model import layer, level_of

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from gridmap.model import LayerSpec

EXACT = ("camera",)
"""Layers whose exact positions are for roles that need them: their files are for one owner."""

_FRAMELESS = (".csv", ".xlsx")


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    ``source_crs`` is what an import of the file must be told, None where the file says it;
    ``exact`` whether it holds positions that are not for everyone, so that only its owner can
    read it; ``rounded`` how many numbers lost digits beyond the fifteenth decimal.
    """

    layer: str
    rows: int
    as_of: dt.date
    crs: str | None
    source_crs: str | None
    exact: bool
    rounded: int


def export_layer(
    engine: Engine,
    name: str,
    target: Path,
    *,
    as_of: dt.date,
    frame: str = "EPSG:4490",
    unit: str = "",
    actor: str | None = None,
) -> Export:
    """Write a layer to a file that an import finds no change in.

    Parameters
    ----------
    engine
        The store.
    name
        A layer's name.
    target
        The file; its ending is one of `files.EXPORT_ENDINGS`. Replaced only when the new one is
        whole.
    as_of
        The date the rows are of.
    frame
        See `crs.target_crs`.
    unit
        Only what is in this division: divisions below it, buildings and cameras in its grids,
        other shapes that touch it. Empty for all.
    actor
        Who takes it out.

    Returns
    -------
    Export
        What was written.

    Raises
    ------
    LayerNotFound
        There is no such layer.
    CrsError
        See `crs.to_target`.
    CodeError
        ``unit`` is no division's code.
    UnitNotFound
        There was no such division on that date.
    InputError
        The format cannot hold the layer, the layer knows no units, or the file cannot be written.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    spec = layer(name)
    meant = crs.target_crs(frame)
    files.require_export(target, spec, meant)
    if unit and not spec.kinds:
        raise InputError(f"--unit: {name} has no place on the ground; export it whole")
    with store.transaction(engine, snapshot=True) as conn:
        stored = _stored(conn, spec, as_of, unit)
    rows = spec.parse(stored)
    if isinstance(rows, gpd.GeoDataFrame):
        rows = crs.to_target(rows, frame)
    exact = name in EXACT
    details = {"rows": len(rows), "as_of": as_of.isoformat(), "unit": unit, "file": target.name}
    with store.transaction(engine) as conn:  # before the file: nothing leaves unseen
        store.write_event(conn, "export", subject=name, actor=actor, details=details)
    files.write_export(rows, spec, target, private=exact)
    ending = target.suffix.lower()
    shifted = meant.name in crs.SHIFTED_FRAMES
    told = frame.strip().upper() if spec.kinds else None
    return Export(
        layer=name,
        rows=len(rows),
        as_of=as_of,
        crs=told,
        source_crs=told if shifted or ending in _FRAMELESS else None,
        exact=exact,
        rounded=files.rounded_numbers(rows, spec) if ending in (".shp", ".zip") else 0,
    )


def _stored(conn: Connection, spec: LayerSpec, as_of: dt.date, unit: str) -> gpd.GeoDataFrame:
    """Read the rows of a date, those of a unit only if one is named."""
    if not unit:
        return store.read_layer(conn, spec.name, as_of=as_of)
    units = store.read_units(conn, level_of(unit), as_of=as_of, within=unit)
    if unit not in units.index:
        raise UnitNotFound(f"no unit has the code {unit} on {as_of}")
    rows = store.read_layer(conn, spec.name, as_of=as_of, within=unit)
    if spec.level or spec.name in ("building", "camera"):
        return rows
    return rows[rows.intersects(units.geometry[unit])].reset_index(drop=True)
