import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, box
from toy_town import frame, shared_data

from gridmap import crs
from gridmap.errors import CrsError

LON, LAT = np.array([106.56]), np.array([29.53])


@given(st.floats(73, 135), st.floats(4, 53))
def test_shifted_frames_round_trip_below_a_micrometre(lon, lat):
    there = crs.wgs84_to_gcj02(np.array([lon]), np.array([lat]))
    back = crs.gcj02_to_wgs84(*there)
    metres = 111_320 * np.hypot(back[0] - lon, back[1] - lat)
    assert metres[0] <= 1e-6
    baidu = crs.bd09_to_wgs84(*crs.gcj02_to_bd09(*there))
    assert 111_320 * np.hypot(baidu[0] - lon, baidu[1] - lat)[0] <= 1e-6


def test_the_shift_in_the_district_is_as_measured():
    """domain.md 1.3: 480-491 m toward azimuth about 130 degrees."""
    lon, lat = crs.wgs84_to_gcj02(LON, LAT)
    azimuth, _, metres = crs.GEOD.inv(LON[0], LAT[0], lon[0], lat[0])
    assert 470 < metres < 495
    assert 125 < azimuth < 135


def test_outside_china_nothing_shifts():
    lon, lat = crs.wgs84_to_gcj02(np.array([2.35]), np.array([48.85]))
    assert (lon[0], lat[0]) == (2.35, 48.85)


def test_areas_are_ellipsoidal():
    """domain.md 1.3: one test box, ellipsoid against Web Mercator 1.32 times."""
    square = gpd.GeoSeries([box(106.5, 29.5, 106.6, 29.6)], crs=4326)
    area = crs.ellipsoidal_area_m2(square)[0]
    assert square.to_crs(3857).area.iloc[0] / area == pytest.approx(1.32, abs=0.01)
    local = square.to_crs(crs.metric_crs_of(square)).area.iloc[0]
    assert local / area == pytest.approx(1, abs=20e-6)


def test_only_metric_frames_may_be_measured():
    metric = frame([Point(0, 0)], crs=crs.metric_crs(106.6, 29.5))
    assert crs.require_metric(metric) == metric.crs
    for epsg in (4490, 3857, 2263, None):
        with pytest.raises(CrsError):
            crs.require_metric(frame([Point(0, 0)], crs=epsg))


def test_storage_keeps_wgs84_coordinates_to_the_bit():
    points = frame([Point(106.123456789, 29.987654321)], crs=4326)
    stored = crs.to_storage(points)
    assert stored.crs.to_epsg() == 4490
    assert stored.geometry.iloc[0].equals_exact(points.geometry.iloc[0], 0)
    with pytest.raises(CrsError, match="--source-crs"):
        crs.to_storage(frame([Point(0, 0)], crs=None))


def test_a_metric_frame_needs_a_place():
    with pytest.raises(CrsError):
        crs.metric_crs_of(frame([], crs=4490))


def test_axes_are_east_then_north():
    point = frame([Point(364000, 3266000)], crs=4545).to_crs(crs.STORAGE_CRS).geometry.iloc[0]
    assert (round(point.x, 1), round(point.y, 1)) == (106.6, 29.5)


def test_unknown_shifts_are_refused():
    with pytest.raises(CrsError, match="GCJ-02, BD-09"):
        crs.unshift(frame([Point(0, 0)], crs=4326), "MARS")


@pytest.mark.real
def test_amap_outline_fits_the_true_one_after_conversion():
    folder = shared_data("nanan_admin")
    true = gpd.read_file(folder / "nanan_boundary_wgs84.geojson").geometry.iloc[0]
    amap = gpd.read_file(folder / "nanan_boundary_gcj02_amap.geojson")
    before = amap.geometry.iloc[0]
    after = crs.unshift(amap, "GCJ-02").geometry.iloc[0]

    def fit(shape):
        return shape.intersection(true).area / shape.union(true).area

    assert fit(before) < 0.90
    assert fit(after) > 0.996
