"""What differs between two days: by hand, and as page, file and table."""

import datetime as dt
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, box
from test_history import BEFORE, NORTH_OF_FIRST, SECOND, grids_divided_anew, put, toy, whole
from toy_town import METRIC, TOY_DAY, frame

from gridmap import differences, jobs
from gridmap.errors import FrameError, InputError


def test_rows_by_hand():
    old = frame([Point(n, 0) for n in range(4)], index=list("abcd"), name=["x", None, "y", "z"])
    new = frame(
        [Point(0, 0), Point(1, 5), Point(2, 0), Point(9, 9)],
        index=list("abce"),
        name=["x", None, "Y", None],
    )
    found = differences.row_changes(old, new)
    assert found.index.to_list() == list("bcde")
    assert found["change"].to_list() == ["changed", "changed", "ended", "added"]
    assert found["fields"].to_list() == ["geometry", "name", "", ""]
    assert found.geometry["d"] == Point(3, 0)
    nothing = differences.row_changes(old, old)
    assert nothing.empty
    assert nothing.columns.to_list() == found.columns.to_list()
    with pytest.raises(FrameError, match="coordinate frames"):
        differences.row_changes(old, new.to_crs(4490))


def statuses(**given):
    index = pd.MultiIndex.from_tuples(
        [("party_group", code) for code in given], names=["lens", "target_code"]
    )
    told = pd.DataFrame({"status": list(given.values())}, index=index, dtype=object)
    return told.assign(reason=None, holder_code=None)


def test_coverage_by_hand():
    old = statuses(a="own", b="uncovered", c="own", d="joint", e="uncovered")
    new = statuses(a="joint", b="own", c="uncovered", f="own", g="uncovered")
    found = differences.coverage_changes(old, new)
    told = dict(zip(found.index.get_level_values(1), found["change"], strict=True))
    assert told == {"b": "gained", "c": "lost", "d": "lost", "f": "gained"}
    assert found.loc[("party_group", "d"), "status"] == "joint"
    assert differences.coverage_changes(old, old).empty


def series(shapes, names):
    return gpd.GeoSeries(shapes, index=list(names), crs=METRIC)


def test_ground_by_hand():
    old = series([box(0, 0, 10, 10), box(10, 0, 20, 10), box(20, 0, 30, 10), None], "abcd")
    new = series([box(0, 0, 10, 10), box(10, 0, 15, 10), box(20, 0, 30, 12)], "abc")
    found = differences.ground_changes(old, new)
    assert [tuple(row) for row in found[["change", "area_m2"]].itertuples()] == [
        ("b", "lost", 50.0),
        ("c", "gained", 20.0),
    ]
    # A border between units that moved is nothing lost; a hair along it is none either.
    halves = series([box(0, 0, 4, 10), box(4, 0, 10, 10)], "xy")
    assert differences.ground_changes(halves, old[["a"]]).empty
    hair = series([box(0, 0, 10.01, 10)], "a")
    assert differences.ground_changes(old[["a"]], hair).empty
    assert differences.ground_changes(old.head(0), old.head(0)).columns.to_list() == [
        "change",
        "area_m2",
        "geometry",
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_ground_that_is_gained_less_what_is_lost_is_the_difference(seed):
    rng = np.random.default_rng(seed)

    def seen():
        shapes = []
        for x in range(3):
            corners = rng.integers(0, 10, (4, 2)) / 2
            some = [box(10 * x + a, b, 10 * x + a + 3, b + 2) for a, b in corners]
            shapes.append(shapely.union_all(some))
        return series([MultiPolygon(shapely.get_parts(s).tolist()) for s in shapes], "abc")

    one, other = seen(), seen()
    found = differences.ground_changes(one, other)
    change = found.groupby("change")["area_m2"].sum()
    net = change.get("gained", 0.0) - change.get("lost", 0.0)
    assert net == pytest.approx(other.area.sum() - one.area.sum(), abs=1e-6)
    assert found.is_valid.all()
    back = differences.ground_changes(other, one)
    assert back["area_m2"].sum() == pytest.approx(found["area_m2"].sum())


@pytest.mark.db
def test_two_days_of_the_toy_town(town, tmp_path):
    before = whole(town)
    put(town, tmp_path, "building", toy("building").iloc[1:], complete=True)
    put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    version, figures = jobs.version(town), jobs.unit_coverage(town, "990101")
    target, drawing = tmp_path / "diff.gpkg", tmp_path / "diff.html"
    found = jobs.diff(town, BEFORE, SECOND, target=target, drawing=drawing)
    assert jobs.version(town) == version
    assert jobs.unit_coverage(town, "990101") == figures
    told = {code: row.change for code, row in found.divisions.iterrows()}
    assert told == {
        "990101001001001": "changed",
        "990101001001002": "changed",
        NORTH_OF_FIRST: "added",
        "990101001002001": "ended",
        "990101001002002": "ended",
        "990101001002003": "added",
    }
    assert found.divisions.loc["990101001001002", "fields"] == "name"
    assert found.buildings["change"].to_dict() == {"T1": "ended"}
    lost = found.coverage.loc["party_group"]
    assert lost["change"].to_dict() == {"T1": "lost"}
    assert lost.geometry.notna().all()
    # The camera beside the first house sees the ground on which it stood.
    assert set(found.ground["change"]) <= {"gained", "lost"}
    assert found.rates.loc["party_group.buildings", "total_before"] == 7
    assert found.rates.loc["party_group.buildings", "total_after"] == 6
    assert len(found.lineage) == 4
    layers = {name for name, _ in pyogrio.list_layers(target)}
    assert layers == {"divisions", "buildings", "coverage", "ground", "rates", "lineage"}
    text = drawing.read_text("utf-8")
    assert "2026-02-28 → 2026-03-01" in text
    assert not re.search(
        r"<(script|link|img|iframe)[^>]+(src|href)=", text.replace('href="data:,"', "")
    )
    assert before != whole(town)
    with pytest.raises(InputError, match="earlier day first"):
        jobs.diff(town, SECOND, BEFORE)
    with pytest.raises(InputError, match="no such folder"):
        jobs.diff(town, BEFORE, SECOND, drawing=tmp_path / "none" / "x.html")
    nothing = jobs.diff(town, SECOND, TOY_DAY)
    assert all(frame.empty for name, frame in nothing.layers().items() if name != "rates")
    assert dt.date(2026, 3, 1) == nothing.before
