"""Broken files of every format: always one clear error or rows, never a traceback, never a hang.

The child is forked from one that has its libraries loaded, with its own limits each, so that
thousands of files take minutes: ``FUZZ_FILES=200`` reads as many of each format.
"""

import io
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from foreign_files import XLS, archive, kml, placemark, polygon, workbook
from shapely import box
from toy_town import frame

from gridmap import files
from gridmap.errors import GridmapError
from gridmap.files import reading
from gridmap.model import LAYERS, headings_of

pytestmark = pytest.mark.slow

FILES = int(os.environ.get("FUZZ_FILES", "25"))
MOST_SECONDS = 20

SERVER = """
import json, os, signal, sys
sys.path[0:0] = [sys.argv[1], sys.argv[2]]
import __main__ as start
exec(open(sys.argv[2] + "/__main__.py").read().replace("if __name__", "if 0 and __name__"))
sys.meta_path.insert(0, Spared())
from gridmap.reader import answers, kml, parquet, sheets, vectors
for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.alarm({seconds})
        limit(request["max_bytes"])
        try:
            told = answers.answer(request)
            with open(request["out"] + ".json", "w") as out:
                json.dump(told, out)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
""".replace("{seconds}", str(MOST_SECONDS))


class Answered:
    """What `subprocess.run` would have returned."""

    def __init__(self, code, text):
        self.returncode, self.stdout = code, text


@pytest.fixture(scope="module")
def server():
    """Start the process that forks a child a file; yield what stands for `subprocess.run`."""
    folder = Path(reading.__file__).parents[1] / "reader"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", SERVER, str(folder.parents[1]), str(folder)],
        env=reading._child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        ends = Counter()

        def run(_command, *, input, **_):
            request = json.loads(input)
            running.stdin.write(json.dumps(request) + "\n")
            running.stdin.flush()
            code = int(running.stdout.readline())
            ends[code] += 1
            assert code != -14, "a child hangs"
            told = Path(request["out"] + ".json")
            return Answered(code, told.read_text() if code == 0 else "")

        run.ends = ends
        yield run
        running.stdin.close()


def buildings(count=30):
    shapes = [box(106.6 + i / 1000, 29.5, 106.6005 + i / 1000, 29.6) for i in range(count)]
    columns = {"编码": [f"B{i}" for i in range(count)], "户数": list(range(count))}
    return frame(shapes, crs=4490, 名称=["龙门浩"] * count, **columns)


def whole(ending, folder):
    """Return a good file of a format, as the members it consists of: ending -> bytes."""
    rows = buildings()
    path = folder / f"whole.{ending}"
    if ending in ("gpkg", "geojson", "fgb"):
        files.write_layer(rows, path)
    elif ending == "shp":
        rows.to_file(path, encoding="GBK")
        return {p.suffix[1:]: p.read_bytes() for p in folder.glob("whole.*")}
    elif ending == "parquet":
        rows.to_parquet(path)
    elif ending == "geoparquet":
        rows.to_parquet(path, geometry_encoding="geoarrow")
    elif ending == "csv":
        text = rows.assign(wkt=rows.geometry.to_wkt()).drop(columns="geometry").to_csv(index=False)
        path.write_bytes(text.encode("gbk"))
    elif ending == "kml":
        marks = "".join(placemark(polygon(106 + i / 10, 29, 0.1), 编码=i) for i in range(20))
        path.write_text(kml(("楼栋", marks)), "utf-8")
    elif ending == "xls":
        path.write_bytes(XLS)
    elif ending == "xlsx":
        cells = [[f"B{i}", "甲", 106.6, 29.5, i] for i in range(20)]
        workbook(path, 楼栋=[["编码", "名称", "经度", "纬度", "户数"], *cells])
    else:
        inner = {f"层/楼栋.{end}": raw for end, raw in whole("shp", folder).items()}
        archive(path, inner)
    return {ending: path.read_bytes()}


def broken(raw, chance, others):
    """Return bytes cut, flipped, overwritten, moved, or begun as another format."""
    raw = bytearray(raw)
    kind = chance.randrange(6)
    at = chance.randrange(max(len(raw), 1))
    if kind == 0:
        return bytes(raw[:at])
    if kind == 1:
        for _ in range(chance.choice([1, 3, 20])):
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        size = chance.choice([1, 4, 64, 512])
        fill = chance.choice([b"\0", b"\xff", b"\x7f", bytes([chance.randrange(256)])])
        raw[at : at + size] = fill * min(size, len(raw) - at)
    elif kind == 3:
        size = chance.choice([1, 16, 256])
        raw[at:at] = raw[at : at + size]
    elif kind == 4:
        del raw[at : at + chance.choice([1, 2, 4, 100])]
    else:
        head = chance.choice(others)
        size = chance.choice([4, 16, 100])
        raw[:size] = head[:size]
    return bytes(raw)


def repacked(raw, chance, others):
    """Return an archive, one of whose members is broken and packed properly."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as good, zipfile.ZipFile(out, "w") as bad:
        names = good.namelist()
        unlucky = chance.choice(names)
        for name in names:
            content = good.read(name)
            bad.writestr(name, broken(content, chance, others) if name == unlucky else content)
    return out.getvalue()


ENDINGS = ("gpkg", "geojson", "shp", "fgb", "csv", "parquet", "geoparquet", "kml", "xls",
           "xlsx", "zip")  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_broken_file_is_rows_or_one_clear_error(tmp_path, server, monkeypatch, ending):
    monkeypatch.setattr(reading.subprocess, "run", server)
    chance = random.Random(f"{ending} 1")
    good = whole(ending, tmp_path)
    others = [b"PK\x03\x04" * 30, b"SQLite format 3\0" * 9, b"PAR1" * 30, b"<kml>" * 30,
              b'{"a"' * 9, b"\xff\xfe" * 60, XLS[:100], b"\0\0\x27\x0a" * 30]  # fmt: skip
    folder = tmp_path / "broken"
    folder.mkdir()
    spec = LAYERS["building"]
    seen, slowest, server.ends_before = Counter(), 0.0, Counter(server.ends)
    for number in range(FILES):
        unlucky = chance.choice(list(good))
        for end, raw in good.items():
            content = raw
            if end == unlucky:
                inside = ending in ("xlsx", "zip") and number % 2
                content = (repacked if inside else broken)(raw, chance, others)
            (folder / f"楼栋.{end}").write_bytes(content)
        started = time.monotonic()
        try:
            read = files.read_layer(
                folder / f"楼栋.{ending}", headings=headings_of(spec), repair=True
            )
            spec.check(read.frame)
            seen["read"] += 1
        except GridmapError as error:
            assert "\n" not in str(error)
            seen["refused"] += 1
        slowest = max(slowest, time.monotonic() - started)
    ends = {code: n for code, n in (server.ends - server.ends_before).items() if code}
    print(f"{ending}: {dict(seen)}, slowest {slowest:.2f} s, children that broke: {ends}")
    assert slowest < MOST_SECONDS
    assert seen["refused"]
    assert seen["read"]
