"""Templates: every layer's sheet, filled in as a person would, comes back as the layer's rows."""

import datetime as dt
import re
import zipfile
from xml.sax.saxutils import escape

import pandas as pd
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook
from shapely import Point, box

from gridmap import cli, files
from gridmap.errors import FileUnreadable, InputError, LayerNotFound
from gridmap.files.sheets import NOTES_SHEET
from gridmap.jobs import write_template
from gridmap.model import CHOICES, LAYERS, Kind, headings_of, matches
from gridmap.model.choices import chosen

SHEET = "xl/worksheets/sheet1.xml"
SERIAL_DAY, SERIAL = dt.date(2026, 3, 1), 46082  # days since 1899-12-30

every_layer = pytest.mark.parametrize("spec", LAYERS.values(), ids=lambda spec: spec.name)


@pytest.fixture
def template(tmp_path):
    def written(spec, **how):
        path = tmp_path / f"{spec.name}.xlsx"
        files.write_template(spec, path, **how)
        return path

    return written


def xml_of(path, member=SHEET):
    with zipfile.ZipFile(path) as archive:
        return archive.read(member).decode()


def styles_of(sheet):
    """Return the number of each column's style: 0 is none."""
    styles = {}
    for column in re.findall("<col [^>]+>", sheet):
        told = dict(re.findall(r'(\w+)="(\d+)', column))
        for n in range(int(told["min"]), int(told["max"]) + 1):
            styles[n] = int(told.get("style", 0))
    return styles


def fill(path, *rows):
    """Put rows below the headings as a spreadsheet would: numbers as numbers, text as text.

    The format of a cell is that of its column; a day is a number that looks like one.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    text = members[SHEET].decode()
    style = styles_of(text)
    lines = ""
    for number, row in enumerate(rows, 2):
        cells = ""
        for place, value in enumerate(row, 1):
            at = f'r="{xlsxwriter.utility.xl_rowcol_to_cell(number - 1, place - 1)}"'
            form = f's="{style[place]}"'
            if isinstance(value, str):
                cells += f'<c {at} {form} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
            elif value is not None:
                cells += f"<c {at} {form}><v>{value}</v></c>"
        lines += f'<row r="{number}">{cells}</row>'
    members[SHEET] = text.replace("</sheetData>", lines + "</sheetData>").encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def cell_and_value(field):
    """Return what a person puts into a cell of a field, and what the layer then has."""
    if field.choices:
        return CHOICES[field.choices[-1]][0], field.choices[-1]
    if field.kind is Kind.TEXT:
        return "050010800100100112", "050010800100100112"  # digits that a number would lose
    if field.kind is Kind.BOOLEAN:
        return "否", False
    if field.kind is Kind.DATE:
        return SERIAL, SERIAL_DAY
    return (field.high, field.high) if field.high is not None else (3, 3)


@every_layer
def test_a_template_that_is_filled_in_is_the_layer(spec, template):
    fields = files.template_fields(spec)
    places = {"lon": (106.5, 106.5), "lat": (29.5, 29.5)}
    shape = box(106, 29, 107, 30)
    if spec.kinds:
        places["wkt"] = (shape.wkt, shape) if "Polygon" in spec.kinds else (
            "LINESTRING (0 0, 1 1)", None)  # fmt: skip
    told = {f.name: places.get(f.name) or cell_and_value(f) for f in fields.values()}
    path = fill(template(spec), [told[f.name][0] for f in fields.values()])
    read = files.read_layer(path, headings=headings_of(spec), source_crs="EPSG:4490")
    assert read.frame.index.to_list() == [2]
    assert not [one for one in spec.check(read.frame) if one.rule.startswith("F")]
    row = spec.parse(read.frame).iloc[0]
    for name in spec.columns:
        expected = told[name][1]
        assert row[name] == expected, name
        assert type(row[name]) is type(expected) or not isinstance(expected, str | dt.date)
    if "Point" in spec.kinds:
        assert row.geometry == Point(106.5, 29.5)
    elif "Polygon" in spec.kinds:
        assert row.geometry.equals(shape)
    elif spec.kinds:
        assert row.geometry.length == pytest.approx(2**0.5)


@every_layer
def test_headings_are_chinese_one_a_field_and_lead_back_to_it(spec):
    fields = files.template_fields(spec)
    names = [field.name for field in fields.values()]
    assert names[: len(spec.columns)] == spec.columns
    assert len(set(names)) == len(names)
    found = matches(fields, headings_of(spec))
    assert found == {field.name: [heading] for heading, field in fields.items()}
    for heading in fields:
        assert re.fullmatch(r"[\u4e00-\u9fff0-9]+", heading), heading
    extra = set(names) - set(spec.columns)
    assert extra == ({"lon", "lat"} if "Point" in spec.kinds else {"wkt"} if spec.kinds else set())


@every_layer
def test_a_sheet_has_headings_only_and_says_what_a_cell_may_be(spec, template):
    path = template(spec)
    book = CalamineWorkbook.from_path(path)
    assert book.sheet_names == [spec.name, NOTES_SHEET]
    fields = files.template_fields(spec)
    assert book.get_sheet_by_name(spec.name).to_python() == [list(fields)]
    rules = re.findall(r"<dataValidation .+?(?:/>|</dataValidation>)", xml_of(path))
    assert len(rules) == len(fields), "one each, none was refused as too long"
    for field, rule in zip(fields.values(), rules, strict=True):
        lists = re.search(r'type="list".+<formula1>"(.+)"</formula1>', rule)
        if field.choices or field.kind is Kind.BOOLEAN:
            words = lists[1].split(",")
            meant = [CHOICES[choice][0] for choice in field.choices] or ["是", "否"]
            assert words == meant
        else:
            assert lists is None
        if field.kind in (Kind.INTEGER, Kind.NUMBER) and field.low is not None:
            bounds = [float(one) for one in re.findall(r"<formula\d>(.+?)</formula", rule)]
            assert bounds == [field.low, field.high]
            whole = 'type="whole"' in rule
            assert whole == (field.kind is Kind.INTEGER)
    with pytest.raises(FileUnreadable):
        files.read_layer(path.with_name("none.xlsx"))
    empty = files.read_layer(path, headings=headings_of(spec), source_crs="EPSG:4490")
    assert [one.shape for one in spec.check(empty.frame)] == ["F01.empty"]


@every_layer
def test_the_choices_of_a_list_mean_what_they_stand_for(spec):
    for field in spec.fields:
        words = {choice: CHOICES[choice][0] for choice in field.choices}
        assert len(set(words.values())) == len(words), field.name
        assert not any("," in word for word in words.values()), "it would be two of the list"
        assert list(chosen(pd.Series(list(words.values())), field.choices)) == list(words)


@every_layer
def test_every_field_is_explained_in_the_language_asked_for(spec, template):
    book = CalamineWorkbook.from_path(template(spec, language="zh"))
    head, *rows = book.get_sheet_by_name(NOTES_SHEET).to_python()
    assert head == ["字段", "表头", "含义", "类型", "必填", "限值", "可填的值"]
    fields = files.template_fields(spec)
    assert [row[:2] for row in rows] == [[f.name, heading] for heading, f in fields.items()]
    for row, field in zip(rows, fields.values(), strict=True):
        assert re.search("[\u4e00-\u9fff]", row[2]), "its meaning is told in Chinese"
        assert (row[4] == "*") == field.required
        assert row[6].count("\n") == max(len(field.choices) - 1, 0)
        assert all(choice in row[6] for choice in field.choices)
    english = CalamineWorkbook.from_path(template(spec, language="en"))
    head, *rows = english.get_sheet_by_name(NOTES_SHEET).to_python()
    assert head[:3] == ["field", "heading", "meaning"]
    assert [row[2] for row in rows] == [field.meaning for field in fields.values()]


def test_what_the_explanations_say_by_hand(template):
    book = CalamineWorkbook.from_path(template(LAYERS["matter_item"]))
    rows = {row[0]: row for row in book.get_sheet_by_name(NOTES_SHEET).to_python()}
    assert rows["days_allowed"][1:6] == ["办理时限", "办理时限（天）", "整数", "", "0 – 3,650"]
    assert rows["matter_class"][6] == "大事 (big)\n小事 (small)\n私事 (private)"
    assert rows["code"][3:6] == ["文本", "*", "不超过 64 个字符"]
    height = CalamineWorkbook.from_path(template(LAYERS["building"]))
    rows = {row[0]: row for row in height.get_sheet_by_name(NOTES_SHEET).to_python()}
    assert rows["height_m"][5] == "0 – 1,000 m"
    assert rows["wkt"][5:] == ["", ""]


def test_text_has_the_format_of_text_and_a_day_that_of_a_day(template):
    path = template(LAYERS["duty"])
    styles = re.findall("<xf [^>]+>", xml_of(path, "xl/styles.xml").split("<cellXfs")[1])
    forms = [
        re.search(r'numFmtId="(\d+)"', styles[style])[1]
        for style in styles_of(xml_of(path)).values()
    ]
    day = re.search(r'numFmtId="(\d+)" formatCode="yyyy-mm-dd"', xml_of(path, "xl/styles.xml"))[1]
    assert forms == ["49", "49", "49", "49", day]  # 49 is the text of Excel


def test_a_sheet_that_explains_is_read_only_where_it_is_asked_for(tmp_path):
    path = tmp_path / "notes.xlsx"

    def write(*names):
        with xlsxwriter.Workbook(path) as book:
            for name in names:
                sheet = book.add_worksheet(name)
                sheet.write_row(0, 0, ["code", "name"])
                sheet.write_row(1, 0, [name, "x"])

    def code(**how):
        return files.read_layer(path, **how).frame["code"].to_list()

    write("a", NOTES_SHEET)
    assert code() == ["a"]
    assert code(layer=NOTES_SHEET) == [NOTES_SHEET]
    write(NOTES_SHEET)
    assert code() == [NOTES_SHEET], "there is no other"
    write("a", "b", NOTES_SHEET)
    with pytest.raises(FileUnreadable, match="name one with --layer") as told:
        code()
    assert NOTES_SHEET not in str(told.value)


def test_what_no_template_can_be_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"end the name in \.xlsx"):
        files.write_template(LAYERS["duty"], tmp_path / "duty.csv")
    with pytest.raises(InputError, match="no such folder"):
        files.write_template(LAYERS["duty"], tmp_path / "none" / "duty.xlsx")
    with pytest.raises(LayerNotFound):
        write_template("castle", tmp_path / "castle.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("language", "said"), [("en", "a template for duty"), ("zh", "的模板")])
def test_the_command_writes_one(tmp_path, monkeypatch, capsys, language, said):
    monkeypatch.setenv("GRIDMAP_LANGUAGE", language)
    path = tmp_path / "duty.xlsx"
    monkeypatch.setattr("sys.argv", ["gridmap", "template", "duty", str(path)])
    monkeypatch.setattr(cli.terminal.out, "width", 400)
    with pytest.raises(SystemExit) as ended:
        cli.main()
        raise SystemExit(0)
    assert not ended.value.code
    assert said in capsys.readouterr().out
    head = CalamineWorkbook.from_path(path).get_sheet_by_name("duty").to_python()[0]
    assert head == ["组织编码", "服务", "对象编码", "方式", "最近日期"]
