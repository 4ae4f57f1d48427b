"""The writing interface over HTTP: bodies, versions, once only, exports, rights."""

import json
import threading
import urllib.parse

import pytest
from fastapi.testclient import TestClient
from test_change_sets import ground
from toy_town import TOY_DAY

from gridmap.model import WHOLE, Role, Scope
from gridmap.settings import Settings
from gridmap.web import create_app
from gridmap.web.access import scope_of

pytestmark = pytest.mark.db

SITE = "http://127.0.0.1"
DAY = TOY_DAY.isoformat()


@pytest.fixture
def client(town):
    url = town.url.render_as_string(hide_password=False)
    with TestClient(create_app(Settings(database_url=url)), base_url=SITE) as client:
        yield client


def as_role(client, role, account="li"):
    client.app.dependency_overrides[scope_of] = lambda: Scope(account, role, WHOLE)


def test_first(client):
    row = client.get("/api/v1/building/T1")
    print(row.json(), row.headers)
    tag = row.headers["ETag"]
    got = client.patch("/api/v1/building/T1", json={"fields": {"floors": 6}, "why": "测", "effective": DAY}, headers={"If-Match": tag})
    print(got.status_code, got.json(), got.headers)
    got = client.patch("/api/v1/building/T1", json={"fields": {"floors": 7}, "why": "测", "effective": DAY}, headers={"If-Match": tag})
    print(got.status_code, got.json(), got.headers)
    got = client.patch("/api/v1/building/T1", json={"fields": {"floors": 7}, "why": "测"})
    print(got.status_code, got.json(), got.headers)
    for path in ("/api/v1/batches", "/api/v1/batches/14", f"/api/v1/diff?from=2026-05-01&to={DAY}"):
        got = client.get(path)
        print(path, got.status_code, got.text[:600])
    got = client.get("/api/v1/exports/building.csv")
    print(got.status_code, got.headers, got.text[:300])
