"""Children beside their parents, checked and in order: what every proof of a tiling starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import require_columns

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

    Ints = NDArray[np.intp]
    Geometries = NDArray[np.object_]

_SHOWN = 5  # codes an error names


@dataclass(frozen=True)
class Siblings:
    """Children and parents, each ordered by code; places in arrays stand for them from here on.

    ``parent`` has shape (n,): the place of each child's parent, -1 where the frame has none.
    ``rows`` are the children's numbers in their file, None where they come from no file.
    """

    codes: Geometries
    shapes: Geometries
    parent: Ints
    parent_codes: Geometries
    parent_shapes: Geometries
    rows: pd.Series | None
    crs: CRS


def siblings(
    children: gpd.GeoDataFrame, parents: gpd.GeoDataFrame, parent_column: str | None
) -> Siblings:
    """Return children beside their parents, both ordered by code.

    Parameters
    ----------
    children, parents
        As `offences.tiling` takes them.
    parent_column
        The children's column that holds the parent's code; None: the code begins with it.

    Returns
    -------
    Siblings
        Flat: a third coordinate is dropped.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        The frames differ in CRS, a key appears twice, codes are no text though they have to say
        who the parent is, ``parent_column`` is missing, or a geometry is missing, empty, no
        polygon or not valid.
    """
    crs = require_metric(children)
    if crs != require_metric(parents):
        raise FrameError("children and parents are in different coordinate frames")
    require_columns(children, [parent_column] if parent_column else [], "children")
    require_columns(parents, [], "parents")
    children, parents = children.sort_index(), parents.sort_index()
    if parent_column:
        parent = parents.index.get_indexer(pd.Index(children[parent_column], dtype=object))
    else:
        parent = _by_prefix(_texts(children, "children"), _texts(parents, "parents"))
    return Siblings(
        codes=children.index.to_numpy(dtype=object),
        shapes=_polygons(children, "children"),
        parent=np.asarray(parent, dtype=np.intp),
        parent_codes=parents.index.to_numpy(dtype=object),
        parent_shapes=_polygons(parents, "parents"),
        rows=children.get("row"),
        crs=crs,
    )


def _texts(frame: gpd.GeoDataFrame, what: str) -> list[str]:
    codes = list(frame.index)
    if not all(isinstance(code, str) for code in codes):
        raise FrameError(f"{what} are not indexed by text codes; name the column of the parent")
    return codes


def _by_prefix(codes: list[str], parents: list[str]) -> Ints:
    """Return the place of the longest parent code that each code begins with, or -1."""
    place = {code: number for number, code in enumerate(parents)}
    lengths = sorted({len(code) for code in parents}, reverse=True)
    found = (
        next((place[code[:n]] for n in lengths if n < len(code) and code[:n] in place), -1)
        for code in codes
    )
    return np.fromiter(found, dtype=np.intp, count=len(codes))


def _polygons(frame: gpd.GeoDataFrame, what: str) -> Geometries:
    """Return the shapes; areas of anything but valid polygons prove nothing."""
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    kind = shapely.get_type_id(shapes)
    usable = np.isin(kind, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    _refuse(frame.index, ~usable | shapely.is_empty(shapes), f"{what} without a polygon")
    _refuse(frame.index, ~shapely.is_valid(shapes), f"{what} whose polygon is not valid")
    flat: Geometries = shapely.force_2d(shapes)
    return flat


def _refuse(index: pd.Index, bad: NDArray[np.bool_], what: str) -> None:
    if not bad.any():
        return
    named = ", ".join(str(code) for code in index[bad][:_SHOWN])
    more = f" and {bad.sum() - _SHOWN} more" if bad.sum() > _SHOWN else ""
    raise FrameError(f"{what}: {named}{more}; repair them first")
