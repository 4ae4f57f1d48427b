"""A few changed duties: what is computed of them alone is what all computed anew would be."""

import datetime as dt
import random

import pandas as pd
import pytest
import sqlalchemy as sa
from toy_town import TOY, TOY_DAY

from gridmap import jobs, store
from gridmap.jobs.changed_duties import changed_duties

DAY = dt.date(2026, 1, 1)


def results(engine):
    """All that was computed of organisations, without which run did."""
    with engine.connect() as conn:
        query = sa.text("SELECT * FROM unit_coverage ORDER BY lens, unit_code")
        return pd.read_sql(query, conn).drop(columns="run_id")


def duties(engine, tmp_path, rows, **options):
    path = tmp_path / "duty.csv"
    header = "holder_code,service,target_code,mode,last_on\n"
    path.write_text(header + "".join(f"{','.join(row)}\n" for row in rows), "utf-8")
    options = {"effective": DAY, "commit": True, **options}
    return jobs.import_layer(engine, path, "duty", **options)


def runs(engine):
    with store.transaction(engine) as conn:
        return next(run for run in store.read_runs(conn) if run["subject"] == "org")


@pytest.mark.parametrize(
    "rows",
    [
        [("G1", "party_group", "T4", "own", "")],
        [("G4", "party_group", "T6", "own", ""), ("G4", "party_group", "T8", "joint", "")],
        [("B1", "party_branch", "990101001002001", "own", "")],
        [("L1", "grid_leader", "990101001002002", "", "")],
        [("CC1", "community_police", "990101001002", "", "")],
        [("CC1", "volunteers", "990101001001002", "", ""), ("VT1", "volunteers", "T7", "", "")],
        [("DEP1", "partner", "990101001002", "", "2026-05-01")],
        [("B1", "enterprise_branch", "EN2", "own", "")],
        [("WC", "rectification", "WB2", "", "")],
        [("D1", "district_contact", "990101001002", "", "")],
    ],
)
def test_a_change_is_computed_as_the_whole_would_be(serviced, tmp_path, rows):
    before = results(serviced)
    duties(serviced, tmp_path, rows)
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY)
    part = results(serviced)
    assert not part.equals(before), "it changed something"
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY, full=True)
    pd.testing.assert_frame_equal(part, results(serviced))


def test_any_changes_one_after_another(serviced, tmp_path):
    """Random duties come, change and end; each time the part is as the whole."""
    draw = random.Random(7)
    targets = {
        "party_group": [f"T{n}" for n in range(1, 9)],
        "grid_leader": ["990101001001001", "990101001001002", "990101001002001", "990101001002002"],
        "volunteers": ["T1", "T5", "T8", "990101001001001", "990101001002", "990101001001"],
        "community_affairs": ["T2", "T6", "990101001002002", "990101001001"],
        "enterprise_branch": ["EN1", "EN2", "EN3", "EN4", "SO1"],
    }
    holders = {
        "party_group": ["G1", "G2", "G3", "G4", "VT1"],
        "grid_leader": ["L1", "L2", "L3", "D1"],
        "volunteers": ["VT1", "CC1", "G1"],
        "community_affairs": ["CC1", "WC"],
        "enterprise_branch": ["B1", "JB1", "G1"],
    }
    for _ in range(6):
        rows = set()
        for _ in range(draw.randint(1, 4)):
            service = draw.choice(sorted(targets))
            mode = draw.choice(["own", "joint", ""])
            rows.add((draw.choice(holders[service]), service, draw.choice(targets[service]), mode))
        keyed = {row[:3]: row for row in sorted(rows)}
        duties(serviced, tmp_path, [(*row, "") for row in keyed.values()])
        jobs.refresh_org_coverage(serviced, as_of=TOY_DAY)
        part = results(serviced)
        jobs.refresh_org_coverage(serviced, as_of=TOY_DAY, full=True)
        pd.testing.assert_frame_equal(part, results(serviced))


def test_ending_and_undoing_are_changes_too(serviced, tmp_path):
    first = results(serviced)
    toy = pd.read_csv(TOY / "duty.csv", dtype=str).fillna("")
    more = pd.read_csv(TOY / "services" / "duty.csv", dtype=str).fillna("")
    left = pd.concat([toy, more]).fillna("")
    left = left[left["holder_code"] != "G2"]
    report = duties(
        serviced, tmp_path, left.astype(str).to_numpy().tolist(), complete=True,
        effective=dt.date(2026, 3, 1),
    )  # fmt: skip
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY)
    part = results(serviced)
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY, full=True)
    pd.testing.assert_frame_equal(part, results(serviced))
    jobs.undo(serviced, report.batch_id)
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY)
    pd.testing.assert_frame_equal(first, results(serviced))


def test_only_what_a_change_touches_is_written(serviced, tmp_path):
    run = runs(serviced)["id"]
    duties(serviced, tmp_path, [("G1", "party_group", "T4", "own", "")])
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY)
    with serviced.connect() as conn:
        query = sa.text("SELECT lens, unit_code FROM unit_coverage WHERE run_id > :run")
        assert list(conn.execute(query, {"run": run})) == [("party_group", "990101001001002")]


def test_another_day_or_another_layer_is_computed_as_a_whole(serviced, tmp_path):
    with store.transaction(serviced) as conn:
        assert len(changed_duties(conn, TOY_DAY)) == 0
        assert changed_duties(conn, dt.date(2026, 6, 2)) is None
    path = tmp_path / "org.csv"
    path.write_text("code,name,kind,host_code\nB9,九,department,990101\n", encoding="utf-8")
    jobs.import_layer(serviced, path, "organisation", effective=DAY, commit=True)
    with store.transaction(serviced) as conn:
        assert changed_duties(conn, TOY_DAY) is None
