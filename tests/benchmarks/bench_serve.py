"""What stands at a point, asked over HTTP as a grid leader: ``bench_serve.py``.

One worker, 16 clients (`wrk`), database and clients on one machine: the demo district, a scope of
one street, a signed-in account, row-level security. Beside it, in the same run, the same server's
answer that asks nothing of the database: what HTTP alone costs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from accounts_fixtures import SECRET, token_of
from toy_town import DEMO_DAY

from gridmap import cluster, jobs, store
from gridmap.model import Role

PORT, CLIENTS, SECONDS = 8793, 16, 10
SERVE = """
import sys, uvicorn
from gridmap.settings import Settings
from gridmap.web import create_app
app = create_app(Settings(data_dir=sys.argv[1], secret=sys.argv[3], requests_per_minute=10**7))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""
# Each request asks of another place, in the street or beside it.
SCRIPT = """
local n = 0
request = function()
  n = n + 1
  local x = 106.560 + (n * 7 % 400) * 0.0001
  local y = 29.545 + (n * 13 % 300) * 0.0001
  wrk.headers["Authorization"] = "Bearer TOKEN"
  return wrk.format("GET", string.format("/api/v1/locate?lon=%.5f&lat=%.5f", x, y))
end
"""


def measured(path: str, *more: str) -> tuple[float, str, str]:
    """Return requests a second, the line of errors, and the 50th and 99th percentile."""
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "--latency", *more]
    told = subprocess.run(
        [*command, f"http://127.0.0.1:{PORT}{path}"], capture_output=True, text=True, check=True
    ).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    half, most = (re.search(rf"{p}%\s+(\S+)", told)[1] for p in (50, 99))
    wrong = re.search(r"Non-2xx.*", told)
    return rate, f"p50 {half}, p99 {most}", wrong[0] if wrong else "all 200"


def main() -> None:
    """Build the demo district, serve it, ask, print."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed")
    with tempfile.TemporaryDirectory(prefix="gm-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "db"
        with cluster.running(data) as url:
            engine = store.connect(url)
            store.migrate(engine)
            jobs.build_demo(engine, seed=500108, as_of=DEMO_DAY, progress=lambda *_: None)
            engine.dispose()
            token = token_of(url, "leader", Role.LEADER, ("500108002",))
            script = Path(folder) / "ask.lua"
            script.write_text(SCRIPT.replace("TOKEN", token))
            program = subprocess.Popen([sys.executable, "-c", SERVE, str(data), str(PORT), SECRET])
            try:
                for _ in range(300):
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health/live")
                        break
                    except OSError:
                        time.sleep(0.1)
                measured("/health/live")
                print("HTTP alone:", *measured("/health/live"))
                measured("/", "-s", str(script))
                for _ in range(3):
                    print("what is at a point:", *measured("/", "-s", str(script)))
            finally:
                program.terminate()
                program.wait()


if __name__ == "__main__":
    main()
