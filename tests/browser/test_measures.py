"""What the pages cost, as far as it does not depend on how fast a machine is.

The reach of a quiet machine is measured by ``tests/benchmarks/bench_pages.py``; here the ceilings
are four times that, so that only a regression of kind fails.
"""

from __future__ import annotations

import pytest
from accounts_fixtures import cookie_of
from measures import PHONE_SLOWER, dragged, opened
from toy_town import COOKIES

pytestmark = [pytest.mark.browser, pytest.mark.db]

FIRST_PAGE = 400_000  # bytes over the wire
CEILING = 4
CLOSE = "#map=17/29.5397/106.573"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "slower", "where", "reach_ms"),
    [
        ((1440, 900), 1, "", 1_000),
        ((360, 740), PHONE_SLOWER, CLOSE, 2_500),
    ],
)
def test_the_map_is_there_soon(watch, demo_site, size, slower, where, reach_ms):
    watched = watch(*size)
    page = watched.page
    page.context.add_cookies([{**COOKIES[demo_site], "url": demo_site}])
    cost = opened(page, f"{demo_site}/{where}", slower=slower)
    assert cost.external == []
    assert len(cost.requests) == len(set(cost.requests)), "nothing is asked for twice"
    if not where:
        assert cost.transferred <= FIRST_PAGE
        assert len(cost.requests) <= 20
    assert cost.nodes <= 700
    made = page.evaluate(
        "Object.values(gridmap.levels).map((one) => Object.keys(one._layers).length)"
    )
    assert sum(made) < 1_000, "areas that are never seen are never made"
    assert cost.whole_ms <= CEILING * reach_ms
    assert cost.longest_task_ms <= CEILING * 300


@pytest.mark.slow
def test_what_is_near_is_not_asked_for_again(watch, demo_site):
    """Tiles that were there stay there, to and fro within the kept ring around the window."""
    watched = watch()
    page = watched.page
    page.context.add_cookies([{**COOKIES[demo_site], "url": demo_site}])
    asked = []
    page.on("request", lambda one: "/tiles/" in one.url and asked.append(one.url))
    opened(page, f"{demo_site}/{CLOSE}")
    first = len(asked)
    assert first
    rate, slow_ms = dragged(page, by=(100, 60), times=4)
    watched.wait_for("!gridmap.state().loading")
    assert len(asked) == len(set(asked)), "no tile twice"
    assert len(asked) <= 2 * first
    assert rate >= 55 / CEILING
    assert slow_ms <= CEILING * 34


@pytest.mark.parametrize(
    "path", ["/overview", "/queues", "/locate", "/account", "/sign-in", "/api/docs"]
)
def test_every_page_is_light_and_asks_nobody_else(watch, toy_site, toy_url, path):
    watched = watch(360, 740)
    page = watched.page
    page.context.add_cookies([{**cookie_of(toy_url), "url": toy_site}])
    ready = {"/locate": "html[data-ready=yes]", "/api/docs": ".opblock"}.get(path, "main")
    cost = opened(page, f"{toy_site}{path}?lang=zh", ready=ready)
    assert cost.external == []
    assert len(cost.requests) == len(set(cost.requests))
    assert cost.transferred <= (600_000 if path == "/api/docs" else 150_000)
    assert len(cost.requests) <= 20
    assert watched.external == []
