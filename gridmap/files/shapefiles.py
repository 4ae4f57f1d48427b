"""Shapefiles: names of ten bytes, text of 254, several files that belong together.

Belongs here: what the format cannot hold, and the short names of our columns. Does not belong
here: writing the bytes (GDAL), putting the files in place (``writing``).
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.errors import InputError
from gridmap.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from gridmap.model import LayerSpec

ENCODING = "GB18030"
"""Of the text: what Chinese programs expect, and all of Unicode (GB 18030)."""

MAX_NAME, MAX_TEXT = 10, 254
"""Bytes of a column's name and of a cell of text: the limits of dBASE."""

SHORT_NAMES = {
    "accepted_on": "accept_on",
    "azimuth_deg": "azimuth",
    "azimuth_tolerance_deg": "azim_tol",
    "building_code": "bldg_code",
    "consent_distance_m": "consent_m",
    "consent_ref": "consent_no",
    "declared_unit": "decl_unit",
    "direction_type": "dir_type",
    "floor_area_m2": "floor_area",
    "household_count": "households",
    "in_use_since": "used_since",
    "management_kind": "mgmt_kind",
    "max_range_m": "max_range",
    "mount_height_m": "mount_h_m",
    "owners_committee": "owners_com",
    "party_leadership": "party_lead",
    "place_category": "place_cat",
    "position_tolerance_m": "pos_tol",
    "reported_on": "report_on",
    "resolved_on": "resolve_on",
    "retention_days": "keep_days",
    "routed_grid": "route_grid",
    "self_service_station": "self_stat",
    "sign_installed": "sign_inst",
    "source_system": "source_sys",
    "supervisory_committee": "superv_com",
}
"""What our columns are called where a name has ten bytes; each is among `model.headings_of`, so
that an import takes it for ours again."""

SIDECARS = (".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".sbx", ".qpj", ".fix", ".shp.xml")
"""What belongs to a ``.shp``: of a former one each would be wrong beside a new one."""

_DECIMALS = 15  # of a number in dBASE, as GDAL writes it


def short_name(name: str) -> str:
    """Return a column's name in a Shapefile.

    Parameters
    ----------
    name
        The column's own name.

    Returns
    -------
    str
        At most `MAX_NAME` bytes.
    """
    return SHORT_NAMES.get(name, name)


def require_shapes(spec: LayerSpec) -> None:
    """Refuse a layer without geometry.

    Parameters
    ----------
    spec
        The layer.

    Raises
    ------
    InputError
        The layer has no geometry.
    """
    if not spec.kinds:
        raise InputError(
            f"{spec.name} has no shapes, so it cannot be a Shapefile; choose .csv, .xlsx, .gpkg or "
            ".parquet"
        )


def require_texts(rows: pd.DataFrame, spec: LayerSpec) -> None:
    """Refuse rows that a Shapefile would cut.

    Parameters
    ----------
    rows
        The layer's columns, typed.
    spec
        The layer.

    Raises
    ------
    InputError
        A cell of text has more than `MAX_TEXT` bytes.
    """
    for column in spec.fields:
        if column.kind is not Kind.TEXT:
            continue
        for place, text in enumerate(rows[column.name]):
            size = len(text.encode(ENCODING)) if isinstance(text, str) else 0
            if size > MAX_TEXT:
                key = "/".join(str(rows[name].iloc[place])[:64] for name in spec.key)
                raise InputError(
                    f"{spec.name} {key}: {column.name} has {size} bytes and a Shapefile holds "
                    f"{MAX_TEXT}; choose .gpkg, .fgb, .parquet or .xlsx"
                )


def rounded_numbers(rows: pd.DataFrame, spec: LayerSpec) -> int:
    """Count the numbers that a Shapefile cannot hold exactly.

    Parameters
    ----------
    rows
        The layer's columns, typed.
    spec
        The layer.

    Returns
    -------
    int
        Numbers with more than 15 decimals.
    """
    numbers = [rows[one.name] for one in spec.fields if one.kind is Kind.NUMBER]
    given = np.concatenate([values.dropna().to_numpy(float) for values in numbers] or [[]])
    return sum(float(f"{value:.{_DECIMALS}f}") != value for value in given.tolist())


def zipped(shapefile: Path, name: str, archive: Path) -> None:
    """Pack a Shapefile's files into one, which is what people mail.

    Parameters
    ----------
    shapefile
        The ``.shp`` beside the others.
    name
        Their common name in the archive.
    archive
        The file to write.
    """
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for ending in (".shp", *SIDECARS):
            piece = shapefile.with_suffix(ending)
            if piece.is_file():
                packed.write(piece, f"{name}{ending}")


def moved(shapefile: Path, target: Path) -> None:
    """Move a Shapefile's files to their place, in place of a former one's.

    Parameters
    ----------
    shapefile
        The ``.shp`` beside the others.
    target
        The ``.shp`` to be.

    Notes
    -----
    Rule: a ``.shp`` never stands beside files of another: it goes first and comes last.
    """
    target.unlink(missing_ok=True)
    for ending in SIDECARS:
        piece = shapefile.with_suffix(ending)
        if piece.is_file():
            piece.replace(target.with_suffix(ending))
        else:
            target.with_suffix(ending).unlink(missing_ok=True)
    shapefile.replace(target)
