"""Pages of 1,000 features by OGC's interface: ours, and tipg's where it is installed.

Run by ``python tests/benchmarks/bench_ogc.py``. One worker each, four clients, database and
clients on one machine, in one run. tipg is no dependency of gridmap and may need other versions of
its packages: install it in an environment of its own and name its interpreter,
``GRIDMAP_TIPG_PYTHON=…/bin/python``.

Measured on 2 cores with 44,831 buildings and tipg 1.6.1, ours as a signed-in account under
row-level security: 112 against 17.1 pages a second (6.5 times); 575 against 935 kB a page.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from accounts_fixtures import SECRET, token_of
from toy_town import DEMO_DAY

from gridmap import cluster, jobs, store

SECONDS, CLIENTS = 8, 4
OURS, THEIRS = 8791, 8792

SERVE_OURS = """
import sys, uvicorn
from gridmap.settings import Settings
from gridmap.web import create_app
app = create_app(Settings(database_url=sys.argv[1], secret=sys.argv[3]))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""
# tipg reads no address of a socket from its settings, so they are replaced.
SERVE_THEIRS = """
import os, sys, uvicorn
for name in ("USER", "PASS", "HOST", "DBNAME"):
    os.environ["POSTGRES_" + name] = "x"
os.environ["POSTGRES_PORT"] = "1"
import tipg.database
class Settings:
    database_url = sys.argv[1]
    db_min_conn_size, db_max_conn_size = 1, 10
    db_max_queries, db_max_inactive_conn_lifetime = 50000, 300.0
tipg.database.PostgresSettings = Settings
from tipg.main import app
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


def measure(port: int, path: str, headers: dict[str, str]) -> tuple[float, float, float]:
    """Return pages a second, the median in milliseconds, and kilobytes a page."""
    times: list[float] = []
    sizes: list[int] = []
    end = time.monotonic() + SECONDS

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while time.monotonic() < end:
            begun = time.monotonic()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body[:200]
            times.append(time.monotonic() - begun)
            sizes.append(len(body))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(times) / (time.monotonic() - begun)
    return rate, sorted(times)[len(times) // 2] * 1000, sum(sizes) / len(sizes) / 1000


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("the server did not start")


def run(name: str, command: list[str], port: int, path: str, headers: dict[str, str]) -> float:
    server = subprocess.Popen(command)
    try:
        wait_for(port)
        measure(port, path, headers)
        rate, median, size = measure(port, path, headers)
    finally:
        server.terminate()
        server.wait()
    print(f"{name}: {rate:.1f} pages/s, p50 {median:.0f} ms, {size:.0f} kB a page")
    return rate


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gm-"))
    folder.chmod(0o755)
    with cluster.running(folder / "db") as url:
        engine = store.connect(url)
        store.migrate(engine)
        jobs.build_demo(engine, seed=500108, as_of=DEMO_DAY, progress=lambda *_: None)
        engine.dispose()
        headers = {"Authorization": f"Bearer {token_of(url)}"}
        command = [sys.executable, "-c", SERVE_OURS, url, str(OURS), SECRET]
        ours = run("gridmap", command, OURS, "/ogc/collections/building/items?limit=1000", headers)
        python = os.environ.get("GRIDMAP_TIPG_PYTHON")
        if python is None:
            print("tipg: not named, see the text of this file")
            return
        parsed = make_url(url)
        address = f"postgresql://{cluster.SUPERUSER}@/{parsed.database}?host={parsed.query['host']}"
        command = [
            python,
            "-c",
            SERVE_THEIRS,
            f"{address}&port={parsed.query['port']}",
            str(THEIRS),
        ]
        path = "/collections/public.building/items?limit=1000&f=geojson"
        theirs = run("tipg", command, THEIRS, path, {})
        print(f"gridmap is {ours / theirs:.1f} times as fast")


if __name__ == "__main__":
    main()
