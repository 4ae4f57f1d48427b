"""Vector files out.

Belongs here: writing frames to files. Does not belong here: which rows (``jobs``).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio

from gridmap.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import pandas as pd


def write_layer(frame: gpd.GeoDataFrame, path: Path, *, layer: str | None = None) -> None:
    """Write a frame to a vector file, its index as the first column.

    Parameters
    ----------
    frame
        Any frame; its CRS is written too.
    path
        ``.gpkg``, ``.geojson``, ``.shp`` or ``.fgb``.
    layer
        Name of the layer in a GeoPackage.

    Raises
    ------
    InputError
        The name's ending is none of these.
    """
    drivers = {
        ".gpkg": "GPKG",
        ".geojson": "GeoJSON",
        ".shp": "ESRI Shapefile",
        ".fgb": "FlatGeobuf",
    }
    if path.suffix.lower() not in drivers:
        raise InputError(f"{path.name}: choose one of the endings {', '.join(drivers)}")
    # FlatGeobuf's index would sort the rows; their order is worth more.
    options = {"SPATIAL_INDEX": "NO"} if path.suffix.lower() == ".fgb" else {}
    frame.reset_index().to_file(path, driver=drivers[path.suffix.lower()], layer=layer, **options)


def require_target(path: Path) -> None:
    """Refuse a file that `write_layers` could not write: best known before the work.

    Parameters
    ----------
    path
        The file to be written.

    Raises
    ------
    InputError
        The name has another ending than ``.gpkg``, or there is no such folder.
    """
    if path.suffix.lower() != ".gpkg":
        raise InputError(f"{path.name}: several layers need a GeoPackage; end the name in .gpkg")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written: there is no such folder")


def write_layers(layers: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write frames as the layers of one GeoPackage, all or none.

    Parameters
    ----------
    layers
        Frames by the layer's name, their indexes as first columns; plain tables too.
    path
        ``.gpkg``; a file that is there is replaced when the new one is whole.

    Raises
    ------
    InputError
        The name has another ending, or the file cannot be written there.
    """
    require_target(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".gridmap-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            for name, frame in layers.items():
                pyogrio.write_dataframe(
                    frame.reset_index(), part, layer=name, driver="GPKG", use_arrow=True
                )
            part.replace(path)
    except (OSError, pyogrio.errors.DataSourceError) as error:
        reason = getattr(error, "strerror", None) or "the disk or the folder refused it"
        raise InputError(f"{path}: cannot be written: {reason}") from error
