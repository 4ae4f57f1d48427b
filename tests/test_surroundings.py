"""What somebody who stands in the toy town is told, worked by hand."""

from __future__ import annotations

import datetime as dt

import pytest
from shapely import Point
from toy_town import frame

from gridmap import jobs

pytestmark = pytest.mark.db

GRID, OTHER = "990101001001001", "990101001002001"


def at(x, y):
    """Return degrees of a place in the toy town, metres from its corner."""
    point = frame([Point(364000 + x, 3266000 + y)]).to_crs(4490).geometry[1]
    return point.x, point.y


def told(engine, x, y, **options):
    return jobs.here(engine, *at(x, y), as_of=dt.date.today(), **options)


def test_in_a_building_one_is_told_of_it_and_of_its_grid(serviced):
    got = told(serviced, 120, 20)
    print(got)
    assert got["inside"] is True
    assert 0
