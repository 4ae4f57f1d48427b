"""The map on a day that is over: figures, tiles and lists of what was frozen, held to a scope."""

import datetime as dt
import itertools

import mapbox_vector_tile
import pandas as pd
import pytest
import sqlalchemy as sa
from accounts_fixtures import signed_client, token_of
from test_map_tiles import decoded, places
from toy_town import LATER_DAY, TOY_DAY

from gridmap import jobs, store
from gridmap.errors import LensNotFound, NotFound, SnapshotNotFound
from gridmap.jobs.past_days import LENSES_SHOWN
from gridmap.jobs.rates import stored_rates
from gridmap.model import COVERED, WHOLE, Role, Scope
from gridmap.store import past_tiles
from gridmap.trend import became

Q1, RUN, Q2 = dt.date(2026, 3, 31), TOY_DAY, dt.date(2026, 6, 30)
NOW = dt.date(2026, 11, 28)
WEST, EAST = "990101001001", "990101001002"
EVERY = Scope("li", Role.ADMIN, WHOLE)


# --- which day is shown

STOPS = [jobs.Stop(n, str(day), day) for n, day in enumerate((Q1, RUN, Q2, LATER_DAY), 1)]


@pytest.mark.parametrize(
    ("day", "before", "shown"),
    [
        (None, None, (None, None, None, None)),
        (NOW, None, (None, None, None, None)),
        (LATER_DAY, None, (None, None, None, None)),
        (dt.date(2026, 9, 9), None, (None, None, dt.date(2026, 9, 9), None)),
        (Q2, None, (Q2, None, None, None)),
        (dt.date(2026, 7, 31), None, (Q2, None, dt.date(2026, 7, 31), None)),
        (dt.date(2026, 6, 29), None, (RUN, None, dt.date(2026, 6, 29), None)),
        (dt.date(2020, 1, 1), None, (Q1, None, dt.date(2020, 1, 1), None)),
        (None, Q2, (None, Q2, None, None)),
        (Q2, RUN, (Q2, RUN, None, None)),
        (Q2, Q2, (Q2, RUN, None, Q2)),
        (RUN, NOW, (RUN, Q1, None, NOW)),
        (Q1, Q1, (Q1, None, None, Q1)),
        (None, dt.date(2026, 6, 2), (None, RUN, None, dt.date(2026, 6, 2))),
    ],
)
def test_which_days_are_shown(day, before, shown):
    found = jobs.shown_days(STOPS, LATER_DAY, now=NOW, day=day, before=before)
    days = [one.day if one else None for one in (found.day, found.before)]
    assert (*days, found.missed, found.missed_before) == shown
    assert [one.day for one in found.stops] == [Q1, RUN, Q2]
    assert found.plain == (shown[:2] == (None, None))


def test_without_frozen_days_there_is_the_present_only():
    found = jobs.shown_days([], LATER_DAY, now=NOW, day=Q1, before=Q1)
    assert (found.day, found.before, found.stops) == (None, None, ())
    assert (found.missed, found.missed_before) == (Q1, Q1)


def test_what_became_of_a_target():
    statuses = (None, "own", "joint", "neighbour", "uncovered")
    for before, after in itertools.product(statuses, repeat=2):
        was, now = (None if one is None else one in COVERED for one in (before, after))
        names = {
            (True, True): "covered",
            (False, False): "uncovered",
            (False, True): "gained",
            (True, False): "lost",
        }
        assert became(before, after) == names.get((was, now))


# --- figures


@pytest.fixture(scope="module")
def engine(past_url):
    engine = store.connect(past_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def past(engine):
    return jobs.Past(engine)


def shown(past, day=None, before=None):
    return past.shown(now=NOW, day=day, before=before)


@pytest.mark.db
def test_the_frozen_rates_of_a_run_are_the_stored_ones(serviced):
    past = jobs.Past(serviced)
    stop = past.stop_of(TOY_DAY)
    assert stop.day == TOY_DAY
    frozen = jobs.frozen_rates(serviced, past, stop, EVERY)
    with store.transaction(serviced) as conn:
        stored = stored_rates(conn, lenses=LENSES_SHOWN)
    known = ~stored["measure"].str.startswith("camera.") & ~stored["measure"].str.endswith(".parts")

    def ordered(rates):
        return rates.set_index("measure", append=True).sort_index()

    assert frozen["measure"].nunique() > 15
    pd.testing.assert_frame_equal(ordered(frozen), ordered(stored[known]), check_dtype=False)


def figures(rates, unit):
    rows = rates.loc[[unit]].set_index("measure")
    names = ("party_group.buildings", "party_group.households")
    return [tuple(rows.loc[name, ["covered", "total"]]) for name in names if name in rows.index]


@pytest.mark.db
def test_figures_of_both_days_are_those_worked_by_hand(engine, past):
    both = shown(past, Q2, Q1)
    found = jobs.frozen_figures(engine, past, both, EVERY)
    for rates in (found.rates, found.before):
        assert figures(rates, "990101") == [(3, 7), (60, 280)]
        assert figures(rates, "990101001001001") == [(2, 2), (30, 30)]
    with store.transaction(engine) as conn:
        now = stored_rates(conn)
    assert figures(now, "990101") == [(2, 6), (100, 260)]
    assert figures(now, "990101001001001") == [(0, 1), (0, 10)]


@pytest.mark.db
def test_figures_are_of_what_one_sees(engine, past):
    some = Scope("li", Role.OFFICER, (EAST,))
    rates = jobs.frozen_rates(engine, past, past.stop_of(Q2), some)
    inside = rates.index[rates.index.str.len() >= len(EAST)]
    assert inside.str.startswith(EAST).all()
    assert figures(rates, "990101") == figures(rates, EAST)
    none = jobs.frozen_rates(engine, past, past.stop_of(Q2), Scope("x", Role.OFFICER, ("110101",)))
    assert none.empty
    assert list(none.columns) == list(rates.columns)


# --- tiles


def drawn(engine, past, days, *, lens="party_group", zoom=17, scope=EVERY, layers=("building",)):
    """Return code -> status, of all tiles of the town."""
    found = {}
    for place in places(engine, zoom):
        tile = jobs.past_tile(
            engine, layers, lens, place, past=past, shown=days, now=NOW, scope=scope
        )
        for layer in decoded(tile).values():
            for one in layer["features"]:
                found[one["properties"]["code"]] = one["properties"].get("status")
    return found


@pytest.mark.db
@pytest.mark.parametrize("zoom", [15, 17])
def test_a_tile_of_a_past_day_has_what_stood_then(engine, past, zoom):
    then = drawn(engine, past, shown(past, Q2), zoom=zoom)
    assert set(then) == {f"T{n}" for n in range(1, 9)}
    assert {code for code, status in then.items() if status in COVERED} == {"T1", "T2", "T3"}
    assert then["T5"] == "uncovered"
    plain = drawn(engine, past, shown(past, Q2), lens="", zoom=zoom)
    assert plain == dict.fromkeys(then)
    never = drawn(engine, past, shown(past, Q2), lens="castle", zoom=zoom)
    assert never == plain, "nothing is told of a lens that was not answered"
    both = drawn(engine, past, shown(past, Q2), zoom=zoom, layers=("road", "building"))
    assert both.items() > then.items()


@pytest.mark.db
def test_a_tile_of_two_days_tells_what_became_of_each_building(engine, past):
    changed = drawn(engine, past, shown(past, None, Q2))
    assert changed == {
        "T1": "lost",
        "T3": "covered",
        "T4": "uncovered",
        "T5": "uncovered",
        "T6": "uncovered",
        "T7": "gained",
        "T8": "uncovered",
    }
    same = drawn(engine, past, shown(past, Q2, Q1))
    assert set(same) == {f"T{n}" for n in range(1, 9)}
    assert set(same.values()) == {"covered", "uncovered"}


@pytest.mark.db
def test_below_the_details_what_is_smaller_than_a_pixel_is_counted(engine, past, monkeypatch):
    # The town's buildings are 23 m wide in the tiles' plane.
    for pixel_m, left in ((22.0, 8), (24.0, 0)):
        monkeypatch.setattr(past_tiles, "pixel_m", lambda _zoom, side=pixel_m: side)
        found = drawn(engine, past, shown(past, Q2), zoom=14)
        assert len(found) == left
        assert len(drawn(engine, past, shown(past, Q2), zoom=15)) == 8


@pytest.mark.db
@pytest.mark.parametrize("layers", [("camera",), ("building", "road"), ("castle",)])
def test_what_cameras_saw_on_a_past_day_is_in_no_tile(engine, past, layers):
    with pytest.raises(NotFound):
        jobs.past_tile(
            engine, layers, "", (16, 1, 1), past=past, shown=shown(past, Q2), now=NOW, scope=EVERY
        )


@pytest.mark.db
def test_a_tile_holds_one_connection_and_waits_for_no_other(engine):
    """Ten that each hold one and wait for a second would wait until they are given up."""
    one = sa.create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.5)
    past = jobs.Past(one)
    days = past.shown(now=NOW, day=Q2, before=past.stops()[0].day)
    assert days.before
    for place in places(engine, 17)[:1]:
        jobs.past_tile(
            one, ("building",), "party_group", place, past=past, shown=days, now=NOW, scope=EVERY
        )
    one.dispose()


@pytest.mark.db
def test_a_status_is_told_to_who_had_the_unit_then(engine, past):
    some = Scope("li", Role.OFFICER, (EAST,))
    told = drawn(engine, past, shown(past, Q2), scope=some)
    # This engine sees every building; of those beyond the scope no status is told.
    assert {code for code, status in told.items() if status} < set(told)
    assert told["T1"] is None
    assert told["T7"] == "uncovered"


# --- over HTTP


@pytest.fixture(scope="module")
def client(past_url):
    with signed_client(past_url) as client:
        yield client


@pytest.mark.db
def test_whoever_sees_a_part_gets_tiles_and_pages_of_it(client, past_url, engine):
    headers = {"Authorization": f"Bearer {token_of(past_url, 'east', Role.OFFICER, (EAST,))}"}
    mine = set()
    for zoom, column, row in places(engine, 16):
        path = f"/tiles/road,building/{zoom}/{column}/{row}?lens=party_group&day=2026-06-30"
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        for one in mapbox_vector_tile.decode(answer.content).get("building", {"features": []})[
            "features"
        ]:
            mine.add(one["properties"]["code"])
    with store.transaction(engine) as conn:
        grids = store.read_building_grids(conn, as_of=Q2)["grid_code"]
    assert mine == set(grids.index[grids.str.startswith(EAST).eq(other=True)]) != set()
    page = client.get("/?day=2026-06-30&lang=en", headers=headers)
    assert page.status_code == 200
    assert WEST not in page.text
    foreign = client.get(
        f"/api/v1/coverage/{WEST}/frozen?lens=party_group&as_of=2026-06-30", headers=headers
    )
    assert foreign.status_code == 404


@pytest.mark.db
def test_a_browser_keeps_the_tile_of_a_day_until_it_is_frozen_anew(client, engine):
    zoom, column, row = places(engine, 16)[0]
    base = f"/tiles/building/{zoom}/{column}/{row}?lens=party_group"
    tags = {}
    for query in ("", "&day=2026-06-30", "&day=2026-06-30&before=2026-03-31", "&before=2026-06-30"):
        first = client.get(base + query)
        assert first.status_code == 200
        tags[query] = tag = first.headers["etag"]
        again = client.get(base + query, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert len(set(tags.values())) == 4
    day = "&day=2026-06-30"
    other = client.get(base + day, headers={"If-None-Match": tags[""]})
    assert other.status_code == 200, "a tile of today is none of a past day"
    jobs.take_snapshot(engine, label="again", as_of=Q2)
    later = client.get(base + day, headers={"If-None-Match": tags[day]})
    assert later.status_code == 200
    assert later.headers["etag"] != tags[day]


# --- the rows behind a figure


@pytest.mark.db
def test_rows_are_those_that_were_frozen(engine, past):
    found = jobs.frozen_targets(engine, past, Q2, "party_group", "990101", limit=3, scope=EVERY)
    assert (found["as_of"], found["total"]) == (Q2, 4)
    rows = [(row["target_code"], row["household_count"], row["name"]) for row in found["rows"]]
    assert rows == [("T7", 70, "7号楼"), ("T6", 60, "6号楼"), ("T5", 50, "5号楼")]
    assert found["rows"][2]["reason"] == "group_below_size"
    assert all(106 < row["longitude"] < 108 for row in found["rows"])
    west = jobs.frozen_targets(
        engine, past, Q2, "party_group", "990101001001001", limit=9, scope=EVERY
    )
    assert west["total"] == 0
    earlier = jobs.frozen_targets(
        engine, past, Q2 - dt.timedelta(1), "party_group", "990101", limit=1, scope=EVERY
    )
    assert earlier["as_of"] == RUN


@pytest.mark.db
def test_what_was_never_frozen_is_told(engine, past):
    with pytest.raises(SnapshotNotFound, match="or before"):
        past.stop_of(Q1 - dt.timedelta(1))
    with pytest.raises(LensNotFound):
        jobs.frozen_targets(engine, past, Q2, "castle", "990101", limit=1, scope=EVERY)
