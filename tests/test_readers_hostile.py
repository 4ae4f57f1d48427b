"""Files made to do harm: archives, XML, pipelines under innocent names (reliability.md 1)."""

import json
import os
import struct
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from foreign_files import archive, kml, placemark, point, workbook
from pyarrow import parquet

from gridmap import files
from gridmap.errors import FileUnreadable, GridmapError
from gridmap.model import Limits
from gridmap.reader import archives

TABLE = b"code,lon,lat\na,106.6,29.5\n"
SECRET = "the-server-keeps-this"


def packed(path, *entries):
    """Write an archive of entries: name, content, and what to set of it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content, *rest in entries:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = rest[0] if rest else 0o100644 << 16
            out.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        ("../a.csv", 0o100644, "outside its folder"),
        ("b/../../a.csv", 0o100644, "outside its folder"),
        ("..\\a.csv", 0o100644, "outside its folder"),
        ("/tmp/a.csv", 0o100644, "outside its folder"),
        ("\\\\server\\a.csv", 0o100644, "outside its folder"),
        ("C:/a.csv", 0o100644, "outside its folder"),
        ("a.csv", 0o120777, "holds a link"),
        ("a.fifo", 0o010644, "holds a link"),
        ("a.dev", 0o020644, "holds a link"),
        ("inner.zip", 0o100644, "holds another"),
        ("inner.kmz", 0o100644, "holds another"),
        ("inner.tar.gz", 0o100644, "holds another"),
    ],
)
def test_an_archive_that_could_do_harm_is_refused_as_a_whole(tmp_path, name, mode, message):
    path = packed(tmp_path / "a.zip", ("good.csv", TABLE), (name, b"/etc/passwd", mode << 16))
    with pytest.raises(FileUnreadable, match=message):
        files.read_layer(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path):
    path = packed(tmp_path / "a.zip", ("a.csv", TABLE + b" " * (32 << 20)))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(FileUnreadable, match="unpacks to"):
        files.read_layer(path)
    path = packed(tmp_path / "b.zip", ("a.csv", b"".join(os.urandom(99) * 20 for _ in range(2000))))
    with pytest.raises(FileUnreadable, match="unpacks to"):
        files.read_layer(path, limits=Limits(file_mb=2))


def test_what_comes_out_is_counted_not_believed(tmp_path):
    """The directory says 26 bytes; 3 MB come out."""
    content = TABLE + b"b,106.6,29.5\n" * 250_000
    path = packed(tmp_path / "a.zip", ("a.csv", content))
    raw = path.read_bytes()
    path.write_bytes(raw.replace(struct.pack("<L", len(content)), struct.pack("<L", 26)))
    with pytest.raises(FileUnreadable, match=r"damaged|unpacks to"):
        files.read_layer(path, limits=Limits(file_mb=1))


def test_too_many_members_are_refused(tmp_path):
    most = archives.MAX_ENTRIES
    path = packed(tmp_path / "a.zip", *((f"{i}.csv", b"") for i in range(most + 1)))
    with pytest.raises(FileUnreadable, match="over 2000 files"):
        files.read_layer(path)


def test_an_encrypted_archive_is_refused(tmp_path):
    path = packed(tmp_path / "a.zip", ("a.csv", TABLE))
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.find(mark) + place] |= 1
    path.write_bytes(raw)
    with pytest.raises(FileUnreadable, match="password"):
        files.read_layer(path)


def test_a_member_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = packed(tmp_path / "a.zip", ("a.csv", TABLE), ("a.csv", TABLE))
    with pytest.raises(FileUnreadable, match="twice"):
        files.read_layer(path)


def test_an_archive_of_nothing_says_so(tmp_path):
    for entries in ((), [("a.exe", b"MZ")], [("readme.md", b"x"), ("__MACOSX/a.csv", TABLE)]):
        with pytest.raises(FileUnreadable, match="holds no file"):
            files.read_layer(packed(tmp_path / "a.zip", *entries))


@pytest.mark.parametrize("ending", ["gz", "tar", "7z", "rar"])
def test_other_archives_are_to_be_unpacked(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"x")
    with pytest.raises(FileUnreadable, match="unpack the archive"):
        files.read_layer(path)


ENTITY = '<!DOCTYPE kml [<!ENTITY x SYSTEM "file://{0}">]>'
LAUGHS = "<!DOCTYPE kml [<!ENTITY a0 'ha'>{}]>".format(
    "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10))
)
OUTSIDE = '<!DOCTYPE kml SYSTEM "file://{0}">'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gbk"])
@pytest.mark.parametrize(
    ("head", "name"), [(ENTITY, "&x;"), (LAUGHS, "&a9;"), (OUTSIDE, "a"), ("<!DOCTYPE kml>", "a")]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_document_type_is_refused(tmp_path, head, name, encoding, zipped):
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n<!-- > -->' + head.format(secret)
    content = kml(("a", placemark(point(), name)), head=head).encode(encoding)
    path = tmp_path / "a.kml"
    path.write_bytes(content)
    if zipped:
        path = archive(tmp_path / "a.kmz", {"doc.kml": content})
    with pytest.raises(FileUnreadable, match="document type"):
        files.read_layer(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<gpx></gpx>", "no KML"),
        ("<?xml version='1.0'?><OGRVRTDataSource/>", "no KML"),
        ("<kml><Document><Placemark>", "not a vector file"),
        ("<kml>&x;</kml>", "not a vector file"),
        ("<?xml version='1.0' encoding='zlib'?><kml/>", "no encoding 'zlib'"),
        ("<?xml version='1.0' encoding='banana'?><kml/>", "no encoding 'banana'"),
        ("<kml/>", "no layer"),
        ("<kml>" + "<Folder>" * 100_000, "not a vector file"),
        ("<kml><NetworkLink><Link><href>http://localhost/a.kml</href></Link></NetworkLink></kml>",
         "no layer"),
    ],
)  # fmt: skip
def test_xml_that_is_no_kml_is_refused(tmp_path, content, message):
    path = tmp_path / "a.kml"
    path.write_text(content, "utf-8")
    with pytest.raises(FileUnreadable, match=message):
        files.read_layer(path)


VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{0}</SrcDataSource>'
    "<SrcLayer>secret</SrcLayer></OGRVRTLayer></OGRVRTDataSource>"
)
GDALG = '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read {0}"}}'
ENDINGS = ("csv", "tsv", "txt", "json", "geojson", "kml", "kmz", "gpkg", "shp", "fgb", "xlsx",
           "xls", "parquet", "zip")  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("trick", [VRT, GDALG, "\ufeff" + VRT, "\n" + GDALG])
def test_no_member_of_an_archive_makes_the_reader_read_another(tmp_path, ending, trick):
    secret = tmp_path / "secret.csv"
    secret.write_text(f"code,lon,lat\n{SECRET},106.6,29.5\n", "utf-8")
    content = trick.format(secret).encode()
    alone = tmp_path / f"innocent.{ending}"
    alone.write_bytes(content)
    inside = archive(tmp_path / "all.zip", {alone.name: content})
    for path in (alone, inside):
        try:
            read = files.read_layer(path)
        except GridmapError:
            continue
        assert SECRET not in read.frame.to_csv()


def test_a_shapefile_in_an_archive_takes_nothing_from_beside_it(tmp_path):
    """A member's .dbf is sought in the archive only, never in a folder of this machine."""
    path = archive(tmp_path / "a.zip", {"a.shp": b"\0\0\x27\x0a" + b"\0" * 96})
    (tmp_path / "a.shx").write_bytes(b"x")
    with pytest.raises(FileUnreadable, match="shx is missing"):
        files.read_layer(path)


def test_a_workbook_in_a_workbooks_clothes_is_checked_as_an_archive(tmp_path):
    path = workbook(tmp_path / "a.xlsx", a=[["编码", "名称"], ["1", "甲"]])
    with zipfile.ZipFile(path, "a") as book:
        book.writestr("../evil.xml", b"x")
    with pytest.raises(FileUnreadable, match="outside its folder"):
        files.read_layer(path)


def test_a_small_parquet_that_is_large_is_limited(tmp_path):
    """Runs of one value pack a million to one."""
    table = pa.table({"a": pa.array(["x" * 1000] * 100_000).dictionary_encode()})
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(FileUnreadable, match="more room"):
        files.read_layer(path, limits=Limits(file_mb=1))
    with pytest.raises(FileUnreadable, match="over 10 rows"):
        files.read_layer(path, limits=Limits(rows=10))


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = packed(Path(tmp_path) / "a.zip", ("a.csv", TABLE))
    files.read_layer(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(FileUnreadable, match="damaged"):
        files.read_layer(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("depth", [1000, 200_000])
def test_deep_nesting_is_an_error_not_a_crash(tmp_path, depth):
    path = tmp_path / "a.geojson"
    path.write_text('{"crs": ' + "[" * depth + "]" * depth + ', "features": []}')
    with pytest.raises(GridmapError):
        files.read_layer(path)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []})[:-1])
    with pytest.raises(GridmapError):
        files.read_layer(path)
