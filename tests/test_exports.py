"""Layers out and in again: every layer, format and frame, and text that means harm."""

import csv
import datetime as dt
import json
import stat
import subprocess
import sys
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from shapely import LineString, MultiPolygon, Point, Polygon, box
from toy_town import TOY_ORDER, frame, shared_data

from gridmap import crs, files, jobs, store
from gridmap.errors import (
    CodeError,
    CrsError,
    GridmapError,
    InputError,
    LayerNotFound,
    UnitNotFound,
)
from gridmap.files import sheets
from gridmap.model import LAYERS, Kind, headings_of

DAY = dt.date(2026, 6, 1)
ENDINGS = tuple(files.EXPORT_ENDINGS)
SHAPEFILES = (".shp", ".zip")
FRAMELESS = (".csv", ".xlsx")
FRAMES = ("EPSG:4490", "EPSG:4545", "GCJ-02", "EPSG:4326", "BD-09", "EPSG:4524")
LONLAT = ("EPSG:4490", "GCJ-02", "EPSG:4326", "BD-09")

HARD = (
    "=cmd|' /C calc'!A0",
    "'=x",
    "''@a",
    "@SUM(1)",
    "＝1+1",
    "＋1",
    "－1",
    "＠a",
    "-5",
    "+86",
    "1e5",
    "007",
    'a,b"c',
    "x\ny",
    "x\r\ny",
    "_x0041_",
    "<b>&amp;",
    "🏠𠮷",
    "2026/01/01",
    "NULL",
    "nan",
    "true",
    "\x01\x0bq",
    "'plain",
    '{"a":1}',
    "[red]x[/red]",
    "x\u2028y",
    "1,5",
    "{name}",
    "重" * 127,
)
"""Text that a format, a spreadsheet, a terminal or a template might take for something else."""


def hard_buildings():
    """Buildings with such text, a hole and several parts, and numbers of many digits."""
    shapes = []
    for i in range(len(HARD)):
        x, y = 364_002 + (i % 10) * 13.7 / 3, 3_266_150 + (i // 10) * 13.7 / 3
        shell, hole = box(x, y, x + 3, y + 3).exterior, box(x + 1, y + 1, x + 2, y + 2).exterior
        island = box(x + 1.2, y + 1.2, x + 1.7, y + 1.8)
        shapes.append(MultiPolygon([Polygon(shell, [hole]), island]))
    rows = range(len(HARD))
    return frame(
        shapes,
        code=[f"{text[:20]}#{i}" for i, text in enumerate(HARD)],
        name=list(HARD),
        floors=[None if i % 3 else i for i in rows],
        floor_area_m2=[None if i % 2 else 1e4 / 3 + i for i in rows],
    ).to_crs(4490)


@pytest.fixture(scope="module")
def city(new_database, toy_template, tmp_path_factory):
    """The toy town and the hard buildings, for tests that leave it as it is."""
    engine = store.connect(new_database(toy_template))
    path = tmp_path_factory.mktemp("hard") / "hard.gpkg"
    files.write_layer(hard_buildings(), path)
    jobs.import_layer(engine, path, "building", effective=dt.date(2026, 1, 1), commit=True)
    yield engine
    engine.dispose()


def typed(frame_, layer="building"):
    return LAYERS[layer].parse(frame_)


def read_again(path, layer, source_crs=None):
    """Read an export as an import does."""
    return files.read_layer(path, headings=headings_of(LAYERS[layer]), source_crs=source_crs)


# --- out and in again


@pytest.mark.db
@pytest.mark.parametrize("name", TOY_ORDER)
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_export_that_comes_back_is_no_change(city, tmp_path, ending, name):
    spec, path = LAYERS[name], tmp_path / f"{name}{ending}"
    if not spec.kinds and ending in SHAPEFILES:
        with pytest.raises(InputError, match="has no shapes"):
            jobs.export_layer(city, name, path, as_of=DAY)
        return
    # Another frame for each pair, so that each layer and each format meets most of them.
    known = LONLAT if ending == ".geojson" else FRAMES
    meant = known[(TOY_ORDER.index(name) + ENDINGS.index(ending)) % len(known)]
    done = jobs.export_layer(city, name, path, as_of=DAY, frame=meant)
    assert done.rounded == 0
    if spec.kinds:
        assert done.source_crs == (meant if ending in FRAMELESS or "-" in meant else None)
    report = jobs.import_layer(
        city, path, name, effective=DAY, source_crs=done.source_crs, commit=True
    )
    assert (report.inserted, report.updated) == (0, 0)
    assert report.unchanged == done.rows > 0


@pytest.mark.db
@pytest.mark.parametrize("meant", FRAMES)
def test_no_frame_moves_a_vertex(city, tmp_path, meant):
    with store.transaction(city) as conn:
        stored = store.read_layer(conn, "building", as_of=DAY)
    path = tmp_path / "b.gpkg"
    done = jobs.export_layer(city, "building", path, as_of=DAY, frame=meant)
    back = crs.to_storage(files.read_layer(path, source_crs=done.source_crs).frame)
    apart = np.abs(
        shapely.get_coordinates(back.geometry.array)
        - shapely.get_coordinates(stored.geometry.array)
    )
    assert apart.max() < 1e-11  # a micrometre
    assert back["name"].to_list() == stored["name"].to_list()


@pytest.mark.db
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_shifted_frame_is_never_taken_for_another(city, tmp_path, ending):
    path = tmp_path / f"b{ending}"
    done = jobs.export_layer(city, "building", path, as_of=DAY, frame="gcj-02")
    assert done.source_crs == "GCJ-02"
    with pytest.raises(GridmapError):  # it says no frame, or one that no other program knows
        jobs.import_layer(city, path, "building", effective=DAY, commit=True)


@pytest.mark.db
def test_a_layer_is_exported_as_it_was(town, tmp_path):
    path, later = tmp_path / "b.gpkg", dt.date(2026, 7, 1)
    jobs.export_layer(town, "building", path, as_of=DAY)
    changed = gpd.read_file(path)
    changed.loc[changed["code"] == "T1", "name"] = "新名"
    changed.geometry = changed.geometry.where(
        changed["code"] != "T2", shapely.affinity.translate(changed.geometry[1], 2e-9)
    )
    files.write_layer(changed, tmp_path / "c.gpkg")
    report = jobs.import_layer(town, tmp_path / "c.gpkg", "building", effective=later, commit=True)
    assert (report.inserted, report.updated, report.unchanged) == (0, 2, 6), "0.2 mm is a change"
    for day, name in ((dt.date(2025, 1, 1), []), (DAY, ["1号楼"]), (later, ["新名"])):
        done = jobs.export_layer(town, "building", path, as_of=day)
        found = gpd.read_file(path)
        assert len(found) == done.rows
        assert found.loc[found["code"] == "T1", "name"].to_list() == name


@pytest.mark.db
def test_a_unit_alone(toy, tmp_path):
    path = tmp_path / "a.csv"

    def codes(layer, unit):
        done = jobs.export_layer(toy, layer, path, as_of=DAY, unit=unit)
        found = pd.read_csv(path, dtype=str)["code"].to_list()
        assert len(found) == done.rows
        return found

    assert codes("building", "990101001001") == ["T1", "T2", "T3", "T4"]
    assert codes("camera", "990101001002") == ["99010100001310000002"]
    assert codes("grid", "990101001002") == ["990101001002001", "990101001002002"]
    assert codes("road", "990101001002") == ["R1"]
    assert codes("privacy_zone", "990101001001") == []
    assert codes("entrance", "990101001002001") == ["E6"]
    with pytest.raises(UnitNotFound, match="990101009"):
        codes("building", "990101009")
    with pytest.raises(CodeError):
        codes("building", "9901%")
    with pytest.raises(InputError, match="export it whole"):
        codes("organisation", "990101001")


# --- what a file cannot hold


@pytest.mark.db
@pytest.mark.parametrize(
    ("name", "layer", "options", "error", "message"),
    [
        ("a.gpkg", "castle", {}, LayerNotFound, "castle"),
        ("a.dwg", "road", {}, InputError, r"\.gpkg, \.geojson"),
        ("a", "road", {}, InputError, r"\.gpkg, \.geojson"),
        ("a.gpkg", "road", {"frame": "EPSG:banana"}, CrsError, "no coordinate frame"),
        ("a.gpkg", "road", {"frame": "+proj=longlat"}, CrsError, "no coordinate frame"),
        ("a.gpkg", "road", {"frame": "EPSG:999999"}, CrsError, "no coordinate frame"),
        ("a.gpkg", "road", {"frame": "EPSG:2432"}, CrsError, "Beijing 1954"),
        ("a.gpkg", "road", {"frame": "EPSG:4979"}, CrsError, "no plane frame"),
        ("a.geojson", "road", {"frame": "EPSG:4545"}, InputError, "RFC 7946"),
        ("none/a.gpkg", "road", {}, InputError, "no such folder"),
        ("a!b.gpkg", "road", {}, InputError, "without ; ! or ://"),
        ("\udcff.gpkg", "road", {}, InputError, "another name"),
        ("x" * 300 + ".gpkg", "road", {}, InputError, "name"),
    ],
)
def test_what_cannot_be_written_is_told(toy, tmp_path, name, layer, options, error, message):
    with pytest.raises(error, match=message):
        jobs.export_layer(toy, layer, tmp_path / name, as_of=DAY, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_name_is_no_target(tmp_path):
    (tmp_path / "a.gpkg").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        files.require_export(tmp_path / "a.gpkg", LAYERS["road"], crs.STORAGE_CRS)


@pytest.mark.parametrize("ending", SHAPEFILES)
def test_a_shapefile_cuts_no_text(tmp_path, ending):
    rows = typed(frame([box(0, 0, 1, 1)] * 2, code=["a", "b"], name=["重" * 127, "重" * 128]))
    with pytest.raises(
        InputError, match="building b: name has 256 bytes and a Shapefile holds 254"
    ):
        files.write_export(rows, LAYERS["building"], tmp_path / f"a{ending}")
    assert list(tmp_path.iterdir()) == []
    files.write_export(rows.head(1), LAYERS["building"], tmp_path / f"a{ending}")


def test_a_shapefile_says_how_many_numbers_it_rounds(tmp_path):
    rows = typed(frame([box(0, 0, 1, 1)] * 3, code=list("abc"), height_m=[0.1 + 0.2, 0.3, None]))
    assert files.rounded_numbers(rows, LAYERS["building"]) == 1
    assert files.rounded_numbers(rows.head(0), LAYERS["building"]) == 0
    assert files.rounded_numbers(rows, LAYERS["grid"]) == 0


def test_short_names_are_short_and_one_each():
    columns = {name for spec in LAYERS.values() if spec.kinds for name in spec.columns}
    assert {name for name in columns if len(name) > 10} == set(files.SHORT_NAMES)
    for spec in LAYERS.values():
        if not spec.kinds:
            continue
        names = [files.SHORT_NAMES.get(name, name) for name in spec.columns]
        assert len(set(names)) == len(names)
        assert all(len(name.encode()) <= 10 for name in names)
        for name in set(files.SHORT_NAMES) & set(spec.columns):
            assert files.SHORT_NAMES[name] in headings_of(spec)[name]
    assert not set(files.SHORT_NAMES.values()) & columns


def test_a_shapefile_is_in_the_encoding_of_its_country(tmp_path):
    rows = typed(frame([box(0, 0, 1, 1)], code=["a"], name=["重庆𠮷"], household_count=[5]))
    files.write_export(rows, LAYERS["building"], tmp_path / "楼栋.shp")
    assert (tmp_path / "楼栋.cpg").read_text() == "GB18030"
    assert "重庆𠮷".encode("gb18030") in (tmp_path / "楼栋.dbf").read_bytes()
    read = read_again(tmp_path / "楼栋.shp", "building")
    assert read.frame.loc[1, ["name", "household_count"]].to_list() == ["重庆𠮷", 5]
    with zipfile.ZipFile(_written(rows, tmp_path / "楼栋.zip")) as archive:
        endings = ("shp", "shx", "dbf", "prj", "cpg")
        assert sorted(archive.namelist()) == sorted(f"building.{e}" for e in endings)
        assert archive.testzip() is None


def _written(rows, path, layer="building"):
    files.write_export(rows, LAYERS[layer], path)
    return path


# --- whole or not at all


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_there_stays_until_the_new_file_is_whole(tmp_path, ending, monkeypatch):
    rows = typed(frame([box(0, 0, 1, 1)], crs=4490, code=["a"]))
    path = _written(rows, tmp_path / f"a{ending}")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    def broken(_rows, _spec, part):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(files.EXPORT_ENDINGS, ending, broken)
    with pytest.raises(InputError, match="No space left on device"):
        files.write_export(rows, LAYERS["building"], path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


FULL = """
import json, resource, signal, sys, warnings
from pathlib import Path
import geopandas as gpd, shapely
from gridmap import files
from gridmap.errors import InputError
from gridmap.model import LAYERS
warnings.simplefilter("ignore")
spec = LAYERS["building"]
shapes = [shapely.box(106 + i * 1e-4, 29, 106 + (i + 1) * 1e-4, 29.1) for i in range(2000)]
codes = [f"{i * 7919 % 10007:05}-{i}" for i in range(2000)]
rows = spec.parse(gpd.GeoDataFrame({"code": codes, "name": codes}, geometry=shapes, crs=4490))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, resource.RLIM_INFINITY))
told = {}
for ending in files.EXPORT_ENDINGS:
    target = Path(sys.argv[1]) / f"a{ending}"
    target.write_text("old")
    try:
        files.write_export(rows, spec, target)
        told[ending] = "written"
    except InputError as error:
        told[ending] = target.read_text()
print(json.dumps(told))
"""


def test_a_full_disk_leaves_the_old_file(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == dict.fromkeys(ENDINGS, "old")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"a{e}" for e in ENDINGS)


def test_files_of_a_former_shapefile_go(tmp_path):
    rows = typed(frame([box(0, 0, 1, 1)], code=["a"]))
    for ending in (".qix", ".sbn", ".shp.xml"):
        (tmp_path / f"a{ending}").write_text("old")
    (tmp_path / "a.txt").write_text("mine")
    _written(rows, tmp_path / "a.shp")
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [
        ".cpg", ".dbf", ".prj", ".shp", ".shx", ".txt"
    ]  # fmt: skip


@pytest.mark.db
@pytest.mark.parametrize("ending", ENDINGS)
def test_positions_of_cameras_are_for_their_owner_alone(toy, tmp_path, ending):
    done = jobs.export_layer(toy, "camera", tmp_path / f"camera{ending}", as_of=DAY)
    assert done.exact
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {0o600}
    assert not jobs.export_layer(toy, "road", tmp_path / f"road{ending}", as_of=DAY).exact


# --- what is in the files


def test_spreadsheets_run_nothing(tmp_path):
    rows = typed(hard_buildings())
    path = _written(rows, tmp_path / "a.csv")
    text = path.read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0][:2] == ["code", "name"]
    marks = tuple(files.FORMULA_MARKS)
    assert not [cell for line in lines for cell in line if cell.startswith(marks)]
    assert [files.plain(line[1]) for line in lines[1:]] == rows["name"].to_list()
    with zipfile.ZipFile(_written(rows, tmp_path / "a.xlsx")) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<f " not in sheet
    assert sheet.count('t="inlineStr"') >= 2 * len(rows)
    assert not [name for name in book.namelist() if "external" in name.lower()]


@given(st.text())
def test_a_neutral_cell_gives_its_text_back(text):
    assert files.plain(files.neutral(text)) == text
    assert not files.neutral(text).startswith(tuple(files.FORMULA_MARKS))


def cells_of(path):
    calamine = pytest.importorskip("python_calamine")
    book = calamine.CalamineWorkbook.from_path(str(path))
    head, *rows = book.get_sheet_by_index(0).to_python()
    assert book.sheet_names == [path.stem]
    return pd.DataFrame(rows, columns=head)


def test_an_excel_sheet_keeps_types_digits_and_order(tmp_path):
    rows = hard_buildings()
    read = cells_of(_written(typed(rows), tmp_path / "building.xlsx"))
    again = typed(rows)
    assert read["name"].to_list() == again["name"].to_list()
    assert read["code"].to_list() == again["code"].to_list()
    areas = pd.to_numeric(read["floor_area_m2"], errors="coerce").to_list()
    assert areas == pytest.approx(again["floor_area_m2"].to_list(), abs=0, rel=0, nan_ok=True)
    assert (shapely.from_wkt(read["wkt"].to_list()) == again.geometry.array).all()


def test_an_excel_sheet_has_dates_numbers_and_points(tmp_path):
    days = [dt.date(2026, 1, 2), dt.date(1899, 12, 31), None]
    rows = frame(
        [Point(106.5 + i / 7, 29.5) for i in range(3)],
        crs=4490,
        code=["99010100001310000001", "0001", "2"],
        in_use_since=days,
        hd=[True, None, False],
        azimuth_deg=[0.1 + 0.2, None, 90],
    )
    path = _written(typed(rows, "camera"), tmp_path / "camera.xlsx", "camera")
    read = cells_of(path)
    assert read["code"].to_list() == ["99010100001310000001", "0001", "2"]
    assert read["in_use_since"].to_list() == [dt.date(2026, 1, 2), "1899-12-31", ""]
    assert read["hd"].to_list() == [True, "", False]
    assert read["azimuth_deg"].to_list() == [0.30000000000000004, "", 90]
    assert read["lon"].to_list() == [106.5 + i / 7 for i in range(3)]
    metric = crs.to_target(typed(rows, "camera"), "EPSG:4545")
    files.write_export(metric, LAYERS["camera"], path)
    assert {"x", "y"} < set(cells_of(path))


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_that_look_like_dates_and_numbers_stay_names(tmp_path, ending):
    names = ["2026/01/02", "2026/01/03"]
    rows = typed(frame([box(0, 0, 1, 1)] * 2, crs=4490, code=["007", "1e5"], name=names))
    back = typed(read_again(_written(rows, tmp_path / f"building{ending}"), "building").frame)
    assert back["name"].to_list() == names
    assert back["code"].to_list() == ["007", "1e5"]


def test_a_shape_longer_than_a_cell_is_continued(tmp_path):
    circle = Point(106.5, 29.5).buffer(0.01, quad_segs=300)
    rows = typed(frame([circle, box(1, 1, 2, 2)], crs=4490, code=["a", "b"]))
    read = cells_of(_written(rows, tmp_path / "building.xlsx"))
    parts = [name for name in read if name.startswith("wkt")]
    assert parts == ["wkt", "wkt_2"]
    assert max(read[name].str.len().max() for name in parts) == sheets.MAX_CELL
    assert (shapely.from_wkt((read["wkt"] + read["wkt_2"]).to_list()) == rows.geometry.array).all()
    back = read_again(tmp_path / "building.xlsx", "building", "EPSG:4490").frame
    assert (back.geometry.array == rows.geometry.array).all()


def test_metres_are_written_as_people_read_them(tmp_path):
    rows = typed(frame([box(364_000, 3_266_000, 364_100, 3_266_200.25)], code=["a"]).to_crs(4490))
    path = _written(crs.to_target(rows, "EPSG:4545"), tmp_path / "building.csv")
    assert "364100 3266200.25, " in path.read_text("utf-8-sig")
    back = crs.to_storage(read_again(path, "building", "EPSG:4545").frame)
    assert crs.settled(back.geometry, rows.geometry)[1] == rows.geometry[1]


def test_a_sheet_has_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "MAX_SHEET_ROWS", 1)
    rows = typed(frame([box(0, 0, 1, 1)] * 2, code=["a", "b"]))
    with pytest.raises(InputError, match="2 rows and an Excel sheet holds 1"):
        _written(rows, tmp_path / "a.xlsx")


def test_geoparquet_says_frame_kind_and_types(tmp_path):
    rows = typed(hard_buildings())
    path = _written(rows, tmp_path / "a.parquet")
    read = gpd.read_parquet(path)
    assert read.crs == crs.STORAGE_CRS
    assert (read.geometry.array == rows.geometry.array).all()
    assert (
        typed(read)
        .drop(columns="geometry")
        .equals(rows.drop(columns="geometry").reset_index(drop=True))
    )
    schema = parquet.read_schema(path)
    assert str(schema.field("floors").type) == "int32"
    assert str(schema.field("kind").type) == "string", "all null, and text all the same"
    geo = json.loads(schema.metadata[b"geo"])["columns"]["geometry"]
    assert geo["geometry_types"] == ["MultiPolygon"]
    path = _written(crs.to_target(rows, "GCJ-02"), tmp_path / "b.parquet")
    assert gpd.read_parquet(path).crs.name == "GCJ-02"


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".fgb"])
def test_columns_have_their_types_in_every_format(tmp_path, ending):
    nothing = {name: [None] for name in LAYERS["camera"].columns[1:]}
    rows = typed(frame([Point(106.5, 29.5)], crs=4490, code=["a"], **nothing), "camera")
    path = _written(rows, tmp_path / f"camera{ending}", "camera")
    found = pyogrio.read_info(path)
    kinds = dict(zip(found["fields"], found["ogr_types"], strict=True))
    meant = {
        Kind.TEXT: {"OFTString"},
        Kind.INTEGER: {"OFTInteger"},
        Kind.NUMBER: {"OFTReal"},
        Kind.BOOLEAN: {"OFTInteger"},
        Kind.DATE: {"OFTDate", "OFTDateTime"},
    }
    for column in LAYERS["camera"].fields:
        short = files.SHORT_NAMES.get(column.name, column.name)
        name = short if ending == ".shp" else column.name
        assert kinds[name] in meant[column.kind], column.name
    assert found["crs"] == "EPSG:4490"
    assert found["geometry_type"] == "Point"


@pytest.mark.parametrize("name", ["EPSG:4490", "EPSG:4326", "GCJ-02"])
def test_geojson_says_which_frame_it_is_in(tmp_path, name):
    rows = crs.to_target(typed(hard_buildings()), name)
    told = json.loads(_written(rows, tmp_path / "a.geojson").read_text("utf-8"))
    assert told["features"][0]["properties"]["name"] == HARD[0]
    if name == "EPSG:4326":  # RFC 7946: then it has no such member
        assert "crs" not in told
    elif name == "EPSG:4490":
        assert told["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::4490"
    else:
        assert (told["crs"], told["frame"]) == (None, "GCJ-02")
        assert files.read_layer(tmp_path / "a.geojson").frame.crs is None
        assert pyogrio.list_layers(tmp_path / "a.geojson")[0, 0] == "building GCJ-02"
    rings = shapely.from_geojson([json.dumps(f["geometry"]) for f in told["features"]])
    assert all(part.exterior.is_ccw for shape in rings for part in shape.geoms)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_layer_without_rows_is_a_file_without_rows(tmp_path, ending):
    rows = typed(hard_buildings()).head(0)
    path = _written(rows, tmp_path / f"building{ending}")
    assert path.stat().st_size > 0
    assert len(files.read_layer(path).frame) == 0


# --- the same up to rounding


def near(shape, by, seed=0):
    """Move each vertex a little, the same vertex always to the same place."""
    return shapely.transform(shape, lambda xy: xy + by * np.sin(xy * 1e7 + seed))


HOLED = Polygon(
    [(106.5, 29.5), (106.6, 29.5), (106.6, 29.6), (106.5, 29.6)],
    [
        [(106.52, 29.52), (106.52, 29.54), (106.54, 29.54)],
        box(106.55, 29.55, 106.56, 29.56).exterior.coords,
    ],
)
SEVERAL = MultiPolygon([HOLED, box(106.1, 29.1, 106.2, 29.2), box(106.3, 29.1, 106.4, 29.2)])


def settled(fresh, former):
    series = gpd.GeoSeries([fresh], crs=4490), gpd.GeoSeries([former], crs=4490)
    return crs.settled(*series)[0]


@given(st.integers(0, 10**6), st.permutations(range(3)), st.integers(0, 3), st.booleans())
def test_rounding_turning_and_order_are_no_change(seed, order, start, turned):
    parts = [SEVERAL.geoms[i] for i in order]
    rings = [list(part.exterior.coords)[:-1] for part in parts]
    rings = [ring[start:] + ring[:start] for ring in rings]
    holes = [[ring.coords for ring in reversed(part.interiors)] for part in parts]
    again = MultiPolygon([Polygon(*pair) for pair in zip(rings, holes, strict=True)])
    again = near(again.reverse() if turned else again, 2e-10, seed)
    assert settled(again, SEVERAL) is SEVERAL or settled(again, SEVERAL) == SEVERAL


def turn(*coordinates):
    return Polygon(coordinates)


DIFFERENT = [
    (Point(106.5, 29.5), Point(106.5 + 2e-9, 29.5)),
    (
        turn((0, 0), (4, 0), (4, 4), (2, 1), (0, 4)),
        turn((0, 0), (2, 1), (4, 0), (4, 4), (0, 4)),
    ),
    (HOLED, Polygon(HOLED.exterior, HOLED.interiors[:1])),
    (
        MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3)]),
        MultiPolygon([box(0, 0, 1, 1), box(2, 2, 3, 3.1)]),
    ),
    (LineString([(0, 0), (1, 1), (2, 0)]), LineString([(0, 0), (2, 0), (1, 1)])),
    (box(0, 0, 1, 1), LineString(box(0, 0, 1, 1).exterior)),
    (box(0, 0, 1, 1), None),
    (None, box(0, 0, 1, 1)),
    (turn((0, 0), (1, 1), (1, 0), (0, 1)), turn((0, 0), (1, 0), (1, 1), (0, 1))),
    (Point(float("nan"), 1), Point(1, 1)),
    (Polygon(), box(0, 0, 1, 1)),
]
"""A step of 0.2 mm; the same vertices joined otherwise; a hole, a part, a kind more or less."""


@pytest.mark.parametrize(("fresh", "former"), DIFFERENT)
def test_what_differs_stays_as_it_is(fresh, former):
    found = settled(fresh, former)
    assert found is fresh or shapely.to_wkb(found) == shapely.to_wkb(fresh)


def test_only_what_is_the_same_is_left_as_it_was():
    fresh = gpd.GeoSeries([box(0, 0, 1, 1), near(box(2, 2, 3, 3), 1e-11)], index=[7, 8], crs=4490)
    former = gpd.GeoSeries([box(0, 0, 1, 2), box(2, 2, 3, 3)], index=[7, 8], crs=4490)
    kept = crs.settled(fresh, former)
    assert kept.index.to_list() == [7, 8]
    assert kept.crs == fresh.crs
    assert kept[7] == fresh[7]
    assert kept[8] == former[8]
    assert crs.settled(fresh.head(0), former.head(0)).empty


# --- real data


@pytest.mark.real
@pytest.mark.parametrize("ending", ENDINGS)
def test_real_buildings_come_back_from_every_format(tmp_path, ending):
    source = files.read_layer(shared_data("tokyo_bunkyo_small") / "buildings.geojson").frame
    source = crs.to_storage(source[source.geom_type.isin(("Polygon", "MultiPolygon"))])
    shapes = [MultiPolygon([s]) if s.geom_type == "Polygon" else s for s in source.geometry]
    codes = [f"{row:05}" for row in source.index]
    rows = typed(gpd.GeoDataFrame({"code": codes}, geometry=shapes, crs=4490))
    metric = "EPSG:4326" if ending == ".geojson" else "EPSG:32654"
    path = _written(crs.to_target(rows, metric), tmp_path / f"building{ending}")
    named = metric if ending in FRAMELESS else None
    back = crs.to_storage(read_again(path, "building", named).frame)
    assert back["code"].to_list() == codes
    kept = crs.settled(back.geometry.reset_index(drop=True), rows.geometry)
    assert shapely.equals_exact(kept.array, rows.geometry.array).all()


@pytest.mark.real
def test_the_real_outline_goes_into_the_frame_of_maps_and_back(tmp_path):
    folder = shared_data("nanan_admin")
    outline = crs.to_storage(files.read_layer(folder / "nanan_boundary_wgs84.geojson").frame)
    rows = LAYERS["district"].parse(outline.assign(code="500108", name="南岸区"))
    for name in ("GCJ-02", "BD-09", "EPSG:4545", "EPSG:4523"):
        path = _written(crs.to_target(rows, name), tmp_path / "d.gpkg", "district")
        named = name if "-" in name else None
        back = crs.to_storage(files.read_layer(path, source_crs=named).frame)
        off = shapely.get_coordinates(back.geometry.array) - shapely.get_coordinates(
            rows.geometry.array
        )
        assert np.abs(off).max() < 1e-11
