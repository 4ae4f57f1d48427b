"""Watching requests: an id for each, a line in the log, counts and times for Prometheus.

Belongs here: what is known of a request from outside. Does not belong here: what it asks and gets;
a query holds positions and codes, and is neither logged nor counted.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gridmap import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Request, Response

LOG = logging.getLogger("gridmap.access")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""The bounds of the histogram: a tile to a day of the past."""

UNKNOWN = "(none)"
"""The route of a request that has none: paths that anybody may invent are no labels."""


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

    async def __call__(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Give a request its id, answer it, count and log it."""
        request.state.id = secrets.token_hex(8)
        begun = time.perf_counter()
        status = 500
        try:
            response = await call_next(request)
            status = response.status_code
            response.headers["X-Request-ID"] = request.state.id
            return response
        finally:
            took = time.perf_counter() - begun
            route = route_of(request)
            self._requests.labels(request.method, route, status).inc()
            self._seconds.labels(route).observe(took)
            told = {
                "id": request.state.id,
                "method": request.method,
                "route": route,
                "status": status,
                "ms": round(took * 1000, 1),
            }
            LOG.info(json.dumps(told))


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
