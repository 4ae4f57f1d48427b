"""Watching requests: an id for each, a line in the log, counts and times for Prometheus.

Belongs here: what is known of a request from outside. Does not belong here: what it asks and gets;
a query holds positions and codes, and is neither logged nor counted.
"""

from __future__ import annotations

import json
import logging
import random
import time
from typing import TYPE_CHECKING

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import MutableHeaders

from gridmap import __version__

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("gridmap.access")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""The bounds of the histogram: a tile to a day of the past."""

UNKNOWN = "(none)"
"""The route of a request that has none: paths that anybody may invent are no labels."""


_IDS = random.Random()


class Watch:
    """The counts of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "gridmap_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "gridmap_request_seconds",
            "Time to answer.",
            ("route",),
            registry=self.registry,
            buckets=SECONDS,
        )
        info = Gauge("gridmap_info", "This program.", ("version",), registry=self.registry)
        info.labels(__version__).set(1)

    def text(self) -> bytes:
        """Return all counts in the text form of Prometheus."""
        return generate_latest(self.registry)

    def saw(self, request: Request, status: int, took_s: float) -> None:
        """Count and log a request.

        Parameters
        ----------
        request
            After it was answered.
        status
            Of the answer.
        took_s
            Seconds it took.
        """
        route = route_of(request)
        self._requests.labels(request.method, route, status).inc()
        self._seconds.labels(route).observe(took_s)
        told = {
            "id": request.state.id,
            "method": request.method,
            "route": route,
            "status": status,
            "ms": round(took_s * 1000, 1),
        }
        LOG.info(json.dumps(told))


class Watched:
    """Gives each request its id, and tells the watch of it."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app, self._watch = app, watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, count and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.id = f"{_IDS.getrandbits(64):016x}"
        begun, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request.state.id
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            self._watch.saw(request, status, time.perf_counter() - begun)


def route_of(request: Request) -> str:
    """Return the template of the route that a request took, without anything it said.

    Parameters
    ----------
    request
        After it was answered.

    Returns
    -------
    str
        As ``/api/v1/coverage/{code}``; `UNKNOWN` where no route fitted.
    """
    route = request.scope.get("route")
    return getattr(route, "path", None) or UNKNOWN
