"""Vector files out, whole or not at all.

Belongs here: writing frames to files, and putting a file in its place in one step. Does not
belong here: which rows (``jobs``), the forms of an export (``exports``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pyogrio
from xlsxwriter.exceptions import XlsxWriterException

from gridmap.errors import InputError
from gridmap.files import shapefiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

FAILURES = (
    OSError,
    XlsxWriterException,
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
)
"""What the libraries raise where a file cannot be written: a full disk, a closed folder."""


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


def require_folder(path: Path) -> None:
    """Refuse a file that could not be put in its place: best known before the work.

    Parameters
    ----------
    path
        The file to be written.

    Raises
    ------
    InputError
        There is no such folder, a folder has the name, or the name would not be read again.
    """
    try:
        name = str(path.resolve()).encode().decode()
        inside, folder = path.parent.is_dir(), path.is_dir()
    except (OSError, UnicodeError) as error:
        raise InputError(f"{str(path)[:80]!r}: cannot be written: choose another name") from error
    if not inside:
        raise InputError(f"{path}: cannot be written: there is no such folder")
    if folder:
        raise InputError(f"{path}: cannot be written: it is a folder")
    if any(mark in name for mark in (";", "!", "://")):
        # The reading library takes what follows these marks for a part of an archive.
        raise InputError(f"{path}: choose a name and a folder without ; ! or ://")


def require_target(path: Path) -> None:
    """Refuse a file that `write_layers` could not write: best known before the work.

    Parameters
    ----------
    path
        The file to be written.

    Raises
    ------
    InputError
        The name has another ending than ``.gpkg``, or see `require_folder`.
    """
    if path.suffix.lower() != ".gpkg":
        raise InputError(f"{path.name}: several layers need a GeoPackage; end the name in .gpkg")
    require_folder(path)


@contextmanager
def whole(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Write a file in one step: what is there stays until the new one is whole.

    Parameters
    ----------
    path
        The file to be.
    private
        For its owner alone.

    Yields
    ------
    Path
        Where to write it: beside its place, under a plain name of the same ending.

    Raises
    ------
    InputError
        The file cannot be written there.

    Notes
    -----
    A Shapefile is several files, which no step replaces at once: killed in between, it has no
    ``.shp``.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".gridmap-", dir=path.parent) as folder:
            part = Path(folder) / f"part{path.suffix.lower()}"
            yield part
            if private:
                for piece in Path(folder).iterdir():
                    piece.chmod(0o600)
            if part.suffix == ".shp":
                shapefiles.moved(part, path)
            else:
                part.replace(path)
    except FAILURES as error:
        reason = getattr(error, "strerror", None) or "the disk or the folder refused it"
        raise InputError(f"{path}: cannot be written: {reason}") from error


def write_layers(
    layers: Mapping[str, pd.DataFrame] | Iterable[tuple[str, pd.DataFrame]],
    path: Path,
    *,
    private: bool = False,
) -> None:
    """Write frames as the layers of one GeoPackage, all or none.

    Parameters
    ----------
    layers
        Frames by the layer's name, their indexes as first columns; plain tables too. Or names
        and frames one after the other: each is written before the next is asked for, and an
        error in between leaves no file.
    path
        ``.gpkg``; a file that is there is replaced when the new one is whole.
    private
        For its owner alone.

    Raises
    ------
    InputError
        The name has another ending, or the file cannot be written there.
    """
    require_target(path)
    with whole(path, private=private) as part:
        for name, frame in layers.items() if isinstance(layers, Mapping) else layers:
            # A layer of several kinds, or of no row, says so; else its kind is found.
            kinds = set(frame.geom_type.dropna()) if isinstance(frame, gpd.GeoDataFrame) else {""}
            mixed = {} if len(kinds) == 1 else {"geometry_type": "Unknown"}
            pyogrio.write_dataframe(
                frame.reset_index(), part, layer=name, driver="GPKG", use_arrow=True, **mixed
            )
