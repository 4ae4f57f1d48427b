"""How soon the map is there, in headless Chromium: ``bench_pages.py``.

The demo district, served by one worker on the machine of the browser; the best of five openings
with an empty cache. What *whole* means stands in ``tests/browser/measures.py``. Beside it: what the
hatch of uncovered buildings costs against a plain colour, drawn on one canvas.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from accounts_fixtures import cookie_of
from browser_fixtures import FLAGS
from measures import PHONE_SLOWER, dragged, opened
from playwright.sync_api import Browser, sync_playwright
from toy_town import DEMO_DAY, served

from gridmap import cluster, jobs, store

TIMES = 5
CLOSE = "#map=17/29.5397/106.573"
SIZES = {"desk 1440 x 900": ((1440, 900), 1), "phone 360 x 740": ((360, 740), PHONE_SLOWER)}

# 2,000 quadrangles as large as a building at zoom 16, as a canvas of Leaflet draws them.
HATCH = """
(fill) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
  const ink = canvas.getContext("2d");
  const begun = performance.now();
  for (let i = 0; i < 2000; i += 1) {
    const [x, y] = [(i * 37) % 240, (i * 61) % 240];
    ink.beginPath();
    ink.moveTo(x, y); ink.lineTo(x + 14, y + 3);
    ink.lineTo(x + 12, y + 12); ink.lineTo(x - 2, y + 9);
    ink.closePath();
    ink.globalAlpha = 0.9;
    ink.fillStyle = fill === "hatch" ? gridmapHatch("#f58d4b", "#a33c00") : fill;
    ink.fill("evenodd");
    ink.stroke();
  }
  ink.getImageData(0, 0, 1, 1);
  return (performance.now() - begun) / 2000 * 1000;
}
"""


def measured(browser: Browser, site: str, cookie: dict, size: str, where: str) -> None:
    """Open the map a few times and print the best of each figure."""
    (width, height), slower = SIZES[size]
    costs, panned = [], []
    for _ in range(TIMES):
        phone = slower > 1
        context = browser.new_context(
            viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone
        )
        context.add_cookies([{**cookie, "url": site}])
        page = context.new_page()
        costs.append(opened(page, f"{site}/{where}", slower=slower))
        if not phone:
            panned.append(dragged(page))
        context.close()
    rate = f"{max(one[0] for one in panned):.0f}" if panned else "-"
    slow = f"{min(one[1] for one in panned):.0f}" if panned else "-"
    best = [min(one.whole_ms for one in costs), min(one.longest_task_ms for one in costs)]
    first = costs[0]
    shown = [*(f"{value:6.0f}" for value in (*best, first.transferred / 1e3))]
    shown += [f"{len(first.requests):4}", f"{first.nodes:5}", f"{rate:>4}", f"{slow:>4}"]
    print(f"{size:16} {'zoom 17' if where else 'first':8}", *shown)


def main() -> None:
    """Build the demo district, serve it, look, print."""
    path = shutil.which("chromium")
    if not path:
        sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="gm-") as folder:
        Path(folder).chmod(0o755)
        with cluster.running(Path(folder) / "db") as url:
            engine = store.connect(url)
            store.migrate(engine)
            jobs.build_demo(engine, seed=500108, as_of=DEMO_DAY, progress=lambda *_: None)
            engine.dispose()
            with served(url) as site, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
                print("page                      whole ms  task    KB  asked nodes fps  p95")
                cookie = cookie_of(url)
                for size in SIZES:
                    for where in ("", CLOSE):
                        measured(browser, site, cookie, size, where)
                page = browser.new_page()
                page.context.add_cookies([{**cookie, "url": site}])
                page.goto(site)
                page.wait_for_selector("html[data-ready=yes]")
                for fill in ("#f58d4b", "hatch", "#f58d4b", "hatch"):
                    print(f"a building filled with {fill}: {page.evaluate(HATCH, fill):.1f} us")
                browser.close()


if __name__ == "__main__":
    main()
