"""Which frame are a file's numbers in: zones, conversions against others' work, detection."""

import re

import geocoordinates_ffi as geocoordinates
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely import Point, Polygon, box
from test_architecture import FILES
from toy_town import frame, shared_data

from gridmap import crs
from gridmap.errors import CrsError, FrameError
from gridmap.rules import Severity

WEST, SOUTH, STEP = 106.55, 29.50, 0.004  # a grid of 390 m by 440 m; GCJ-02 shifts 490 m
DISTRICT = frame([box(106.53, 29.48, 106.61, 29.56)], crs=4490, index=["500108"])


def grids(rows=10):
    """A square of cells, their codes by row and column."""
    cells = {
        f"{j:02}{i:02}": box(*corner, corner[0] + STEP, corner[1] + STEP)
        for j in range(rows)
        for i in range(rows)
        for corner in [(WEST + STEP * i, SOUTH + STEP * j)]
    }
    return frame(cells.values(), crs=4490, index=list(cells))


def points(count, seed=1):
    """Points in the middle half of the grids' square, and the code of the grid each is in."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(2, 8, (count, 2))
    codes = [f"{int(j):02}{int(i):02}" for i, j in at]
    rows = frame([Point(WEST + STEP * i, SOUTH + STEP * j) for i, j in at], crs=4490)
    return rows, pd.Series(codes, index=rows.index, dtype=object)


def metric(rows, epsg, *, exchanged=False):
    """The rows in a projected frame, as a file without .prj has them if `epsg` is dropped."""
    there = rows.to_crs(epsg).geometry
    if exchanged:
        there = gpd.GeoSeries(
            shapely.transform(there.array, lambda xy: xy[:, ::-1]), index=there.index, crs=epsg
        )
    return there


def unlabelled(shapes):
    return gpd.GeoSeries(shapes.array, index=shapes.index).set_crs(None, allow_override=True)


def only_issue(found):
    (issue,) = found.issues
    for language in ("zh", "en"):
        assert issue.message(language)
    return issue


# Zones


def test_the_zones_are_those_of_the_register():
    """domain.md 1.3: EPSG:4513-4533 with prefix, 4534-4554 by central meridian."""
    for n, zone in enumerate(range(25, 46)):
        prefixed, plain = crs.zone_crs(zone, prefixed=True), crs.zone_crs(zone)
        assert (prefixed.to_epsg(), plain.to_epsg()) == (4513 + n, 4534 + n)
        for one, easting in ((prefixed, zone * 1_000_000 + 500_000), (plain, 500_000)):
            values = {p.name: p.value for p in one.coordinate_operation.params}
            assert values["Longitude of natural origin"] == 3 * zone
            assert values["False easting"] == easting
            assert values["Scale factor at natural origin"] == 1
            assert one.geodetic_crs == CRS.from_epsg(4490)
    for unknown in (24, 46):
        with pytest.raises(CrsError, match="25 to 45"):
            crs.zone_crs(unknown)


def test_a_district_on_a_zones_edge_may_be_drawn_in_either():
    assert crs.zone_of([103.5, 106.499, 106.5, 109.5]).tolist() == [35, 35, 36, 37]
    assert {35, 36} < set(crs.zones_near(106.46, 106.79))
    assert crs.zones_near(139.7, 139.8) == []


def kruger(lon, lat, meridian):
    """Gauss-Kruger by Kruger's series of 1912, third order in n: written for this test."""
    a, f = 6378137.0, 1 / 298.257222101
    n, e = f / (2 - f), np.sqrt(f * (2 - f))
    phi, away = np.radians(lat), np.radians(lon - meridian)
    t = np.sinh(np.arctanh(np.sin(phi)) - e * np.arctanh(e * np.sin(phi)))
    xi, eta = np.arctan2(t, np.cos(away)), np.arcsinh(np.sin(away) / np.hypot(t, np.cos(away)))
    alpha = [n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16, 13 * n**2 / 48 - 3 * n**3 / 5, 61 * n**3 / 240]
    x, y = eta, xi
    for j, term in enumerate(alpha, 1):
        x = x + term * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
        y = y + term * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
    radius = a / (1 + n) * (1 + n**2 / 4)
    return radius * x + 500_000, radius * y


@given(lon=st.floats(73.6, 135), lat=st.floats(4, 53))
@settings(max_examples=50)
def test_zones_agree_with_krugers_series(lon, lat):
    zone = int(crs.zone_of(lon))
    at = frame([Point(lon, lat)], crs=4490)
    east, north = kruger(lon, lat, 3 * zone)
    for prefixed in (False, True):
        there = at.to_crs(crs.zone_crs(zone, prefixed=prefixed)).geometry.iloc[0]
        assert there.x == pytest.approx(east + prefixed * zone * 1_000_000, abs=1e-3)
        assert there.y == pytest.approx(north, abs=1e-3)


def test_every_transformer_takes_longitude_first():
    calls = [
        call
        for path in FILES
        for call in re.findall(r"Transformer\.from_\w+\([^)]*\)", path.read_text("utf-8"))
    ]
    assert calls
    assert all("always_xy=True" in call for call in calls)


# Conversions against two packages by others


def lattice():
    """China, where all agree that it is: outside 73.66 E, 3.86 N and so on theirs shift nothing."""
    lon, lat = np.meshgrid(np.linspace(73.7, 135.0, 60), np.linspace(4.0, 53.5, 50))
    return lon.ravel(), lat.ravel()


def off(found, expected):
    """The largest distance in metres."""
    return crs.GEOD.inv(*found, *np.array(expected).T)[2].max()


def test_shifts_are_those_of_coordtransform():
    theirs = pytest.importorskip("coordTransform", reason="it has no wheel for this Python")
    lon, lat = lattice()

    def distance(way):
        there = list(zip(*getattr(theirs, way)(lon, lat), strict=True))
        return off(getattr(crs, way)(lon, lat), there)

    for way in ("wgs84_to_gcj02", "gcj02_to_bd09", "wgs84_to_bd09"):
        assert distance(way) <= 1e-6
    # Their inverses take one step: domain.md 1.3 has 0.8 to 1.7 m for it in Nan'an.
    assert 0.5 < distance("gcj02_to_wgs84") < 6
    assert distance("bd09_to_gcj02") < 1


def test_shifts_are_those_of_geocoordinates():
    lon, lat = lattice()

    def theirs(way, kind):
        found = [way(kind(lon=x, lat=y)) for x, y in zip(lon, lat, strict=True)]
        return [(one.lon, one.lat) for one in found]

    wgs, gcj, bd = geocoordinates.Wgs84, geocoordinates.Gcj02, geocoordinates.Bd09
    assert off(crs.wgs84_to_gcj02(lon, lat), theirs(geocoordinates.wgs84_to_gcj02, wgs)) <= 1e-6
    assert off(crs.wgs84_to_bd09(lon, lat), theirs(geocoordinates.wgs84_to_bd09, wgs)) <= 1e-6
    assert off(crs.gcj02_to_bd09(lon, lat), theirs(geocoordinates.gcj02_to_bd09, gcj)) <= 1e-6
    back = geocoordinates.gcj02_to_wgs84_refined
    assert off(crs.gcj02_to_wgs84(lon, lat), theirs(back, gcj)) <= 1e-5
    back = geocoordinates.bd09_to_wgs84_refined
    assert off(crs.bd09_to_wgs84(lon, lat), theirs(back, bd)) <= 1e-5


# Detection: hand-worked


def test_rows_in_their_grids_are_in_the_declared_frame():
    rows, codes = points(30)
    found = crs.detect(rows.geometry, grids(), codes)
    assert found.issues == ()
    assert found.frames.index.to_list() == ["EPSG:4490", "GCJ-02", "BD-09"]
    assert found.frames.index.name == "frame"
    assert found.frames["rows"].to_list() == [30] * 3
    assert found.frames["share"].to_list() == [1.0, 0.0, 0.0]
    assert found.frames["lost"].to_list() == [0, 30, 30]


@pytest.mark.parametrize("name", crs.SHIFTED_FRAMES)
@pytest.mark.parametrize("label", [4326, 4490])
def test_shifted_rows_are_refused_with_their_frame(name, label):
    rows, codes = points(30)
    shapes = crs.shift(rows, name).geometry.set_crs(label, allow_override=True)
    found = crs.detect(shapes, grids(), codes)
    issue = only_issue(found)
    assert (issue.shape, issue.severity, issue.row) == ("G11.frame", Severity.ERROR, None)
    assert issue.values["frame"] == name
    assert f"--source-crs {name}" in issue.message("en")
    assert f"--source-crs {name}" in issue.message("zh")
    assert found.frames.loc[name, ["inside", "gained"]].to_list() == [30, 30]
    # Given what the issue says, the file is taken.
    told = crs.detect(crs.unshift(frame(shapes.array, crs=4326), name).geometry, grids(),
                      codes, source=name)  # fmt: skip
    assert told.issues == ()
    assert told.frames.index[0] == name


def test_a_frame_wrongly_told_is_refused_too():
    rows, codes = points(30)
    told = crs.unshift(rows, "GCJ-02").geometry
    issue = only_issue(crs.detect(told, grids(), codes, source="GCJ-02"))
    assert issue.shape == "G11.frame"
    assert (issue.values["declared"], issue.values["frame"]) == ("GCJ-02", "EPSG:4490")


@pytest.mark.parametrize("epsg", [4544, 4545, 4524, 4523])
def test_zones_are_guessed_where_the_file_says_none(epsg):
    rows, codes = points(4)
    found = crs.detect(unlabelled(metric(rows, epsg)), grids(), codes)
    issue = only_issue(found)
    assert (issue.shape, issue.severity) == ("G11.candidates", Severity.INFO)
    assert issue.values["frames"] == f"EPSG:{epsg} 100.0%"
    assert found.frames["source"].to_list() == [f"EPSG:{epsg}"]


def test_a_frame_is_asked_for_where_several_fit():
    rows, _ = points(30)
    issue = only_issue(crs.detect(unlabelled(rows.geometry), DISTRICT))
    assert issue.shape == "G11.candidates"
    assert issue.values["frames"] == "EPSG:4490 100.0%, GCJ-02 100.0%, BD-09 100.0%"
    far = unlabelled(frame([Point(2.3, 48.9)] * 3, crs=4326).geometry)
    assert only_issue(crs.detect(far, DISTRICT)).shape == "G11.nowhere"
    assert only_issue(crs.detect(far.scale(1e6, 1e6), DISTRICT)).shape == "G11.nowhere"


@pytest.mark.parametrize(
    ("label", "true"), [(4544, 4545), (4545, 4524), (4326, 4545), (32648, 4545)]
)
def test_a_wrong_zone_is_refused(label, true):
    rows, codes = points(4)
    shapes = metric(rows, true).set_crs(label, allow_override=True)
    issue = only_issue(crs.detect(shapes, grids(), codes))
    assert (issue.shape, issue.values["frame"]) == ("G11.frame", f"EPSG:{true}")
    assert issue.values["declared"] == f"EPSG:{label}"
    assert crs.detect(metric(rows, true), grids(), codes).issues == ()


def test_degrees_under_a_metric_label_are_refused():
    rows, codes = points(30)
    shapes = rows.geometry.set_crs(4545, allow_override=True)
    issue = only_issue(crs.detect(shapes, grids(), codes))
    assert (issue.shape, issue.values["frame"]) == ("G11.frame", "EPSG:4490")


def test_exchanged_metres_are_told():
    """Surveyors' x is north. Exchanged degrees are rule G01, not this one."""
    rows, codes = points(4)
    shapes = metric(rows, 4545, exchanged=True)
    issue = only_issue(crs.detect(shapes, grids(), codes))
    assert (issue.shape, issue.values["frame"]) == ("G11.exchanged", "EPSG:4545")
    issue = only_issue(crs.detect(shapes.set_crs(4544, allow_override=True), grids(), codes))
    assert (issue.shape, issue.values["frame"]) == ("G11.exchanged", "EPSG:4545")
    issue = only_issue(crs.detect(unlabelled(shapes), grids(), codes))
    assert issue.shape == "G11.axes"
    degrees = gpd.GeoSeries(gpd.points_from_xy(rows.geometry.y, rows.geometry.x), crs=4490)
    degrees.index = rows.index
    assert crs.detect(degrees, grids(), codes).issues == ()


def test_shifted_degrees_that_were_projected_are_told():
    rows, codes = points(30)
    shapes = metric(crs.shift(rows, "GCJ-02"), 4545)
    found = crs.detect(shapes, grids(), codes)
    issue = only_issue(found)
    assert (issue.shape, issue.values["shift"]) == ("G11.projected", "GCJ-02")
    assert found.frames.loc["EPSG:4545 (GCJ-02)", "source"] is None
    assert "longitude and latitude, with --source-crs GCJ-02" in issue.message("en")


def test_a_handful_of_rows_cannot_tell():
    rows, codes = points(8)
    shifted = crs.shift(rows, "GCJ-02").geometry
    doubt = only_issue(crs.detect(shifted, grids(), codes))
    assert (doubt.shape, doubt.severity) == ("G11.doubt", Severity.WARNING)
    assert "GCJ-02 100.0%" in doubt.message("en")
    unclear = only_issue(crs.detect(rows.geometry, DISTRICT))
    assert (unclear.shape, unclear.severity) == ("G11.unclear", Severity.INFO)
    assert crs.detect(rows.geometry, grids(), codes).issues == ()
    # Metres lie too far for chance: one row is worth a look, three are enough.
    for count, shape in ((1, "G11.doubt"), (2, "G11.doubt"), (3, "G11.frame")):
        some = metric(rows.iloc[:count], 4545).set_crs(4544, allow_override=True)
        assert only_issue(crs.detect(some, DISTRICT)).shape == shape


@pytest.mark.parametrize(("rows_off", "errors"), [(18, 0), (19, 1)])
def test_what_is_enough_is_as_the_constants_say(rows_off, errors):
    """19 rows against none: (19 - 0)^2 = 361 >= 2 ln(1e4) 19 = 350; 18 give 324 < 331.6."""
    rows, codes = points(rows_off)
    found = crs.detect(crs.shift(rows, "GCJ-02").geometry, grids(), codes)
    assert only_issue(found).severity == (Severity.ERROR if errors else Severity.WARNING)


def test_strays_decide_nothing():
    """Rows misplaced in every frame, and too small a gain, are no sign of another frame."""
    rows, codes = points(400)
    wrong = codes.copy()
    wrong[:100] = "0000"  # a quarter declares another grid
    assert crs.detect(rows.geometry, grids(), wrong).issues == ()
    shifted = crs.shift(rows, "GCJ-02").geometry
    assert only_issue(crs.detect(shifted, grids(), wrong)).shape == "G11.frame"
    # 7 of 400 rows shifted: under the gain that matters.
    mixed = rows.geometry.copy()
    mixed[:7] = shifted[:7]
    assert crs.detect(mixed, grids(), codes).issues == ()


def test_units_are_held_against_their_parent_by_area():
    """A centroid stays in a parent three cells wide; the cells on its border do not."""
    cells = grids(9)
    i, j = cells.index.str[2:].astype(int), cells.index.str[:2].astype(int)
    parents = pd.Series([f"p{x // 3}{y // 3}" for x, y in zip(i, j, strict=True)], cells.index)
    streets = cells.dissolve(parents.to_numpy())
    assert crs.detect(cells.geometry, streets, parents).issues == ()
    shifted = crs.shift(cells, "GCJ-02")
    issue = only_issue(crs.detect(shifted.geometry, streets, parents))
    assert (issue.shape, issue.values["frame"]) == ("G11.frame", "GCJ-02")
    bow_tie = Polygon([(106.56, 29.51), (106.57, 29.52), (106.57, 29.51), (106.56, 29.52)])
    broken = crs.detect(frame([bow_tie], crs=4490).geometry, DISTRICT)
    assert broken.frames.loc["EPSG:4490", "inside"] == 1


def test_rows_without_a_declared_unit_are_expected_anywhere():
    rows, codes = points(60)
    codes[::2] = None
    codes[1::4] = "unknown"
    found = crs.detect(rows.geometry, grids(), codes)
    assert found.frames.loc["EPSG:4490", "inside"] == 60
    assert found.frames.loc["GCJ-02", "lost"] == 15
    assert crs.detect(rows.geometry, grids()).frames.loc["EPSG:4490", "share"] == 1


def test_where_nothing_shifts_nothing_is_asked():
    """Outside China GCJ-02 is WGS 84."""
    rows = frame([Point(139.75 + k / 1e4, 35.71) for k in range(30)], crs=4326)
    ward = frame([box(139.749, 35.709, 139.754, 35.711)], crs=4490, index=["131059"])
    found = crs.detect(rows.geometry, ward)
    assert found.frames.index.to_list() == ["EPSG:4326", "BD-09"]
    assert found.issues == ()


def test_an_older_datums_zone_is_taken_at_its_word():
    """Xi'an 1980 and CGCS2000 differ by metres here: no test of position tells them apart."""
    rows, codes = points(30)
    shapes = metric(rows, 4545).set_crs(2381, allow_override=True)
    assert crs.detect(shapes, grids(), codes).issues == ()


def test_nothing_to_compare_is_no_issue():
    rows, _ = points(3)
    for found in (
        crs.detect(rows.geometry, DISTRICT.head(0)),
        crs.detect(rows.geometry.head(0), DISTRICT),
        crs.detect(frame([None, Point()], crs=4490).geometry, DISTRICT),
    ):
        assert found.issues == ()
        assert found.frames.empty
        assert "share" in found.frames


def test_bad_calls_are_refused():
    rows, codes = points(3)
    with pytest.raises(CrsError, match="to_storage"):
        crs.detect(rows.geometry, DISTRICT.to_crs(4545))
    with pytest.raises(FrameError, match="duplicate"):
        crs.detect(rows.geometry, pd.concat([DISTRICT, DISTRICT]))
    with pytest.raises(FrameError, match="other rows"):
        crs.detect(rows.geometry, grids(), codes.iloc[::-1])


# Detection: properties


@given(seed=st.integers(0, 10_000), count=st.integers(1, 120), strays=st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_correct_rows_never_raise_an_alarm(seed, count, strays):
    """Whatever share of them declares a wrong grid, near or far."""
    rows, codes = points(count, seed)
    rng = np.random.default_rng(seed)
    wrong = rng.random(count) < strays
    codes[wrong] = rng.choice(grids().index, wrong.sum())
    for units, declared in ((grids(), codes), (DISTRICT, None)):
        found = crs.detect(rows.geometry, units, declared)
        assert all(issue.severity is Severity.INFO for issue in found.issues)


@given(
    seed=st.integers(0, 10_000), count=st.integers(1, 80), name=st.sampled_from(["GCJ-02", "BD-09"])
)
@settings(max_examples=40, deadline=None)
def test_what_is_found_does_not_depend_on_the_order_of_rows(seed, count, name):
    rows, codes = points(count, seed)
    shapes = crs.shift(rows, name).geometry
    order = np.random.default_rng(seed).permutation(count)
    one = crs.detect(shapes, grids(), codes)
    other = crs.detect(shapes.iloc[order], grids().iloc[::-1], codes.iloc[order])
    pd.testing.assert_frame_equal(one.frames, other.frames)
    assert one.issues == other.issues
    assert (one.frames["inside"] == one.frames["inside"].iloc[0] + one.frames["gained"]
            - one.frames["lost"]).all()  # fmt: skip


# Real data


def reference():
    folder = shared_data("nanan_admin")
    units = gpd.read_file(folder / "nanan_and_neighbours_wgs84.geojson").set_index("code")
    return crs.to_storage(units)


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "first", "others"),
    [
        ("nanan_cgcs2000_geographic.shp", "EPSG:4490", {"GCJ-02": 1, "BD-09": 0}),
        ("nanan_cgcs2000_3deg_cm105e.shp", "EPSG:4544", {}),
        ("nanan_cgcs2000_3deg_cm108e.shp", "EPSG:4545", {}),
        ("nanan_cgcs2000_3deg_zone36.shp", "EPSG:4524", {}),
        ("nanan_cgcs2000_3deg_cm108e_noprj.shp", "EPSG:4545", {}),
        ("nanan_bd09_labelled_4326.geojson", "EPSG:4326", {"GCJ-02": 1, "BD-09": 5}),
    ],
)
def test_real_variants_are_told_apart(file, first, others):
    path = shared_data("import_messy") / "derived_crs_variants" / file
    encoding = {"encoding": "GB18030"} if path.suffix == ".shp" else {}
    rows = gpd.read_file(path, **encoding)
    found = crs.detect(rows.geometry, reference(), rows["code"].astype(str))
    assert found.frames.index[0] == first
    assert found.frames.loc[first, "inside"] == (0 if "bd09" in file else 5)
    for name, inside in others.items():
        assert found.frames.loc[name, "inside"] == inside
    shapes = [issue.shape for issue in found.issues]
    # Five rows are too few to refuse a file, all the more to pass it by.
    expected = {"nanan_cgcs2000_3deg_cm108e_noprj.shp": ["G11.candidates"],
                "nanan_bd09_labelled_4326.geojson": ["G11.doubt"]}  # fmt: skip
    assert shapes == expected.get(file, [])


@pytest.mark.real
def test_real_streets_in_their_districts():
    folder = shared_data("beijing_streets")
    units = crs.to_storage(gpd.read_file(folder / "districts.geojson").set_index("code"))
    units = units[units.is_valid]
    rows = gpd.read_file(folder / "streets.geojson")
    rows = rows[rows["parent_code"].isin(units.index)]
    found = crs.detect(rows.geometry, units, rows["parent_code"])
    assert found.issues == ()
    assert found.frames["share"].round(2).to_dict() == {
        "EPSG:4326": 1.0,
        "GCJ-02": 0.74,
        "BD-09": 0.62,
    }
    for name in crs.SHIFTED_FRAMES:
        shifted = crs.shift(rows, name).geometry
        issue = only_issue(crs.detect(shifted, units, rows["parent_code"]))
        assert (issue.shape, issue.values["frame"]) == ("G11.frame", name)
    for code, some in rows.groupby("parent_code"):
        alone = crs.detect(some.geometry, units.loc[[code]])
        assert all(issue.severity is Severity.INFO for issue in alone.issues)


@pytest.mark.real
def test_real_buildings_raise_no_alarm():
    folder = shared_data("tokyo_bunkyo")
    units = crs.to_storage(gpd.read_file(folder / "chome_4326.geojson").set_index("key_code"))
    rows = gpd.read_file(folder / "buildings_4326.gpkg", columns=["chome_by_register"])
    for declared in (None, rows["chome_by_register"]):
        found = crs.detect(rows.geometry, units, declared)
        assert found.issues == ()
        assert found.frames["share"].iloc[0] > 0.998


@pytest.mark.real
@pytest.mark.slow
def test_no_alarm_in_random_districts_cut_from_a_real_town():
    """Buildings of up to 600 m around a district that is smaller than they are: no error ever."""
    rows = gpd.read_file(shared_data("shanghai_lujiazui") / "buildings.geojson")
    west, south, east, north = rows.total_bounds
    rng = np.random.default_rng(5)
    refused = dict.fromkeys(("EPSG:4326", *crs.SHIFTED_FRAMES), 0)
    for k in range(200):
        corners = np.column_stack([rng.uniform(west, east, 6), rng.uniform(south, north, 6)])
        outline = shapely.MultiPoint(corners).convex_hull
        unit = frame([outline], crs=4490, index=["d"])
        around = outline.buffer(rng.choice([0, 0.001, 0.003, 0.006]))
        some = rows[rows.intersects(around)]
        found = crs.detect(some.geometry, unit)
        assert all(issue.severity is Severity.INFO for issue in found.issues), k
        for name in crs.SHIFTED_FRAMES:
            shifted = crs.shift(rows[rows.intersects(outline)], name).geometry
            refused[name] += any(
                issue.shape == "G11.frame" for issue in crs.detect(shifted, unit).issues
            )
    print(f"of 200 districts refused: {refused}")
    assert refused["GCJ-02"] > 100
    assert refused["BD-09"] > 150
