"""Coordinate frames: the only room with EPSG numbers.

Belongs here: the storage frame, the metric frame of a district, the Gauss-Kruger zones, the two
shifted Chinese frames (GCJ-02, BD-09), ellipsoidal areas, the check that a frame is metric
before anything is measured in it, and the test which frame a file's numbers are in. Order is
always longitude, latitude (x, y). Does not belong here: reading files (``files``), whether a
row lies in its district (``topology``).

Inside, each module imports only those before it: ``metric``, ``rounding``, ``shifts``,
``targets``, ``frames``, ``zones``, ``hypotheses``, ``detection``.
"""

from gridmap.crs.detection import (
    CONFIRMING_ROWS,
    DOUBT,
    FAR_DEG,
    GAIN,
    MISS_RATIO,
    SAME_DEG,
    Detection,
    detect,
)
from gridmap.crs.frames import (
    CRS84,
    FRAMES,
    STORAGE_FRAME,
    Frame,
    box_in_storage,
    frame_of,
    shape_in_storage,
    tile_bounds,
)
from gridmap.crs.metric import (
    GEOD,
    STORAGE_CRS,
    STORAGE_SRID,
    TILE_SRID,
    TILE_WORLD_M,
    WGS84_CRS,
    convergence_deg,
    ellipsoidal_area_m2,
    metric_crs,
    metric_crs_of,
    require_metric,
    to_storage,
)
from gridmap.crs.rounding import ROUNDING_DEG, settled
from gridmap.crs.shifts import (
    SHIFTED_FRAMES,
    bd09_to_gcj02,
    bd09_to_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    shift,
    unshift,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from gridmap.crs.targets import target_crs, to_target
from gridmap.crs.zones import ZONES, zone_crs, zone_of, zones_near

__all__ = [
    "CONFIRMING_ROWS",
    "CRS84",
    "DOUBT",
    "FAR_DEG",
    "FRAMES",
    "GAIN",
    "GEOD",
    "MISS_RATIO",
    "ROUNDING_DEG",
    "SAME_DEG",
    "SHIFTED_FRAMES",
    "STORAGE_CRS",
    "STORAGE_FRAME",
    "STORAGE_SRID",
    "TILE_SRID",
    "TILE_WORLD_M",
    "WGS84_CRS",
    "ZONES",
    "Detection",
    "Frame",
    "bd09_to_gcj02",
    "bd09_to_wgs84",
    "box_in_storage",
    "convergence_deg",
    "detect",
    "ellipsoidal_area_m2",
    "frame_of",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "metric_crs",
    "metric_crs_of",
    "require_metric",
    "settled",
    "shape_in_storage",
    "shift",
    "target_crs",
    "tile_bounds",
    "to_storage",
    "to_target",
    "unshift",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
    "zone_crs",
    "zone_of",
    "zones_near",
]
