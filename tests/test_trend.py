"""Two snapshots of a lens: by hand, and ten thousand random histories against brute force."""

import os
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from gridmap.errors import FrameError
from gridmap.trend import COUNTED_IN, PARTS, packed, rate_changes, status_changes, unpacked

COLUMNS = ["status", "reason", "holder_code", "unit_code", "household_count", "floor_area_m2"]
DISTRICT = "500108"
GRID, NEXT, OTHER = "500108001001001", "500108001001002", "500108001002001"


def snapshot(rows):
    """Return a frame of {code: (status, reason, holder, unit, households, floor area)}."""
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS, dtype=object)
    frame = frame.set_axis(pd.Index(list(rows), dtype=object))
    return frame.astype({"household_count": "Int64", "floor_area_m2": "Float64"})


def own(holder="g", unit=GRID, households=10, area=100.0):
    return ("own", None, holder, unit, households, area)


def bare(reason="no_link", unit=GRID, households=10, area=100.0, holder=None):
    return ("uncovered", reason, holder, unit, households, area)


def changed(before, after):
    return status_changes(snapshot(before), snapshot(after))["change"].to_dict()


def of_unit(before, after, unit=DISTRICT, counted="targets"):
    """Return the one row of a unit and a measure."""
    table = rate_changes(snapshot(before), snapshot(after))
    rows = table[(table["unit_code"] == unit) & (table["unit_of_measure"] == counted)]
    assert len(rows) == 1
    return rows.iloc[0].to_dict()


# --- targets


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        (bare(), own(), "gained"),
        (("neighbour", "no_link", "g", GRID, 1, 1.0), own(), "gained"),
        (bare(), ("joint", None, "g", GRID, 1, 1.0), "gained"),
        (own(), bare(), "lost"),
        (own(), ("neighbour", "no_link", "g", GRID, 1, 1.0), "lost"),
        (("joint", None, "g", GRID, 1, 1.0), bare(), "lost"),
        (bare("no_link"), bare("link_ended"), "reason"),
        (bare(None), bare("no_link"), "reason"),
        (bare("no_link"), ("neighbour", "no_link", None, GRID, 1, 1.0), "reason"),
        (bare("link_ended", holder="g"), bare("link_ended", holder="h"), "reason"),
        (own("g"), own("h"), "holder"),
        (own("g"), ("joint", None, "g", GRID, 1, 1.0), "holder"),
        (None, own(), "appeared_covered"),
        (None, bare(), "appeared_uncovered"),
        (None, ("neighbour", "no_link", "g", GRID, 1, 1.0), "appeared_uncovered"),
        (own(), None, "gone_covered"),
        (bare(), None, "gone_uncovered"),
        (own(), own(), None),
        (bare(), bare(), None),
        (own(), own(unit=NEXT, households=None, area=7.0), None),
        (bare(), bare(unit=None, households=99), None),
    ],
)
def test_each_change(was, now, change):
    before, after = ({} if row is None else {"t": row} for row in (was, now))
    assert changed(before, after) == ({} if change is None else {"t": change})


def test_what_it_was_and_is_is_told():
    before = {"b": bare("link_ended", holder="x"), "a": own(), "c": own("k", unit=OTHER)}
    before |= {"e": bare()}
    after = {"b": own("y", unit=NEXT), "d": bare("no_grid", unit=None), "a": own()}
    after |= {"e": bare("no_grid", unit=None)}
    found = status_changes(snapshot(before), snapshot(after))
    assert found.index.name == "target_code"
    assert {code: tuple(row) for code, row in found.T.to_dict("list").items()} == {
        "b": ("gained", "uncovered", "own", "link_ended", None, "x", "y", NEXT),
        "c": ("gone_covered", "own", None, None, None, "k", None, OTHER),
        "d": ("appeared_uncovered", None, "uncovered", None, "no_grid", None, None, None),
        "e": ("reason", "uncovered", "uncovered", "no_link", "no_grid", None, None, None),
    }
    assert found.columns.tolist() == [
        "change", "status_before", "status_after", "reason_before", "reason_after",
        "holder_before", "holder_after", "unit_code",
    ]  # fmt: skip


# --- rates

ONE_BARE = {"a": own(), "b": bare(households=30, area=300.0)}


def test_a_rate_that_rose_because_buildings_were_demolished_says_so():
    row = of_unit(ONE_BARE, {"a": own()})
    assert (row["covered_before"], row["total_before"]) == (1, 2)
    assert (row["covered_after"], row["total_after"]) == (1, 1)
    assert (row["total_gone"], row["covered_gone"], row["covered_gained"]) == (-1, 0, 0)
    assert (row["share_by_coverage"], row["share_by_denominator"]) == (0, 0.5)
    assert row["cause"] == "denominator"
    households = of_unit(ONE_BARE, {"a": own()}, counted="households")
    assert (households["total_gone"], households["share_by_denominator"]) == (-30, 0.75)


@pytest.mark.parametrize(
    ("before", "after", "cause", "by_coverage", "by_denominator"),
    [
        (ONE_BARE, ONE_BARE, "none", 0, 0),
        (ONE_BARE, {"a": own(), "b": own()}, "coverage", 1 / 2, 0),
        (ONE_BARE, {"a": bare(), "b": bare()}, "coverage", -1 / 2, 0),
        (ONE_BARE, ONE_BARE | {"c": bare()}, "denominator", 0, -1 / 6),
        (ONE_BARE, ONE_BARE | {"c": own()}, "denominator", 0, 1 / 6),
        (ONE_BARE, {"a": own(), "b": own(), "c": bare()}, "both", 1 / 2, -1 / 3),
        # Another target is covered: as many as before.
        (ONE_BARE, {"a": bare(), "b": own()}, "none", 0, 0),
        # What came is covered as often as what was there: the share did not feel it.
        (ONE_BARE, ONE_BARE | {"c": own(), "d": bare()}, "none", 0, 0),
        (ONE_BARE, {"a": own(), "b": own(), "c": own()}, "coverage", 1 / 2, 0),
        # One lost, and then none of two is as much as none of one.
        (ONE_BARE, {"a": bare()}, "coverage", -1 / 2, 0),
        # Everything anew.
        (ONE_BARE, {"x": own(), "y": own()}, "denominator", 0, 1 / 2),
        # A loss that demolition hides.
        (
            {"a": own(), "b": own(), "c": bare(), "d": bare()},
            {"a": own(), "b": bare()},
            "none", -1 / 4, 1 / 4,
        ),
        # No share on one side.
        ({}, ONE_BARE, "denominator", None, None),
        (ONE_BARE, {}, "denominator", None, None),
    ],
)  # fmt: skip
def test_each_cause(before, after, cause, by_coverage, by_denominator):
    row = of_unit(before, after)
    found = (row["share_by_coverage"], row["share_by_denominator"])
    if by_coverage is None:
        assert np.isnan(found).all()
    else:
        assert found == pytest.approx((by_coverage, by_denominator))
    assert row["cause"] == cause


def test_households_that_were_counted_anew_are_a_change_of_weight():
    before = {"a": own(households=10), "b": bare(households=30), "c": own(households=None)}
    after = {"a": own(households=20), "b": own(households=25), "c": own(households=5)}
    row = of_unit(before, after, counted="households")
    told = {name: row[name] for name in row if name.startswith(("covered", "total"))}
    assert {name: amount for name, amount in told.items() if amount} == {
        "covered_before": 10, "total_before": 40, "covered_after": 50, "total_after": 50,
        "covered_gained": 30, "covered_weight_changed": 10, "total_weight_changed": 10,
    }  # fmt: skip
    # 10/40, then 40/40, then 50/50: new counts of what is wholly covered move no share.
    assert (row["cause"], row["share_by_coverage"], row["share_by_denominator"]) == (
        "coverage", 0.75, 0,
    )  # fmt: skip
    only = of_unit(before, before | {"a": own(households=20)}, counted="households")
    assert only["cause"] == "denominator"


def test_a_target_that_moved_is_gone_here_and_appeared_there():
    before = {"a": own(unit=GRID), "b": bare(unit=GRID)}
    after = {"a": own(unit=NEXT), "b": bare(unit=GRID)}
    here, there = (of_unit(before, after, unit) for unit in (GRID, NEXT))
    assert (here["covered_gone"], here["total_gone"], here["cause"]) == (-1, -1, "denominator")
    assert (there["covered_appeared"], there["total_appeared"]) == (1, 1)
    above = of_unit(before, after, "500108001001")
    assert (above["total_gone"], above["total_appeared"], above["cause"]) == (0, 0, "none")


def test_units_are_prefixes_as_long_as_asked_for():
    before = snapshot({"a": own(), "b": bare(unit="500108001"), "c": own(unit=None)})
    table = rate_changes(before, before)
    found = {
        row.unit_code: (row.covered_before, row.total_before)
        for row in table.itertuples()
        if row.unit_of_measure == "targets"
    }
    assert found == {
        "500108": (1, 2), "500108001": (1, 2), "500108001001": (1, 1), GRID: (1, 1)
    }  # fmt: skip
    assert table["unit_of_measure"].tolist() == list(COUNTED_IN) * 4
    assert rate_changes(before, before, unit_lengths=[9, 9, 6])["unit_code"].unique().tolist() == [
        "500108", "500108001",
    ]  # fmt: skip
    assert rate_changes(before, before, unit_lengths=[]).columns.equals(table.columns)


def test_sums_of_floor_areas_are_exact():
    """0.1 + 0.2 is not 0.3; and what is shown with two digits is the sum of what is shown."""
    rows = {f"t{k}": own(area=0.1 + k / 100) for k in range(400)}
    after = {code: own(area=0.7) for code in list(rows)[::3]} | {"new": own(area=0.3)}
    row = of_unit(rows, after, counted="m2")
    for what, parts in PARTS.items():
        total = row[f"{what}_before"]
        for part in parts:
            total += row[f"{what}_{part}"]
        assert total == row[f"{what}_after"]
    assert round(row["total_before"], 2) == round(400 * 0.1 + 399 * 200 / 100, 2)


def test_equal_floors_are_equal_however_they_are_made_up():
    """A history found it: thrice 0.1 is 0.1 and 0.2, though not in binary digits."""
    before = {"a": bare(area=0.1), "b": bare(area=0.2)}
    after = {"a": own(area=0.1), "c": bare(area=0.1), "d": bare(area=0.1)}
    row = of_unit(before, after, counted="m2")
    assert (row["cause"], row["share_by_denominator"]) == ("coverage", 0)
    many = {f"t{k}": own(area=0.1) if k % 2 else bare(area=0.1) for k in range(20_000)}
    other = {"own": own(area=1000), "bare": bare(area=1000)}
    assert of_unit(many, other, counted="m2")["cause"] == "none"


def test_empty_in_empty_out():
    none, some = snapshot({}), snapshot(ONE_BARE)
    for found, full in (
        (status_changes(none, none), status_changes(none, some)),
        (rate_changes(none, none), rate_changes(none, some)),
        (unpacked(packed(none)), unpacked(packed(some))),
    ):
        assert len(found) == 0
        assert found.columns.tolist() == full.columns.tolist()
    pd.testing.assert_frame_equal(unpacked(packed(none)), none.rename_axis("target_code"))


def test_frames_must_fit():
    frame = snapshot(ONE_BARE)
    for compared in (status_changes, rate_changes):
        with pytest.raises(FrameError, match="snapshot before lacks the columns reason"):
            compared(frame.drop(columns="reason"), frame)
        with pytest.raises(FrameError, match="snapshot after has duplicate"):
            compared(frame, pd.concat([frame, frame]))
        with pytest.raises(FrameError, match="household_count that is no amount"):
            compared(frame, frame.assign(household_count=-1))
        with pytest.raises(FrameError, match="floor_area_m2 that is no amount"):
            compared(frame.assign(floor_area_m2=float("inf")), frame)
        with pytest.raises(FrameError, match="whole number"):
            compared(frame.assign(household_count=0.5), frame)


# --- bytes


def test_bytes_are_the_same_whatever_the_order_and_hold_only_the_snapshot():
    frame = snapshot(ONE_BARE | {"c": bare(None, None, None, None)})
    data = packed(frame)
    assert packed(frame.iloc[::-1].assign(parts=3)[["parts", *reversed(COLUMNS)]]) == data
    assert packed(frame.astype(object)) == data
    assert packed(frame.replace({"g": "h"})) != data
    assert data[:4] == b"PAR1"
    rows = snapshot({f"t{k}": own() for k in range(20_000)})
    assert len(packed(rows)) < 200_000
    assert packed(frame.assign(floor_area_m2=-0.0)) == packed(frame.assign(floor_area_m2=0.0))


def test_what_is_no_snapshot_is_told():
    frame = snapshot(ONE_BARE)
    with pytest.raises(FrameError, match="lacks the columns unit_code"):
        packed(frame.drop(columns="unit_code"))
    with pytest.raises(FrameError, match="duplicate"):
        packed(pd.concat([frame, frame]))
    with pytest.raises(FrameError, match="text codes"):
        packed(frame.set_axis([1, 2]))
    with pytest.raises(FrameError, match="kind"):
        packed(frame.assign(household_count=0.5))
    with pytest.raises(FrameError, match="kind"):
        packed(frame.assign(reason=7))
    data = packed(frame)
    for wrong in (b"", b"PAR1", data[:-9], data[9:], b"x" * 99):
        with pytest.raises(FrameError, match="not those of a snapshot"):
            unpacked(wrong)
    with pytest.raises(FrameError, match="another table"):
        unpacked(pd.DataFrame({"a": [1]}).to_parquet())


TEXT = st.none() | st.text(max_size=5)
PACKED_ROW = st.tuples(
    *(TEXT,) * 4,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=6), PACKED_ROW, max_size=8), st.randoms())
def test_a_snapshot_comes_back_as_it_went(rows, random):
    frame = snapshot(rows)
    codes = list(rows)
    random.shuffle(codes)
    data = packed(frame.loc[codes])
    assert data == packed(frame)
    back = unpacked(data)
    pd.testing.assert_frame_equal(back, frame.sort_index().rename_axis("target_code"))
    for name in COLUMNS[:4]:
        assert all(cell is None or isinstance(cell, str) for cell in back[name])
    assert packed(back) == data


# --- histories

COVERED = {"own", "joint"}
UNITS = st.sampled_from([None, GRID, NEXT, OTHER, "500108001", "500112001001001"])
HOUSEHOLDS = st.none() | st.integers(0, 3)
AREAS = st.none() | st.sampled_from([0.0, 0.1, 0.2, 33.33, 100.0])
HOLDERS = st.sampled_from("gh")
REASONS = st.sampled_from(["no_link", "link_ended"])


def diff_by_loops(before, after):
    found = {}
    for code in sorted({*before, *after}):
        old, new = before.get(code), after.get(code)
        if old is None:
            change = "appeared_covered" if new[0] in COVERED else "appeared_uncovered"
        elif new is None:
            change = "gone_covered" if old[0] in COVERED else "gone_uncovered"
        elif old[:3] == new[:3]:
            continue
        elif (old[0] in COVERED) != (new[0] in COVERED):
            change = "gained" if new[0] in COVERED else "lost"
        else:
            change = "holder" if new[0] in COVERED else "reason"
        was, now = old or (None,) * 6, new or (None,) * 6
        unit = old[3] if new is None else new[3]
        found[code] = (change, was[0], now[0], was[1], now[1], was[2], now[2], unit)
    return found


def applied(before, changes):
    """Return {code: (status, reason, holder)} after changes."""
    state = {code: row[:3] for code, row in before.items()}
    for change in changes.itertuples():
        if change.change.startswith("gone"):
            del state[change.Index]
        else:
            state[change.Index] = (
                change.status_after, change.reason_after, change.holder_after
            )  # fmt: skip
    return state


def weight(row, counted):
    """Return what a target adds, households as they are, floors in whole hundredths."""
    if counted == "targets":
        return 1
    if counted == "households":
        return row[4] or 0
    return round((row[5] or 0) * 100)


def inside(rows, unit):
    return {code: row for code, row in rows.items() if row[3] and row[3].startswith(unit)}


def figures_by_loops(before, after, unit, counted):
    """Return the amounts of a unit and its cause, each part counted target by target."""
    was, now = inside(before, unit), inside(after, unit)
    old = {code: weight(row, counted) for code, row in was.items()}
    new = {code: weight(row, counted) for code, row in now.items()}
    had = {code for code, row in was.items() if row[0] in COVERED}
    has = {code for code, row in now.items() if row[0] in COVERED}
    both = was.keys() & now.keys()
    found = {
        "covered_before": sum(old[c] for c in had),
        "total_before": sum(old.values()),
        "covered_after": sum(new[c] for c in has),
        "total_after": sum(new.values()),
        "covered_gained": sum(old[c] for c in both & has - had),
        "covered_lost": -sum(old[c] for c in both & had - has),
        "covered_appeared": sum(new[c] for c in has - both),
        "covered_gone": -sum(old[c] for c in had - both),
        "covered_weight_changed": sum(new[c] - old[c] for c in both & has),
        "total_appeared": sum(new[c] for c in now.keys() - both),
        "total_gone": -sum(old[c] for c in was.keys() - both),
        "total_weight_changed": sum(new[c] - old[c] for c in both),
    }
    # The targets that were, with the weights they had and the status they have.
    between = sum(old[c] for c in was if (c in has if c in both else c in had))
    return found, cause_by_fractions(found, between)


def cause_by_fractions(found, between):
    whole, whole_now = found["total_before"], found["total_after"]
    if not whole or not whole_now:
        return "none" if whole == whole_now else "denominator"
    first = Fraction(found["covered_before"], whole)
    middle = Fraction(between, whole)
    last = Fraction(found["covered_after"], whole_now)
    if first == last:
        return "none"
    if middle == first:
        return "denominator"
    return "coverage" if middle == last else "both"


def check(before, after):
    """Hold a pair of snapshots to what loops say."""
    old, new = snapshot(before), snapshot(after)
    changes = status_changes(old, new)
    found = dict(zip(changes.index, changes.itertuples(index=False, name=None), strict=True))
    assert found == diff_by_loops(before, after)
    assert applied(before, changes) == {code: row[:3] for code, row in after.items()}
    rates = rate_changes(old, new)
    units = {
        row[3][:length]
        for row in [*before.values(), *after.values()]
        for length in (6, 9, 12, 15)
        if row[3] and len(row[3]) >= length
    }
    keys = [(len(unit), unit, counted) for unit in sorted(units) for counted in COUNTED_IN]
    told = zip(rates["unit_code"].str.len(), rates["unit_code"], rates["unit_of_measure"])  # noqa: B905
    assert list(told) == sorted(keys, key=lambda key: key[:2])
    for row in rates.to_dict("records"):
        wanted, cause = figures_by_loops(before, after, row["unit_code"], row["unit_of_measure"])
        scale = 100 if row["unit_of_measure"] == "m2" else 1
        assert {name: round(row[name] * scale, 3) for name in wanted} == wanted
        for what, parts in PARTS.items():
            amounts = [row[f"{what}_{part}"] for part in parts]
            assert row[f"{what}_before"] + sum(amounts) == row[f"{what}_after"]
        assert row["cause"] == cause
    assert unpacked(packed(old)).equals(old.sort_index())


class History(RuleBasedStateMachine):
    """A lens over some days: targets come and go, are covered and not, weigh more, move."""

    runs: ClassVar[int] = 0

    def __init__(self):
        super().__init__()
        self.rows, self.frozen, self.next = {}, {}, 0

    def some(self, data):
        return data.draw(st.sampled_from(sorted(self.rows))) if self.rows else None

    def put(self, code, **cells):
        if code is not None:
            row = dict(zip(COLUMNS, self.rows[code], strict=True)) | cells
            self.rows[code] = tuple(row[name] for name in COLUMNS)

    @initialize(units=st.lists(UNITS, max_size=6), count=HOUSEHOLDS, area=AREAS)
    def begin(self, units, count, area):
        for unit in units:
            self.add(unit, count, area)

    @rule(unit=UNITS, count=HOUSEHOLDS, area=AREAS)
    def add(self, unit, count, area):
        self.rows[f"t{self.next:02}"] = ("uncovered", "no_link", None, unit, count, area)
        self.next += 1

    @rule(data=st.data())
    def remove(self, data):
        self.rows.pop(self.some(data), None)

    @rule(data=st.data(), status=st.sampled_from(sorted(COVERED)), holder=HOLDERS)
    def cover(self, data, status, holder):
        self.put(self.some(data), status=status, reason=None, holder_code=holder)

    @rule(
        data=st.data(),
        status=st.sampled_from(["uncovered", "neighbour"]),
        reason=REASONS,
        holder=st.none() | HOLDERS,
    )
    def uncover(self, data, status, reason, holder):
        self.put(self.some(data), status=status, reason=reason, holder_code=holder)

    @rule(data=st.data(), count=HOUSEHOLDS, area=AREAS)
    def weigh(self, data, count, area):
        self.put(self.some(data), household_count=count, floor_area_m2=area)

    @rule(data=st.data(), unit=UNITS)
    def move(self, data, unit):
        self.put(self.some(data), unit_code=unit)

    @rule()
    def freeze(self):
        self.frozen = dict(self.rows)

    def teardown(self):
        check(self.frozen, self.rows)
        History.runs += 1


def histories(count):
    """Run so many, and return how many there were."""
    History.runs = 0
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=count,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return History.runs


def test_the_difference_of_snapshots_is_the_difference_recomputed():
    assert histories(150) >= 150


@pytest.mark.slow
def test_many_histories():
    """Ten thousand of them, all the same, were run on 2026-11-26: ``HISTORIES=10000``."""
    count = int(os.environ.get("HISTORIES", "250"))
    assert histories(count) >= count
