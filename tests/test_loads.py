import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box

from gridmap import loads
from gridmap.errors import FrameError

A, B = "500108001001", "500108001002"


def table(*rows):
    """Grid code -> buildings, unknown, households."""
    return pd.DataFrame(
        [row[1:] for row in rows], index=[row[0] for row in rows], columns=loads.LOAD_COLUMNS
    )


def test_households_are_counted_where_they_are_and_unknown_ones_are_not_none():
    homes = pd.DataFrame(
        {
            "grid_code": ["g1", "g1", "g2", None, "elsewhere", "g1"],
            "household_count": pd.array([100, None, 0, 7, 9, 60], dtype="Int64"),
        }
    )
    found = loads.grid_loads(homes, pd.Index(["g3", "g2", "g1"]))
    assert found.to_dict("index") == {
        "g1": {"buildings": 3, "unknown": 1, "households": 160},
        "g2": {"buildings": 1, "unknown": 0, "households": 0},
        "g3": {"buildings": 0, "unknown": 0, "households": 0},
    }
    assert loads.grid_loads(homes.head(0), pd.Index(["g1"])).loc["g1"].to_list() == [0, 0, 0]
    with pytest.raises(FrameError):
        loads.grid_loads(homes.assign(household_count=-1), pd.Index(["g1"]))
    with pytest.raises(FrameError):
        loads.grid_loads(homes, pd.Index(["g1", "g1"]))


def test_the_band_is_held_at_its_very_ends_and_the_unknown_are_told():
    found = table(
        ("few", 2, 0, 149),
        ("least", 2, 0, 150),
        ("most", 2, 0, 500),
        ("many", 2, 0, 501),
        ("perhaps", 3, 1, 149),
        ("perhaps2", 3, 1, 200),
        ("surely", 3, 1, 501),
        ("silent", 2, 2, 0),
        ("silent2", 1, 1, 0),
        ("bare", 0, 0, 0),
    )
    ground = gpd.GeoSeries([box(n, 0, n + 1, 1) for n in range(10)], index=found.index)
    issues = loads.band_issues(found, ground, {"few": 7})
    told = [(one.shape, one.values.get("grid"), one.row, str(one.severity)) for one in issues]
    assert told == [
        ("S01.few", "few", 7, "warning"),
        ("S01.many", "many", None, "warning"),
        ("S01.unknown", "perhaps", None, "info"),
        ("S01.unknown", "perhaps2", None, "info"),
        ("S01.many", "surely", None, "warning"),
        ("S01.none", None, None, "info"),
    ]
    assert issues[0].geometry.equals(ground["few"])
    assert issues[-1].values["count"] == 2
    assert "149" in issues[0].message("zh")
    assert "1 of them" in issues[4].message("en")
    assert [one.shape for one in loads.band_issues(found, ground, {}, band=(0, 10_000))] == [
        "S01.unknown",
        "S01.unknown",
        "S01.unknown",
        "S01.none",
    ]


def test_balance_by_hand():
    """A: 10 and 30 of 3 grids: mean 20, pairs differ by 20 twice of 4: mean 10 / (2 x 20) = 1/4."""
    found = table(
        (f"{A}002", 1, 0, 30),
        (f"{A}001", 2, 1, 10),
        (f"{A}003", 0, 0, 0),
        (f"{B}001", 4, 0, 400),
        ("500108001003001", 1, 0, 0),
        ("500108001003002", 1, 0, 0),
    )
    shown = loads.balance(found)
    assert shown.to_dict("index") == {
        A: {
            "grids": 2,
            "total": 3,
            "unknown": 1,
            "households": 40,
            "mean": 20.0,
            "ratio": 1.5,
            "gini": 0.25,
            "fullest": f"{A}002",
        }
    }
    ground = gpd.GeoSeries([box(n, 0, n + 1, 1) for n in range(6)], index=found.index)
    (issue,) = loads.balance_issues(found, ground)
    assert (issue.shape, str(issue.severity), issue.row) == ("S02.balance", "info", None)
    assert issue.geometry.equals(ground[f"{A}002"])
    assert "1.50" in issue.message("en")
    assert "0.25" in issue.message("zh")
    assert loads.balance(found.head(0)).empty


@given(st.lists(st.integers(0, 3000), min_size=2, max_size=12), st.integers(1, 9))
def test_gini_is_that_of_all_pairs_and_knows_no_scale_and_no_order(counts, factor):
    def of(values):
        rows = [(f"{A}{n:03}", 1, 0, value) for n, value in enumerate(values, start=1)]
        return loads.balance(table(*rows))

    if sum(counts) == 0:
        assert of(counts).empty
        return
    one = of(counts).loc[A]
    every = np.abs(np.subtract.outer(counts, counts)).mean() / (2 * np.mean(counts))
    assert one["gini"] == pytest.approx(every, abs=1e-12)
    assert -1e-12 <= one["gini"] <= 1 - 1 / len(counts) + 1e-12
    assert one["ratio"] == pytest.approx(max(counts) / np.mean(counts))
    assert of([factor * n for n in counts]).loc[A, "gini"] == pytest.approx(one["gini"])
    assert of(counts[::-1]).loc[A, "gini"] == pytest.approx(one["gini"])
