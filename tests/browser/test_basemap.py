"""A basemap below the areas: from a server of this machine, from none that answers, shifted."""

import base64
import http.server
import math
import socket
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from accounts_fixtures import settings_of
from playwright.sync_api import expect
from pydantic import ValidationError
from toy_town import served

from gridmap import crs
from gridmap.settings import Settings
from gridmap.web.basemap import basemap_of, origins

pytestmark = [pytest.mark.browser, pytest.mark.db]

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
FAR = "/?lang=zh#map=14/29.505/106.6"
"""A view in which areas are coloured, not outlined."""

OPACITY = "gridmap.levels[gridmap.state().level].getLayers()[0].options.fillOpacity"
TILES = (
    "Object.fromEntries([...document.querySelectorAll('.leaflet-tile-pane img')].map((i) =>"
    " { const b = i.getBoundingClientRect(); return [new URL(i.src).pathname, [b.left, b.top]]; }))"
)


@contextmanager
def tiles(*, hang_s=0.0):
    """Serve a picture for every tile, perhaps very late; yields the address and what was asked."""
    asked, end = [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if end.wait(hang_s):
                return
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(PICTURE)))
            self.end_headers()
            self.wfile.write(PICTURE)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    end.set()
    server.shutdown()
    server.server_close()


@contextmanager
def refusing():
    """Yield an address that nobody else can get meanwhile, and where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def with_basemap(toy_url, kind, host):
    asked = {"basemap": kind, "basemap_url": f"{host}/{{z}}/{{x}}/{{y}}.png"}
    return served(toy_url, settings=settings_of(toy_url, **asked, basemap_attribution="<b>甲</b>"))


def test_a_basemap_lies_below_and_can_be_switched_off(watch, toy_url, toy_site):
    with tiles() as (host, asked), with_basemap(toy_url, "xyz", host) as site:
        watched = watch()
        page = watched.open(site + FAR)
        watched.wait_for("document.querySelectorAll('.leaflet-tile-loaded').length > 1")
        expect(page.locator(".ground-by")).to_have_text("<b>甲</b>")
        assert page.evaluate(OPACITY) == 0.55
        policy = page.request.get(site).headers["content-security-policy"]
        assert f"img-src 'self' data: {host};" in policy
        page.locator(".leaflet-control-layers-overlays label", has_text="底图").click()
        assert page.evaluate(OPACITY) == 0.82
        expect(page.locator(".ground-by")).to_be_hidden()
        watched.wait_for("location.hash.includes('base=none')")
        asked.clear()
        again = watch()
        again.open(page.url)
        again.page.wait_for_timeout(300)
        assert asked == [], "a link without the basemap opens without it"
        again.page.locator(".leaflet-control-layers-overlays label", has_text="底图").click()
        again.wait_for("document.querySelectorAll('.leaflet-tile-loaded').length > 1")
        assert "base=none" not in again.page.url
        for one in (watched, again):
            one.page.close()  # before the server of the tiles
    plain = watch()
    plain.open(toy_site)
    answer = plain.page.request.get(toy_site)
    assert "img-src 'self' data:;" in answer.headers["content-security-policy"]
    assert "basemap" not in answer.text()


@pytest.mark.parametrize("kind", ["hangs", "refuses"])
def test_the_map_goes_on_without_a_basemap_that_does_not_come(watch, toy_url, kind):
    with tiles(hang_s=60) as (hanging, asked), refusing() as closed:
        host = hanging if kind == "hangs" else closed
        with with_basemap(toy_url, "xyz", host) as site:
            watched = watch()
            page = watched.open(site + FAR)  # ready while no tile has come
            expect(page.locator("#status")).to_contain_text("底图无响应", timeout=4500)
            assert bool(asked) == (kind == "hangs")
            assert page.locator(".leaflet-tile-pane img").count() == 0
            assert page.evaluate(OPACITY) == 0.82
            assert "base=none" not in page.url, "nobody chose that"
            if kind == "refuses":
                refused = "error: Failed to load resource: net::ERR_CONNECTION_REFUSED"
                assert set(watched.console) == {refused}
                watched.console.clear()


def test_a_shifted_basemap_is_moved_and_the_data_is_not(watch, toy_url):
    """The tile's own point of a place is drawn where the map draws the place, to a metre."""
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(70, 138, 400), rng.uniform(0, 56, 400)
    with tiles() as (host, _), with_basemap(toy_url, "amap", host) as site:
        watched = watch()
        page = watched.open(site)
        told = page.evaluate(
            "(places) => places.map(([x, y]) => gridmap.shifted(x, y))", np.c_[lon, lat].tolist()
        )
        np.testing.assert_allclose(told, np.c_[crs.wgs84_to_gcj02(lon, lat)], atol=1e-9)
        for x, y in ((106.595, 29.505), (116.4, 39.9)):
            page.evaluate(f"gridmap.map.setView([{y}, {x}], 18, {{ animate: false }})")
            for _ in range(2):
                watched.wait_for("document.querySelectorAll('.leaflet-tile-loaded').length > 8")
                page.wait_for_timeout(200)
                assert misplaced_m(page) < 1.0
                page.evaluate("gridmap.map.panBy([170, 90], { animate: false })")


def misplaced_m(page):
    """How far from the map's middle, and 250 pixels beside it, the basemap has the same place."""
    drawn = page.evaluate(TILES)
    box = page.locator(".folium-map").bounding_box()
    worst = 0.0
    for beside in (0, 250):
        at = [box["width"] / 2 + beside, box["height"] / 2]
        place = page.evaluate(
            "(at) => { const p = gridmap.map.containerPointToLatLng(at); return [p.lng, p.lat]; }",
            at,
        )
        lon, lat = (float(v[0]) for v in crs.wgs84_to_gcj02(*np.array(place)[:, None]))
        side = 256 * 2**18
        phi = math.radians(lat)
        world = [(lon + 180) / 360 * side, (1 - math.asinh(math.tan(phi)) / math.pi) / 2 * side]
        column, row = (int(v // 256) for v in world)
        left, top = drawn[f"/18/{column}/{row}.png"]
        here = left + world[0] % 256 - box["x"], top + world[1] % 256 - box["y"]
        worst = max(worst, math.dist(here, at) * 40075016.7 * math.cos(phi) / side)
    return worst


def test_a_basemap_is_asked_for_at_the_address_of_the_settings_only():
    assert basemap_of(Settings()) is None
    assert origins(None) == []
    chosen = Settings(basemap="tianditu", basemap_key="abc")
    told = basemap_of(chosen)
    assert [("LAYER=vec" in url, "tk=abc" in url) for url in told["tiles"]] == [
        (True, True), (False, True)]  # fmt: skip
    assert len(origins(told)) == 1
    assert (told["by"], told["shifted"]) == ("© 天地图", False)
    assert "abc" not in repr(chosen)
    shifted = basemap_of(Settings(basemap="amap", basemap_attribution=""))
    assert (shifted["by"], shifted["shifted"]) == ("", True)
    own = Settings(basemap="xyz", basemap_url="/ground/{z}/{x}/{y}.png http://a:8/{z}/{y}/{x}")
    assert origins(basemap_of(own)) == ["http://a:8"]
    for wrong, message in (
        ({"basemap": "osm"}, "BASEMAP|pattern"),
        ({"basemap": "tianditu"}, "tianditu needs a key"),
        ({"basemap": "xyz"}, "address of the tiles is missing"),
        ({"basemap": "xyz", "basemap_url": " "}, "address of the tiles is missing"),
        ({"basemap": "xyz", "basemap_url": "http://a/{z}/{x}.png"}, "must have"),
        ({"basemap": "xyz", "basemap_url": "http://{s}.a/{z}/{x}/{y}"}, "no address"),
        ({"basemap": "xyz", "basemap_url": "http://a/{s}/{z}/{x}/{y}"}, "no others"),
        ({"basemap": "xyz", "basemap_url": "http://a;script-src/{z}/{x}/{y}"}, "no address"),
        ({"basemap": "xyz", "basemap_url": "//a/{z}/{x}/{y}"}, "no address"),
        ({"basemap": "xyz", "basemap_url": "http://u:p@a/{z}/{x}/{y}"}, "no address"),
        ({"basemap": "xyz", "basemap_url": "http://a/{z}/{x}/{y}?k={key}"}, "needs a key"),
    ):
        with pytest.raises(ValidationError, match=message):
            Settings(**wrong)
