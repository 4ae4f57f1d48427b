"""What somebody who stands in the toy town is told, worked by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
import shapely
from accounts_fixtures import signed_client
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point
from toy_town import METRIC, TOY, frame

from gridmap import jobs, store
from gridmap.jobs.surroundings import NEAR_M
from gridmap.model import SIX_SERVICES, Role

pytestmark = pytest.mark.db

FIRST, SECOND, THIRD = "990101001001001", "990101001001002", "990101001002001"


def at(x, y):
    """Return degrees of a place in the toy town, metres from its corner."""
    point = frame([Point(364000 + x, 3266000 + y)]).to_crs(4490).geometry[1]
    return point.x, point.y


def told(engine, x, y, **options):
    return jobs.here(engine, *at(x, y), as_of=dt.date.today(), **options)


def by_lens(rows):
    return {row["lens"]: (row["status"], row["reason"], row["holder_name"]) for row in rows}


@pytest.fixture(scope="module")
def town(new_database, serviced_template):
    engine = store.connect(new_database(serviced_template))
    yield engine
    engine.dispose()


def test_in_a_building_one_is_told_who_serves_it(town):
    got = told(town, 120, 20)
    assert got["inside"]
    assert {level: one["name"] for level, one in got["units"].items()} == {
        "district": "玩具区",
        "street": "积木街道",
        "community": "东风社区",
        "grid": "第2网格",
    }
    building = got["building"]
    assert (building["code"], building["distance_m"], building["household_count"]) == ("T3", 0, 30)
    services = by_lens(building["services"])
    assert list(services) == ["party_group", *SIX_SERVICES]
    assert services["party_group"] == ("joint", None, "二号联合党小组")
    # Of its community; the police serve the first grid, the volunteers the first building.
    assert services["community_workers"] == ("own", None, "东风社区党委")
    assert services["community_police"] == ("uncovered", "no_link", None)
    assert services["volunteers"] == ("uncovered", "no_link", None)
    assert by_lens(got["grid"]["services"]) == {
        "party_branch": ("own", None, "第一党支部"),
        "grid_leader": ("joint", None, "东风第2网格网格长"),
    }
    assert got["figures_of"] == dt.date(2026, 6, 1)


def test_the_uncovered_are_listed_by_distance(town):
    got = told(town, 120, 20)
    # T4 is the square 190..210, 100..120: its corner is 70 m east and 80 m north of the place.
    [row] = got["uncovered"]
    assert (row["code"], row["reason"]) == ("T4", "no_link")
    assert row["distance_m"] == pytest.approx((70**2 + 80**2) ** 0.5, rel=0.006)
    assert got["uncovered_count"] == 1
    assert [f["properties"] for f in got["buildings"]["features"]] == [
        {"code": "T3", "label": "3号楼", "status": "joint"},
        {"code": "T4", "label": "4号楼", "status": "uncovered"},
    ]


def test_entrances_and_what_is_close_by(town):
    # 5 m south of the door of T1, which is in the middle of its northern wall.
    [door] = told(town, 20, 25)["building"]["entrances"]
    assert (door["code"], door["name"]) == ("E1", "1号楼大门")
    assert door["distance_m"] == pytest.approx(5, rel=0.02)
    assert (door["lon"], door["lat"]) == pytest.approx(at(20, 30), abs=1e-6)
    # Half way between T1 (to 30) and T2 (from 60) both are 15 m away: the first code is taken.
    got = told(town, 45, 20)
    assert (got["building"]["code"], [one["code"] for one in got["near"]]) == ("T1", ["T2"])
    assert got["building"]["distance_m"] == pytest.approx(15, rel=0.01)
    assert told(town, 45, 150)["building"] is None
    assert told(town, 45, 150)["grid"]["code"] == FIRST
    assert NEAR_M == 25


def test_outside_of_every_grid_the_own_is_told_of(town):
    got = told(town, -3000, -3000)
    assert (got["inside"], got["grid"], got["building"]) == (False, None, None)
    assert got["buildings"]["features"] == []
    got = told(town, -3000, 100, own=(SECOND, FIRST, "990101001001999"))
    assert (got["inside"], got["grid"]["code"], got["building"]) == (False, FIRST, None)
    assert got["uncovered_count"] == len(got["uncovered"]) == 0
    assert told(town, 9000, 100, own=("110101001001001",))["grid"] is None


def test_a_telephone_of_a_desk_is_told(serviced, tmp_path):
    path = tmp_path / "organisation.csv"
    rows = pd.read_csv(TOY / "organisation.csv", dtype=str)
    rows[rows["code"] == "G2"].assign(duty_phone="023-6280 0000").to_csv(path, index=False)
    day = dt.date(2026, 6, 2)
    jobs.import_layer(serviced, path, "organisation", effective=day, source_crs=METRIC, commit=True)
    assert told(serviced, 120, 20)["desks"] == [
        {
            "code": "G2",
            "name": "二号联合党小组",
            "kind": "party_group",
            "duty_phone": "023-6280 0000",
        }
    ]
    assert told(serviced, 20, 20)["desks"] == []


def test_a_leader_is_told_of_the_own_grid_only(lent_database, serviced_template):
    url = lent_database(serviced_template)
    with signed_client(url, name="lead", role=Role.LEADER, ranges=(FIRST,)) as client:

        def here(x, y):
            lon, lat = at(x, y)
            return client.get(f"/api/v1/here?lon={lon}&lat={lat}").json()

        mine = here(20, 20)
        assert (mine["inside"], mine["building"]["code"]) == (True, "T1")
        assert list(mine["units"]) == ["grid"]
        beside = here(220, 60)
        assert (beside["inside"], beside["building"], beside["units"]) == (False, None, {})
        assert beside["grid"]["code"] == FIRST
        assert here(-3000, 50) | {"lon": 0, "lat": 0, "uncovered": []} == beside | {
            "lon": 0,
            "lat": 0,
            "uncovered": [],
        }, "a place in another's grid is told no other than one in none"
        for query in ("", "lon=1", "lon=500&lat=1", "lon=1&lat=x"):
            assert client.get(f"/api/v1/here?{query}").status_code == 422
        page = client.get("/locate?lang=en")
        assert page.status_code == 200
        assert "On the spot" in page.text


@settings(deadline=None)
@given(st.floats(-50, 450), st.floats(-50, 250))
def test_distances_are_those_of_a_metric_frame(town, x, y):
    lon, lat = at(x, y)
    got = jobs.here(town, lon, lat, own=(THIRD,), as_of=dt.date.today())
    place = Point(364000 + x, 3266000 + y)
    shapes = pd.read_csv(TOY / "building.csv").set_index("code")["wkt"]
    truth = frame(shapely.from_wkt(shapes), index=shapes.index).geometry
    for row in got["uncovered"]:
        far = truth[row["code"]].distance(place)
        assert row["distance_m"] == pytest.approx(far, rel=0.006, abs=0.1)
    far = [row["distance_m"] for row in got["uncovered"]]
    assert far == sorted(far)


def test_a_page_begins_in_the_own_division(town):
    lon, lat = jobs.start_of(town, (THIRD,))
    where = jobs.locate(town, lon, lat, as_of=dt.date.today())
    assert where["grid"]["code"] == THIRD
    assert jobs.start_of(town, ("110101",)) is None
    lon, lat = jobs.start_of(town, ())
    assert jobs.locate(town, lon, lat, as_of=dt.date.today())["district"]["code"] == "990101"
