"""The tiles of the planner's map: what is in them, who keeps them, when they are drawn anew."""

import gzip

import mapbox_vector_tile
import pytest
import shapely
import sqlalchemy as sa
from accounts_fixtures import signed_client
from geoalchemy2.shape import to_shape
from toy_town import TOY_DAY, import_toy

from gridmap import jobs, store
from gridmap import tables as t
from gridmap.errors import NotFound
from gridmap.jobs import map_tiles as drawing
from gridmap.jobs.edits import ChangeSet, Edit
from gridmap.web import map_tiles as web_tiles

pytestmark = pytest.mark.db

HALF_M = 20037508.342789244
EXTENT = 4096


def places(engine, zoom):
    """Return the tiles in which the town's buildings are."""
    with store.transaction(engine) as conn:
        west, south, east, north = store.read_drawn_bounds(conn)
    side = 2 * HALF_M / 2**zoom
    columns = range(int((west + HALF_M) // side), int((east + HALF_M) // side) + 1)
    rows = range(int((HALF_M - north) // side), int((HALF_M - south) // side) + 1)
    return [(zoom, column, row) for column in columns for row in rows]


def decoded(tile):
    return mapbox_vector_tile.decode(
        gzip.decompress(tile.data), default_options={"y_coord_down": True}
    )


def drawn(engine, layers, lens, zoom):
    """Return layer -> code -> features, of all tiles of the town."""
    found = {}
    version = jobs.version(engine)
    for place in places(engine, zoom):
        tile = jobs.map_tile(engine, layers, lens, place, version=version, whole=True)
        for name, layer in decoded(tile).items():
            for one in layer["features"]:
                shape = placed(one["geometry"], place)
                found.setdefault(name, {}).setdefault(one["properties"]["code"], []).append(
                    (one["properties"], shape)
                )
    return found


def placed(geometry, place):
    """Return a feature's shape in Web Mercator metres."""
    zoom, column, row = place
    side = 2 * HALF_M / 2**zoom
    return shapely.transform(
        shapely.geometry.shape(geometry),
        lambda xy: xy * (1, -1) / EXTENT * side + (column * side - HALF_M, HALF_M - row * side),
    )


def statuses(engine, lens):
    with store.transaction(engine) as conn:
        rows = conn.execute(
            sa.select(t.unit_coverage.c.target_codes, t.unit_coverage.c.statuses).where(
                t.unit_coverage.c.lens == lens
            )
        ).all()
    return {code: status for codes, told in rows for code, status in zip(codes, told, strict=True)}


@pytest.mark.parametrize("zoom", [15, 17, 19])
@pytest.mark.parametrize("lens", ["party_group", "six_services", "volunteers"])
def test_each_building_has_the_status_that_the_lens_gave_it(serviced, lens, zoom):
    buildings = drawn(serviced, ("building",), lens, zoom)["building"]
    told = {code: {p.get("status") for p, _ in parts} for code, parts in buildings.items()}
    known = statuses(serviced, lens)
    assert set(told) == {f"T{n}" for n in range(1, 9)}
    assert told == {code: {known.get(code)} for code in told}
    assert len({status for one in told.values() for status in one}) > 1


def test_the_hand_worked_town_is_coloured_as_it_should_be(serviced):
    buildings = drawn(serviced, ("building",), "party_group", 17)["building"]
    covered = {c for c, parts in buildings.items() if parts[0][0].get("status") in ("own", "joint")}
    # 3 of 7 buildings of the town have a group; T8 is in no grid, and in no rate.
    assert len(covered) == 3
    assert buildings["T5"][0][0]["status"] == "uncovered"


def test_shapes_are_where_the_buildings_are(serviced):
    with store.transaction(serviced) as conn:
        frame = store.read_buildings(conn, as_of=TOY_DAY).to_crs(3857)
    buildings = drawn(serviced, ("building",), "", 17)["building"]
    unit = 2 * HALF_M / 2**17 / EXTENT
    for code, shape in frame.geometry.items():
        parts = shapely.union_all([one for _, one in buildings[code]])
        # A vertex is rounded to a unit of the tile; seams overlap by the tiles' margin.
        assert parts.symmetric_difference(shape).area < shape.length * 2 * unit


def test_every_layer_has_its_rows(serviced):
    layers = store.DRAWN_LAYERS
    found = drawn(serviced, layers, "party_group", 16)
    assert set(found) <= set(layers)
    with store.transaction(serviced) as conn:
        cameras = set(conn.execute(sa.select(t.camera.c.code)).scalars())
        roads = set(conn.execute(sa.select(t.road.c.code)).scalars())
        views = set(
            conn.execute(
                sa.select(t.camera_view.c.camera_code).where(t.camera_view.c.geom.is_not(None))
            ).scalars()
        )
        blind = set(
            conn.execute(
                sa.select(t.ground_coverage.c.unit_code).where(
                    ~sa.func.ST_IsEmpty(t.ground_coverage.c.blind)
                )
            ).scalars()
        )
    assert set(found["camera"]) == cameras != set()
    assert set(found["road"]) == roads != set()
    assert set(found["view"]) == views != set()
    assert set(found["blind"]) == blind != set()
    with store.transaction(serviced) as conn:
        certain = set(
            conn.execute(
                sa.select(t.camera_view.c.camera_code).where(t.camera_view.c.certain.is_not(None))
            ).scalars()
        )
    assert set(found["certain"]) == certain != set()
    for code in certain:
        sure, may = (
            shapely.union_all([shape for _, shape in found[layer][code]])
            for layer in ("certain", "view")
        )
        assert sure.difference(may.buffer(1)).area < 1, "nothing is certain that is not possible"


def test_what_is_smaller_than_a_pixel_is_counted(serviced):
    # A pixel of z13 is 19 m wide; the town's buildings are of 12 and 40 m.
    version = jobs.version(serviced)
    for zoom in (13, 14, 15):
        side = (2 * HALF_M / 2**zoom / 256) ** 2
        with store.transaction(serviced) as conn:
            areas = conn.execute(sa.select(sa.func.ST_Area(t.building_shape.c.geom))).scalars()
            large = sum(area >= side for area in areas) if zoom < 15 else 8
        found = {}
        for place in places(serviced, zoom):
            tile = jobs.map_tile(serviced, ("building",), "", place, version=version, whole=False)
            codes = {
                one["properties"]["code"]
                for layer in decoded(tile).values()
                for one in layer["features"]
            }
            assert tile.features == len(codes)
            found |= dict.fromkeys(codes)
            if zoom == 15:
                assert tile.dropped == 0
        assert len(found) == large


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        (("castle",), (16, 1, 1)),
        (("building", "road"), (16, 1, 1)),
        (("building",), (12, 1, 1)),
        (("building",), (20, 1, 1)),
        (("building",), (16, 2**16, 1)),
    ],
)
def test_what_there_is_no_tile_of(serviced, layers, place):
    with pytest.raises(NotFound):
        jobs.map_tile(serviced, layers, "", place, version="", whole=True)


# --- shapes follow the buildings


SHAPES = sa.text(
    "SELECT count(*) FROM (SELECT code, grid_code, ST_AsBinary(ST_Transform(geom, 3857))"
    " FROM building EXCEPT SELECT code, grid_code, ST_AsBinary(geom) FROM building_shape) one"
)


def assert_shapes_follow(engine, expected):
    with store.transaction(engine) as conn:
        assert conn.execute(SHAPES).scalar_one() == 0
        count = sa.select(sa.func.count()).select_from(t.building_shape)
        assert conn.execute(count).scalar_one() == expected


def test_shapes_follow_every_write(engine):
    import_toy(engine)
    assert_shapes_follow(engine, 8)
    with store.transaction(engine) as conn:
        b = t.building.c
        number = conn.execute(sa.select(b.batch_id).where(b.code == "T1")).scalar_one()
        moved = conn.execute(sa.select(b.geom).where(b.code == "T2")).scalar_one()
    shape = shapely.transform(to_shape(moved), lambda xy: xy + 1e-5)
    edits = (
        Edit("building", "end", "T1", version=number),
        Edit("building", "update", "T2", version=number, geometry=shape),
    )
    written, _ = jobs.change(engine, ChangeSet(edits, "moved", "li", TOY_DAY))
    assert written["batches"], written
    assert_shapes_follow(engine, 7)
    for one in sorted(jobs.batches(engine, limit=100), key=lambda b: -b["id"]):
        jobs.undo(engine, one["id"])
        if one["id"] == number:
            break
        if one["layer"] == "building":
            assert_shapes_follow(engine, 8)
    assert_shapes_follow(engine, 0)


# --- who keeps them


@pytest.fixture(scope="module")
def url(new_database, serviced_template):
    return new_database(serviced_template)


@pytest.fixture
def client(url):
    with signed_client(url) as client:
        yield client


def test_a_tile_that_the_browser_has_takes_no_look_into_the_store(client, url, monkeypatch):
    engine = store.connect(url)
    place = places(engine, 16)[0]
    path = "/tiles/road,building/{}/{}/{}?lens=party_group".format(*place)
    first = client.get(path)
    assert first.status_code == 200
    assert first.headers["content-type"] == web_tiles.MVT
    assert first.headers["cache-control"] == "private, max-age=0, must-revalidate"
    assert int(first.headers["tile-features"]) > 0
    assert int(first.headers["tile-dropped"]) == 0
    asked = []
    monkeypatch.setattr(web_tiles.jobs, "map_tile", lambda *a, **k: asked.append(a))
    monkeypatch.setattr(web_tiles, "BELIEVED_S", 60.0)
    client.app.state.tiles.doubt()
    again = client.get(path)  # asks for the state, and has the tile
    assert again.content == first.content
    monkeypatch.setattr(web_tiles.jobs, "version", lambda *a: asked.append(a))
    same = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert asked == []
    engine.dispose()


def test_whoever_takes_no_gzip_gets_the_tile_as_it_is(client, url):
    engine = store.connect(url)
    place = places(engine, 16)[0]
    engine.dispose()
    path = "/tiles/building/{}/{}/{}".format(*place)
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "building" in mapbox_vector_tile.decode(plain.content)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content


def test_after_a_write_the_next_tile_is_of_the_new_state(client, url):
    engine = store.connect(url)
    place = next(p for p in places(engine, 17) if has_building(engine, p, "T1"))
    path = "/tiles/building/{}/{}/{}".format(*place)
    before = client.get(path)
    row = client.get("/api/v1/buildings/T1")
    ended = client.delete(
        "/api/v1/buildings/T1",
        headers={"If-Match": row.headers["etag"], "X-Change-Reason": "demolished"},
    )
    assert ended.status_code == 200, ended.text
    after = client.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    codes = {
        one["properties"]["code"]
        for layer in mapbox_vector_tile.decode(after.content).values()
        for one in layer["features"]
    }
    assert "T1" not in codes
    engine.dispose()


def has_building(engine, place, code):
    tile = jobs.map_tile(engine, ("building",), "", place, version="", whole=False)
    return any(
        one["properties"]["code"] == code
        for layer in decoded(tile).values()
        for one in layer["features"]
    )


# --- drawn beforehand


def test_tiles_are_drawn_beforehand_for_one_state_of_the_store(serviced, monkeypatch):
    count = jobs.draw_tiles(serviced)
    every = [place for zoom in (15, 16) for place in places(serviced, zoom)]
    version = jobs.version(serviced)
    alive = {p: jobs.map_tile(serviced, *drawing.DRAWN, p, version="", whole=True) for p in every}
    assert count == sum(1 for tile in alive.values() if tile.features) > 0

    def refuse(*_args, **_more):
        raise AssertionError("drawn again")

    monkeypatch.setattr(store, "read_map_tile", refuse)
    for place in every:
        kept = jobs.map_tile(serviced, *drawing.DRAWN, place, version=version, whole=True)
        assert kept == alive[place]
    for more in ({"version": "another", "whole": True}, {"version": version, "whole": False}):
        with pytest.raises(AssertionError, match="drawn again"):
            jobs.map_tile(serviced, *drawing.DRAWN, every[0], **more)


def test_an_empty_store_has_no_tiles_to_draw(engine):
    assert jobs.draw_tiles(engine) == 0


def test_memory_is_bounded():
    tiles = web_tiles.Tiles()
    big = store.Tile(b"x" * (web_tiles.KEPT_BYTES // 4), 1, 0)
    for n in range(8):
        tiles.keep(n, big)
    assert [tiles.get(n) is not None for n in range(8)] == [False] * 5 + [True] * 3
