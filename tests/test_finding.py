"""Finding objects by name: hand-worked in the toy town, and against a look through every text."""

from __future__ import annotations

import datetime as dt
from dataclasses import astuple

import pandas as pd
import pytest
import sqlalchemy as sa
from accounts_fixtures import signed_client
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from toy_town import METRIC, TOY

from gridmap import jobs, spelling, store
from gridmap import tables as t
from gridmap.jobs.edits import ChangeSet, Edit
from gridmap.jobs.entries import fill_entries
from gridmap.jobs.finding import FIELDS, kinds_for
from gridmap.model import RIGHTS, Right, Role
from gridmap.settings import Settings
from gridmap.store.schema import MIGRATIONS

pytestmark = pytest.mark.db

OWN = "990101001001"
CAMERA = "99010100001310000001"


def answer(engine, text, *, kinds=store.KINDS, limit=8):
    return jobs.search(engine, text, kinds=kinds, limit=limit)


def found(engine, text, **options):
    groups = answer(engine, text, **options)["groups"]
    return {group["kind"]: [row["code"] for row in group["rows"]] for group in groups}


def first(engine, text):
    return answer(engine, text)["groups"][0]["rows"][0]


# --- by hand


def test_what_is_found_says_what_it_is_and_where(serviced):
    row = first(serviced, "3号楼")
    assert (row["kind"], row["code"], row["name"]) == ("building", "T3", "3号楼")
    assert row["found"] == {"field": "name", "text": "3号楼", "fit": "exact", "form": "written"}
    assert [(one["level"], one["name"]) for one in row["where"]] == [
        ("district", "玩具区"),
        ("street", "积木街道"),
        ("community", "东风社区"),
        ("grid", "第2网格"),
    ]
    # The middle of the square 364110..364130, 3266010..3266030.
    assert (row["lon"], row["lat"]) == pytest.approx((106.598697, 29.504622), abs=1e-6)
    assert row["zoom"] == 18
    street = first(serviced, "积木街道")
    assert (street["kind"], street["zoom"]) == ("street", 13)
    assert [one["code"] for one in street["where"]] == ["990101"]


def test_by_pinyin_by_initials_by_code_by_a_door(serviced):
    assert found(serviced, "donglaojie") == {}
    assert found(serviced, "dongfengshequ")["community"] == ["990101001001"]
    assert found(serviced, "dfsq")["community"] == ["990101001001"]
    assert found(serviced, "DF SQ")["community"] == ["990101001001"]
    assert found(serviced, "fengshe")["community"] == ["990101001001"]
    assert found(serviced, "t3") == {"building": ["T3"]}
    assert found(serviced, "Ｔ３") == {"building": ["T3"]}
    assert found(serviced, "6号楼大门") == {"building": ["T6"]}
    assert found(serviced, "1号楼")["building"] == ["T1"]
    units = found(serviced, OWN)
    assert units == {"community": [OWN], "grid": [OWN + "001", OWN + "002"]}
    assert found(serviced, CAMERA[:12])["camera"][0] == CAMERA
    # Two letters are looked for at the beginnings only.
    assert "community" not in found(serviced, "sq")


def test_what_fits_better_comes_first(serviced):
    rows = answer(serviced, "党支部")["groups"][-1]["rows"]
    # Both have it inside; the shorter text is first.
    assert [row["name"] for row in rows] == ["第一党支部", "企业联合党支部"]
    rows = answer(serviced, "社区")["groups"][0]["rows"]
    assert {row["found"]["fit"] for row in rows} == {"inside"}
    assert first(serviced, "东风")["found"]["fit"] == "beginning"
    doors = answer(serviced, "大门")["groups"][0]["rows"]
    assert [(row["code"], row["found"]["fit"]) for row in doors] == [
        ("T1", "word"),
        ("T6", "word"),
    ]


def test_more_than_are_shown_are_told_of(serviced):
    group = answer(serviced, "990101", limit=2)["groups"]
    grids = next(one for one in group if one["kind"] == "grid")
    assert (len(grids["rows"]), grids["more"]) == (2, True)
    assert next(one for one in group if one["kind"] == "district")["more"] is False


def test_an_empty_result_says_what_was_looked_through(serviced):
    told = answer(serviced, "没有这样的地方", kinds=kinds_for({Right.ROWS}))
    assert told["groups"] == []
    assert told["looked_for"] == "没有这样的地方"
    assert [one["kind"] for one in told["searched"]] == [
        *("district", "street", "community", "grid", "building", "organisation")
    ]
    assert "former_address" in told["searched"][4]["by"] == FIELDS["building"]
    for nothing in ("", "  ", "%_—（）", "\x00", "'; --"):
        assert answer(serviced, nothing)["groups"] == []
    assert answer(serviced, "yh")["inside"] is False


# --- kept as rows are


def write(engine, tmp_path, layer, day, **columns):
    path = tmp_path / f"{layer}-{day}.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    report = jobs.import_layer(
        engine, path, layer, effective=dt.date.fromisoformat(day), source_crs=METRIC, commit=True
    )
    return report.batch_id


def changed_toy(layer, code, **new):
    rows = pd.read_csv(TOY / f"{layer}.csv", dtype=str)
    rows = rows[rows["code"] == code].copy()
    for name, value in new.items():
        rows[name] = value
    return dict(rows.items())


def test_an_old_name_finds_the_present_object_until_it_is_undone(town, tmp_path):
    new = changed_toy("building", "T3", name="幸福楼", address="积木街道重庆路12号")
    batch = write(town, tmp_path, "building", "2026-03-01", **new)
    assert found(town, "重庆路12") == {"building": ["T3"]}
    assert found(town, "chongqinglu") == {"building": ["T3"]}
    assert found(town, "xfl") == {"building": ["T3"]}
    row = first(town, "3号楼")
    assert (row["name"], row["address"]) == ("幸福楼", "积木街道重庆路12号")
    assert row["found"]["field"] == "former_name"
    jobs.undo(town, batch)
    assert first(town, "3号楼")["found"]["field"] == "name"
    assert found(town, "幸福楼") == found(town, "xfl") == {}


def test_a_division_an_organisation_and_a_camera_keep_their_old_names(town, tmp_path):
    write(
        town, tmp_path, "community", "2026-03-01", **changed_toy("community", OWN, name="南湖社区")
    )
    assert first(town, "东风社区")["name"] == "南湖社区"
    write(
        town, tmp_path, "organisation", "2026-03-01",
        **changed_toy("organisation", "G1", name="先锋党小组"),
    )  # fmt: skip
    assert first(town, "一号党小组")["code"] == "G1"
    old = pd.read_csv(TOY / "camera.csv", dtype=str).set_index("code").loc[CAMERA, "name"]
    write(town, tmp_path, "camera", "2026-03-01", **changed_toy("camera", CAMERA, name="北门"))
    assert first(town, "北门")["code"] == CAMERA
    assert CAMERA in found(town, old)["camera"]


def test_what_is_no_more_is_not_found(town, tmp_path):
    rows = pd.read_csv(TOY / "entrance.csv", dtype=str)
    path = tmp_path / "entrance.csv"
    rows[rows["code"] == "E1"].to_csv(path, index=False)
    day = dt.date(2026, 3, 1)
    jobs.import_layer(
        town, path, "entrance", effective=day, source_crs=METRIC, commit=True, complete=True
    )
    assert found(town, "6号楼大门") == {}
    assert found(town, "1号楼大门") == {"building": ["T1"]}


def entries(engine):
    with store.transaction(engine) as conn:
        return {
            tuple(row)
            for table in (t.search_entry, t.camera_entry)
            for row in conn.execute(sa.select(table))
        }


def test_step_by_step_is_as_all_at_once(serviced):
    before = entries(serviced)
    assert before
    with store.transaction(serviced, writes=True) as conn:
        conn.execute(t.search_entry.delete())
        conn.execute(t.camera_entry.delete())
    assert found(serviced, "3号楼") == {}
    fill_entries(serviced)
    assert entries(serviced) == before
    fill_entries(serviced)
    assert entries(serviced) == before


def test_a_store_of_an_older_program_is_filled_when_it_is_opened(serviced):
    before = entries(serviced)
    url = serviced.url.render_as_string(hide_password=False)
    with store.transaction(serviced, owner=True) as conn:
        config = Config(attributes={"connection": conn})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.downgrade(config, "0010")
        assert conn.execute(sa.text("SELECT to_regclass('camera_entry')")).scalar() is None
    with jobs.database(Settings(database_url=url)) as opened:
        assert entries(opened) == before


def test_a_change_set_is_found_at_once(serviced):
    with store.transaction(serviced) as conn:
        row = store.read_rows(conn, "building", ["T3"], as_of=dt.date.today())["T3"]
    edit = Edit("building", "update", "T3", row.version, {"name": "幸福楼"}, None)
    asked = ChangeSet((edit,), "seen on the spot", "wang", None, "key-1", None)
    jobs.change(serviced, asked)
    assert found(serviced, "xingfulou") == {"building": ["T3"]}
    assert first(serviced, "3号楼")["found"]["field"] == "former_name"


# --- against a look through every text


@pytest.fixture(scope="module")
def texts(new_database, serviced_template, tmp_path_factory):
    """A town with a former name, and every text of it as its layers have them."""
    engine = store.connect(new_database(serviced_template))
    folder = tmp_path_factory.mktemp("rows")
    new = changed_toy("building", "T3", name="幸福楼ABC幢", address="积木街道重庆路12号")
    write(engine, folder, "building", "2026-03-01", **new)
    day, every = dt.date.today(), []
    for kind in store.KINDS:
        with store.transaction(engine) as conn:
            rows = store.read_layer(conn, kind, as_of=day)
        for row in rows.to_dict("records"):
            for field in ("code", "name", "address"):
                if isinstance(row.get(field), str):
                    every.append((kind, row["code"], field, row[field]))
    doors = pd.read_csv(TOY / "entrance.csv", dtype=str)
    every += [
        ("building", door["building_code"], "entrance", door["name"])
        for door in doors.to_dict("records")
    ]
    every.append(("building", "T3", "former_name", "3号楼"))
    yield engine, every
    engine.dispose()


def looked_through(every, text, limit):
    """The answer by its definition: each text is held against the question."""
    question, best = spelling.folded(text), {}
    for kind, code, field, written in every:
        spelt = spelling.spelled(written, code=field == "code")
        fit = spelling.found(question, spelt)
        if fit is None:
            continue
        value = (spelt.written, spelt.pinyin, spelt.initials)[fit.form]
        length = len(value) if fit.fit >= spelling.Fit.WORD else 0
        key = (*fit, length, value, code, kind, field, written)
        best[kind, code] = min(best.get((kind, code), key), key)
    groups = {}
    for kind in store.KINDS:
        keys = sorted(key for (of, _), key in best.items() if of == kind)
        if keys:
            groups[kind] = [(key[4], key[6]) for key in keys[:limit]]
    return groups


PARTS = (
    *(
        "1",
        "2",
        "3",
        "号",
        "楼",
        "1号楼",
        "东风",
        "社区",
        "网格",
        "dfsq",
        "hao",
        "lou",
        "sq",
        "党小组",
    ),
    *(
        "she",
        "T",
        "99010100",
        "积木",
        "街道",
        "重庆",
        "chong",
        "幸福",
        "ABC",
        "a",
        "门",
        "群团",
        "·",
    ),
)
PIECES = st.sampled_from(PARTS)
QUESTIONS = st.lists(PIECES, min_size=1, max_size=3).map("".join) | st.text(max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUESTIONS, st.integers(1, 9))
@example("1", 1)
@example("号", 3)
@example("ng", 3)
@example("ang", 3)
@example("楼a", 2)
def test_the_answer_is_that_of_a_look_through_every_text(texts, text, limit):
    engine, every = texts
    told = answer(engine, text, limit=limit)
    mine = {
        group["kind"]: [(row["code"], row["found"]["field"]) for row in group["rows"]]
        for group in told["groups"]
    }
    assert mine == looked_through(every, text, limit)


@given(st.text(max_size=30), st.text(max_size=8))
def test_marks_keep_what_is_inside_inside(text, part):
    whole, piece = spelling.folded(text), spelling.folded(part)
    assert (piece in whole) == (spelling.marked(piece) in spelling.marked(whole)) or not piece
    assert spelling.folded(whole) == whole
    spelt = spelling.spelled(text)
    assert len(spelt.starts) in (0, len(spelt.written))
    assert len(spelt.syllables) == len(spelt.pinyin)
    assert astuple(spelt) == astuple(spelling.spelled(whole))


# --- scopes


@pytest.mark.parametrize("role", Role)
def test_a_role_finds_what_it_may_see(lent_database, serviced_template, role):
    url = lent_database(serviced_template)
    with signed_client(url, name=f"some-{role}", role=role, ranges=(OWN,)) as client:
        got = client.get("/api/v1/search", params={"q": "1", "limit": 50}).json()
        codes = client.get("/api/v1/search", params={"q": "9901", "limit": 50}).json()
    assert [one["kind"] for one in got["searched"]] == list(kinds_for(RIGHTS[role]))
    assert ("camera" in kinds_for(RIGHTS[role])) == (Right.CAMERAS in RIGHTS[role])
    rows = [row for part in (got, codes) for group in part["groups"] for row in group["rows"]]
    assert rows
    for row in rows:
        units = [one["code"] for one in row["where"]]
        assert all(unit.startswith(OWN) for unit in units)
        assert row["code"].startswith(OWN) or units or row["kind"] in ("organisation", "camera")
    assert {row["code"] for row in rows if row["kind"] == "building"} <= {"T1", "T2", "T3", "T4"}


def test_parameters_that_cannot_be_used_are_refused(lent_database, serviced_template):
    with signed_client(lent_database(serviced_template)) as client:
        for query in ("", "q=" + "x" * 201, "q=a&limit=0", "q=a&limit=51", "q=a&lang=fr"):
            assert client.get(f"/api/v1/search?{query}").status_code == 422, query
        labels = client.get("/api/v1/search?q=东风&lang=zh").json()["groups"]
        assert labels[0]["label"] == "社区/村"
        assert client.get("/api/v1/search?q=%00").json()["groups"] == []
