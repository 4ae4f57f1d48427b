"""The audit trail: what is in it, and that nothing in it can be changed unseen."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError
from toy_town import TOY, TOY_DAY

from gridmap import audit, jobs, store
from gridmap.errors import FrameError, StoreError, TrailBroken
from gridmap.model import Level

# --- the chain, from frames

TEXT = st.text(max_size=8)
EVENT = st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT)


def trail(rows):
    """Build a whole trail."""
    previous, told = "", []
    for number, parts in enumerate(rows, start=1):
        hashed = audit.event_hash(number, (*parts, previous))
        told.append((*parts, previous, hashed))
        previous = hashed
    return pd.DataFrame(told, columns=list(audit.CHAIN_COLUMNS), dtype=object,
                        index=range(1, len(told) + 1))  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(EVENT, max_size=8))
def test_a_whole_trail_has_no_break(rows):
    found = audit.chain(trail(rows))
    assert (found.events, found.breaks) == (len(rows), ())
    assert bool(found.head) == bool(rows)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT, min_size=2, max_size=6), st.data())
def test_any_change_is_seen(rows, data):
    table = trail(rows)
    number = data.draw(st.integers(1, len(rows)))
    column = data.draw(st.sampled_from(audit.CHAIN_COLUMNS))
    value = data.draw(TEXT.filter(lambda text: text != table.at[number, column]))
    table.at[number, column] = value
    assert number in {one for one, _ in audit.chain(table).breaks} or audit.chain(table).breaks


@settings(max_examples=80, deadline=None)
@given(st.lists(EVENT, min_size=2, max_size=6), st.data())
def test_an_event_taken_out_of_the_middle_is_seen(rows, data):
    table = trail(rows)
    number = data.draw(st.integers(1, len(rows) - 1))
    assert audit.chain(table.drop(number)).breaks[0] == (number + 1, "missing")
    renumbered = table.drop(number)
    renumbered.index = range(1, len(rows))
    assert audit.chain(renumbered).breaks


def test_nothing_can_be_moved_from_one_column_to_the_next():
    assert audit.event_hash(1, ("a", "bc")) != audit.event_hash(1, ("ab", "c"))
    assert audit.event_hash(1, ("a,1:b",)) != audit.event_hash(1, ("a", "b"))
    with pytest.raises(FrameError):
        audit.chain(pd.DataFrame({"at": []}))


# --- the store

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def written(new_database, toy_template, tmp_path_factory):
    """A toy town in which everything was done that leaves an event."""
    engine = store.connect(new_database(toy_template))
    folder = tmp_path_factory.mktemp("out")
    (folder / "duty.csv").write_text("holder_code,service,target_code\nG1,party_group,T4\n")
    day = dt.date(2026, 1, 1)
    report = jobs.import_layer(engine, folder / "duty.csv", "duty", effective=day, commit=True,
                               actor="planner")  # fmt: skip
    jobs.undo(engine, report.batch_id, actor="admin")
    jobs.export_layer(engine, "camera", folder / "c.gpkg", as_of=TOY_DAY, actor="planner")
    jobs.export_figures(engine, folder / "f.csv", level=Level.GRID, least=3)
    jobs.write_map(engine, folder / "m.html", language="zh", as_of=TOY_DAY, cameras=False,
                   progress=lambda _step, _share: None)  # fmt: skip
    jobs.take_snapshot(engine, as_of=TOY_DAY, label="now", actor="leader")
    yield engine
    engine.dispose()


def test_what_changes_or_leaves_is_in_the_trail(written):
    rows = jobs.audit_events(written, limit=6)
    told = [(row["action"], row["subject"], row["actor"]) for row in reversed(rows)]
    assert told == [
        ("import", "duty", "planner"),
        ("undo", "duty", "admin"),
        ("export", "camera", "planner"),
        ("export", "figure", None),
        ("export", "map", None),
        ("snapshot", "now", "leader"),
    ]
    first = rows[-1]["details"]
    assert (first["source"], first["inserted"], len(first["sha256"])) == ("duty.csv", 1, 64)
    assert rows[-3]["details"]["rows"] == 2
    assert "POINT" not in str(rows), "no positions"
    older = jobs.audit_events(written, limit=100, before=rows[-1]["number"])
    assert [row["subject"] for row in reversed(older)][:2] == ["district", "street"]


def test_a_trail_verifies_and_its_head_can_be_kept(written):
    found = jobs.verify_audit(written)
    assert found.events == jobs.audit_events(written, limit=1)[0]["number"]
    assert jobs.verify_audit(written, expect=found.head) == found
    with pytest.raises(TrailBroken, match="no event with the hash"):
        jobs.verify_audit(written, expect="0" * 64)


def test_what_failed_or_was_only_asked_leaves_no_event(town):
    before = jobs.verify_audit(town).events
    jobs.import_layer(town, TOY / "duty.csv", "duty", effective=dt.date(2026, 1, 1))
    jobs.unit_coverage(town, "990101")
    assert jobs.verify_audit(town).events == before
    with pytest.raises(ZeroDivisionError), store.transaction(town) as conn:
        store.write_event(conn, "import")
        1 / 0  # noqa: B018
    assert jobs.verify_audit(town).events == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'me'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "INSERT INTO audit_event (number, action) VALUES (1, 'x')",
        "INSERT INTO audit_event (hash, action) VALUES ('x', 'x')",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TABLE audit_event",
        "CREATE OR REPLACE FUNCTION chain_event() RETURNS trigger LANGUAGE sql AS ''",
    ],
)
def test_the_application_cannot_change_the_trail(town, statement):
    with pytest.raises(StoreError), store.transaction(town) as conn:
        conn.execute(sa.text(statement))
    assert jobs.verify_audit(town).events > 0


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_event SET actor = 'me'", "DELETE FROM audit_event", "TRUNCATE audit_event"],
)
def test_nor_does_its_owner_by_mistake(town, statement):
    with pytest.raises(StoreError), store.transaction(town, owner=True) as conn:
        conn.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("tampering", "break_"),
    [
        ("UPDATE audit_event SET actor = 'me' WHERE number = 3", (3, "changed")),
        ("UPDATE audit_event SET at = at + interval '1 us' WHERE number = 3", (3, "changed")),
        ("UPDATE audit_event SET details = '{}' WHERE number = 3", (3, "changed")),
        ("DELETE FROM audit_event WHERE number = 3", (4, "missing")),
        ("UPDATE audit_event SET hash = repeat('0', 64) WHERE number = 3", (3, "changed")),
    ],
)
def test_who_owns_the_database_can_and_is_seen(town, tampering, break_):
    """Whoever takes the triggers away may write what they like: the chain tells of it."""
    with town.begin() as conn:
        conn.execute(sa.text("ALTER TABLE audit_event DISABLE TRIGGER ALL"))
        conn.execute(sa.text(tampering))
        conn.execute(sa.text("ALTER TABLE audit_event ENABLE TRIGGER ALL"))
    with pytest.raises(TrailBroken) as caught:
        jobs.verify_audit(town)
    number, why = break_
    assert f"{number} ({why})" in str(caught.value)


def test_events_cut_off_the_end_are_seen_by_the_head_kept_elsewhere(town):
    head = jobs.verify_audit(town).head
    with town.begin() as conn:
        conn.execute(sa.text("ALTER TABLE audit_event DISABLE TRIGGER ALL"))
        conn.execute(sa.text("DELETE FROM audit_event WHERE number > 3"))
        conn.execute(sa.text("ALTER TABLE audit_event ENABLE TRIGGER ALL"))
    assert jobs.verify_audit(town).events == 3
    with pytest.raises(TrailBroken, match="cut off"):
        jobs.verify_audit(town, expect=head)


def test_writers_at_the_same_time_make_one_chain(town):
    def write(number):
        with store.transaction(town) as conn:
            store.write_event(conn, "export", subject=f"层{number}", details={"n": number})

    before = jobs.verify_audit(town).events
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert jobs.verify_audit(town).events == before + 12


def test_a_wrong_statement_is_an_error_of_the_driver_too(town):
    """The test above is of refusals: an unknown table is none."""
    with pytest.raises(DBAPIError), town.connect() as conn:
        conn.execute(sa.text("SELECT * FROM castle"))
