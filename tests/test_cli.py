import io
import json
import re

import pytest
from toy_town import METRIC, TOY
from typer.testing import CliRunner

from gridmap import cli, model
from gridmap.cli import words as names
from gridmap.cli.accounts import link_address
from gridmap.errors import GridmapError
from gridmap.jobs.rates import UNIT_OF_MEASURE
from gridmap.maps import LENSES
from gridmap.settings import Settings

pytestmark = pytest.mark.db


@pytest.fixture
def run(database_url, monkeypatch, capsys):
    """Run the command line as a user would; return exit code and what was printed."""
    monkeypatch.setenv("GRIDMAP_DATABASE_URL", database_url)
    monkeypatch.setenv("GRIDMAP_LANGUAGE", "en")
    return _runner(monkeypatch, capsys)


@pytest.fixture
def run_toy(toy_url, monkeypatch, capsys):
    monkeypatch.setenv("GRIDMAP_DATABASE_URL", toy_url)
    monkeypatch.setenv("GRIDMAP_LANGUAGE", "en")
    return _runner(monkeypatch, capsys)


def _runner(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["gridmap", *map(str, words)])
        cli.terminal.out.width = cli.terminal.err.width = 200
        with pytest.raises(SystemExit) as caught:
            cli.main()
            raise SystemExit(0)
        printed = capsys.readouterr()
        return caught.value.code or 0, printed.out, printed.err

    return run


def test_a_check_then_a_commit(run):
    words = ("import", "district", TOY / "district.csv", "--effective", "2026-01-01")
    code, out, _ = run(*words, "--source-crs", METRIC)
    assert code == 0
    assert "1 rows, 0 errors, 0 warnings. From 2026-01-01 on it would be: 1 new, 0 changed" in out
    assert "Nothing was written: this was a check." in out
    code, out, _ = run(*words, "--source-crs", METRIC, "--commit")
    assert "Written as batch 1, effective 2026-01-01: 1 new" in out


def test_numbers_are_given_and_nothing_is_stored(run, tmp_path):
    for level in ("district", "street", "community"):
        words = ("import", level, TOY / f"{level}.csv", "--effective", "2026-01-01")
        assert run(*words, "--source-crs", METRIC, "--commit")[0] == 0
    target = tmp_path / "numbered.gpkg"
    words = ("number", TOY / "grid.csv", "--source-crs", METRIC, "--map", "code=none")
    code, _, err = run(*words, "--out", target)
    assert (code, target.exists()) == (2, False)
    assert "which the file has not" in err.replace("\n", " ")
    words = ("number", TOY / "grid.csv", "--source-crs", METRIC, "--anew", "--out", target)
    code, out, _ = run(*words)
    assert code == 0
    assert "4 codes given" in out
    code, out, _ = run("import", "grid", target, "--effective", "2026-01-01")
    assert "4 rows, 0 errors, 0 warnings" in out


def test_bad_rows_name_row_field_rule_and_remedy(run, tmp_path):
    path = tmp_path / "街道.csv"
    path.write_text(
        'code,name,wkt\n990101001,甲,"POLYGON((0 0,1 0,1 1,0 0))"\n99010100,,"POINT(0 0)"\n',
        encoding="utf-8",
    )
    words = ("import", "street", path, "--effective", "2026-01-01", "--source-crs", "EPSG:4490")
    code, out, err = run(*words, "--commit")
    assert code == 3
    assert "街道.csv: 4 errors; nothing was written" in err.replace("\n", " ")
    for text in ("must be 9 digits", "name is empty", "a street must be a MultiPolygon", "C02"):
        assert text in out
    code, out, _ = run(*words, "--json")
    report = json.loads(out)
    assert code == 3
    assert {issue["row"] for issue in report["issues"]} == {1, 2}
    assert report["issues"][0].keys() == {"rule", "severity", "row", "field", "message"}


def test_the_headings_of_a_layer_are_listed(run):
    code, out, _ = run("layers")
    assert code == 0
    assert out.split()[:2] == ["district", "street"]
    code, out, _ = run("layers", "building")
    assert code == 0
    assert "户数" in out
    assert "经度" in out
    code, _, err = run("layers", "castle")
    assert (code, "no layer 'castle'" in err) == (4, True)


def test_what_was_taken_for_what_is_printed_and_limits_are_settings(run, tmp_path, monkeypatch):
    path = tmp_path / "组织.csv"
    path.write_bytes("组织编码,名称,类型\nB1,第一党支部,branch\n".encode("gbk"))
    words = ("import", "organisation", path, "--effective", "2026-01-01")
    code, out, _ = run(*words)
    assert code == 0
    assert "text in GB18030; columns code = 组织编码, name = 名称, kind = 类型" in out
    monkeypatch.setenv("GRIDMAP_MAX_FILE_MB", "1")
    monkeypatch.setenv("GRIDMAP_MAX_ROWS", "1")
    path.write_text("code,name,kind\nB1,a,branch\nB2,a,branch\n", "utf-8")
    code, _, err = run(*words)
    assert (code, "over 1 rows" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("import", "street", "none.gpkg", "--effective", "2026-01-01"), 2, "no such file"),
        (("import", "castle", "none.gpkg", "--effective", "2026-01-01"), 4, "no layer 'castle'"),
        (
            ("import", "street", "x", "--effective", "2026-01-01", "--map", "code"),
            2,
            "field=column",
        ),
        (("coverage", "show", "123456"), 4, "no unit has the code"),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(run, words, code, message):
    found, out, err = run(*words)
    assert found == code
    assert message in err.replace("\n", " ")
    assert "Traceback" not in out + err


def test_settings_that_are_wrong_are_named(run, monkeypatch):
    monkeypatch.setenv("GRIDMAP_PORT", "ninety")
    code, _, err = run("serve")
    assert code == 2
    assert "GRIDMAP_PORT" in err


def test_a_network_is_not_served_without_a_secret(run, monkeypatch):
    monkeypatch.setenv("GRIDMAP_HOST", "0.0.0.0")
    code, _, err = run("serve")
    assert code == 2
    assert "set GRIDMAP_SECRET" in err
    code, _, err = run("demo")
    assert code == 2
    assert "for this machine only" in err.replace("\n", " ")


def test_accounts_are_made_listed_and_closed(run, monkeypatch):
    code, out, err = run(
        "account", "add", "Longmenhao", "--role", "officer", "--range", "990101001"
    )
    assert code == 0
    assert len(out.strip()) == 43, "the password alone, to be taken by a program"
    assert "to be changed at the first sign-in" in err
    monkeypatch.setattr("sys.stdin", io.StringIO("plum tree by the gate\n"))
    words = ("account", "add", "chief", "--role", "admin", "--whole")
    assert run(*words, "--password-stdin")[:2] == (0, "")
    code, out, _ = run("account", "list")
    assert code == 0
    for told in ("longmenhao", "990101001", "Street or community officer", "first password",
                 "The whole district", "Administrator"):  # fmt: skip
        assert told in out
    listed = json.loads(run("account", "list", "--json")[1])
    assert [row["name"] for row in listed] == ["chief", "longmenhao"]
    assert "password_hash" not in listed[0]
    code, out, _ = run("account", "token", "add", "longmenhao", "QGIS", "--days", "7")
    assert re.fullmatch(r"gm_[\w-]{43}", out.strip())
    code, out, _ = run("account", "token", "list", "longmenhao")
    assert "QGIS" in out
    assert json.loads(run("account", "token", "list", "--json")[1])[0]["id"] == 1
    assert run("account", "token", "revoke", "1")[0] == 0
    assert "revoked" in run("account", "token", "list")[1]
    code, out, _ = run("account", "link", "longmenhao")
    assert re.fullmatch(r"http://127.0.0.1:8000/sign-in/link/[\w-]{43}", out.strip())
    assert run("account", "disable", "longmenhao")[0] == 0
    assert "disabled" in run("account", "list")[1]
    assert run("account", "enable", "longmenhao")[0] == 0
    code, out, _ = run("account", "password", "longmenhao")
    assert (code, len(out.strip())) == (0, 43)
    told = run("audit", "list", "--limit", 50)[1]
    for action in ("account_added", "token_added", "token_revoked", "link_added",
                   "account_disabled", "account_enabled", "password_changed"):  # fmt: skip
        assert action in told


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("add", "a", "--role", "admin"), 2, "--range CODE, once or more, or --whole"),
        (("add", "a", "--role", "admin", "--whole", "--range", "990101"), 2, "or --whole"),
        (("add", "a b", "--role", "admin", "--whole"), 2, "letters and digits"),
        (("add", "a", "--role", "leader", "--range", "9901010010"), 2, "no code of a division"),
        (("add", "a", "--role", "admin", "--whole", "--password-stdin"), 2, "standard input"),
        (("disable", "nobody"), 4, "no account 'nobody'"),
        (("token", "add", "nobody", "x"), 4, "no account 'nobody'"),
        (("token", "revoke", "7"), 4, "no token 7"),
    ],
)
def test_what_no_account_can_be_is_said(run, monkeypatch, words, code, message):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    found, _, err = run("account", *words)
    assert found == code
    assert message in err.replace("\n", " ")


def test_the_links_of_a_network_are_on_tls_under_its_name():
    network = Settings(host="0.0.0.0", allowed_hosts="map.example,other.example", secret="s" * 32)
    assert link_address(network, "x") == "https://map.example/sign-in/link/x"
    assert link_address(Settings(host="::1", port=81), "x") == "http://[::1]:81/sign-in/link/x"


def test_chinese_is_the_first_language(run, monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDMAP_LANGUAGE", "zh")
    path = tmp_path / "a.csv"
    path.write_text("code,name,kind\nA,,branch\n", encoding="utf-8")
    _, out, _ = run("import", "organisation", path, "--effective", "2026-01-01")
    for text in ("说明", "错误", "“名称(name)”为空，每个组织都必须填写", "未写入任何数据"):
        assert text in out


def test_a_database_that_is_not_there(run, monkeypatch, tmp_path):
    url = f"postgresql+psycopg2://x@/x?host={tmp_path}"
    monkeypatch.setenv("GRIDMAP_DATABASE_URL", url)
    code, _, err = run("coverage", "show", "990101")
    assert code == 7
    assert "cannot be reached" in err


def test_text_of_a_file_is_no_markup(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('code,name,wkt\n"[red]x[/red]",甲,\n', encoding="utf-8")
    _, out, _ = run(
        "import", "street", path, "--effective", "2026-01-01", "--source-crs", "EPSG:4490"
    )
    assert "[red]x[/red]" in out


def test_coverage_is_shown_with_its_denominators(run_toy):
    code, out, _ = run_toy("coverage", "show", "990101")
    assert code == 0
    assert "42.9%" in out
    line = next(row for row in out.splitlines() if "Buildings with a Party group" in row)
    assert line.split()[-6:-2] == ["group", "3", "7", "buildings"]
    code, out, _ = run_toy("coverage", "show", "990101", "--json")
    assert json.loads(out)["unit"]["name"] == "玩具区"


def test_locate_prints_json(run_toy):
    code, out, _ = run_toy("locate", "106.5976", "29.5046")
    assert code == 0
    assert json.loads(out)["as_of"]


def test_map_writes_a_file(run_toy, tmp_path):
    code, out, _ = run_toy("map", tmp_path / "m.html", "--lang", "en")
    assert code == 0
    assert (tmp_path / "m.html").stat().st_size > 100_000
    assert "opens with the network off" in out.replace("\n", " ")


def test_an_export_says_what_it_is(run_toy, tmp_path, monkeypatch):
    path = tmp_path / "[red]相机.csv"
    words = ("export", "camera", path, "--as-of", "2026-06-01", "--crs", "gcj-02")
    code, out, _ = run_toy(*words)
    assert code == 0
    shown = out.replace("\n", " ")
    assert "[red]相机.csv: 2 rows of camera as of 2026-06-01, GCJ-02" in shown
    assert "Import it again with --source-crs GCJ-02" in shown
    assert "only you can read it" in shown
    code, out, _ = run_toy("export", "duty", tmp_path / "d.xlsx", "--as-of", "2026-06-01")
    assert code == 0
    assert "--source-crs" not in out, "a table has no frame"
    monkeypatch.setenv("GRIDMAP_LANGUAGE", "zh")
    assert "截至 2026-06-01" in run_toy(*words)[1]
    code, _, err = run_toy("export", "road", tmp_path / "r.dwg")
    assert code == 2
    assert ".gpkg" in err
    code, _, _ = run_toy("export", "road", tmp_path / "r.gpkg", "--unit", "990101009")
    assert code == 4


def test_a_report_is_written_of_good_and_bad_files(run, tmp_path):
    words = ("import", "district", TOY / "district.csv", "--effective", "2026-01-01")
    code, _, err = run(*words, "--source-crs", METRIC, "--report", tmp_path / "r.doc")
    assert code == 2
    assert ".json or .gpkg" in err
    code, out, _ = run(*words, "--source-crs", METRIC, "--report", tmp_path / "r.json")
    assert code == 0
    assert "this was a check" in out
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["rows"] == 1
    code, out, _ = run(*words, "--report", tmp_path / "r.gpkg")
    assert code == 3
    assert "F01" in out
    assert (tmp_path / "r.gpkg").stat().st_size > 0


def test_refresh_prints_the_district(run, engine):
    code, out, _ = run("coverage", "refresh", "--as-of", "2026-06-01")
    assert code == 0
    assert "camera: none imported" in out


def test_every_error_has_an_exit_code():
    def kinds(kind):
        return {kind}.union(*(kinds(k) for k in kind.__subclasses__()))

    for kind in kinds(GridmapError):
        assert cli.exit_code(kind.__new__(kind)) > 0


def test_help_of_every_command():
    runner = CliRunner()
    for words in (
        [],
        ["import"],
        ["db"],
        ["coverage"],
        ["demo"],
        ["serve"],
        ["map"],
        ["locate"],
        ["export"],
    ):
        assert runner.invoke(cli.app, [*words, "--help"]).exit_code == 0


def test_blind_areas_losses_and_the_law_are_listed(run_toy):
    code, out, _ = run_toy("coverage", "blind", "990101", "--by", "area_m2", "--limit", 2)
    assert code == 0
    assert "990101 玩具区: 2 / " in out
    code, out, _ = run_toy("coverage", "loss", "990101", "--json")
    answer = json.loads(out)
    assert [row["cameras"] for row in answer["rows"]] == [1, 1]
    assert answer["as_of"] == "2026-06-01"
    code, out, _ = run_toy("coverage", "loss", "990101", "--redundant")
    assert "0 / 0" in out
    code, out, _ = run_toy("coverage", "law", "990101")
    assert code == 0
    assert "V00.sign 2" in out
    assert "put up a clear sign" in out
    code, _, err = run_toy("coverage", "blind", "990101", "--by", "weight")
    assert code == 2
    assert "household_count" in err
    code, _, err = run_toy("coverage", "law", "990102")
    assert code == 4


def test_the_book_is_listed_and_a_write_taken_back(run, tmp_path):
    words = ("import", "district", TOY / "district.csv", "--effective", "2026-01-01")
    run(*words, "--source-crs", METRIC, "--commit", "--key", "first")
    code, out, _ = run(*words, "--source-crs", METRIC, "--commit", "--key", "first")
    assert "Written as batch 1" in out  # the first answer again
    code, out, _ = run("batches")
    assert (code, out.count("district.csv")) == (0, 1)
    code, out, _ = run("batches", 1)
    assert json.loads(out)["rows"]["division"]["after"][0]["code"] == "990101"
    code, out, _ = run("undo", 1)
    assert "Batch 1 (district.csv) was undone by batch 2: 0 rows are back, 0 as before, 1 gone" in (
        out.replace("\n", " ")
    )
    assert run("undo", 1)[0] == 5
    assert run("undo", 99)[0] == 4
    assert run("batches", 99)[0] == 4


def test_days_that_cannot_be_compared_are_refused(run):
    assert run("diff", "2026-03-01", "2026-03-01")[0] == 2
    assert run("diff", "2026-02-01", "2026-03-01", "--map", "/nowhere/x.html")[0] == 2


# Each table's headings in both languages, and a cell that stands under one of them.
TABLES = {
    ("show", "990101"): (
        "指标 已覆盖 总数 单位 占比 数据日期 / 党小组覆盖楼栋 3 7 栋 42.9%",
        "measure covered of unit share as of / Buildings with a Party group 3 7 buildings 42.9%",
    ),
    ("blind", "990101"): (
        "网格 序号 面积（平方米） 其中重点公共区域（平方米） 道路（米） 外墙（米） 户数 经度 纬度",
        "grid no. area, m² in key public areas, m² road, m frontage, m household count "
        "longitude latitude",
    ),
    ("loss", "990101"): (
        "编码 摄像机数 面积（平方米） 道路（米） 外墙（米）",
        "code camera count area, m² road, m frontage, m",
    ),
    ("law", "990101"): ("摄像机 规则 级别 说明 / V00 警告", "camera rule severity message / V00"),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("words", TABLES, ids=lambda words: words[0])
def test_tables_of_coverage_speak_the_language_and_json_does_not(
    run_toy, monkeypatch, words, language
):
    plain = run_toy("coverage", *words, "--json")[1]
    monkeypatch.setenv("GRIDMAP_LANGUAGE", language)
    code, out, _ = run_toy("coverage", *words)
    assert code == 0
    told = " ".join(out.split())
    for part in TABLES[words][language == "en"].split(" / "):
        assert part in told
    assert not re.search(r"\w_(m2|m|code|count)\b|party_|camera\.|\bm2\b", told), "a machine's name"
    assert run_toy("coverage", *words, "--json")[1] == plain


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "zh",
            (
                "内容 变化 行数 平方米 前几个",
                "区划 新增 8",
                "楼栋 新增 8",
                "覆盖情况 新增覆盖",
                "可见地面 新增覆盖 2",
                "指标 2025-12-31 2026-06-01 单位",
                "党小组覆盖楼栋 - 3 / 7 栋",
            ),
        ),
        (
            "en",
            (
                "item change rows m² first",
                "Divisions added 8",
                "Buildings added 8",
                "Coverage gained",
                "Ground seen gained 2",
                "measure 2025-12-31 2026-06-01 unit",
                "Buildings with a Party group - 3 / 7 buildings",
            ),
        ),
    ],
)
def test_a_difference_is_told_in_the_language(run_toy, monkeypatch, language, parts):
    monkeypatch.setenv("GRIDMAP_LANGUAGE", language)
    code, out, _ = run_toy("diff", "2025-12-31", "2026-06-01")
    assert code == 0
    told = " ".join(out.split())
    for part in parts:
        assert part in told
    assert "party_" not in told


def test_every_measure_has_its_words_and_the_map_s_are_the_same():
    party = {measure for measure in names.MEASURES if not measure.startswith("camera.")}
    assert set(UNIT_OF_MEASURE) == set(names.MEASURES) - party
    assert all(measure.partition(".")[0] in model.LENSES for measure in party)
    assert names.measure_named("grid_leader.grids", "zh") == "网格长 (网格)"
    assert names.measure_named("grid_leader.households", "en") == "grid leader (households)"
    labels = {lens.measure: lens.label for lens in LENSES}
    assert {m: label for m, label in labels.items() if m in names.MEASURES}.items() <= (
        names.MEASURES.items()
    )
    others = set(labels) - set(names.MEASURES)
    assert {measure.partition(".")[0] for measure in others} <= set(model.LENSES)
    assert names.measure_named("camera.open_ground_3", "zh") == "3 台及以上摄像机可见的开敞地面"
    assert names.measure_named("camera.open_ground_3", "en").startswith("Open ground seen by 3 cam")
    assert names.measure_named("bus.stops_3", "zh") == "bus.stops_3"
