"""Rules V00-V11: each worked by hand; the turn and the mask of V07 by property."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, affinity, box

from gridmap.camera_coverage import views
from gridmap.crs import convergence_deg
from gridmap.errors import CrsError, FrameError
from gridmap.lawfulness import (
    DEFAULT_CONSENT_M,
    ISSUE_COLUMNS,
    PLAY_DEG,
    camera_issues,
    issue_of,
    smallest_turn,
)
from gridmap.model import LAYERS
from gridmap.rules import RULES, Severity
from gridmap.visibility import ESCAPE_M, view_polygons, warm_up

CRS = "EPSG:32648"
HERE = (500_000.0, 3_200_000.0)  # on the central meridian: no convergence
DAY = dt.date(2026, 1, 1)
GRID = "500108001001001"
ID = "5001080000131000000"
BOTH = ("zh", "en")


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


def here(shape):
    return affinity.translate(shape, *HERE)


def camera(x=0.0, y=0.0, **changes):
    """A camera without fault, looking 40 m east over 60 degrees."""
    return {
        **dict.fromkeys(LAYERS["camera"].columns),
        "code": f"{ID}1",
        "azimuth_deg": 90.0,
        "hfov_deg": 60.0,
        "max_range_m": 40.0,
        "place_category": "road",
        "point_type": 2,
        "state": "in_use",
        "in_use_since": dt.date(2025, 6, 1),
        "filed_at": dt.date(2025, 6, 2),
        "sign_installed": True,
        "grid_code": GRID,
        "geometry": here(Point(x, y)),
        **changes,
    }


def cameras_of(*rows):
    codes = [row["code"] if row["code"] != f"{ID}1" else f"{ID}{i}" for i, row in enumerate(rows)]
    table = pd.DataFrame([dict(row) for row in rows], columns=list(camera()))
    typed = LAYERS["camera"].parse(gpd.GeoDataFrame(table, crs=CRS))
    typed = typed.assign(grid_code=pd.Series([r["grid_code"] for r in rows], dtype=object))
    typed.index = codes
    return typed.drop(columns="code")


def polygons(letter, shapes, **columns):
    index = [f"{letter}{i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame(columns, index=index, geometry=[here(s) for s in shapes], crs=CRS)


def judge(*rows, zones=(), sites=(), limits=None, buildings=(), seen=None, day=DAY):
    cameras = rows[0] if isinstance(rows[0], gpd.GeoDataFrame) else cameras_of(*rows)
    walls = polygons("B", list(buildings))
    limits = [None] * len(sites) if limits is None else limits
    return camera_issues(
        cameras,
        views(cameras, walls) if seen is None else seen,
        privacy_zones=polygons("Z", list(zones)),
        restricted_sites=polygons("S", list(sites), consent_distance_m=np.array(limits, float)),
        buildings=walls,
        district="500108",
        as_of=day,
    )


def shapes(issues):
    return issues["shape"].tolist()


def only(issues, shape):
    """Return the one row of a shape; every sentence can be said in both languages."""
    row = issues[issues["shape"] == shape]
    assert len(row) == 1, shapes(issues)
    row = row.iloc[0]
    for language in BOTH:
        assert issue_of(row).message(language)
    json.dumps(row["values"])
    return row


# --- the frame ----------------------------------------------------------------------------------


def test_a_camera_without_fault_breaks_no_rule():
    issues = judge(camera())
    assert tuple(issues.columns) == ISSUE_COLUMNS
    assert len(issues) == 0
    assert issues.crs == CRS


def test_no_cameras_no_issues():
    issues = judge(cameras_of(camera()).iloc[:0])
    assert tuple(issues.columns) == ISSUE_COLUMNS
    assert len(issues) == 0


def test_issues_are_sorted_and_do_not_depend_on_the_order_of_rows():
    rows = [
        camera(x, y, azimuth_deg=a, sign_installed=None, grid_code=None)
        for x, y, a in [(0, 0, 90), (0.1, 0, 90), (5, 5, 0), (0, 0.2, 90)]
    ]
    frame, zones = cameras_of(*rows), [box(10, -9, 20, 9), box(12, -9, 14, 3), box(-9, 9, 9, 30)]
    one = judge(frame, zones=zones)
    other = judge(frame.iloc[::-1], zones=zones)
    assert_geodataframe_equal(one, other)
    assert one.index.tolist() == list(range(len(one)))
    keys = list(zip(one["camera_code"], one["shape"], strict=True))
    assert keys == sorted(keys)
    assert {"V03.outside", "V04.duplicate", "V07.turn", "V00.sign"} <= set(shapes(one))


def test_a_removed_camera_breaks_no_rule():
    broken = {"code": "x", "point_type": None, "grid_code": None, "filed_at": None}
    assert shapes(judge(camera(**broken, state="in_use")))
    zone = box(-1, -1, 30, 1)
    assert shapes(judge(camera(**broken, state="removed"), camera(500), zones=[zone])) == []


def test_cameras_may_lack_views():
    frame = cameras_of(camera(), camera(100, state="under_repair", sign_installed=False))
    issues = judge(frame, seen=views(frame, polygons("B", [])).iloc[:1])
    assert shapes(issues) == ["V00.sign"]
    assert issues["camera_code"].tolist() == [f"{ID}1"]


def test_wrong_frames_are_refused():
    frame = cameras_of(camera())
    with pytest.raises(FrameError, match="grid_code"):
        judge(frame.drop(columns="grid_code"))
    with pytest.raises(FrameError, match="same CRS"):
        judge(frame, seen=views(frame, polygons("B", [])).to_crs("EPSG:32649"))
    with pytest.raises(CrsError):
        judge(frame.to_crs("EPSG:4490"), seen=views(frame, polygons("B", [])))
    with pytest.raises(FrameError, match="moved_m"):
        judge(frame, seen=views(frame, polygons("B", [])).drop(columns="moved_m"))


# --- rows: V00, V01, V05, V10 -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"point_type": None}, ["V00.type"]),
        ({"point_type": 1}, ["V00.retention"]),
        ({"point_type": 1, "in_use_since": None}, ["V00.retention", "V00.since"]),
        ({"point_type": 1, "retention_days": 30}, []),
        ({"point_type": 3, "in_use_since": None}, []),
        ({"sign_installed": None}, ["V00.sign"]),
        ({"sign_installed": False, "indoor": True}, ["V00.sign"]),
        ({"place_category": None}, ["V05.category"]),
        ({"place_category": None, "sign_installed": None, "indoor": True}, ["V05.category"]),
        ({"code": "cam"}, ["V01.code"]),
        ({"code": "50010800001110000001"}, ["V01.code"]),
        ({"code": "50010800201310000001"}, ["V01.industry"]),
        ({"code": "50010800991319000001"}, ["V01.network"]),
        ({"code": "50010900001310000001"}, ["V02.district"]),
        ({"hfov_deg": None, "max_range_m": None}, ["V10.optics"]),
        ({"azimuth_deg": None}, ["V10.optics"]),
        ({"azimuth_deg": None, "hfov_deg": 360.0}, []),
        ({"azimuth_deg": None, "direction_type": 3}, []),
        ({"azimuth_deg": None, "direction_type": 9}, []),
        ({"azimuth_deg": None, "hfov_deg": None, "direction_type": 9}, []),
        ({"direction_type": 1}, []),
        ({"azimuth_deg": 112.5, "direction_type": 1}, []),
        ({"azimuth_deg": 113.0, "direction_type": 1}, ["V10.direction"]),
        ({"azimuth_deg": 113.0, "direction_type": 1, "azimuth_tolerance_deg": 1.0}, []),
        ({"azimuth_deg": 350.0, "direction_type": 4}, []),
        ({"azimuth_deg": 315.0, "direction_type": 6}, ["V10.direction"]),
    ],
)
def test_what_a_row_shows_by_itself(changes, expected):
    issues = judge(camera(**changes))
    assert shapes(issues) == expected
    for shape in expected:
        only(issues, shape)


def test_rows_say_what_they_lack():
    row = only(judge(camera(hfov_deg=None, max_range_m=None)), "V10.optics")
    assert (row["field"], row["values"]) == ("hfov_deg", {"fields": "hfov_deg, max_range_m"})
    row = only(judge(camera(code="50010800201310000001")), "V01.industry")
    assert row["values"] == {"value": "50010800201310000001", "digits": "20"}


# --- register: V02, V03, V04, V09, V11 ----------------------------------------------------------


def test_an_id_of_another_district_is_told():
    row = only(judge(camera(code="50010900001310000001")), "V02.district")
    assert (row["values"]["centre"], row["values"]["district"]) == ("500109", "500108")


def test_a_camera_in_no_grid_or_in_another_unit():
    assert shapes(judge(camera(declared_unit="500108001"))) == []
    assert shapes(judge(camera(declared_unit=GRID))) == []
    row = only(judge(camera(declared_unit="500108002")), "V03.unit")
    assert row["values"] == {"unit": "500108002", "grid": GRID}
    issues = judge(camera(declared_unit="500108002", grid_code=None))
    assert shapes(issues) == ["V03.outside"]
    assert issues.geometry.iloc[0].equals(here(Point(0, 0)))


@pytest.mark.parametrize(
    ("away", "azimuths", "expected"),
    [
        (0.0, (90, 90), True),
        (0.49, (90, 91), True),
        (0.49, (0.4, 359.6), True),
        (0.51, (90, 90), False),
        (0.1, (90, 92), False),
        (0.1, (None, None), True),
        (0.1, (90, None), False),
    ],
)
def test_duplicates_name_each_other_once(away, azimuths, expected):
    one, other = (
        camera(x, azimuth_deg=azimuth, hfov_deg=360.0)
        for x, azimuth in zip((0, away), azimuths, strict=True)
    )
    issues = judge(one, other)
    assert shapes(issues) == ["V04.duplicate"] * 2 * expected
    if expected:
        pairs = [(row["camera_code"], row["values"]["other"]) for _, row in issues.iterrows()]
        assert pairs == [(f"{ID}0", f"{ID}1"), (f"{ID}1", f"{ID}0")]
        assert issues["values"][0]["distance"] == away


def test_the_removed_one_is_no_duplicate():
    assert shapes(judge(camera(), camera(state="removed"))) == []


@pytest.mark.parametrize(
    ("since", "filed", "expected"),
    [
        ("2025-04-02", None, ("V09.overdue", "2025-05-02", 244)),
        ("2025-04-01", None, ("V09.overdue", "2025-07-01", 184)),
        ("2009-01-01", None, ("V09.overdue", "2025-07-01", 184)),
        ("2025-12-02", None, None),
        ("2025-12-01", None, ("V09.overdue", "2025-12-31", 1)),
        ("2025-06-01", "2025-07-01", None),
        ("2025-06-01", "2025-07-02", ("V09.late", "2025-07-01", 1)),
        ("2009-01-01", "2025-09-01", ("V09.late", "2025-07-01", 62)),
        ("2009-01-01", "2026-01-02", ("V09.overdue", "2025-07-01", 184)),
        ("2026-02-01", None, None),
        (None, "2025-07-02", None),
    ],
)
def test_filings(since, filed, expected):
    issues = judge(camera(in_use_since=since, filed_at=filed))
    if expected is None:
        assert shapes(issues) == []
        return
    row = only(issues, expected[0])
    assert (row["values"]["deadline"], row["values"]["days"]) == expected[1:]


def test_filings_that_cannot_be_judged():
    row = only(judge(camera(in_use_since=None, filed_at=None)), "V09.unknown")
    assert "in_use_since" in issue_of(row).message("en")
    numbered = camera(in_use_since="2009-01-01", filed_at=None, filing_no="1")
    assert shapes(judge(numbered)) == []


def test_severities_are_those_of_the_rules():
    severe = {shape for shape, rule in RULES.items() if rule.severity is Severity.ERROR}
    assert {s for s in severe if s.startswith("V")} == {
        "V00.since",
        "V00.retention",
        "V06.inside",
        "V07.turn",
        "V07.mask",
        "V08.camera",
        "V08.view",
    }
    assert RULES["V09.late"].severity is Severity.INFO


def test_a_camera_drawn_inside_a_building():
    house = box(-5, -50, 3, 50)
    row = only(judge(camera(), buildings=[house]), "V11.snap")
    assert row["values"] == {"distance": 3.05}
    assert row.geometry.distance(here(Point(3.05, 0))) < 1e-6
    dome = camera(azimuth_deg=None, hfov_deg=360.0)
    row = only(judge(dome, buildings=[box(-2, -50, 3, 50)]), "V11.snap")
    assert row.geometry.distance(here(Point(-2.05, 0))) < 1e-6
    row = only(judge(camera(), buildings=[box(-40, -50, 40, 50)]), "V11.deep")
    assert row["values"] == {"limit": ESCAPE_M}
    assert row.geometry.equals(here(Point(0, 0)))


def test_indoor_cameras_may_stand_in_buildings_and_walls_are_no_inside():
    assert shapes(judge(camera(indoor=True), buildings=[box(-5, -5, 3, 5)])) == []
    assert shapes(judge(camera(), buildings=[box(-5, -5, 0, 5)])) == []


def test_the_proposed_place_is_where_the_view_was_taken():
    rng = np.random.default_rng(3)
    rows = [
        camera(x, y, azimuth_deg=a, hfov_deg=h, direction_type=d)
        for x, y, a, h, d in zip(
            *rng.uniform(-12, 12, (2, 60)),
            rng.choice([None, 10.0, 77.0, 200.0], 60),
            rng.choice([None, 20.0, 360.0], 60),
            rng.choice([None, 1, 6, 9], 60),
            strict=True,
        )
    ]
    houses = [box(-10, -10, -1, 10), box(-2, -8, 6, 8), box(6, 0, 9, 9)]
    frame = cameras_of(*[{**row, "code": f"c{i:02d}"} for i, row in enumerate(rows)])
    issues = judge(frame, buildings=houses)
    moved = issues[issues["shape"] == "V11.snap"]
    assert len(moved) > 20
    drawn = frame.geometry.loc[moved["camera_code"]].reset_index(drop=True)
    away = moved.geometry.reset_index(drop=True).distance(drawn)
    seen = views(frame, polygons("B", houses))
    expected = seen.loc[moved["camera_code"], "moved_m"].to_numpy()
    np.testing.assert_allclose(away, expected, atol=1e-9)


# --- V06, V07 -----------------------------------------------------------------------------------


def test_a_camera_in_a_privacy_zone():
    issues = judge(camera(), zones=[box(-1, -1, 1, 1), box(-9, -9, 0, 9)])
    row = only(issues, "V06.inside")  # on the border of the second: not inside
    assert row["values"] == {"zone": "Z0"}
    assert only(issues, "V07.mask")["values"]["mask"] == [[60.0, 120.0]]


def test_the_turn_and_the_mask_by_hand():
    # A box from straight ahead to 45 degrees left: the right gap is nearer, 90 + 60 / 2 = 120.
    row = only(judge(camera(), zones=[box(10, 0, 20, 10)]), "V07.turn")
    values = row["values"]
    assert (values["turn"], values["azimuth"]) == (30.0, 120.0)
    assert values["mask"] == [[60.0, 90.0]]
    assert values["bearings"] == "60°–90°"
    root = math.sqrt(3)
    cut = (10 - 10 / root) * (10 * root - 10) / 2  # the corner beyond the sector
    assert values["area"] == pytest.approx(100 - cut, abs=0.01)
    assert row.geometry.area == pytest.approx(100 - cut, abs=0.01)
    assert "+30°" in issue_of(row).message("en")
    assert "+30°" in issue_of(row).message("zh")


def test_the_turn_may_be_to_the_left_and_over_north():
    row = only(judge(camera(azimuth_deg=0.0), zones=[box(0, 10, 10, 20)]), "V07.turn")
    assert (row["values"]["turn"], row["values"]["azimuth"]) == (-30.0, 330.0)
    assert row["values"]["mask"] == [[0.0, 30.0]]
    row = only(judge(camera(azimuth_deg=2.0), zones=[box(-1, 10, 1, 20)]), "V07.turn")
    half = math.degrees(math.atan(0.1))
    assert row["values"]["turn"] == pytest.approx(28 + half, abs=0.001)
    assert row["values"]["mask"] == [[354.28, 5.72]]


def test_all_zones_count_together():
    zones = [box(10, -3, 12, 3), box(-3, -12, 3, -10)]
    issues = judge(camera(), zones=zones)
    # South is blocked too, so turning right leads there: the gap between is 57 degrees.
    row = only(issues, "V07.turn")
    left = math.degrees(math.atan(0.3))
    assert row["values"]["turn"] == pytest.approx(-30 - left, abs=0.001)
    both = judge(camera(), zones=[box(10, 0, 12, 3), box(10, -3, 12, -1)])
    assert shapes(both) == ["V07.turn"] * 2
    assert [v["zone"] for v in both["values"]] == ["Z0", "Z1"]
    assert both["values"][0]["turn"] == both["values"][1]["turn"]
    assert len(both["values"][0]["mask"]) == 2


def test_walls_hide_zones():
    house = box(8, -30, 9, 30)
    assert shapes(judge(camera(), zones=[box(10, 0, 20, 10)], buildings=[house])) == []
    # A dwelling is its own wall: it is touched and not entered.
    assert shapes(judge(camera(), zones=[house], buildings=[house])) == []


def test_what_no_turn_ends_is_masked():
    dome = camera(azimuth_deg=None, hfov_deg=360.0)
    row = only(judge(dome, zones=[box(-1, 10, 1, 20)]), "V07.mask")
    assert row["values"]["turn"] is None
    assert row["values"]["mask"] == [[354.28, 5.72]]
    ring = here(Point(0, 0)).buffer(30) - here(Point(0, 0)).buffer(20)
    ring = affinity.translate(ring, -HERE[0], -HERE[1])
    row = only(judge(camera(), zones=[ring]), "V07.mask")
    assert row["values"]["mask"] == [[60.0, 120.0]]
    row = only(judge(dome, zones=[ring]), "V07.mask")
    assert row["values"]["mask"] == [[0.0, 360.0]]


def test_a_camera_on_the_border_of_a_zone_wider_than_its_range():
    row = only(judge(camera(azimuth_deg=80.0), zones=[box(0, -900, 900, 900)]), "V07.turn")
    assert row["values"]["turn"] == pytest.approx(-110.0, abs=0.001)
    assert row["values"]["mask"] == [[50.0, 110.0]]


def test_zones_out_of_range_block_no_turn():
    # The second lies east, just beyond the range: turning there is free.
    zones = [box(-3, 10, 3, 20), box(40.5, -30, 50, 30)]
    row = only(judge(camera(azimuth_deg=10.0), zones=zones), "V07.turn")
    assert row["values"]["turn"] == pytest.approx(20 + math.degrees(math.atan(0.3)), abs=0.001)


def test_inexact_cameras_only_may_look_in():
    zone = [box(10, 0, 20, 10)]
    for change in ({"hfov_deg": None}, {"azimuth_deg": None}, {"max_range_m": None}):
        row = only(judge(camera(**change), zones=zone), "V07.possible")
        assert set(row["values"]) == {"zone", "area"}
        assert row["values"]["area"] == pytest.approx(row.geometry.area, abs=0.01)


@pytest.mark.parametrize(
    ("change", "north"),
    [
        ({"azimuth_tolerance_deg": 10.0}, 40.0),
        ({"azimuth_deg": None, "direction_type": 1, "hfov_deg": 60.0}, 52.5),
        ({"position_tolerance_m": 1.0}, 30.0),
    ],
)
def test_what_an_inexact_camera_certainly_sees_is_masked_however_it_stands(change, north):
    # Straight ahead, and so near the axis that every allowed view holds it.
    zone = box(20, -2, 30, 2)
    row = only(judge(camera(**change), zones=[zone]), "V07.mask")
    (mask,) = row["values"]["mask"]
    half = math.degrees(math.atan(0.1))
    more = math.degrees(math.asin(1 / 20)) if "position_tolerance_m" in change else 0.0
    assert mask == pytest.approx([90 - half - more, 90 + half + more], abs=0.02)
    # Off the axis by more than the narrowed and less than the widened angle: only possible.
    turn = math.radians(90 - (90 - north + (0 if more else 5)))
    aside = affinity.translate(box(-0.4, -0.4, 0.4, 0.4), 30 * math.cos(turn), 30 * math.sin(turn))
    assert shapes(judge(camera(**change), zones=[aside])) == ["V07.possible"]


def test_azimuths_count_from_true_north():
    # Far from the central meridian the frame's north is turned by a degree and more.
    frame = cameras_of(camera())
    place = Point(250_000, 3_200_000)
    frame = frame.set_geometry([place], crs=CRS)
    north = float(convergence_deg(np.array([[place.x, place.y]]), frame.crs)[0])
    assert abs(north) > 1
    zone = gpd.GeoDataFrame(
        index=["Z"], geometry=[affinity.translate(box(10, 0, 20, 10), place.x, place.y)], crs=CRS
    )
    none = polygons("S", [], consent_distance_m=[])
    issues = camera_issues(
        frame,
        views(frame, none),
        privacy_zones=zone,
        restricted_sites=none,
        buildings=none,
        district="500108",
        as_of=DAY,
    )
    values = only(issues, "V07.turn")["values"]
    assert values["turn"] == pytest.approx(30.0 + north, abs=0.001)
    assert values["mask"][0][1] == pytest.approx(90.0 + north, abs=0.01)


@pytest.mark.parametrize(
    ("blocked", "azimuth", "angle", "expected"),
    [
        ([], 10.0, 60.0, 0.0),
        ([], 10.0, 360.0, 0.0),
        ([(80, 100)], 180.0, 60.0, 0.0),
        ([(80, 100)], 90.0, 60.0, 40.0),
        ([(80, 100)], 89.0, 60.0, -39.0),
        ([(350, 370)], 0.0, 60.0, 40.0),
        ([(350, 370)], 359.0, 60.0, -39.0),
        ([(0, 360)], 359.0, 1.0, None),
        ([(10, 300)], 20.0, 70.0, -45.0),
        ([(10, 300)], 20.0, 70.0 - PLAY_DEG / 2, None),
        ([(10, 300)], 20.0, 70.0 - PLAY_DEG, -45.0 + PLAY_DEG / 2),
        ([(80, 100)], 90.0, 360.0, None),
        ([(80, 100)], 90.0, 300.0, 180.0 - 20.0),
    ],
)
def test_smallest_turn(blocked, azimuth, angle, expected):
    found = smallest_turn(np.array(blocked, dtype=float).reshape(-1, 2), azimuth, angle)
    if blocked == [(10, 300)] and angle == 70.0:
        expected = None  # the gap is as wide as the view: no play
    assert found == expected if expected is None else found == pytest.approx(expected)


# --- V07 by property ----------------------------------------------------------------------------

CENTRE = Point(0, 0).buffer(1.0)
coordinate = st.integers(-24, 24)
side = st.integers(1, 14)


@st.composite
def blocks(draw, *, clear):
    """A box on the lattice or turned; clear of the camera if it is a wall."""
    west, south = draw(coordinate), draw(coordinate)
    shape = box(west, south, west + draw(side), south + draw(side))
    if draw(st.booleans()):
        shape = affinity.rotate(shape, draw(st.floats(0, 90)))
    assume(not (clear and shape.intersects(CENTRE)))
    return shape


@st.composite
def scenes(draw):
    walls = draw(st.lists(blocks(clear=True), max_size=6))
    zones = draw(st.lists(blocks(clear=True), min_size=1, max_size=5))
    for wall in walls:  # dwellings: the zone is the building, or the building and its yard
        kind = draw(st.integers(0, 5))
        if kind == 0:
            zones.append(wall)
        elif kind == 1:
            zones.append(shapely.union(wall, affinity.translate(wall, 2, 1)))
    if draw(st.booleans()):
        zones.append(box(0, 0, 9, 5))  # begins at the camera
    angle = draw(st.floats(5, 300))
    return walls, zones, draw(st.floats(0, 359.99)), angle, draw(st.floats(3, 40))


def intruded(cameras, azimuths, walls, zones, tolerance):
    """Return the areas of the zones that a camera sees with each of some azimuths."""
    turned = cameras.take([0] * len(azimuths)).reset_index(drop=True)
    turned = turned.assign(azimuth_deg=np.asarray(azimuths) % 360.0)
    seen = view_polygons(turned, walls, arc_tolerance_m=tolerance).geometry.to_numpy()
    every = zones.geometry.union_all()
    return shapely.area(shapely.intersection(seen, every, grid_size=1e-7))


def wedge(start, end):
    """Return the ground between two bearings, as far as any range here."""
    steps = np.radians(np.linspace(start, end if end > start else end + 360.0, 73))
    rays = np.column_stack([np.sin(steps), np.cos(steps)]) * 60.0
    pieces = [Polygon([(0, 0), p, q]) for p, q in itertools.pairwise(rays)]
    return here(shapely.union_all(pieces))


@settings(max_examples=20, deadline=None)
@given(scenes())
def test_the_turn_is_the_smallest_that_ends_the_view(scene):
    shapes_of_walls, shapes_of_zones, azimuth, angle, reach = scene
    cameras = cameras_of(camera(azimuth_deg=azimuth, hfov_deg=angle, max_range_m=reach))
    issues = judge(cameras, zones=shapes_of_zones, buildings=shapes_of_walls)
    found = issues[issues["shape"].str.startswith("V07")]
    assume(len(found) > 0)
    walls, zones = polygons("B", shapes_of_walls), polygons("Z", shapes_of_zones)
    values = found["values"].iloc[0]
    turn = values["turn"]
    assert all(v["turn"] == turn and v["mask"] == values["mask"] for v in found["values"])
    if turn is None:
        every, wider = azimuth + np.arange(0, 360, 5), cameras.assign(hfov_deg=angle + PLAY_DEG)
        assert (intruded(wider, every, walls, zones, 1e-5) > 0).all()
        return
    hair = math.copysign(0.01, turn)
    assert intruded(cameras, [azimuth + turn + hair], walls, zones, 0.01)[0] < 1e-6
    less = [turn - hair, *np.linspace(0.01 - abs(turn), abs(turn) - 0.01, 9)]
    assert (intruded(cameras, azimuth + np.array(less), walls, zones, 1e-5) > 0).all()


@settings(max_examples=20, deadline=None)
@given(scenes())
def test_the_mask_hides_all_zones_and_no_more(scene):
    shapes_of_walls, shapes_of_zones, azimuth, angle, reach = scene
    cameras = cameras_of(camera(azimuth_deg=azimuth, hfov_deg=angle, max_range_m=reach))
    issues = judge(cameras, zones=shapes_of_zones, buildings=shapes_of_walls)
    found = issues[issues["shape"].str.startswith("V07")]
    assume(len(found) > 0)
    walls, zones = polygons("B", shapes_of_walls), polygons("Z", shapes_of_zones)
    view = view_polygons(cameras, walls, arc_tolerance_m=1e-5).geometry.iloc[0]
    inside = view.intersection(zones.geometry.union_all(), grid_size=1e-7)
    mask = found["values"].iloc[0]["mask"]
    masked = shapely.union_all([wedge(start, end) for start, end in mask])
    assert inside.difference(masked).area < 1e-6
    for start, end in mask:
        width = (end - start) % 360.0 or 360.0
        for share in (0.02, 0.5, 0.98):
            if width > 1.0:  # outward rounding is a large share of the narrow ones
                middle = start + share * width
                assert inside.intersection(wedge(middle - 0.01, middle + 0.01)).area > 0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 359), st.floats(0.5, 60)), min_size=1, max_size=6),
    st.floats(0, 359),
    st.floats(1, 200),
)
def test_the_smallest_turn_against_trying_all(raw, azimuth, angle):
    lattice = np.arange(0, 360, 0.25)
    blocked = np.zeros(len(lattice), dtype=bool)
    for start, width in raw:
        blocked |= (lattice - start) % 360.0 < width
    assume(0 < blocked.sum() < len(lattice))
    change = np.flatnonzero(blocked & ~np.roll(blocked, 1))
    last = np.flatnonzero(blocked & ~np.roll(blocked, -1))
    starts = lattice[change]
    ends = np.array([lattice[last][np.argmin((lattice[last] - s) % 360.0)] for s in starts])
    intervals = np.column_stack([starts, starts + (ends - starts) % 360.0 + 0.25])
    found = smallest_turn(intervals, azimuth, angle)

    def free(axis):
        low = (axis - angle / 2.0 - intervals[:, 0]) % 360.0
        return ((low >= intervals[:, 1] - intervals[:, 0]) & (low + angle <= 360.0)).all()

    tries = np.arange(-180.0, 180.0, 0.5)
    good = [abs(t) for t in tries if free(azimuth + t)]
    if found is None:
        assert not any(free(azimuth + t) for t in tries) or not good
    else:
        assert free(azimuth + found + math.copysign(1e-6, found)) or found == 0.0
        assert all(t >= abs(found) - 1e-9 for t in good)


# --- V08 ----------------------------------------------------------------------------------------


def test_near_a_restricted_site_consent_is_needed():
    site = box(60, -50, 80, 50)
    row = only(judge(camera(), sites=[site], limits=[60.0]), "V08.camera")
    assert row["values"] == {"site": "S0", "distance": 60.0, "limit": 60.0}
    assert row.geometry.equals(here(Point(0, 0)))
    assert shapes(judge(camera(consent_ref="1"), sites=[site], limits=[60.0])) == []
    row = only(judge(camera(), sites=[site], limits=[30.0]), "V08.view")
    assert row["values"] == {"site": "S0", "distance": 20.0, "limit": 30.0}
    assert 0 < row.geometry.area < 500
    assert row.geometry.bounds[0] == pytest.approx(HERE[0] + 30)
    assert shapes(judge(camera(), sites=[site], limits=[19.0])) == []


def test_the_distance_of_consent_has_a_default_and_walls_hide_the_site():
    site = box(60, -50, 80, 50)
    row = only(judge(camera(), sites=[site]), "V08.camera")
    assert row["values"]["limit"] == DEFAULT_CONSENT_M == 100.0
    wall = box(10, -50, 11, 50)
    assert shapes(judge(camera(), sites=[site], limits=[30.0], buildings=[wall])) == []
    row = only(judge(camera(hfov_deg=None), sites=[site], limits=[30.0]), "V08.possible")
    assert row["values"]["distance"] == 20.0


def test_several_sites_are_several_issues():
    sites = [box(60, -50, 80, 50), MultiPolygon([box(-70, 0, -60, 9), box(-90, 0, -80, 9)])]
    issues = judge(camera(), sites=sites, limits=[60.0, 60.0])
    assert [values["site"] for values in issues["values"]] == ["S0", "S1"]
