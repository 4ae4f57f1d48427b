"""Every route for every role and scope: what comes back is what a superuser has, filtered.

The street of the toy town has two communities; the one who asks has one of them, `OWN`. A route
without a row in `MATRIX` fails the test: whoever adds one says here what it may show.
"""

import datetime as dt
import io
import json
import re

import mapbox_vector_tile
import pandas as pd
import pytest
import sqlalchemy as sa
from accounts_fixtures import routes_of, settings_of, token_of
from fastapi.testclient import TestClient
from sqlalchemy.engine import make_url

from gridmap import cluster
from gridmap import tables as t
from gridmap.model import LAYERS, RIGHTS, WHOLE, Right, Role, Scope
from gridmap.store import DRAWN_LAYERS
from gridmap.web import create_app
from gridmap.web.noted import CAMERA_PATHS
from gridmap.web.v1 import COLLECTIONS

pytestmark = pytest.mark.db

OWN, SIBLING, PARENT = "990101001001", "990101001002", "990101001"
CHILD, COUSIN, TRAP = "990101001001001", "990101001002001", "9901010010"
BOX = "106,29,108,30"
SITE = "http://127.0.0.1"
OPEN = "open"
"""Shows nothing of the district, to anybody."""

UNIT, ROWS, ONE, WINDOW, POINT, PAGE = "unit", "rows", "one", "window", "point", "page"
TARGET, FEATURES, FEATURE, TILE, SAME = "target", "features", "feature", "tile", "same"
WRITE, BOOK, MINE, EXPORT, FOUND = "write", "book", "mine", "export", "found"
SPOT = "spot"

MATRIX: dict[str, tuple[str, Right | None, str]] = {
    "/api/v1/coverage/{code}": (UNIT, None, ""),
    "/api/v1/coverage/{code}/uncovered": (UNIT, Right.ROWS, "limit=1000"),
    "/api/v1/coverage/{code}/blind": (UNIT, None, "limit=1000"),
    "/api/v1/coverage/{code}/losses": (UNIT, Right.CAMERAS, "limit=1000"),
    "/api/v1/coverage/{code}/law": (UNIT, Right.CAMERAS, "limit=1000"),
    "/api/v1/coverage/{code}/targets": (UNIT, Right.ROWS, "lens=party_group&limit=1000"),
    "/api/v1/coverage/{code}/frozen": (
        UNIT,
        Right.ROWS,
        "lens=party_group&as_of=2026-06-01&limit=1000",
    ),
    "/api/v1/coverage/{code}/blank-spots": (UNIT, None, "lens=party_group&limit=1000"),
    "/api/v1/coverage/{code}/matters": (UNIT, Right.ROWS, "as_of=2026-06-01&limit=1000"),
    "/api/v1/evidence": (TARGET, Right.ROWS, "lens=party_group&target="),
    "/api/v1/locate": (POINT, None, ""),
    "/api/v1/features/{layer}": (WINDOW, None, f"bbox={BOX}"),
    "/api/v1/search": (FOUND, None, "limit=50"),
    "/api/v1/lenses": (SAME, None, ""),
    "/api/v1/openapi.json": (SAME, None, ""),
    "/api/docs": (SAME, None, ""),
    "/ogc/collections/{collection}/items": (FEATURES, None, "limit=10000"),
    "/ogc/collections/{collection}/items/{feature}": (FEATURE, None, ""),
    "/ogc/collections/{collection}/tiles/{matrix_set}/{matrix}/{row}/{column}": (TILE, None, ""),
    "/tiles/{layers}/{zoom}/{column}/{row}": (TILE, None, "lens=party_group"),
    # Of a collection as a whole: its extent is told, of the rows that one sees.
    "/ogc/collections": (SAME, None, ""),
    "/ogc/collections/{collection}": (SAME, None, ""),
    "/ogc/collections/{collection}/queryables": (SAME, None, ""),
    "/ogc/collections/{collection}/tiles": (SAME, None, ""),
    "/ogc/collections/{collection}/tiles/{matrix_set}": (SAME, None, ""),
    **dict.fromkeys(
        ("/ogc", "/ogc/", "/ogc/api", "/ogc/conformance", "/ogc/tileMatrixSets"), (SAME, None, "")
    ),
    "/ogc/tileMatrixSets/{matrix_set}": (SAME, None, ""),
    "/metrics": (SAME, Right.WATCH, ""),
    "/locate": (SPOT, Right.ROWS, ""),
    "/api/v1/here": (SPOT, Right.ROWS, ""),
    "/locate-worker.js": (OPEN, None, ""),
    **dict.fromkeys(("/", "/overview"), (PAGE, None, "")),
    "/queues": (PAGE, Right.WRITE, ""),
    "/queues/corrections/{number}": (WRITE, Right.WRITE, ""),
    # Writers see the whole, for their checks do.
    "/api/v1/change-sets": (WRITE, Right.WRITE, ""),
    "/api/v1/imports": (WRITE, Right.WRITE, "layer=building&effective=2026-06-01"),
    "/api/v1/refreshes": (WRITE, Right.WRITE, ""),
    "/api/v1/{collection}/{code}": (WRITE, Right.WRITE, ""),
    "/api/v1/batches/{batch_id}/undo": (WRITE, Right.WRITE, ""),
    "/api/v1/corrections/{number}/accept": (WRITE, Right.WRITE, ""),
    "/api/v1/corrections/{number}/decline": (WRITE, Right.WRITE, ""),
    # Of the whole district in each of their rows.
    "/api/v1/batches": (BOOK, Right.ROWS, ""),
    "/api/v1/batches/{batch_id}": (BOOK, Right.CAMERAS, ""),
    "/api/v1/diff": (BOOK, Right.CAMERAS, "from=2026-05-01&to=2026-06-01"),
    "/api/v1/corrections": (MINE, Right.ROWS, ""),
    "/api/v1/jobs/{job_id}": (MINE, None, ""),
    "/api/v1/jobs/{job_id}/events": (MINE, None, ""),
    "/api/v1/exports/{layer}.{ending}": (EXPORT, Right.ROWS, ""),
    **dict.fromkeys(("/health", "/health/live", "/account", "/password"), (OPEN, None, "")),
    **dict.fromkeys(("/sign-in", "/sign-out", "/sign-in/link/{link}"), (OPEN, None, "")),
    **dict.fromkeys(("/sign-in/oidc", "/sign-in/oidc/back"), (OPEN, None, "")),
}
for _name, _layer in COLLECTIONS.items():
    _right = {"unit": None, "camera": Right.CAMERAS}.get(_layer, Right.ROWS)
    MATRIX[f"/api/v1/{_name}"] = (ROWS, _right, "limit=10000&geometry=false")
    _key = "{holder_code}/{service}/{target_code}" if _layer == "duty" else "{code}"
    MATRIX[f"/api/v1/{_name}/{_key}"] = (ONE, _right, "")


@pytest.fixture(scope="module")
def url(new_database, serviced_template):
    return new_database(serviced_template)


@pytest.fixture(scope="module")
def client(url):
    with TestClient(create_app(settings_of(url)), base_url=SITE) as client:
        yield client


@pytest.fixture(scope="module")
def ask(client, url):
    """Return a function that asks as a role over some codes."""
    tokens = {}

    def asked(role, ranges, path):
        if (role, ranges) not in tokens:
            name = f"{role}-{'-'.join(ranges) or 'none'}"
            tokens[role, ranges] = token_of(url, name, role, ranges)
        headers = {"Authorization": f"Bearer {tokens[role, ranges]}"}
        return client.get(path, headers=headers, follow_redirects=False)

    return asked


@pytest.fixture(scope="module")
def superuser(url):
    engine = sa.create_engine(make_url(url).set(username=cluster.SUPERUSER))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def truth(superuser):
    """Every row of every layer as a superuser has it now: layer -> code -> its unit."""
    found = {}
    with superuser.connect() as conn:
        for layer, spec in LAYERS.items():
            table = t.division if spec.level else t.metadata.tables[layer]
            query = sa.select(table)
            if "valid" in table.c:
                query = query.where(table.c.valid.bool_op("@>")(sa.cast(dt.date.today(), sa.Date)))
            if spec.level:
                query = query.where(table.c.level == str(spec.level))
            rows = [row._mapping for row in conn.execute(query)]
            unit = t.UNIT_COLUMN.get(table)
            found[layer] = {
                "/".join(str(row[name]) for name in spec.key): row[unit] if unit else None
                for row in rows
            }
    found["unit"] = {
        code: unit
        for layer, spec in LAYERS.items()
        if spec.level
        for code, unit in found[layer].items()
    }
    return found


def seen(truth, layer, scope):
    """Return the codes of a layer's rows that a scope has; catalogues are everybody's."""
    return {
        code
        for code, unit in truth[layer].items()
        if scope.whole or layer == "matter_item" or (unit and scope.has(unit))
    }


def foreign(truth, scope):
    """Return every code of the district that a scope has not."""
    own = {code for layer in truth for code in seen(truth, layer, scope)}
    catalogues = ("matter_item", "lens", "duty")
    every = {code for layer in truth if layer not in catalogues for code in truth[layer]}
    return every - own


def test_every_route_has_its_row(client):
    known = {re.sub(r":\w+}", "}", route.path) for route in routes_of(client.app)}
    assert known - set(MATRIX) == set(), "say in MATRIX what the route may show, and to whom"
    assert set(MATRIX) - known == set()


def of_kind(*kinds):
    return sorted(path for path, row in MATRIX.items() if row[0] in kinds)


def path_of(path, query, **values):
    return path.format(**values) + (f"?{query}" if query else "")


# --- by unit


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", of_kind(UNIT))
def test_a_unit_is_there_for_its_own_and_for_nobody_beside(ask, path, role):
    _, right, query = MATRIX[path]
    allowed = right is None or right in RIGHTS[role]
    for code in (OWN, CHILD, SIBLING, PARENT, COUSIN, TRAP, "990101"):
        mine = ask(role, (OWN,), path_of(path, query, code=code))
        if not allowed:
            assert (mine.status_code, mine.json()["code"]) == (403, "outside_scope")
            continue
        if code in (OWN, CHILD):
            whole = ask(Role.ADMIN, WHOLE, path_of(path, query, code=code))
            assert mine.status_code == whole.status_code == 200
            assert known_to(mine.json()) == known_to(whole.json())
        else:
            assert (mine.status_code, mine.json()["code"]) == (404, "unit_not_found"), code


ABROAD = ("holder_name", "holder_code", "holders", "duplicates")


def known_to(answer):
    """Return an answer without what may be at home elsewhere: who serves, or could; a matter that
    was reported beyond the border too."""
    if isinstance(answer, dict):
        return {k: known_to(v) for k, v in answer.items() if k not in ABROAD}
    return [known_to(one) for one in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("role", Role)
def test_a_target_is_there_for_its_unit(ask, truth, role):
    _, right, query = MATRIX["/api/v1/evidence"]
    scope = Scope("x", role, (OWN,))
    mine = seen(truth, "building", scope)
    for code in truth["building"]:
        answer = ask(role, (OWN,), f"/api/v1/evidence?{query}{code}")
        if right not in RIGHTS[role]:
            assert answer.status_code == 403
        else:
            assert answer.status_code == (200 if code in mine else 404), code


# --- collections and single rows


@pytest.mark.parametrize("ranges", [(OWN,), (CHILD, SIBLING), ("110101",), WHOLE], ids=str)
@pytest.mark.parametrize("role", Role)
def test_collections_are_the_rows_of_the_scope(ask, truth, role, ranges):
    scope = Scope("x", role, ranges)
    for path in of_kind(ROWS):
        _, right, query = MATRIX[path]
        layer = COLLECTIONS[path.rpartition("/")[2]]
        answer = ask(role, ranges, f"{path}?{query}")
        if right is not None and right not in RIGHTS[role]:
            assert answer.status_code == 403, path
            continue
        assert answer.status_code == 200, (path, answer.text)
        body = answer.json()
        spec = LAYERS.get(layer, LAYERS["grid"])
        codes = {"/".join(str(item[name]) for name in spec.key) for item in body["items"]}
        assert codes == seen(truth, layer, scope), path
        assert body["matched"] == len(body["items"]) == len(codes)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", of_kind(ONE))
def test_a_row_is_there_for_its_unit(ask, truth, path, role):
    _, right, _ = MATRIX[path]
    base = path.partition("/{")[0]
    layer = COLLECTIONS[base.rpartition("/")[2]]
    mine = seen(truth, layer, Scope("x", role, (OWN,)))
    for code in sorted(truth[layer])[:40]:
        answer = ask(role, (OWN,), f"{base}/{code}")
        if right is not None and right not in RIGHTS[role]:
            assert answer.status_code == 403
            break
        assert answer.status_code == (200 if code in mine else 404), code


# --- what is found by name


@pytest.mark.parametrize("ranges", [(OWN,), (CHILD, SIBLING), ("110101",), WHOLE], ids=str)
@pytest.mark.parametrize("role", Role)
def test_what_is_found_is_of_the_scope(ask, truth, role, ranges):
    scope = Scope("x", role, ranges)
    kinds = {"building": Right.ROWS, "organisation": Right.ROWS, "camera": Right.CAMERAS}
    layers = ("district", "street", "community", "grid", *kinds)
    should = {
        (layer, code)
        for layer in layers
        if kinds.get(layer) is None or kinds[layer] in RIGHTS[role]
        for code in seen(truth, layer, scope)
    }
    found = set()
    for letter in "0123456789abcdefghijklmnopqrstuvwxyz":
        answer = ask(role, ranges, f"/api/v1/search?q={letter}&limit=50")
        assert answer.status_code == 200
        for group in answer.json()["groups"]:
            assert not group["more"]
            found |= {(row["kind"], row["code"]) for row in group["rows"]}
            names = {one["code"] for row in group["rows"] for one in row["where"]}
            assert names <= seen(truth, "unit", scope)
    assert found == should


# --- OGC


def collections(ask, role, ranges):
    answer = ask(role, ranges, "/ogc/collections").json()
    return [one["id"] for one in answer["collections"]]


def layer_of(collection):
    return collection if collection in LAYERS else "unit"


@pytest.mark.parametrize("role", Role)
def test_ogc_lists_what_a_role_may_see(ask, role):
    listed = set(collections(ask, role, (OWN,)))
    rights = RIGHTS[role]
    assert ("camera" in listed) == (Right.CAMERAS in rights)
    assert ("building" in listed) == (Right.ROWS in rights)
    assert "grid" in listed
    for hidden in {"camera", "building"} - listed:
        for rest in ("", "/items", "/queryables", "/tiles", "/items/x"):
            assert ask(role, (OWN,), f"/ogc/collections/{hidden}{rest}").status_code == 404


@pytest.mark.parametrize("ranges", [(OWN,), (CHILD, SIBLING), ("110101",), WHOLE], ids=str)
@pytest.mark.parametrize("role", Role)
def test_ogc_features_are_the_rows_of_the_scope(ask, truth, role, ranges):
    scope = Scope("x", role, ranges)
    for name in collections(ask, role, ranges):
        answer = ask(role, ranges, f"/ogc/collections/{name}/items?limit=10000")
        assert answer.status_code == 200
        body = answer.json()
        if name not in truth:
            continue  # results: by their unit below
        should = seen(truth, name, scope)
        assert {feature["id"] for feature in body["features"]} == should, name
        assert body["numberMatched"] == body["numberReturned"] == len(should)
        for code in sorted(truth[name])[:10]:
            one = ask(role, ranges, f"/ogc/collections/{name}/items/{code}")
            assert one.status_code == (200 if code in should else 404)


@pytest.mark.parametrize("role", Role)
def test_tiles_have_the_rows_of_the_scope(ask, truth, role):
    scope = Scope("x", role, (OWN,))
    for name in collections(ask, role, (OWN,)):
        tile = f"/ogc/collections/{name}/tiles/WebMercatorQuad/10"
        shown = set()
        for row in range(421, 424):
            for column in range(814, 817):
                answer = ask(role, (OWN,), f"{tile}/{row}/{column}")
                assert answer.status_code in (200, 204), answer.text
                if answer.content:
                    for layer in mapbox_vector_tile.decode(answer.content).values():
                        shown |= {one["properties"]["code"] for one in layer["features"]}
        if name in truth:
            assert shown <= seen(truth, name, scope), name
        assert not shown & foreign(truth, scope)


@pytest.mark.parametrize("ranges", [(OWN,), (CHILD, SIBLING), ("110101",), WHOLE], ids=str)
@pytest.mark.parametrize("role", Role)
def test_tiles_of_the_map_have_the_rows_of_the_scope(ask, truth, role, ranges):
    scope = Scope("x", role, ranges)
    needed = {"building": Right.ROWS, "road": None}
    for layer in DRAWN_LAYERS:
        right = needed.get(layer, Right.CAMERAS)
        path = f"/tiles/{layer}/13/%d/%d?lens=party_group"
        if right is not None and right not in RIGHTS[role]:
            assert ask(role, ranges, path % (6521, 3392)).status_code == 403
            continue
        found = set()
        for row in range(3391, 3395):
            for column in range(6520, 6524):
                answer = ask(role, ranges, path % (column, row))
                assert answer.status_code == 200, answer.text
                for one in mapbox_vector_tile.decode(answer.content).values():
                    found |= {feature["properties"]["code"] for feature in one["features"]}
        grounds = dict.fromkeys(("seen", "blind"), "grid")
        source = (grounds | dict.fromkeys(("view", "certain"), "camera")).get(layer, layer)
        mine = seen(truth, source, scope)
        assert found <= mine, layer
        if layer in ("camera", "road"):
            assert found == mine, layer


# --- windows and points


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("layer", ["building", "road", "camera", "view", "blind"])
def test_a_window_shows_the_rows_of_the_scope(ask, truth, layer, role):
    needed = {"building": Right.ROWS, "road": None}.get(layer, Right.CAMERAS)
    answer = ask(role, (OWN,), f"/api/v1/features/{layer}?bbox={BOX}")
    if needed is not None and needed not in RIGHTS[role]:
        assert answer.status_code == 403
        return
    scope = Scope("x", role, (OWN,))
    source = {"view": "camera", "blind": "grid"}.get(layer, layer)
    codes = {one["properties"]["code"] for one in answer.json()["features"]}
    assert codes <= seen(truth, source, scope)
    if layer in ("building", "camera"):
        assert codes == seen(truth, source, scope)


@pytest.mark.parametrize("role", Role)
def test_a_point_is_where_one_may_see(ask, client, truth, role):
    spots = client_points(ask)
    for code, (lon, lat) in spots.items():
        answer = ask(role, (OWN,), f"/api/v1/locate?lon={lon}&lat={lat}").json()
        told = {one["code"] for one in answer.values() if isinstance(one, dict)}
        whole = ask(Role.ADMIN, WHOLE, f"/api/v1/locate?lon={lon}&lat={lat}").json()
        every = {one["code"] for one in whole.values() if isinstance(one, dict)}
        scope = Scope("x", role, (OWN,))
        mine = seen(truth, "unit", scope) | seen(truth, "building", scope)
        assert told == every & mine, code
    assert client is not None


@pytest.mark.parametrize("ranges", [(CHILD,), (OWN,)], ids=str)
@pytest.mark.parametrize("role", Role)
def test_on_the_spot_one_is_told_of_the_own_and_of_nothing_beside(ask, truth, role, ranges):
    scope = Scope("x", role, ranges)
    page = ask(role, ranges, "/locate")
    assert page.status_code == (200 if Right.ROWS in RIGHTS[role] else 403)
    beside = foreign(truth, scope)
    for code, (lon, lat) in client_points(ask).items():
        answer = ask(role, ranges, f"/api/v1/here?lon={lon}&lat={lat}")
        if Right.ROWS not in RIGHTS[role]:
            assert answer.status_code == 403
            continue
        told = answer.json()
        # A building on a border is in one grid, and its middle perhaps in the other.
        whole = ask(Role.ADMIN, WHOLE, f"/api/v1/locate?lon={lon}&lat={lat}").json()["grid"]
        assert told["inside"] == bool(whole and scope.has(whole["code"])), code
        assert told["inside"] or told["building"] is None
        # Who serves it may be at home elsewhere: its code is told, its name is not.
        text = json.dumps({k: v for k, v in told.items() if k not in ("grid", "building")})
        assert not {one for one in beside if f'"{one}"' in text}, code
        for one in told["grid"]["services"] if told["grid"] else ():
            assert one["holder_name"] is None or one["holder_code"] not in beside


def client_points(ask):
    """Return a point in each building, by what an admin sees."""
    found = ask(Role.ADMIN, WHOLE, f"/api/v1/features/building?bbox={BOX}").json()
    return {
        feature["properties"]["code"]: centre(feature["geometry"]["coordinates"])
        for feature in found["features"]
    }


def centre(coordinates):
    ring = coordinates[0][0] if isinstance(coordinates[0][0][0], list) else coordinates[0]
    points = ring[:-1]
    return sum(p[0] for p in points) / len(points), sum(p[1] for p in points) / len(points)


# --- writing, exports, what is somebody's own


EDIT = {"layer": "building", "action": "end", "code": "T1", "version": 1}
BODIES = {
    "change-sets": {"why": "x", "edits": [EDIT]},
    "refreshes": {"subject": "org"},
    "code": {"fields": {"floors": 2}, "why": "x"},
}


@pytest.fixture(scope="module")
def send(client, url):
    """Return a function that sends as a role over some codes."""

    def sent(role, ranges, method, path, **more):
        token = token_of(url, f"{role}-{'-'.join(ranges) or 'none'}", role, ranges)
        headers = {"Authorization": f"Bearer {token}", "If-Match": '"1"'}
        return client.request(method, path, headers=headers, **more)

    return sent


@pytest.mark.parametrize("role", Role)
def test_who_sees_a_part_writes_nothing(send, superuser, role):
    def written():
        with superuser.connect() as conn:
            return [
                conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in (t.import_batch, t.web_job, t.change_set, t.building, t.coverage_run)
            ]

    before = written()
    for ranges in ((OWN,),) if Right.WRITE in RIGHTS[role] else ((OWN,), WHOLE):
        for path in of_kind(WRITE):
            name = path.rpartition("/")[2].strip("{}")
            filled = path.format(collection="buildings", code="T1", batch_id=1, number=1)
            methods = ("PUT", "PATCH", "DELETE") if name == "code" else ("POST",)
            for method in methods:
                body = {"json": BODIES.get(name, {"why": "x"})} if method != "DELETE" else {}
                if name == "imports":
                    body = {"files": {"file": ("a.csv", b"code")}}
                query = f"?{MATRIX[path][2]}" if MATRIX[path][2] else ""
                answer = send(role, ranges, method, filled + query, **body)
                assert answer.status_code == 403, (method, path, ranges, answer.text)
    assert written() == before


@pytest.mark.parametrize("role", Role)
def test_the_book_is_for_who_sees_the_whole(ask, role):
    for path in of_kind(BOOK):
        _, right, query = MATRIX[path]
        filled = path_of(path, query, batch_id=1)
        assert ask(role, (OWN,), filled).status_code == 403, path
        allowed = right in RIGHTS[role]
        assert ask(role, WHOLE, filled).status_code == (200 if allowed else 403), path


@pytest.mark.parametrize("role", Role)
def test_corrections_are_of_places_that_one_sees(ask, send, role):
    if Right.ROWS not in RIGHTS[role]:
        assert ask(role, (OWN,), "/api/v1/corrections").status_code == 403
        return
    told = {"layer": "building", "field": "floors", "value": 6, "note": "现场看过"}
    mine = send(role, (OWN,), "POST", "/api/v1/corrections", json={**told, "code": "T1"})
    assert mine.status_code == 201, mine.text
    beyond = send(role, (OWN,), "POST", "/api/v1/corrections", json={**told, "code": "T5"})
    assert beyond.status_code == 404
    there = send(role, (SIBLING,), "POST", "/api/v1/corrections", json={**told, "code": "T5"})
    assert there.status_code == 201
    seen_here = ask(role, (OWN,), "/api/v1/corrections").json()
    rows = seen_here if isinstance(seen_here, list) else seen_here["items"]
    assert {row["code"] for row in rows} == {"T1"}


@pytest.mark.parametrize("role", Role)
def test_exports_are_the_rows_of_the_scope(ask, truth, role):
    scope = Scope("x", role, (OWN,))
    for layer, spec in LAYERS.items():
        answer = ask(role, (OWN,), f"/api/v1/exports/{layer}.csv")
        needed = {Right.ROWS} | ({Right.CAMERAS} if layer == "camera" else set())
        if not needed <= RIGHTS[role]:
            assert answer.status_code == 403, layer
            continue
        assert answer.status_code == 200, (layer, answer.text)
        frame = pd.read_csv(io.BytesIO(answer.content), dtype=str)
        codes = {"/".join(row) for row in frame[list(spec.key)].to_numpy().tolist()}
        if layer != "lens":
            assert codes == seen(truth, layer, scope), layer


# --- the rest, and leaks anywhere


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", of_kind(SAME))
def test_what_is_the_same_for_all_needs_its_right(ask, path, role):
    _, right, query = MATRIX[path]
    values = {"collection": "grid", "matrix_set": "WebMercatorQuad"}
    answer = ask(role, (OWN,), path_of(path, query, **values))
    allowed = right is None or right in RIGHTS[role]
    assert answer.status_code == (200 if allowed else 403)


@pytest.mark.parametrize("role", Role)
def test_no_answer_names_anything_beyond_the_border(ask, truth, superuser, role):
    scope = Scope("x", role, (OWN,))
    hidden = foreign(truth, scope)
    assert {"T5", SIBLING, COUSIN, PARENT} <= hidden
    values = {
        "collection": "building",
        "layer": "building",
        "matrix_set": "WebMercatorQuad",
        "feature": "T1",
        "matrix": "10",
        "row": "422",
        "column": "815",
        "job_id": "x",
    }
    # A row may name what is elsewhere: its parent, who serves it, where a matter was sent.
    with superuser.connect() as conn:
        for table, column in t.UNIT_COLUMN.items():
            for row in conn.execute(sa.select(table)).mappings():
                if row[column] and scope.has(row[column]):
                    hidden -= {value for value in row.values() if isinstance(value, str)}
    assert {"T5", SIBLING, "990101"} <= hidden
    for path, (kind, _, query) in MATRIX.items():
        if kind in (OPEN, TARGET, POINT, TILE, WRITE, BOOK, EXPORT) or "{holder_code}" in path:
            continue
        for code in (OWN, "T1"):
            answer = ask(role, (OWN,), path_of(path, query, code=code, **values))
            words = set(re.findall(r"[A-Za-z0-9]+", answer.text))
            assert not words & hidden, (path, code, sorted(words & hidden))


def test_answers_that_show_cameras_are_those_that_are_noted():
    """Whoever needs the right to see cameras leaves an event."""
    for path, (_, right, _) in MATRIX.items():
        filled = path.format_map({**FILLED, "layer": "camera", "collection": "camera"})
        if MATRIX[path][0] == BOOK:
            continue  # of what was written, before and after
        if right is Right.CAMERAS:
            assert CAMERA_PATHS.match(filled), path


FILLED = dict.fromkeys(
    ("code", "feature", "matrix", "row", "column", "matrix_set", "link", "holder_code", "service",
     "target_code", "collection", "batch_id", "number", "job_id", "ending", "layers", "zoom"),
    "1",
)  # fmt: skip


def test_events_of_looking_and_of_being_refused(ask, superuser):
    for _ in range(3):
        assert ask(Role.OFFICER, (CHILD,), "/api/v1/cameras").status_code == 200
        assert ask(Role.LEADER, (CHILD,), "/api/v1/cameras").status_code == 403
    with superuser.connect() as conn:
        query = sa.select(t.audit_event).where(t.audit_event.c.actor.like(f"%{CHILD}"))
        rows = [row._mapping for row in conn.execute(query.order_by(t.audit_event.c.number))]
    told = [(row["actor"].partition("-")[0], row["action"], row["subject"]) for row in rows]
    path = "/api/v1/cameras"
    assert ("officer", "cameras_seen", path) in told
    assert ("leader", "refused", path) in told
    assert told.count(("officer", "cameras_seen", path)) == 1, "once in a quarter of an hour"
    assert all(set(row["details"]) == {"role", "request"} for row in rows if row["subject"] == path)
    assert not re.search(r"10[67]\.\d", json.dumps([row["details"] for row in rows]))
