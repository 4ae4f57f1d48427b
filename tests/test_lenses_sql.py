"""SQL against Python: who is covered on the demo district, by two ways of asking."""

import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa
from toy_town import DEMO_DAY

from gridmap import store
from gridmap.model import COVERED, LENSES

pytestmark = [pytest.mark.db, pytest.mark.slow]

DUTIES = [code for code, lens in LENSES.items() if lens.source == "duty" and lens.own_from is None]

TARGETS = {
    "building": "SELECT code, grid_code AS unit FROM building",
    "organisation": "SELECT code, host_code AS unit FROM organisation WHERE valid @> :day {only}",
    **dict.fromkeys(
        ("street", "community", "grid"),
        "SELECT code, code AS unit FROM division WHERE valid @> :day AND level = :target",
    ),
}

QUESTION = """
WITH target AS ({targets}),
holder AS (
    SELECT code, kind, parent_code, full_members AS full_count, probationary_members AS others,
           true AS filled, false AS secretary
    FROM organisation WHERE valid @> :day
    UNION ALL
    SELECT code, kind, org_code, NULL, NULL, coalesce(filled, true), coalesce(is_secretary, false)
    FROM post WHERE valid @> :day),
given AS (
    SELECT d.target_code, d.service, h.parent_code
    FROM duty d JOIN holder h ON h.code = d.holder_code
    WHERE d.valid @> :day AND d.service = ANY(:parts) AND h.filled
      AND (cardinality(CAST(:holders AS text[])) = 0 OR h.kind = ANY(:holders))
      AND (NOT :by_secretary OR h.secretary)
      AND (CAST(:min_full AS int) IS NULL
           OR h.full_count >= :min_full AND h.full_count + coalesce(h.others, 0) >= :min_members)
      AND (CAST(:oldest AS date) IS NULL OR d.last_on BETWEEN :oldest AND :day)),
led AS (
    SELECT holder_code, target_code FROM duty
    WHERE service = 'party_branch' AND valid @> :day),
linked AS (
    SELECT t.*, g.service, g.parent_code FROM target t JOIN given g ON g.target_code = t.code
    UNION ALL
    SELECT t.*, g.service, g.parent_code FROM target t JOIN given g
    ON g.target_code = left(t.unit, 15) WHERE 'grid' = ANY(:through)
    UNION ALL
    SELECT t.*, g.service, g.parent_code FROM target t JOIN given g
    ON g.target_code = left(t.unit, 12) WHERE 'community' = ANY(:through)),
reached AS (
    SELECT l.code, l.service FROM linked l
    WHERE NOT :same_grid OR l.unit IS NULL OR l.parent_code IS NULL
       OR l.parent_code NOT IN (SELECT holder_code FROM led)
       OR (l.parent_code, l.unit) IN (SELECT holder_code, target_code FROM led))
SELECT t.code, count(DISTINCT r.service) AS parts
FROM target t LEFT JOIN reached r ON r.code = t.code GROUP BY t.code
"""


ONLY = {
    "rectification": "AND weak",
    "enterprise_work": "AND kind IN ('enterprise', 'social_org')",
    "enterprise_contact": "AND kind IN ('enterprise', 'social_org')",
}


def asked_in_sql(conn, code, day):
    """Return how many parts of a lens each target has, as one statement counts them."""
    lens = LENSES[code]
    text = QUESTION.format(targets=TARGETS[lens.target].format(only=ONLY.get(code, "")))
    values = {
        "day": day,
        "target": lens.target,
        "parts": list(lens.parts),
        "holders": list(lens.holders),
        "through": list(lens.through),
        "by_secretary": lens.held_by_secretary,
        "min_full": lens.min_full,
        "min_members": lens.min_members,
        "oldest": lens.window_days and day - dt.timedelta(days=lens.window_days),
        "same_grid": lens.same_grid,
    }
    found = pd.read_sql(sa.text(text), conn, params=values)
    return found.set_index("code")["parts"].astype("int64").sort_index()


@pytest.fixture(scope="module")
def demo(demo_url):
    engine = store.connect(demo_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("code", DUTIES)
def test_sql_and_python_agree(demo, code):
    lens = LENSES[code]
    with demo.connect() as conn:
        asked = asked_in_sql(conn, code, DEMO_DAY)
        found = store.read_lens_statuses(conn, code).sort_index()
    assert found.index.tolist() == asked.index.tolist()
    assert found["parts"].tolist() == asked.tolist()
    covered = found["status"].isin(COVERED)
    assert covered.tolist() == (asked >= lens.need).tolist()
    assert 0 < covered.sum() < len(found), "the demo has gaps under every lens"
