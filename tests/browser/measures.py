"""What a page costs in Chromium: until its picture is whole, its longest task, its weight.

Each function takes a page that is not open yet and needs Chromium's own protocol. A picture is
*whole* at the first frame after which nothing changes any more for `QUIET_MS`: the compositor hands
out a frame whenever pixels may have changed, and frames that look like the last one do not count.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

QUIET_MS = 1_000
PHONE_SLOWER = 4

_LONG_TASKS = """
globalThis.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""

_FRAMES = """
globalThis.frames_ms = [];
{
  let last = null;
  const step = (now) => {
    if (!globalThis.frames_ms) return;
    if (last !== null) frames_ms.push(now - last);
    last = now;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
"""


@dataclass
class Cost:
    """Of one opening of a page; a task shorter than 50 ms is none (0)."""

    whole_ms: float = 0
    longest_task_ms: float = 0
    transferred: int = 0
    requests: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    nodes: int = 0


def opened(page: Page, url: str, *, slower: int = 1, ready: str = "html[data-ready=yes]") -> Cost:
    """Open a page and return what it cost."""
    session = page.context.new_cdp_session(page)
    cost = Cost()
    watched(session, cost, url)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    frames: list[tuple[float, str]] = []
    screencast(session, frames)
    page.add_init_script(_LONG_TASKS)
    page.goto(url)
    page.wait_for_selector(ready, timeout=60_000)
    page.evaluate("document.activeElement.blur()")  # a cursor that blinks is no picture
    settle(page, frames)
    session.send("Page.stopScreencast")
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    cost.whole_ms = whole(frames) * 1e3 - page.evaluate("performance.timeOrigin")
    cost.longest_task_ms = max(page.evaluate("longTasks"), default=0)
    cost.nodes = page.evaluate("document.getElementsByTagName('*').length")
    session.detach()
    return cost


def watched(session: CDPSession, cost: Cost, url: str) -> None:
    """Count what is asked for, and what comes over the wire."""
    home = urlsplit(url).netloc

    def asked(event: dict) -> None:
        address = event["request"]["url"]
        if address.startswith(("data:", "blob:")):
            return
        cost.requests.append(address)
        if urlsplit(address).netloc != home:
            cost.external.append(address)

    session.send("Network.enable")
    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", lambda e: arrived(cost, e["encodedDataLength"]))


def arrived(cost: Cost, length: float) -> None:
    """Add what a request brought, its headers with it."""
    cost.transferred += int(length)


def screencast(session: CDPSession, frames: list[tuple[float, str]]) -> None:
    """Collect the time (s since 1970) and picture of each frame; small ones, to disturb little."""

    def shown(event: dict) -> None:
        frames.append((event["metadata"]["timestamp"], event["data"]))
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", shown)
    session.send(
        "Page.startScreencast",
        {"format": "jpeg", "quality": 30, "maxWidth": 720, "maxHeight": 720, "everyNthFrame": 1},
    )


def settle(page: Page, frames: list[tuple[float, str]]) -> None:
    """Wait until no frame has come for a while and no tile is on its way."""
    for _ in range(60):
        before = len(frames)
        page.wait_for_timeout(QUIET_MS)
        busy = page.evaluate("globalThis.gridmap?.state ? gridmap.state().loading : false")
        if len(frames) == before and not busy:
            return
    msg = "the picture never stood still"
    raise TimeoutError(msg)


def whole(frames: list[tuple[float, str]]) -> float:
    """Return the time of the first frame that looks like the last and is followed by none else."""
    at, last = frames[-1]
    for then, picture in reversed(frames):
        if picture != last:
            break
        at = then
    return at


def picture_bytes(frame: tuple[float, str]) -> bytes:
    """Return a frame's JPEG, to be looked at."""
    return base64.b64decode(frame[1])


def dragged(page: Page, *, by: tuple[int, int] = (400, 200), times: int = 4) -> tuple[float, float]:
    """Drag the map to and fro; return frames a second (median) and the 95th percentile in ms."""
    box = page.locator(".leaflet-container").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate(_FRAMES)
    for turn in range(times):
        sign = 1 if turn % 2 == 0 else -1
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + sign * by[0], y + sign * by[1], steps=40)
        page.mouse.up()
    spans = sorted(
        page.evaluate("(() => { const all = frames_ms; frames_ms = null; return all; })()")
    )
    return 1e3 / median(spans), spans[int(len(spans) * 0.95)]
