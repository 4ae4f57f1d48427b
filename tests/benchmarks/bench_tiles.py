"""The map's tiles over HTTP: drawn, kept, and tipg's of the same table: ``bench_tiles.py``.

One worker each, four clients (`wrk`), database and clients on one machine, in one run, the demo
district; ours as a signed-in account under row-level security, with a lens's status of each
building. Tiles are those of z16 that have a building. tipg is no dependency of gridmap: name the
interpreter of an environment that has it, ``GRIDMAP_TIPG_PYTHON=…/bin/python``.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from accounts_fixtures import SECRET, token_of
from bench_ogc import SERVE_THEIRS, wait_for
from toy_town import DEMO_DAY

from gridmap import cluster, jobs, store

CLIENTS, SECONDS, ZOOM = 4, 8, 16
OURS, THEIRS = 8797, 8798
SERVE_OURS = """
import sys, uvicorn
from gridmap.settings import Settings
from gridmap.web import create_app, map_tiles
if sys.argv[4] == "live":
    map_tiles.Tiles.get = lambda *_: None
app = create_app(Settings(data_dir=sys.argv[1], secret=sys.argv[3], requests_per_minute=10**7))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""
SCRIPT = """
local paths = {PATHS}
local n = 0
request = function()
  n = n % #paths + 1
  HEADERS
  return wrk.format("GET", paths[n])
end
"""


def measured(port: int, script: Path) -> tuple[float, str]:
    """Return tiles a second, and the median with what went wrong."""
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "--latency", "-s", str(script)]
    told = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
    ).stdout
    half, most = (re.search(rf"\s{p}%\s+(\d\S+)", told)[1] for p in (50, 99))
    wrong = re.search(r"Non-2xx.*", told)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    return rate, f"p50 {half}, p99 {most}, {wrong[0] if wrong else 'all 200'}"


def run(name: str, command: list[str], port: int, script: Path) -> float:
    """Serve, warm up, measure."""
    server = subprocess.Popen(command)
    try:
        wait_for(port)
        measured(port, script)
        rate, told = measured(port, script)
    finally:
        server.terminate()
        server.wait()
    print(f"{name}: {rate:.0f} tiles/s, {told}")
    return rate


def places(engine) -> list[tuple[int, int]]:
    """Return columns and rows of tiles that have a building, in a fixed random order."""
    found = []
    with store.transaction(engine) as conn:
        west, south, east, north = store.read_drawn_bounds(conn)
        half = 20037508.342789244
        side = 2 * half / 2**ZOOM
        for column in range(int((west + half) // side), int((east + half) // side) + 1):
            for row in range(int((half - north) // side), int((half - south) // side) + 1):
                tile = store.read_map_tile(
                    engine, ("building",), "", zoom=ZOOM, column=column, row=row
                )
                if tile.features:
                    found.append((column, row))
    random.Random(1).shuffle(found)
    return found


def script_of(folder: Path, name: str, pattern: str, where: list, header: str = "") -> Path:
    """Write what wrk asks for."""
    paths = ", ".join(f'"{pattern.format(c=c, r=r, z=ZOOM)}"' for c, r in where)
    script = folder / f"{name}.lua"
    script.write_text(SCRIPT.replace("PATHS", paths).replace("HEADERS", header))
    return script


def main() -> None:
    """Build the demo district, serve its tiles in all ways, print."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed")
    with tempfile.TemporaryDirectory(prefix="gm-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "db"
        with cluster.running(data) as url:
            engine = store.connect(url)
            store.migrate(engine)
            jobs.build_demo(engine, seed=500108, as_of=DEMO_DAY, progress=lambda *_: None)
            where = places(engine)
            print(f"{len(where)} tiles of z{ZOOM} with a building")
            engine.dispose()
            token = f'wrk.headers["Authorization"] = "Bearer {token_of(url)}"'
            token += '\n  wrk.headers["Accept-Encoding"] = "gzip"'
            path = "/tiles/building/{z}/{c}/{r}?lens=six_services"
            mine = script_of(folder, "ours", path, where, token)
            serve = [sys.executable, "-c", SERVE_OURS, str(data), str(OURS), SECRET]
            live = run("gridmap, drawn", [*serve, "live"], OURS, mine)
            kept = run("gridmap, kept", [*serve, "kept"], OURS, mine)
            python = os.environ.get("GRIDMAP_TIPG_PYTHON")
            if python is None:
                print("tipg: not named, see the text of this file")
                return
            parsed = make_url(url)
            address = (
                f"postgresql://{cluster.SUPERUSER}@/{parsed.database}"
                f"?host={parsed.query['host']}&port={parsed.query['port']}"
            )
            path = "/collections/public.building_shape/tiles/WebMercatorQuad/{z}/{c}/{r}"
            theirs = script_of(
                folder, "theirs", path, where, 'wrk.headers["Accept-Encoding"] = "gzip"'
            )
            rate = run("tipg", [python, "-c", SERVE_THEIRS, address, str(THEIRS)], THEIRS, theirs)
            print(f"drawn {live / rate:.1f} times, kept {kept / rate:.1f} times as fast")


if __name__ == "__main__":
    main()
