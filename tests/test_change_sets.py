"""Change sets: the checks of an import, all or nothing, once, and taken back."""

import datetime as dt

import pytest
from shapely import box
from toy_town import TOY_DAY, frame

from gridmap import store
from gridmap.errors import Conflict, LayerRejected, RowNotFound, StaleVersion
from gridmap.jobs.change_sets import ChangeSet, Edit, change, change_row, stored_row, undo_change

pytestmark = pytest.mark.db

DAY = TOY_DAY


def ground(*bounds):
    """A rectangle in metres of the toy town, in degrees."""
    west, south, east, north = bounds
    shape = box(364000 + west, 3266000 + south, 364000 + east, 3266000 + north)
    return frame([shape]).to_crs(4490).geometry[1]


def ask(*edits, reason="测试 why", **options):
    return ChangeSet(edits, reason, "li", **{"effective": DAY, **options})


def version(engine, name, code, as_of=DAY):
    return stored_row(engine, name, code, as_of=as_of)["version"]


def test_first(town):
    row = stored_row(town, "building", "T1", as_of=DAY)
    edit = Edit("building", "update", "T1", row["version"], {"floors": 6})
    answer, again = change(town, ask(edit))
    print(answer)
    row = stored_row(town, "building", "T1", as_of=DAY)
    assert row["fields"]["floors"] == 6
    print(undo_change(town, answer["batches"][0]["id"], reason="x", account="li", key=None, request=None))
    e = Edit("building", "end", "T1", version(town, "building", "T1"))
    with pytest.raises(LayerRejected) as caught:
        change(town, ask(e))
    print([i.message("zh") for i in caught.value.report.issues])
