"""Change sets: the checks of an import, all or nothing, once, and taken back."""

import datetime as dt
import threading

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Point, Polygon, box
from toy_town import TOY_DAY, frame

from gridmap import jobs, store, tables
from gridmap.errors import (
    BatchNotFound,
    Conflict,
    LayerNotFound,
    LayerRejected,
    RowNotFound,
    StaleVersion,
    StoreUnavailable,
)
from gridmap.jobs import change_sets
from gridmap.jobs.change_sets import change, change_row, undo_change
from gridmap.jobs.edits import ChangeSet, Edit

pytestmark = pytest.mark.db

DAY = TOY_DAY
GRID, NEXT_GRID = "990101001001001", "990101001001002"


def ground(west, south, east, north):
    """A rectangle in metres of the toy town, in degrees."""
    shape = box(364000 + west, 3266000 + south, 364000 + east, 3266000 + north)
    return frame([shape]).to_crs(4490).geometry[1]


def spot(x, y):
    return frame([Point(364000 + x, 3266000 + y)]).to_crs(4490).geometry[1]


def ask(*edits, reason="补录", **options):
    return ChangeSet(edits, reason, "li", **{"effective": DAY, **options})


def stored_row(engine, name, code, *, as_of):
    """Return version and fields of a row, by the statement that writes go by."""
    with store.transaction(engine) as conn:
        row = store.read_rows(conn, name, [code], as_of=as_of).get(code)
    if row is None:
        raise RowNotFound(code)
    return {"version": row.version, "fields": row.fields}


def version(engine, name, code):
    return stored_row(engine, name, code, as_of=DAY)["version"]


def fields(engine, name, code):
    return stored_row(engine, name, code, as_of=DAY)["fields"]


def house(code="N1", west=40, **more):
    return Edit(
        "building", "create", code, None, {"floors": 3, **more}, ground(west, 60, west + 10, 80)
    )


def state(engine):
    """Every row of every layer, with its stamps."""
    with engine.connect() as conn:
        return {
            table.name: sorted(
                map(str, conn.execute(sa.select(*(sa.cast(c, sa.Text) for c in table.c))).all())
            )
            for table in tables.HISTORY
        }


def batches(engine):
    with store.transaction(engine) as conn:
        return len(store.read_batches(conn))


def shapes(caught):
    return [(one.shape, one.row, one.field) for one in caught.value.report.errors]


# --- what an edit does


def test_update_changes_what_it_names_and_replace_all(town):
    edit = Edit("building", "update", "T1", version(town, "building", "T1"), {"floors": 6})
    answer, again = change(town, ask(edit))
    assert (again, answer["updated"], answer["dry_run"]) == (False, 1, False)
    assert answer["versions"] == [
        {"layer": "building", "code": "T1", "version": answer["batches"][0]["id"]}
    ]
    assert version(town, "building", "T1") == answer["versions"][0]["version"]
    row = fields(town, "building", "T1")
    assert (row["floors"], row["name"], row["household_count"]) == (6, "1号楼", 10)

    shape = ground(10, 10, 30, 30)
    whole = Edit(
        "building", "replace", "T1", version(town, "building", "T1"), {"name": "甲"}, shape
    )
    change(town, ask(whole))
    row = fields(town, "building", "T1")
    assert (row["floors"], row["name"], row["household_count"]) == (None, "甲", None)
    # A shape that is left out of a replacement is left out.
    bare = Edit("building", "replace", "T1", version(town, "building", "T1"), {"name": "甲"})
    with pytest.raises(LayerRejected) as caught:
        change(town, ask(bare))
    assert shapes(caught) == [("G01.null", 0, "geometry")]


def test_an_edit_goes_through_what_an_import_derives(town):
    change(town, ask(house()))
    with store.transaction(town) as conn:
        grids = store.read_building_grids(conn, as_of=DAY)
    assert grids["grid_code"]["N1"] == GRID
    moved = Edit(
        "building", "update", "N1", version(town, "building", "N1"), {}, ground(140, 60, 150, 80)
    )
    change(town, ask(moved))
    with store.transaction(town) as conn:
        grids = store.read_building_grids(conn, as_of=DAY)
    assert grids["grid_code"]["N1"] == NEXT_GRID


def test_what_ends_has_a_past(town):
    change(
        town,
        ask(Edit("duty", "end", "G1/party_group/T1", version(town, "duty", "G1/party_group/T1"))),
    )
    with pytest.raises(RowNotFound):
        stored_row(town, "duty", "G1/party_group/T1", as_of=DAY)
    before = stored_row(town, "duty", "G1/party_group/T1", as_of=DAY - dt.timedelta(days=1))
    assert before["fields"]["mode"] == "own"
    change(town, ask(Edit("building", "end", "T8", version(town, "building", "T8"))))
    assert stored_row(town, "building", "T8", as_of=dt.date(2026, 5, 1))["fields"]["floors"] == 5


def test_a_grid_is_split_in_one_change_and_its_ground_is_inherited(town):
    """One grid ends and two take its ground: neither is a step that tiles by itself."""
    with store.transaction(town) as conn:
        buildings = store.read_building_grids(conn, as_of=DAY)["grid_code"].to_dict()
    edits = (
        Edit("grid", "end", GRID, version(town, "grid", GRID)),
        Edit("grid", "create", "990101001001003", None, {"name": "南"}, ground(0, 0, 100, 100)),
        Edit("grid", "create", "990101001001004", None, {"name": "北"}, ground(0, 100, 100, 200)),
    )
    with pytest.raises(LayerRejected) as caught:  # the Party branch still serves the grid's code
        change(town, ask(*edits[1:]))
    assert {one.rule for one in caught.value.report.errors} == {"G02"}
    orgs = [
        Edit(
            "organisation",
            "update",
            code,
            version(town, "organisation", code),
            {"host_code": "990101001001003"},
        )
        for code in ("G1", "G2")
    ]
    duty = "B1/party_branch/" + GRID
    answer, _ = change(
        town, ask(*edits, *orgs, Edit("duty", "end", duty, version(town, "duty", duty)))
    )
    assert [one["layer"] for one in answer["batches"]] == ["grid", "organisation", "duty"]
    assert (answer["inserted"], answer["updated"], answer["ended"]) == (2, 2, 2)
    with store.transaction(town) as conn:
        lineage = store.read_lineage(conn, GRID)
        grids = store.read_building_grids(conn, as_of=DAY)["grid_code"].to_dict()
    assert set(lineage["new_code"]) == {"990101001001003", "990101001001004"}
    assert grids["T1"] == "990101001001003"
    undo_change(town, answer["batches"][1]["id"], reason="误", account="li", key=None, request=None)
    with store.transaction(town) as conn:
        assert store.read_building_grids(conn, as_of=DAY)["grid_code"].to_dict() == buildings
        assert GRID in store.read_codes(conn, "grid", as_of=DAY)
        assert "990101001001003" not in store.read_codes(conn, "grid", as_of=DAY)


# --- all or nothing


def test_all_issues_are_told_and_nothing_is_written(town):
    before = state(town), batches(town)
    edits = (
        house(),
        Edit("building", "create", "T1", None, {}, ground(40, 60, 50, 80)),
        Edit("building", "update", "nobody", 1, {"floors": 1}),
        Edit(
            "building",
            "update",
            "T2",
            version(town, "building", "T2"),
            {"floors": 900, "colour": "red"},
        ),
        Edit("building", "update", "T3", version(town, "building", "T3"), {"floors": 900}),
        Edit("building", "update", "T3", version(town, "building", "T3"), {"floors": 5}),
        Edit("building", "update", "T4", version(town, "building", "T4"), {"floors": 900}),
        Edit("building", "update", "T5", version(town, "building", "T5"), {"code": "T55"}),
        Edit("duty", "create", "G9/party_group/T1", None, _duty("G9", "T1")),
        Edit("post", "create", "P1", None, {"kind": "castle"}, spot(1, 1)),
    )
    with pytest.raises(LayerRejected, match="nothing was written") as caught:
        change(town, ask(*edits))
    told = shapes(caught)
    assert ("E01.exists", 1, "code") in told
    assert ("E01.unknown", 2, "code") in told
    assert ("E01.field", 3, "colour") in told
    assert ("E01.twice", 5, "code") in told
    assert ("F04.range", 6, "floors") in told
    assert ("E01.key", 7, "code") in told
    assert ("P02.org", 8, "holder_code") in told
    assert ("E01.field", 9, "geometry") in told
    rows = [row for _, row, _ in told]
    assert rows == sorted(rows)
    for one in caught.value.report.errors:
        assert one.message("zh") and one.message("en")
    assert (state(town), batches(town)) == before


def _duty(holder, target):
    return {"holder_code": holder, "service": "party_group", "target_code": target, "mode": "own"}


def test_issues_of_a_file_and_of_the_same_rows_as_edits_are_the_same(town, tmp_path):
    """One path for both: no check is left out, none is added."""
    path = tmp_path / "building.csv"
    path.write_text(
        "code,floors,declared_unit,wkt\n"
        'N1,300,990109,"POLYGON((364040 3266060, 364050 3266060, 364050 3266080, 364040 3266080, '
        '364040 3266060))"\n'
        'N2,3,990101001002,"POLYGON((364015 3266015, 364025 3266015, 364025 3266025, '
        '364015 3266025, 364015 3266015))"\n',
        "utf-8",
    )
    with pytest.raises(LayerRejected) as file:
        jobs.import_layer(town, path, "building", effective=DAY, source_crs="EPSG:4545")
    edits = (
        Edit(
            "building",
            "create",
            "N1",
            None,
            {"floors": 300, "declared_unit": "990109"},
            ground(40, 60, 50, 80),
        ),
        Edit(
            "building",
            "create",
            "N2",
            None,
            {"floors": 3, "declared_unit": "990101001002"},
            ground(15, 15, 25, 25),
        ),
    )
    with pytest.raises(LayerRejected) as edited:
        change(town, ask(*edits))
    told = {(one.shape, one.row - 1, one.field) for one in file.value.report.issues if one.row}
    assert told == {
        (one.shape, one.row, one.field) for one in edited.value.report.issues if one.row is not None
    }
    assert {"F04.range", "G10.unit", "G10.far", "G09.overlap"} <= {shape for shape, _, _ in told}


def test_a_trial_tells_the_same_and_leaves_nothing(town):
    before = state(town), batches(town)
    answer, _ = change(
        town,
        ask(house(), Edit("building", "end", "T8", version(town, "building", "T8"))),
        commit=False,
    )
    assert (answer["inserted"], answer["ended"], answer["dry_run"]) == (1, 1, True)
    assert (answer["batches"], answer["change_set"]) == ([], None)
    assert (state(town), batches(town)) == before
    with pytest.raises(LayerRejected):
        change(town, ask(house(floors=900)), commit=False)


def test_what_refers_to_an_end_is_told_beside_what_ends_with_it(town):
    """The duty of B1 for a grid stays behind: a child of a division that ends is an error."""
    edits = [Edit("community", "end", "990101001001", version(town, "community", "990101001001"))]
    with pytest.raises(LayerRejected) as caught:
        change(town, ask(*edits))
    assert ("T01.children", 0, "code") in shapes(caught)
    answer, _ = change(town, ask(Edit("building", "end", "T1", version(town, "building", "T1"))))
    told = {(one["rule"], one["row"]) for one in answer["issues"]}
    assert ("T01", 0) in told, "its entrance and its duty are left, and that is a warning"


def test_days_are_kept_in_order(town):
    edit = house()
    with pytest.raises(LayerRejected) as caught:
        change(town, ask(edit, effective=dt.date(2026, 6, 2)), today=DAY)
    assert shapes(caught)[0][0] == "T01.future"
    change(
        town, ask(Edit("building", "update", "T2", version(town, "building", "T2"), {"floors": 9}))
    )
    earlier = dt.date(2026, 3, 1)
    for action, more in (("update", {"floors": 8}), ("end", {})):
        with pytest.raises(LayerRejected) as caught:
            change(town, ask(Edit("building", action, "T2", None, more), effective=earlier))
        assert shapes(caught) == [("C04.overlap", 0, "code")], action
    change(town, ask(Edit("building", "end", "T7", version(town, "building", "T7"))))
    with pytest.raises(LayerRejected) as caught:
        change(town, ask(Edit("building", "create", "T7", None, {}, ground(320, 60, 330, 70))))
    assert shapes(caught) == [("C04.reused", 0, "code")]


def test_unknown_layers_and_persons_are_refused(town):
    with pytest.raises(LayerNotFound):
        change(town, ask(Edit("castle", "end", "T1", 1)))
    for reason in ("电话13800138000", "１３８ ００１３ ８０００", "身份证 50010819900101123x"):
        with pytest.raises(LayerRejected) as caught:
            change(town, ask(house(), reason=reason))
        assert shapes(caught) == [("E02.person", None, "reason")]
        with pytest.raises(LayerRejected):
            undo_change(town, 1, reason=reason, account="li", key=None, request=None)


# --- versions


def test_of_two_writers_with_one_version_one_wins_and_nothing_is_lost(town):
    seen = version(town, "building", "T1")
    barrier, ends = threading.Barrier(2), []

    def write(name):
        barrier.wait()
        edit = Edit("building", "update", "T1", seen, {"name": name})
        try:
            ends.append((name, change_row(town, ask(edit))[0]["updated"]))
        except StaleVersion as error:
            ends.append((name, str(error)))

    threads = [threading.Thread(target=write, args=(name,)) for name in ("甲", "乙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [name for name, end in ends if end == 1]
    assert len(won) == 1
    assert fields(town, "building", "T1")["name"] == won[0]
    assert sum("changed meanwhile" in str(end) for _, end in ends) == 1


def test_a_version_never_comes_again_for_other_content(town):
    """A count would: after an undoing the next write has the undone one's number."""
    seen = version(town, "building", "T1")
    first, _ = change(town, ask(Edit("building", "update", "T1", seen, {"name": "甲"})))
    undone_version = first["versions"][0]["version"]
    undo_change(town, first["batches"][0]["id"], reason="误", account="li", key=None, request=None)
    assert version(town, "building", "T1") == seen
    change(town, ask(Edit("building", "update", "T1", seen, {"name": "乙"})))
    late = Edit("building", "update", "T1", undone_version, {"floors": 7})
    with pytest.raises(StaleVersion):
        change(town, ask(late))
    assert fields(town, "building", "T1")["name"] == "乙"


def test_an_unchanged_row_keeps_its_version(town):
    seen = version(town, "building", "T1")
    answer, _ = change(town, ask(Edit("building", "update", "T1", seen, {"floors": 5})))
    assert (answer["unchanged"], answer["versions"][0]["version"]) == (1, seen)


@pytest.mark.parametrize(
    ("name", "code", "more"),
    [
        ("organisation", "G1", {"full_members": 5}),
        ("duty", "G2/party_group/T2", {"mode": "own"}),
        ("grid", GRID, {"name": "甲"}),
        ("road", None, {"name": "甲路"}),
        ("camera", "99010100001310000002", {"state": "removed"}),
        ("entrance", "E1", {"name": "甲门"}),
    ],
)
def test_every_kind_of_table_has_versions(town, name, code, more):
    if code is None:
        with store.transaction(town) as conn:
            code = store.read_keys(conn, name, as_of=DAY)[0]
    seen = version(town, name, code)
    answer, _ = change_row(town, ask(Edit(name, "update", code, seen, more)))
    now = version(town, name, code)
    assert now == answer["versions"][0]["version"] != seen
    assert more.items() <= fields(town, name, code).items()
    with pytest.raises(StaleVersion):
        change_row(town, ask(Edit(name, "update", code, seen, more)))
    change_row(town, ask(Edit(name, "end", code, now)))
    with pytest.raises(RowNotFound):
        change_row(town, ask(Edit(name, "end", code, now)))


# --- once


def test_one_key_is_done_once_by_two_at_once(town):
    barrier, answers = threading.Barrier(2), []

    def send():
        barrier.wait()
        answers.append(change(town, ask(house(), key="li:k1")))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(again for _, again in answers) == [False, True]
    assert answers[0][0] == answers[1][0]
    assert batches(town) == 14
    with pytest.raises(Conflict, match="another request"):
        change(town, ask(house("N2"), key="li:k1"))


def test_a_day_that_is_not_said_is_no_other_content_tomorrow(town):
    asked = ask(house(), key="k", effective=None)
    first, _ = change(town, asked, today=DAY)
    again = change(town, asked, today=DAY + dt.timedelta(days=1))
    assert again == (first, True)


def test_a_key_of_an_import_is_no_key_of_a_change(town, tmp_path):
    path = tmp_path / "b.csv"
    path.write_text(
        'code,wkt\nN9,"POLYGON((364040 3266060, 364050 3266060, 364050 3266080, 364040 3266080, '
        '364040 3266060))"\n'
    )
    jobs.import_layer(
        town, path, "building", effective=DAY, source_crs="EPSG:4545", commit=True, key="k"
    )
    with pytest.raises(Conflict):
        change(town, ask(house(), key="k"))


def test_a_connection_lost_after_commit_is_looked_up(town, monkeypatch):
    real, left = store.transaction, [1]

    from contextlib import contextmanager

    @contextmanager
    def cut(engine, **options):
        with real(engine, **options) as conn:
            yield conn
        if left.pop() if left else 0:
            raise StoreUnavailable("gone")

    monkeypatch.setattr(change_sets.store, "transaction", cut)
    answer, _ = change(town, ask(house()))
    assert answer["inserted"] == 1
    assert batches(town) == 14


def test_a_connection_lost_before_commit_says_that_nothing_was_written(town, monkeypatch):
    monkeypatch.setattr("gridmap.jobs.book.LOOK_UP_S", (0.0,))
    monkeypatch.setattr(
        change_sets, "changed", lambda *_a, **_o: (_ for _ in ()).throw(StoreUnavailable("gone"))
    )
    with pytest.raises(StoreUnavailable, match="nothing was written"):
        change(town, ask(house()))


# --- the book


def test_the_book_and_the_trail_say_who_and_why(town):
    answer, _ = change(town, ask(house(), reason="竣工", request="r1"))
    told = jobs.book_of_batches(town, before=None, limit=2)
    assert [one["id"] for one in told] == [14, 13]
    assert (told[0]["action"], told[0]["actor"], told[0]["reason"]) == ("change", "li", "竣工")
    assert told[0]["change_set"] == answer["change_set"]
    assert told[1]["reason"] is None
    assert "key" not in told[0]
    assert [one["id"] for one in jobs.book_of_batches(town, before=13, limit=2)] == [12, 11]
    event = jobs.audit_events(town, limit=1)[0]
    assert (event["action"], event["actor"], event["subject"]) == ("change", "li", "building")
    assert (event["details"]["reason"], event["details"]["request"]) == ("竣工", "r1")
    assert "N1" not in str(event["details"]), "no rows in the trail"
    jobs.verify_audit(town)


def test_a_change_set_is_undone_as_a_whole_and_once(town):
    before = state(town)
    edits = (
        house(),
        Edit("entrance", "create", "NE", None, {"building_code": "N1"}, spot(45, 60)),
        Edit(
            "organisation",
            "create",
            "G7",
            None,
            {
                "name": "新",
                "kind": "party_group",
                "parent_code": "B1",
                "host_code": GRID,
                "full_members": 3,
            },
        ),
        Edit("duty", "create", "G7/party_group/N1", None, _duty("G7", "N1")),
    )
    answer, _ = change(town, ask(*edits))
    assert len(answer["batches"]) == 4
    first = answer["batches"][0]["id"]
    told, again = undo_change(town, first, reason="误", account="wang", key="u1", request=None)
    assert (told["undone"], again) == ([one["id"] for one in reversed(answer["batches"])], False)
    assert state(town) == before
    assert undo_change(town, first, reason="误", account="wang", key="u1", request=None) == (
        told,
        True,
    )
    with pytest.raises(Conflict, match="undone already"):
        undo_change(town, first, reason="误", account="wang", key="u2", request=None)
    with pytest.raises(Conflict, match="another request"):
        undo_change(town, first, reason="别的", account="wang", key="u1", request=None)
    with pytest.raises(BatchNotFound):
        undo_change(town, 999, reason="误", account="wang", key=None, request=None)
    with pytest.raises(Conflict, match="undoes batch"):
        undo_change(
            town, told["batches"][0]["id"], reason="误", account="li", key=None, request=None
        )


def test_a_change_set_cannot_be_rewritten(town):
    change(town, ask(house()))
    for statement in ("UPDATE change_set SET reason = 'x'", "DELETE FROM change_set"):
        with pytest.raises(store.schema.StoreError), store.transaction(town, owner=True) as conn:
            conn.exec_driver_sql(statement)


# --- properties

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
NASTY = st.sampled_from(
    [
        "'; DROP TABLE building; --",
        '"',
        "\\",
        "%s",
        "%(x)s",
        "{0}",
        "${jndi}",
        "<script>",
        "=1+1",
        "\\N",
        "\t",
        "a\\tb",
        "NULL",
        "nan",
    ]
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_after_a_change_and_its_undoing_the_store_is_as_before(town, data):
    """Random edits of several layers; whatever is accepted can be taken back to the bit."""
    before = state(town)
    edits, west = [], 40
    for code in data.draw(st.sets(st.sampled_from([f"T{n}" for n in range(1, 9)]), max_size=3)):
        action = data.draw(st.sampled_from(["update", "end", "replace"]))
        seen = version(town, "building", code)
        more = {"floors": data.draw(st.integers(0, 200)), "name": data.draw(TEXTS | NASTY)}
        shape = None
        if action == "replace" or data.draw(st.booleans()):
            shape = ground(west, 60, west + data.draw(st.integers(1, 9)), 70)
            west += 10
        edits.append(
            Edit("building", action, code, seen, {}, None)
            if action == "end"
            else Edit("building", action, code, seen, more, shape)
        )
    for number in range(data.draw(st.integers(0, 2))):
        edits.append(house(f"X{number}", 200 + 12 * number, address=data.draw(TEXTS | NASTY)))
    if data.draw(st.booleans()):
        seen = version(town, "organisation", "G4")
        edits.append(
            Edit(
                "organisation",
                "update",
                "G4",
                seen,
                {"full_members": data.draw(st.integers(3, 90))},
            )
        )
    if not edits:
        return
    try:
        answer, _ = change(town, ask(*edits))
    except LayerRejected:
        assert state(town) == before
        return
    for edit in edits:
        if edit.writes:
            kept = fields(town, edit.layer, edit.code)
            for name, value in edit.fields.items():
                assert kept[name] == _as_read(value)
    undo_change(town, answer["batches"][0]["id"], reason="误", account="li", key=None, request=None)
    assert state(town) == before


def _as_read(value):
    """A cell as every file is read: lines end in one way, blanks around it are none of it."""
    if not isinstance(value, str):
        return value
    return value.replace("\r\n", "\n").replace("\r", "\n").strip() or None


def test_a_polygon_of_no_use_is_an_issue_and_no_fault(town):
    bow = Polygon(
        [(106.5976, 29.5046), (106.5977, 29.5047), (106.5977, 29.5046), (106.5976, 29.5047)]
    )
    far = box(0, 0, 0.001, 0.001)
    for shape, rule in ((bow, "G01.invalid"), (far, "G11"), (spot(1, 1), "G01.kind")):
        with pytest.raises(LayerRejected) as caught:
            change(town, ask(Edit("building", "create", "N1", None, {}, shape)))
        assert any(one.shape.startswith((rule, "G01")) for one in caught.value.report.errors), rule
