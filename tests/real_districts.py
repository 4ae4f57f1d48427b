"""Real data, prepared for gridmap's import: ``python tests/real_districts.py SET FOLDER``.

The sets are not part of the project (``$GRIDMAP_SHARED_DATA`` or ``../shared/data``). Their
areas have codes of other countries, so this writes the four levels of divisions with codes of
gridmap's form; buildings, roads and cameras are imported from the original files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
from shapely import box

REPO = Path(__file__).resolve().parent.parent


def shared_data() -> Path:
    """Return the folder of the real data sets."""
    return Path(os.environ.get("GRIDMAP_SHARED_DATA") or REPO.parent / "shared" / "data")


def tokyo(source: Path) -> dict[str, gpd.GeoDataFrame]:
    """Bunkyo ward: 68 chome as grids, 19 towns as communities, the ward as one street."""
    chome = gpd.read_file(source / "tokyo_bunkyo" / "chome_4326.geojson")
    town = "131059001" + chome["key_code"].str[5:8]
    grid = chome.assign(code=town + chome["key_code"].str[8:11], community=town)
    names = grid["name"].str.replace(r"[一二三四五六七八九十]+丁目$", "", regex=True)
    community = grid.assign(name=names).dissolve("community", aggfunc={"name": "first"})
    ward = grid.dissolve().assign(name="文京区")
    return {
        "district": ward.assign(code="131059"),
        "street": ward.assign(code="131059001"),
        "community": community.reset_index(names="code"),
        "grid": grid,
    }


def helsinki(source: Path) -> dict[str, gpd.GeoDataFrame]:
    """The centre of Helsinki: one community, a lattice of 4 x 7 cells as grids."""
    buildings = gpd.read_file(source / "helsinki_osm" / "buildings.geojson").to_crs(3067)
    west, south, east, north = buildings.total_bounds + np.array([-50, -50, 50, 50])
    x, y = np.linspace(west, east, 5), np.linspace(south, north, 8)
    cells = [box(x[i], y[j], x[i + 1], y[j + 1]) for j in reversed(range(7)) for i in range(4)]
    codes = [f"000091001001{n:03}" for n in range(1, 29)]
    names = [f"Cell {n}" for n in range(1, 29)]
    grid = gpd.GeoDataFrame({"code": codes, "name": names}, geometry=cells, crs=3067)
    whole = grid.dissolve().assign(name="Helsinki centre")
    return {
        "district": whole.assign(code="000091"),
        "street": whole.assign(code="000091001"),
        "community": whole.assign(code="000091001001"),
        "grid": grid,
    }


SETS = {"tokyo_bunkyo": tokyo, "helsinki_osm": helsinki}


def write(name: str, folder: Path) -> list[Path]:
    """Write the divisions of a set, one GeoPackage a level."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for level, frame in SETS[name](shared_data()).items():
        path = folder / f"{level}.gpkg"
        frame[["code", "name", "geometry"]].to_file(path, driver="GPKG")
        paths.append(path)
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in SETS:
        sys.exit(f"usage: python tests/real_districts.py {'|'.join(SETS)} FOLDER")
    for written in write(sys.argv[1], Path(sys.argv[2])):
        print(written)
