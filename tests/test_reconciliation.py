"""What does not add up: declared and linked members, orphans, grids that conflict."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box
from toy_town import METRIC

from gridmap import reconciliation as rec
from gridmap.errors import CrsError, FrameError
from gridmap.model.organisations import ORG_KINDS

ONE, TWO, THREE = "500108001001", "500108001002", "500108001003"
COMMUNITIES = pd.Index([TWO, ONE, THREE])


def orgs(*rows):
    """Organisations from (code, kind, parent, host, full, probationary)."""
    names = ["code", "kind", "parent_code", "host_code", "full_members", "probationary_members"]
    full = [(*row, *(None,) * (6 - len(row))) for row in rows]
    return pd.DataFrame(full, columns=names).astype(object).set_index("code")


def members(*rows, of=ONE):
    found = rec.members(orgs(*rows), COMMUNITIES)
    assert found.index.equals(COMMUNITIES)
    return tuple(None if pd.isna(cell) else cell for cell in found.loc[of])


COMMITTEE = ("C", "committee", "street", ONE, 100, 5)
BRANCH = ("B1", "branch", "C", f"{ONE}001", 40, 1)


@pytest.mark.parametrize(
    ("rows", "expected"),  # declared, linked, branches, unknown, pocket, reason
    [
        ([COMMITTEE, BRANCH, ("B2", "joint_branch", "C", ONE, 50, 0)], (105, 91, 2, 0, 14, None)),
        ([COMMITTEE], (105, 0, 0, 0, 105, None)),
        ([BRANCH], (None, 41, 1, 0, None, "no_declaration")),
        ([], (None, 0, 0, 0, None, "no_declaration")),
        # More are linked than are declared.
        ([COMMITTEE, ("B2", "branch", "C", ONE, 110, 0)], (105, 110, 1, 0, -5, None)),
        # The members of a group are its branch's; what is not of the Party has none.
        (
            [COMMITTEE, BRANCH, ("g", "party_group", "B1", ONE, 9, 0),
             ("E", "enterprise", None, ONE, 9, 0)],
            (105, 41, 1, 0, 64, None),
        ),
        # A general branch under the committee of the place declares nothing beside it.
        ([COMMITTEE, ("G", "general_branch", "C", ONE, 60, 0)], (105, 0, 0, 0, 105, None)),
        (
            [COMMITTEE, ("x", "general_branch", "C", TWO, 1, 1),
             ("G", "general_branch", "x", ONE, 60, 0)],
            (105, 0, 0, 0, 105, None),
        ),
        # Two that stand side by side both declare.
        ([COMMITTEE, ("G", "general_branch", "street", ONE, 60, 0)], (165, 0, 0, 0, 165, None)),
        # A zero declares nothing: the branches hold all, or the general branch below declares.
        ([("C", "committee", None, ONE, 0, 0), BRANCH], (None, 41, 1, 0, None, "no_declaration")),
        (
            [("C", "committee", None, ONE, 0, 0), ("G", "general_branch", "C", ONE, 60, 2)],
            (62, 0, 0, 0, 62, None),
        ),
        # A general branch of a grid, a committee of the street: neither speaks for the community.
        ([("G", "general_branch", "C", f"{ONE}001", 60, 0)], (None, 0, 0, 0, None,
                                                            "no_declaration")),
        ([("S", "committee", None, "500108001", 900, 0)], (None, 0, 0, 0, None, "no_declaration")),
        # What lacks a count makes the difference unknown.
        ([("C", "committee", None, ONE, 100, None), BRANCH], (None, 41, 1, 0, None,
                                                             "declared_unknown")),
        ([COMMITTEE, BRANCH, ("B2", "branch", "C", ONE, None, 3)], (105, 41, 2, 1, None,
                                                                   "linked_unknown")),
        # Another community's, the street's own.
        ([COMMITTEE, ("B2", "branch", "C", f"{TWO}001", 40, 0),
          ("B3", "branch", "S", "500108001", 9, 0)], (105, 0, 0, 0, 105, None)),
        ([COMMITTEE, ("B2", "branch", "C", None, 40, 0)], (105, 0, 0, 0, 105, None)),
    ],
)  # fmt: skip
def test_pocket_members_by_hand(rows, expected):
    assert members(*rows) == expected


def test_members_of_nothing_are_none():
    assert rec.members(orgs(), COMMUNITIES[:0]).empty
    assert list(rec.members(orgs(), COMMUNITIES).columns) == list(rec.MEMBER_COLUMNS)
    ring = orgs(("A", "committee", "B", ONE, 9, 0), ("B", "committee", "A", ONE, 9, 0))
    assert rec.members(ring, COMMUNITIES)["reason"].eq("no_declaration").all()


counts = st.one_of(st.none(), st.integers(0, 50))
org_rows = st.lists(
    st.tuples(
        st.sampled_from(["committee", "general_branch", "branch", "joint_branch", "party_group"]),
        st.integers(-1, 9),
        st.sampled_from([ONE, TWO, f"{ONE}001", f"{TWO}001", "500108001", None]),
        counts,
        counts,
    ),
    max_size=10,
)


@settings(max_examples=80, deadline=None)
@given(org_rows, st.integers(0, 99))
def test_members_are_those_counted_one_by_one(rows, seed):
    frame = orgs(
        *(
            (f"o{n}", kind, f"o{p}" if p >= 0 else None, host, full, more)
            for n, (kind, p, host, full, more) in enumerate(rows)
        )
    )
    found = rec.members(frame.sample(frac=1, random_state=seed), COMMUNITIES)

    def count(cell):
        full, more = cell["full_members"], cell["probationary_members"]
        return None if pd.isna(full) or pd.isna(more) else full + more

    def speaks(code, place):
        cell = frame.loc[code]
        kind = cell["kind"] in ("committee", "general_branch")
        return kind and cell["host_code"] == place and count(cell) != 0

    def ancestors(code):
        for _ in range(10):
            code = frame["parent_code"].get(code)
            if code is None or code not in frame.index:
                return
            yield code

    for place in COMMUNITIES:
        said = [
            count(frame.loc[code])
            for code in frame.index
            if speaks(code, place) and not any(speaks(up, place) for up in ancestors(code))
        ]
        held = [
            count(cell)
            for _, cell in frame.iterrows()
            if cell["kind"] in ("branch", "joint_branch")
            and str(cell["host_code"]).startswith(place)
        ]
        row = found.loc[place]
        assert row["linked"] == sum(n for n in held if n is not None)
        assert (row["branches"], row["unknown"]) == (len(held), held.count(None))
        told = bool(said) and None not in said
        assert (row["declared"] == sum(said)) if told else pd.isna(row["declared"])
        sure = told and None not in held
        assert (row["pocket"] == sum(said) - sum(held)) if sure else pd.isna(row["pocket"])
        assert (row["reason"] is None) == sure


DAY = dt.date(2026, 6, 1)
ALWAYS, LATER, OVER = (
    (dt.date(2020, 1, 1), None),
    (dt.date(2026, 6, 2), None),
    (dt.date(2020, 1, 1), DAY),
)


def periods(**rows):
    """Periods from layer=[(code, (from, to))]."""
    flat = [(layer, code, *when) for layer, some in rows.items() for code, when in some]
    return pd.DataFrame(flat, columns=["layer", "code", "begins", "ends"]).astype(object)


HELD = periods(
    organisation=[("C", ALWAYS), ("gone", OVER), ("soon", LATER), ("B", ALWAYS), ("E", ALWAYS),
                  ("back", OVER), ("back", (DAY, None))],
    post=[("P", ALWAYS), ("P-gone", OVER)],
    community=[(ONE, ALWAYS), (TWO, OVER)],
    grid=[(f"{ONE}001", ALWAYS)],
    building=[("b1", ALWAYS), ("E", OVER)],
)  # fmt: skip


def orphans(frame, *duties):
    told = pd.DataFrame(duties, columns=["holder_code", "service", "target_code"], dtype=object)
    return rec.orphans(frame, told, HELD, as_of=DAY)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("X", "party_group", "B", None), []),
        (("X", "party_group", None, None), [(None, "no_parent")]),
        (("X", "committee", None, ONE), [(None, "no_parent")]),
        (("X", "committee", None, "500108001"), [("500108001", "host_unknown")]),
        (("X", "working_committee", None, ONE), []),
        (("X", "enterprise", None, ONE), []),  # needs no parent
        (("X", "enterprise", "gone", None), [(None, "no_host"), ("gone", "parent_ended")]),
        (("X", "department", None, None), []),
        (("X", "general_branch", "soon", ONE), [("soon", "parent_not_yet")]),
        (("X", "general_branch", "nobody", ONE), [("nobody", "parent_unknown")]),
        (("X", "general_branch", "back", ONE), []),  # it ended and came again
        (("X", "general_branch", "P", ONE), [("P", "parent_unknown")]),  # a post is none
        (("X", "general_branch", "C", TWO), [(TWO, "host_ended")]),
        (("X", "general_branch", "C", "b1"), [("b1", "host_unknown")]),  # no division
        (("X", "branch", "C", ONE), [(None, "no_duty")]),
        (("X", "joint_branch", None, None),
         [(None, "no_duty"), (None, "no_host"), (None, "no_parent")]),
    ],
)  # fmt: skip
def test_organisations_that_hang_in_the_air(row, expected):
    found = orphans(orgs(row))
    assert found.drop(columns=["layer", "key"]).values.tolist() == [list(one) for one in expected]
    assert set(found["layer"]) <= {"organisation"}
    assert set(found["key"]) <= {"X"}
    assert set(found["reason"]) <= set(rec.REASONS)


def test_every_kind_needs_a_host_but_those_that_have_none():
    found = orphans(orgs(*((kind, kind, "C", None) for kind in ORG_KINDS)))
    hosted = found["key"][found["reason"] == "no_host"]
    assert set(hosted) == set(ORG_KINDS) - {"party_group", "department"}


@pytest.mark.parametrize(
    ("duty", "expected"),
    [
        (("B", "party_branch", f"{ONE}001"), []),
        (("P", "grid_leader", f"{ONE}001"), []),
        (("P-gone", "grid_leader", f"{ONE}001"), [("P-gone", "holder_ended")]),
        (("soon", "party_branch", f"{ONE}001"), [("soon", "holder_not_yet")]),
        (("b1", "party_branch", f"{ONE}001"), [("b1", "holder_unknown")]),
        (("B", "party_branch", ONE), [(ONE, "target_unknown")]),  # branches go into grids
        (("B", "legal_service", ONE), []),
        (("B", "legal_service", TWO), [(TWO, "target_ended")]),
        (("B", "enterprise_branch", "E"), []),  # the organisation, not the building of that code
        (("B", "party_group", "E"), [("E", "target_ended")]),
        (("nobody", "castle", "b1"), [("nobody", "holder_unknown"), ("b1", "target_unknown")]),
    ],
)
def test_duties_to_nobody(duty, expected):
    found = orphans(orgs(), duty)
    assert found[["code", "reason"]].values.tolist() == [list(one) for one in expected]
    assert set(found["key"]) <= {"/".join(duty)}
    assert set(found["layer"]) <= {"duty"}


def test_a_branch_with_a_duty_is_no_orphan_and_the_rows_stand_in_order():
    frame = orgs(("B", "branch", "C", ONE), ("A", "branch", "gone", ONE))
    duties = [("B", "party_branch", f"{ONE}001"), ("A", "party_branch", "b1")]
    found = orphans(frame, *duties)
    assert found.values.tolist() == [
        ["duty", "A/party_branch/b1", "A", "holder_unknown"],
        ["duty", "A/party_branch/b1", "b1", "target_unknown"],
        ["organisation", "A", "gone", "parent_ended"],
    ]
    pd.testing.assert_frame_equal(orphans(frame[::-1], *duties[::-1]), found)
    same = pd.DataFrame(duties, columns=["holder_code", "service", "target_code"], index=[0, 0])
    at_zero = HELD.set_index(np.zeros(len(HELD), dtype=int))
    pd.testing.assert_frame_equal(rec.orphans(frame, same, at_zero, as_of=DAY), found)
    assert orphans(orgs()).empty
    assert list(orphans(orgs()).columns) == list(rec.ORPHAN_COLUMNS)


@pytest.mark.parametrize(
    ("day", "reason"),
    [(dt.date(2026, 5, 31), "parent_unknown"), (DAY, None), (dt.date(2026, 6, 2), None)],
)
def test_a_period_begins_on_its_first_day_and_does_not_hold_its_last(day, reason):
    held = periods(organisation=[("C", (DAY, dt.date(2026, 6, 3)))], community=[(ONE, ALWAYS)])
    none = pd.DataFrame(columns=["holder_code", "service", "target_code"])
    frame = orgs(("X", "general_branch", "C", ONE))
    told = rec.orphans(frame, none, held, as_of=day)["reason"].to_list()
    assert told == ([] if reason is None else ["parent_not_yet"])
    ended = rec.orphans(frame, none, held, as_of=dt.date(2026, 6, 3))
    assert ended["reason"].to_list() == ["parent_ended"]


def layer(shapes, **columns):
    codes = list(shapes)
    return gpd.GeoDataFrame(columns, index=codes, geometry=list(shapes.values()), crs=METRIC)


GRIDS = layer({"g1": box(0, 0, 100, 100), "g2": box(100, 0, 200, 100)})
DEPARTMENT = layer(
    {
        "p1": box(0, 0, 100, 100),  # the same as g1
        "p2": box(100, 0, 150, 100),
        "p3": box(150, 0, 250, 100),
        "f1": box(0, 0, 197, 50),
    },
    department=["police_grid", "police_grid", "police_grid", "fire_grid"],
)


def test_the_matrix_of_grids_by_hand():
    found = rec.grid_overlaps(GRIDS, DEPARTMENT)
    assert found.values.tolist() == [
        ["fire_grid", "g1", "f1", 5000.0, 0.5, pytest.approx(5000 / 9850)],
        ["fire_grid", "g2", "f1", 4850.0, 0.485, pytest.approx(4850 / 9850)],
        ["police_grid", "g1", "p1", 10000.0, 1.0, 1.0],
        ["police_grid", "g2", "p2", 5000.0, 0.5, 1.0],
        ["police_grid", "g2", "p3", 5000.0, 0.5, 0.5],
    ]
    splits = rec.grid_splits(found, GRIDS.index.append(pd.Index(["g0"])))
    assert splits.values.tolist() == [
        ["fire_grid", "g0", 0, 0.0, None],
        ["fire_grid", "g1", 1, 0.5, None],
        ["fire_grid", "g2", 1, 0.485, None],
        ["police_grid", "g0", 0, 0.0, None],
        ["police_grid", "g1", 1, 1.0, "p1"],
        ["police_grid", "g2", 2, 1.0, None],
    ]


def test_a_strip_along_a_border_is_no_piece_and_a_hair_no_overlap():
    bent = layer({"p": box(0, 0, 104.9, 100), "q": box(104.9, 0, 200, 100)}, department="police")
    found = rec.grid_overlaps(GRIDS, bent)
    splits = rec.grid_splits(found, GRIDS.index)
    assert splits["pieces"].to_list() == [1, 1]
    assert splits["same_code"].to_list() == ["p", "q"]
    hair = layer({"p": box(0, 0, 100.0001, 100)}, department="police")
    assert rec.grid_overlaps(GRIDS, hair)["grid_code"].to_list() == ["g1"]


def test_buildings_with_conflicting_grids_by_hand():
    homes = layer(
        {
            "plain": box(10, 10, 20, 20),
            "split": box(146, 10, 156, 20),  # 4 m in p2, 6 m in p3
            "nearly": box(140.5, 60, 150.5, 70),  # 95 in 100 in p2
            "out": box(300, 0, 310, 10),
            "partly": box(245, 20, 255, 30),
            "touching": box(250, 50, 260, 60),
        }
    )
    found = rec.building_conflicts(homes, DEPARTMENT)
    police = found[found["department"] == "police_grid"].drop(columns="department")
    assert police.values.tolist() == [
        ["out", None, 0.0, 0, "none"],
        ["partly", "p3", 0.5, 1, "partly"],
        ["split", "p3", 0.6, 2, "split"],
        ["touching", None, 0.0, 0, "none"],
    ]
    fire = found[found["department"] == "fire_grid"].set_index("building_code")["reason"]
    assert fire.to_dict() == {"nearly": "none", "out": "none", "partly": "none", "touching": "none"}


def test_a_building_in_two_grids_that_overlap_lies_in_several():
    twice = layer({"b": box(0, 0, 9, 9), "a": box(-1, -1, 20, 20)}, department="fire_grid")
    home = layer({"h": box(2, 2, 4, 4)})
    assert rec.building_conflicts(home, twice).values.tolist() == [
        ["h", "fire_grid", "a", 1.0, 2, "several"]  # the lowest code of equals
    ]
    assert rec.building_conflicts(home, twice.iloc[:1]).empty


def test_courtyards_that_cross_grids_by_hand():
    yards = layer(
        {
            "within": box(10, 10, 50, 50),
            "crosses": box(90, 0, 130, 10),  # a quarter in g1
            "nearly": box(50, 0, 102, 10),  # 2 of 52 m beyond: 0.96 in g1
            "half": box(190, 0, 210, 10),
            "lost": box(500, 0, 510, 10),
        }
    )
    assert rec.courtyard_crossings(yards, GRIDS).values.tolist() == [
        ["crosses", "g2", 300.0, 0.75],
        ["crosses", "g1", 100.0, 0.25],
        ["half", "g2", 100.0, 0.5],
        ["half", None, 100.0, 0.5],
        ["lost", None, 100.0, 1.0],
    ]


def test_buildings_in_several_courtyards_by_hand():
    homes = layer({"h1": box(0, 0, 10, 10), "h2": box(20, 0, 30, 10), "h3": box(0, 50, 9, 60)})
    yards = layer({"x": box(-5, -5, 24, 20), "y": box(4, -5, 40, 20), "z": box(29.6, 0, 60, 20)})
    assert rec.shared_buildings(homes, yards).values.tolist() == [
        ["h1", "x", 1.0],
        ["h1", "y", 0.6],
        ["h2", "y", 1.0],
        ["h2", "x", 0.4],  # z has a twenty-fifth, which is no part
    ]
    assert rec.shared_buildings(homes, yards.loc[["z"]]).empty


corners = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 6), st.integers(1, 6))
boxes = st.lists(corners, min_size=1, max_size=6)


def drawn(prefix, rows, **columns):
    shapes = {f"{prefix}{n}": box(x, y, x + w, y + h) for n, (x, y, w, h) in enumerate(rows)}
    return layer(shapes, **columns)


@settings(max_examples=60, deadline=None)
@given(boxes, boxes, st.data())
def test_shares_are_those_of_every_pair(one, other, data):
    grids = drawn("g", one)
    names = data.draw(st.lists(st.sampled_from(["fire", "police"]), min_size=len(other),
                               max_size=len(other)))  # fmt: skip
    theirs = drawn("d", other, department=names)
    seed = data.draw(st.integers(0, 99))
    found = rec.grid_overlaps(grids, theirs)
    mixed = rec.grid_overlaps(
        grids.sample(frac=1, random_state=seed), theirs.sample(frac=1, random_state=seed)
    )
    pd.testing.assert_frame_equal(mixed, found)
    expected = {
        (d, g): theirs.geometry[d].intersection(grids.geometry[g]).area
        for d in theirs.index
        for g in grids.index
    }
    told = {(row.department_grid_code, row.grid_code): row.area_m2 for row in found.itertuples()}
    assert told == pytest.approx({pair: area for pair, area in expected.items() if area > 0})
    assert (found["grid_share"] <= 1 + 1e-9).all()
    splits = rec.grid_splits(found, grids.index).set_index(["department", "grid_code"])
    for (department, g), row in splits.iterrows():
        mine = [d for d in theirs.index if theirs.department[d] == department]
        share = [expected[d, g] / grids.geometry[g].area for d in mine]
        assert row["pieces"] == sum(part > 1 - rec.SPLIT_SHARE for part in share)
        assert row["covered_share"] == pytest.approx(sum(share))
    _check_conflicts(grids, theirs, expected)


def _check_conflicts(buildings, theirs, area):
    found = rec.building_conflicts(buildings, theirs).set_index(["department", "building_code"])
    for department, some in theirs.groupby("department"):
        for b in buildings.index:
            share = {d: area[d, b] / buildings.geometry[b].area for d in some.index}
            held = {d: part for d, part in share.items() if part > 0}
            largest = max(share.values())
            plain = largest >= 0.95 and sum(part > 0.05 for part in held.values()) == 1
            assert ((department, b) in found.index) == (not plain)
            if plain:
                continue
            row = found.loc[(department, b)]
            assert row["share"] == pytest.approx(largest)
            assert row["grids"] == len(held)
            best = [d for d in sorted(held) if held[d] == pytest.approx(largest)]
            assert row["department_grid_code"] == (best[0] if best else None)
            reason = "none" if not held else "several" if largest >= 0.95 else (
                "split" if len(held) > 1 else "partly")  # fmt: skip
            assert row["reason"] == reason


@settings(max_examples=100, deadline=None)
@given(boxes, st.integers(1, 9))
def test_the_parts_of_a_courtyard_are_the_whole_of_it(rows, width):
    columns = {f"c{n}": box(n * width, 0, (n + 1) * width, 9) for n in range(3)}
    tiles, yards = layer(columns), drawn("y", rows)
    found = rec.courtyard_crossings(yards, tiles)
    assert found.groupby("courtyard_code")["share"].sum().to_list() == pytest.approx(
        [1.0] * found["courtyard_code"].nunique()
    )
    for code, shape in yards.geometry.items():
        held = [shape.intersection(tile).area / shape.area for tile in tiles.geometry]
        assert (code in set(found["courtyard_code"])) == (max(held) < rec.SPLIT_SHARE)
        parts = found[found["courtyard_code"] == code]
        assert parts["area_m2"].sum() == pytest.approx(shape.area if len(parts) else 0)
        assert parts["share"].is_monotonic_decreasing


def test_nothing_in_nothing_out_and_wrong_calls_are_refused():
    none, nowhere = GRIDS.iloc[:0], DEPARTMENT.iloc[:0]
    assert rec.grid_overlaps(none, DEPARTMENT).empty
    assert rec.grid_splits(rec.grid_overlaps(GRIDS, nowhere), GRIDS.index).empty
    assert rec.building_conflicts(none, DEPARTMENT).empty
    empty = rec.building_conflicts(GRIDS, nowhere)
    assert empty.columns.equals(rec.building_conflicts(GRIDS, DEPARTMENT).columns)
    assert rec.courtyard_crossings(none, GRIDS).empty
    assert rec.courtyard_crossings(GRIDS, none)["share"].to_list() == [1.0, 1.0]
    assert rec.shared_buildings(none, GRIDS).empty
    assert rec.shared_buildings(GRIDS, none).empty
    for call in (rec.grid_overlaps, rec.building_conflicts):
        with pytest.raises(FrameError, match="department"):
            call(GRIDS, GRIDS)
    for call in (rec.courtyard_crossings, rec.shared_buildings):
        with pytest.raises(CrsError):
            call(GRIDS.to_crs(4490), GRIDS)
        with pytest.raises(FrameError, match="different"):
            call(GRIDS, GRIDS.set_crs(4544, allow_override=True))
        with pytest.raises(FrameError, match="duplicate"):
            call(pd.concat([GRIDS, GRIDS]), GRIDS)
    with pytest.raises(FrameError, match="duplicate"):
        rec.members(orgs(), COMMUNITIES.append(COMMUNITIES))
    with pytest.raises(FrameError, match="ends"):
        rec.orphans(orgs(), pd.DataFrame(columns=["holder_code", "service", "target_code"]),
                    HELD.drop(columns="ends"), as_of=DAY)  # fmt: skip
    with pytest.raises(FrameError, match="duplicate"):
        rec.grid_splits(rec.grid_overlaps(GRIDS, DEPARTMENT), pd.Index(["g1", "g1"]))
    assert np.isclose(shapely.area(GRIDS.geometry.array).sum(), 20_000)
