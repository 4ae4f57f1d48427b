"""What `gridmap doctor` finds, on a sound store and on others."""

import shutil
from collections import namedtuple

import pytest
import sqlalchemy as sa

from gridmap import cluster, jobs, maps
from gridmap.jobs.doctor import NAMES

pytestmark = pytest.mark.db


def states(engine, folder):
    return {one.name: one.state for one in jobs.examine(engine, folder)}


def told(engine, folder, name):
    (one,) = [one for one in jobs.examine(engine, folder) if one.name == name]
    return one.state, one.message.format(**one.values)


def run(engine, *statements):
    with engine.begin() as conn:
        for one in statements:
            conn.execute(sa.text(one))


def test_a_sound_store_is_sound(town, tmp_path):
    found = states(town, tmp_path)
    assert set(found.values()) == {"ok"}
    assert tuple(found) == NAMES
    assert "disk" not in states(town, None), "another database's disk is not ours to see"


@pytest.mark.parametrize(
    ("statements", "name", "expected"),
    [
        (
            ["ALTER TABLE building_history DISABLE TRIGGER append_only"],
            "guards",
            ("error", "can be changed: building_history"),
        ),
        (
            ["DROP TRIGGER append_only ON audit_event"],
            "guards",
            ("error", "can be changed: audit_event"),
        ),
        (
            ["DROP TRIGGER append_only ON audit_event", "DELETE FROM audit_event WHERE number = 2"],
            "trail",
            ("error", "1 of 12 events do not fit"),
        ),
        (
            ["UPDATE alembic_version SET version_num = '0001'"],
            "schema",
            ("error", "another version's: run gridmap db migrate"),
        ),
    ],
)
def test_what_is_not_is_told(town, tmp_path, statements, name, expected):
    run(town, *statements)
    assert told(town, tmp_path, name) == expected


def test_an_extension_that_is_not_there(town, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "EXTENSIONS", ("postgis", "castle"))
    assert told(town, tmp_path, "extensions") == ("error", "missing: castle")


def test_a_disk_that_is_nearly_full_and_scripts_that_are_not_there(town, tmp_path, monkeypatch):
    usage = namedtuple("Usage", "total used free")(10, 9, 1.25e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert told(town, tmp_path, "disk") == ("warning", "1.2 GB free")
    monkeypatch.setattr(maps, "WEB", tmp_path)
    assert told(town, tmp_path, "scripts") == (
        "error",
        "missing: leaflet.css, leaflet.js, Leaflet.VectorGrid.bundled.min.js",
    )
