"""The demo district: totals, exact tiling, believable faults, same seed same bytes."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap import crs, demo
from gridmap.demo import geodata, places
from gridmap.model import LAYERS, Level, parent_code
from gridmap.model.organisations import PARTY_KINDS
from gridmap.rules import Severity
from gridmap.visibility import view_polygons

pytestmark = pytest.mark.slow

HIERARCHY = {"grid": "community", "community": "street", "street": "district"}


def digest(district):
    """Hash of every byte that counts: geometry as WKB, columns as CSV."""
    total = hashlib.sha256()
    for name, frame in district.layers().items():
        total.update(name.encode())
        if isinstance(frame, gpd.GeoDataFrame):
            for wkb in shapely.to_wkb(frame.geometry.array):
                total.update(wkb)
            frame = pd.DataFrame(frame.drop(columns="geometry"))
        total.update(frame.to_csv().encode())
    return total.hexdigest()


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def district(steps):
    return demo.build(progress=lambda step, share: steps.append((step, share)))


@pytest.fixture(scope="module")
def metric(district):
    """The layers with geometry, in metres."""
    frame = crs.metric_crs_of(district.district)
    layers = district.layers().items()
    return {n: f.to_crs(frame) for n, f in layers if isinstance(f, gpd.GeoDataFrame)}


@pytest.fixture(scope="module")
def branches(district):
    orgs = district.organisation
    return orgs[orgs["kind"].isin(["branch", "joint_branch"])]


# geodata


def test_manifest_names_every_file_and_its_sha256():
    folder = geodata.folder()
    files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert {f["file"] for f in files} >= {"nanan_outline_gcj02.geojson", "nanan_codes.csv"}
    for entry in files:
        found = hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest()
        assert found == entry["sha256"], entry["file"]
        assert entry["licence"]
        assert entry["source"]["version"]
        assert entry["date"]


def test_geodata_inside_the_package_comes_first(tmp_path, monkeypatch):
    package = tmp_path / "gridmap"
    (tmp_path / "geodata").mkdir(parents=True)
    package.mkdir()
    monkeypatch.setattr(geodata, "_PACKAGE", package)
    assert geodata.folder() == tmp_path / "geodata"
    (package / "geodata").mkdir()
    assert geodata.folder() == package / "geodata"


def test_outline_is_converted_from_gcj02():
    outline = geodata.outline()
    assert outline.crs == crs.STORAGE_CRS
    assert crs.ellipsoidal_area_m2(outline.geometry)[0] / 1e6 == pytest.approx(262.6, abs=0.5)
    text = (geodata.folder() / "nanan_outline_gcj02.geojson").read_text(encoding="utf-8")
    raw = shapely.from_geojson(text)
    shift = np.array(outline.geometry.iloc[0].centroid.coords[0]) - np.array(raw.centroid.coords[0])
    assert np.abs(shift).min() > 0.002


def test_codes_nest_and_have_the_official_counts():
    codes = geodata.codes()
    counts = codes["kind"].value_counts().to_dict()
    assert counts == {"community": 105, "village": 48, "street": 8, "town": 7, "district": 1}
    assert codes["code"].is_unique
    below = codes[codes["level"] != "district"]
    assert (below["code"].map(parent_code) == below["parent_code"]).all()


@pytest.mark.real
def test_codes_agree_with_the_shared_copy(request):
    where = os.environ.get("GRIDMAP_SHARED_DATA", request.config.rootpath.parent / "shared/data")
    path = Path(where) / "nanan_admin" / "nanan_codes_2023.csv"
    if not path.exists():
        reason = f"no real data at {path}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with path.open(encoding="utf-8") as file:
        theirs = {row["code"]: row["name"] for row in csv.DictReader(file)}
    ours = geodata.codes()
    assert dict(zip(ours["code"].str.ljust(12, "0"), ours["name"], strict=True)) == theirs


# contract


def test_every_layer_but_the_lenses_is_there_in_order(district):
    assert [*district.layers(), "lens"] == list(LAYERS)


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "lens"])
def test_layer_conforms_to_its_specification(district, name):
    frame = district.layers()[name]
    spec = LAYERS[name]
    assert [c for c in frame.columns if c != "geometry"] == spec.columns
    assert list(frame.index) == list(range(1, len(frame) + 1))
    errors = [i for i in spec.check(frame) if i.severity is Severity.ERROR]
    assert errors == []
    if spec.kinds:
        assert frame.crs == crs.STORAGE_CRS
        xy = shapely.get_coordinates(frame.geometry.array)
        assert (np.round(xy, 8) == xy).all()


def test_notice_stands_in_both_languages(district):
    assert district.notice["zh"].startswith("合成数据")
    assert district.notice["en"].startswith("Synthetic data")
    assert pd.Timestamp(district.as_of) == pd.Timestamp(demo.AS_OF)


def test_progress_rises_to_one(district, steps):
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_same_seed_same_bytes_in_another_process(district):
    code = "import tests.test_demo as t; print(t.digest(t.demo.build()))"
    env = {**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(district)


# tiling


def test_counts_of_divisions(district):
    assert len(district.district) == 1
    assert len(district.street) == 15
    assert len(district.community) == 153
    assert 1_050 <= len(district.grid) <= 1_150


def test_codes_and_names_of_divisions_are_official(district):
    official = geodata.codes().set_index("code")["name"]
    for frame in (district.district, district.street, district.community):
        assert all(
            official[c].startswith(n) for c, n in zip(frame["code"], frame["name"], strict=True)
        )


@pytest.mark.parametrize(("child", "parent"), HIERARCHY.items())
def test_children_tile_their_parent_exactly(metric, child, parent):
    children, parents = metric[child], metric[parent].set_index("code").geometry
    assert shapely.coverage_is_valid(children.geometry.array)
    for code, group in children.groupby(children["code"].map(parent_code)):
        union = shapely.coverage_union_all(group.geometry.array)
        assert union.symmetric_difference(parents[code]).area < 1e-3, code
        # Overlap would make the parts larger than the whole; a hole would be in one only.
        assert group.area.sum() == pytest.approx(parents[code].area, abs=1e-2)
        assert len(parents[code].interiors) == 0


def test_tiling_is_exact_in_stored_degrees(district):
    for name in ("grid", "community", "street"):
        assert shapely.coverage_is_valid(district.layers()[name].geometry.array)


def test_district_is_the_outline(metric):
    outline = geodata.outline().to_crs(metric["district"].crs).geometry.iloc[0]
    found = metric["district"].geometry.iloc[0]
    assert found.symmetric_difference(outline).area < 1_000.0
    assert found.hausdorff_distance(outline) < 0.02


def test_every_division_is_one_piece(district):
    for name in ("grid", "community", "street", "district"):
        assert set(district.layers()[name].geom_type) == {"Polygon"}


def test_grids_are_numbered_from_one_in_reading_order(metric):
    grids = metric["grid"].assign(y=metric["grid"].representative_point().y)
    for _, group in grids.groupby(grids["code"].str[:12]):
        assert list(group["code"].str[12:].astype(int)) == list(range(1, len(group) + 1))
        half = len(group) // 2
        if half >= 2:
            assert group["y"].iloc[:half].mean() > group["y"].iloc[-half:].mean()


# roads and buildings


def test_roads_of_all_kinds_inside_the_district(metric):
    roads = metric["road"]
    assert set(roads["kind"]) == {"trunk", "main", "street", "lane", "path"}
    assert roads.loc[roads["kind"] != "path", "name"].notna().mean() > 0.6
    inside = metric["district"].geometry.iloc[0].buffer(1.0)
    assert shapely.covers(inside, roads.geometry.array).mean() > 0.99


def test_about_45000_buildings_with_all_kinds(district):
    assert 44_000 <= len(district.building) <= 46_000
    shares = district.building["kind"].value_counts(normalize=True)
    assert set(shares.index) == {
        "slab", "tower", "low_rise", "village", "industrial", "commercial", "public", "other"
    }  # fmt: skip
    assert shares.max() < 0.4


def test_buildings_do_not_overlap_nor_stand_on_roads(metric):
    shapes, roads = metric["building"].geometry.array, metric["road"]
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="intersects")
    pairs = first < second
    shared = shapely.area(shapely.intersection(shapes[first[pairs]], shapes[second[pairs]])).sum()
    assert shared < 1e-4 * shapely.area(shapes).sum()
    strips = shapely.buffer(roads.geometry.array, roads["width_m"] / 2, cap_style="flat")
    assert tree.query(strips, predicate="intersects").shape[1] == 0


def test_buildings_lie_in_the_grid_of_their_code(metric):
    buildings, grids = metric["building"], metric["grid"].set_index("code").geometry
    shapes = buildings.geometry.array
    own = grids.loc[buildings["code"].str[:15]].to_numpy()
    share = shapely.area(shapely.intersection(own, shapes)) / buildings.area
    building, grid = shapely.STRtree(grids.array).query(shapes, predicate="intersects")
    part = shapely.area(shapely.intersection(shapes[building], grids.array[grid]))
    greatest = pd.Series(part).groupby(building).max().to_numpy() / buildings.area
    assert (share > greatest - 1e-6).all()
    straddling = (share < 0.999).mean()
    assert 0.002 < straddling < 0.01
    inside = metric["district"].geometry.iloc[0]
    shapely.prepare(inside)
    assert shapely.covers(inside, buildings.geometry.array).all()


def test_building_codes_are_grid_and_sequence(district):
    codes = district.building["code"]
    assert codes.str.fullmatch(r"\d{20}").all()
    assert codes.is_unique
    assert codes.str[:15].isin(set(district.grid["code"])).all()


def test_floor_area_and_height_follow_from_footprint_and_floors(metric):
    buildings = metric["building"]
    ratio = buildings["floor_area_m2"] / (buildings.area * buildings["floors"].astype(float))
    assert ratio.between(0.99, 1.01).all()
    homes = buildings[buildings["kind"].isin(["slab", "tower", "low_rise"])]
    assert (homes["height_m"] / homes["floors"].astype(float)).between(2.7, 4.7).all()


def test_some_buildings_have_courtyards(district):
    assert (shapely.get_num_interior_rings(district.building.geometry.array) > 0).sum() > 50


def test_households_add_up(district):
    households = district.building["household_count"]
    assert abs(int(households.sum()) - 407_000) < 0.005 * 407_000
    grid = district.building["code"].str[:15]
    by_grid = households.groupby(grid).sum().astype(float)
    urban = by_grid[by_grid.index.str[9].isin(["0"])]
    assert urban.between(300, 500).mean() > 0.8


def test_self_managed_buildings_and_their_households_are_the_published_totals(district):
    managed = district.building.groupby("management_kind")
    households = managed["household_count"].sum()
    assert (managed.size()["self"], int(households["self"])) == (1_554, 74_000)
    area_m2 = managed["floor_area_m2"].sum()["self"]
    assert area_m2 == pytest.approx(5_800_000, rel=0.05)
    # Some scattered buildings have nobody yet, fewer households than those that have.
    assert 1_000 < managed.size()["scattered"] < 4_000
    assert 0.6 < 74_000 / (74_000 + households["scattered"]) < 0.9


# organisations and duties


def test_organisations_and_members_are_the_published_totals(district):
    counted = [kind for kind in PARTY_KINDS if kind != "party_group"]
    orgs = district.organisation[district.organisation["kind"].isin(counted)]
    members = orgs["full_members"] + orgs["probationary_members"]
    assert (len(orgs), int(members.sum())) == (1_509, 33_642)
    by_level = orgs["host_code"].str.len().where(orgs["code"].str.startswith("DW"))
    assert by_level.value_counts().to_dict() == {12.0: 153, 9.0: 15}


def test_tree_of_organisations_has_no_orphan(district):
    orgs = district.organisation
    top = orgs["parent_code"].isna()
    assert orgs.loc[top, "kind"].value_counts().loc[["working_committee", "committee"]].sum() == 15
    assert orgs.loc[~top, "parent_code"].isin(set(orgs["code"])).all()
    levels = ("district", "street", "community", "grid")
    places = {code for level in levels for code in district.layers()[level]["code"]}
    assert orgs["host_code"].isin(places).all()


def test_branches_have_3_to_50_members_and_joint_ones_at_most_5_units(district, branches):
    members = branches["full_members"] + branches["probationary_members"]
    assert branches["full_members"].min() >= 3
    assert members.max() <= 50
    duty = district.duty[district.duty["service"] == "party_branch"]
    assert duty.groupby("holder_code").size().max() <= 5


def test_committees_fit_their_size(district, branches):
    size = (
        (branches["full_members"] + branches["probationary_members"])
        .groupby(branches["parent_code"])
        .sum()
    )
    orgs = district.organisation.set_index("code")
    kind = orgs.loc[size.index, "kind"]
    assert (size[kind == "committee"] > 100).all()
    assert (size[kind == "general_branch"] <= 100).all()


def test_groups_have_at_least_3_members_out_of_their_branch(district, branches):
    groups = district.organisation[district.organisation["kind"] == "party_group"]
    members = groups["full_members"] + groups["probationary_members"]
    assert members.min() >= 3
    assert groups["full_members"].min() >= 1
    used = groups.groupby("parent_code")[["full_members", "probationary_members"]].sum()
    own = branches.set_index("code").loc[used.index, list(used.columns)]
    assert (used <= own).all().all()


def test_duties_name_existing_things_once(district):
    duty, orgs = district.duty, district.organisation.set_index("code")["kind"]
    assert not duty.duplicated(["holder_code", "service", "target_code"]).any()
    to_grid = duty[duty["service"] == "party_branch"]
    to_building = duty[duty["service"] == "party_group"]
    assert to_grid["target_code"].isin(set(district.grid["code"])).all()
    assert to_building["target_code"].isin(set(district.building["code"])).all()
    assert orgs[to_grid["holder_code"]].isin(["branch", "joint_branch"]).all()
    assert (orgs[to_building["holder_code"]] == "party_group").all()


def test_group_serves_up_to_six_buildings_of_one_grid(district):
    duty = district.duty[district.duty["service"] == "party_group"]
    groups = duty.groupby("holder_code")
    assert groups.size().between(1, 6).all()
    assert (groups["target_code"].agg(lambda codes: codes.str[:15].nunique()) == 1).all()
    joint = groups.size().gt(1)
    assert (groups["mode"].first().eq("joint") == joint).all()


def test_groups_serve_neighbours(district, metric):
    duty = district.duty[district.duty["service"] == "party_group"]
    place = metric["building"].set_index("code").geometry.centroid
    xy = pd.DataFrame({"x": place.x, "y": place.y}).loc[duty["target_code"]].to_numpy()
    spread = pd.DataFrame(xy).groupby(duty["holder_code"].to_numpy()).std().fillna(0.0)
    assert np.hypot(spread[0], spread[1]).median() < 80.0


def test_coverage_is_believably_imperfect(district):
    duty = district.duty
    grids = district.grid["code"].isin(
        set(duty.loc[duty["service"] == "party_branch", "target_code"])
    )
    assert 0.05 < 1 - grids.mean() < 0.09
    served = district.building["code"].isin(
        set(duty.loc[duty["service"] == "party_group", "target_code"])
    )
    assert 0.55 < served.mean() < 0.65
    by_street = served.groupby(district.building["code"].str[:9]).mean()
    assert by_street.max() > 0.75
    assert by_street.min() < 0.45
    by_grid = served.groupby(district.building["code"].str[:15]).mean()
    assert 0.05 < (by_grid == 0).mean() < 0.25
    industrial = served[district.building["kind"] == "industrial"]
    assert industrial.mean() < 0.15


# cameras


def test_cameras_and_their_ids(district):
    codes = district.camera["code"]
    assert len(codes) == 13_244
    assert codes.is_unique
    assert codes.str.fullmatch(r"50010800\d{2}13[12]\d{7}").all()


def test_cameras_lie_inside_few_in_footprints_some_just_off_walls(metric):
    points = metric["camera"].geometry.array
    inside = metric["district"].geometry.iloc[0]
    shapely.prepare(inside)
    assert shapely.contains_properly(inside, points).all()
    tree = shapely.STRtree(metric["building"].geometry.array)
    hidden = np.unique(tree.query(points, predicate="within")[0])
    assert 0.005 < len(hidden) / len(points) < 0.015
    camera, distance = tree.query_nearest(points, return_distance=True, all_matches=False)
    near = np.full(len(points), np.inf)
    near[camera[0]] = distance
    assert (np.abs(near - 0.15) < 0.01).mean() == pytest.approx(0.10, abs=0.01)


def test_two_fifths_of_the_sites_are_poles_with_several_cameras(metric):
    xy = shapely.get_coordinates(metric["camera"].geometry.array).round(2)
    _, site, count = np.unique(xy, axis=0, return_inverse=True, return_counts=True)
    assert (count > 1).mean() == pytest.approx(0.40, abs=0.03)
    assert count.max() == 4
    azimuth = metric["camera"]["azimuth_deg"].groupby(site)
    assert (azimuth.nunique() >= azimuth.count() - 1).all()


def test_camera_optics_are_possible_and_sometimes_unknown(district):
    camera = district.camera
    fixed = camera[camera["hfov_deg"].between(1, 359)]
    assert fixed["hfov_deg"].between(28, 106).all()
    assert camera["max_range_m"].dropna().between(30, 150).all()
    assert fixed["hfov_deg"].corr(fixed["max_range_m"]) < -0.8
    assert 0.15 < camera["hfov_deg"].eq(360).mean() < 0.22
    unknown = camera["azimuth_deg"].isna() | camera["hfov_deg"].isna()
    assert 0.03 < unknown.mean() < 0.05


def test_camera_register_is_mostly_in_order(district):
    camera = district.camera
    assert camera["networked"].mean() == pytest.approx(0.97, abs=0.01)
    assert camera["hd"].mean() == pytest.approx(0.93, abs=0.01)
    assert camera["state"].eq("in_use").mean() == pytest.approx(0.96, abs=0.01)
    assert 0.0 < camera["place_category"].isna().mean() < 0.03
    assert 0.02 < camera["filed_at"].isna().mean() < 0.10
    dated = camera.dropna(subset=["filed_at", "in_use_since"])
    wait = pd.to_datetime(dated["filed_at"]) - pd.to_datetime(dated["in_use_since"])
    new = pd.to_datetime(dated["in_use_since"]) > pd.Timestamp("2025-04-01")
    assert 0.01 < (wait[new] > pd.Timedelta(days=30)).mean() < 0.15
    assert pd.to_datetime(dated["filed_at"]).max() <= pd.Timestamp(demo.AS_OF)


DIRECTION_OF_TYPE = {1: 90, 2: 270, 3: 180, 4: 0, 5: 135, 6: 45, 7: 225, 8: 315}
"""GB/T 28181 DirectionType, by the compass: written out here, computed there."""


def test_declared_directions_fit_the_azimuth_and_help_where_it_is_missing(district):
    camera = district.camera
    kind, azimuth = camera["direction_type"].astype(float), camera["azimuth_deg"]
    dome = camera["hfov_deg"].eq(360)
    fixed_blank = azimuth.isna() & camera["hfov_deg"].lt(360)
    assert fixed_blank.sum() > 150
    assert kind[fixed_blank].dropna().between(1, 8).all()
    assert kind[fixed_blank].notna().mean() == pytest.approx(0.7, abs=0.08)
    assert set(kind[dome].dropna()) == {9}
    assert kind[dome].notna().mean() == pytest.approx(0.5, abs=0.03)
    both = kind.between(1, 8) & azimuth.notna()
    assert both.mean() > 0.2
    away = np.abs((kind[both].map(DIRECTION_OF_TYPE) - azimuth[both] + 180) % 360 - 180)
    assert away.max() <= 22.5


def test_forgotten_azimuths_keep_a_direction_that_differs(district):
    camera = district.camera
    blank = camera[camera["azimuth_deg"].isna() & camera["direction_type"].between(1, 8)]
    share = blank["direction_type"].value_counts(normalize=True)
    assert set(share.index) == set(range(1, 9))
    assert share.max() < 0.3


def test_tolerances_are_rare_and_small(district):
    camera = district.camera
    angle, place = camera["azimuth_tolerance_deg"], camera["position_tolerance_m"]
    assert 0.05 < angle.notna().mean() < 0.15
    assert angle.dropna().between(2, 5).all()
    assert camera.loc[angle.notna(), "azimuth_deg"].notna().all()
    assert place.isna().mean() == pytest.approx(0.95, abs=0.01)
    assert set(place.dropna()) == {1.0, 2.0, 5.0}


def test_pixels_fit_what_is_called_high_definition(district):
    camera = district.camera
    assert camera["h_pixels"].isna().mean() == pytest.approx(0.04, abs=0.01)
    fine, coarse = (camera.loc[camera["hd"].eq(hd), "h_pixels"].dropna() for hd in (True, False))
    assert set(fine) == {1280, 1920, 2560, 3840}
    assert set(coarse) == {704, 1280}


def test_neighbours_share_a_switch(metric):
    camera = metric["camera"]
    code = camera["group_code"]
    assert code.isna().mean() == pytest.approx(0.2, abs=0.03)
    assert code.dropna().str.fullmatch(r"SW-\d{4}").all()
    size = code.value_counts()
    assert 6 <= size.median() <= 9
    assert size.max() <= 16
    grid = gpd.sjoin(camera[["geometry"]], metric["grid"][["code", "geometry"]])["code"]
    assert grid.groupby(code.reindex(grid.index)).nunique().max() == 1
    town = camera[camera["declared_unit"].eq("500108003") & code.notna()]
    spread = pd.DataFrame({"x": town.geometry.x, "y": town.geometry.y}).groupby(town["group_code"])
    assert np.hypot(*spread.std().fillna(0.0).to_numpy().T).max() < 400.0
    pole = camera.geometry.to_wkb()
    assert code.fillna("").groupby(pole).nunique().max() == 1


def test_cameras_are_registered_in_their_street_but_for_a_few(metric):
    camera, street = metric["camera"], metric["street"]
    joined = gpd.sjoin(camera[["declared_unit", "geometry"]], street[["code", "geometry"]])
    joined = joined[~joined.index.duplicated(keep=False)].dropna(subset=["declared_unit"])
    assert len(joined) > 0.96 * len(camera)
    assert joined["declared_unit"].isin(set(street["code"])).all()
    assert 0.003 < (joined["declared_unit"] != joined["code"]).mean() < 0.008


def test_what_owners_must_tell_of_cameras(district):
    camera = district.camera
    assert (camera["filing_no"].notna() == camera["filed_at"].notna()).all()
    assert camera["filing_no"].dropna().is_unique
    year = camera["filing_no"].dropna().str.extract(r"〔(\d{4})〕")[0].astype(int)
    assert (year == camera["filed_at"].dropna().map(lambda day: day.year)).all()
    assert camera["sign_installed"].mean() == pytest.approx(0.96, abs=0.01)
    assert set(camera["retention_days"].dropna()) == {30, 90}
    assert 0.01 < camera["retention_days"].isna().mean() < 0.04
    first = camera[camera["point_type"].eq(1)]
    assert first[["retention_days", "in_use_since"]].notna().all(axis=None)
    assert camera["in_use_since"].isna().any()
    dated = camera.dropna(subset=["filed_at", "in_use_since"])
    assert (dated["in_use_since"] < dated["filed_at"]).all()


def test_indoor_cameras_stand_inside_footprints(metric):
    camera = metric["camera"]
    tree = shapely.STRtree(metric["building"].geometry.array)
    hidden = np.unique(tree.query(camera.geometry.array, predicate="within")[0])
    indoor = np.flatnonzero(camera["indoor"])
    assert np.isin(indoor, hidden).all()
    assert 0.4 < len(indoor) / len(hidden) < 0.8


def test_cameras_are_dense_downtown_and_missing_in_whole_quarters(metric):
    camera, grids = metric["camera"], metric["grid"]
    joined = gpd.sjoin(camera[["geometry"]], grids[["code", "geometry"]], predicate="within")
    count = joined.groupby("code").size().reindex(grids["code"]).fillna(0)
    per_km2 = count.to_numpy() / (grids.area.to_numpy() / 1e6)
    town = grids["code"].str.startswith("500108003").to_numpy()
    village = grids["code"].str[9].eq("2").to_numpy()
    assert np.median(per_km2[town]) > 10 * np.median(per_km2[village])
    assert 0.05 < (count == 0).mean() < 0.25


def test_levels_of_the_codes(district):
    lengths = {Level.DISTRICT: 6, Level.STREET: 9, Level.COMMUNITY: 12, Level.GRID: 15}
    for level, length in lengths.items():
        assert district.layers()[str(level)]["code"].str.len().eq(length).all()


# entrances and the places of the law


def overlap_m2(shapes):
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = first < second
    return shapely.area(shapely.intersection(shapes[first[pairs]], shapes[second[pairs]])).sum()


def test_every_home_has_one_or_two_entrances_on_its_wall(district, metric):
    entrance, building = metric["entrance"], metric["building"].set_index("code")
    lived_in = building.index[building["household_count"] > 0]
    count = entrance["building_code"].value_counts()
    assert set(count.index) == set(lived_in)
    assert set(count) == {1, 2}
    assert list(entrance["code"][:2]) == ["E000001", "E000002"]
    walls = shapely.boundary(building.geometry[entrance["building_code"]].to_numpy())
    assert shapely.distance(walls, entrance.geometry.to_numpy()).max() < 0.01
    assert entrance.drop_duplicates(["building_code", "name"]).shape == entrance.shape
    two = entrance["building_code"].map(count) == 2
    assert set(entrance.loc[two, "name"]) == {"1单元", "2单元"}
    assert "2单元" not in set(entrance.loc[~two, "name"])


def test_entrances_look_to_the_road(metric):
    entrance, building = metric["entrance"], metric["building"].set_index("code")
    some = entrance.drop_duplicates("building_code").iloc[::40]
    middle = building.geometry[some["building_code"]].centroid.to_numpy()
    roads = shapely.union_all(metric["road"].geometry.to_numpy())
    nearer = shapely.distance(some.geometry.to_numpy(), roads) < shapely.distance(middle, roads)
    assert nearer.mean() > 0.95


def test_key_public_areas_lie_apart_inside_the_district(metric):
    areas, district = metric["key_public_area"], metric["district"].geometry.iloc[0]
    shapes = areas.geometry.to_numpy()
    assert 200 <= len(areas) <= 800
    assert shapely.covers(district, shapes).all()
    assert overlap_m2(shapes) == 0.0
    assert areas.area.between(2_000, 60_000).all()
    assert areas["name"].str.contains(r"^[\u4e00-\u9fff0-9]+$").all()
    assert set(areas["place_category"]) == {
        "road", "public_venue", "hub", "transport", "service_area"
    }  # fmt: skip
    urban = metric["grid"][metric["grid"]["code"].str[9].eq("0")]
    shared = gpd.overlay(areas[["geometry"]], urban[["geometry"]]).area.sum()
    assert 0.03 < shared / urban.area.sum() < 0.08


def test_road_areas_are_stretches_of_large_roads(metric):
    roads, areas = metric["road"], metric["key_public_area"]
    on_roads = areas[areas["place_category"].eq("road")]
    large = roads[roads["kind"].isin(["trunk", "main"])]
    strip = shapely.union_all(shapely.buffer(large.geometry.array, large["width_m"] / 2 + 3.1))
    assert shapely.area(shapely.difference(on_roads.geometry.array, strip)).max() < 1.0
    assert on_roads["name"].str.replace(r"第\d+段$", "", regex=True).isin(set(large["name"])).all()
    longest = shapely.length(shapely.minimum_rotated_rectangle(on_roads.geometry.array)) / 2
    assert np.median(longest) == pytest.approx(580, abs=120)


def test_nobody_films_from_inside_a_privacy_zone(metric):
    zones, cameras = metric["privacy_zone"], metric["camera"].geometry.array
    shapes = zones.geometry.to_numpy()
    assert 60 <= len(zones) <= 120
    assert len(shapely.STRtree(shapes).query(cameras, "dwithin", 0.3)[0]) == 0
    assert overlap_m2(shapes) == 0.0
    assert zones.area.max() < 200
    assert set(zones["kind"]) == {
        "dwelling", "dormitory", "bath", "lodging", "nursing_room", "toilet", "changing_room"
    }  # fmt: skip
    assert zones["name"].notna().all()


def test_privacy_zones_are_rooms_or_yards_behind_homes(metric):
    zones, buildings = metric["privacy_zone"], metric["building"].geometry.array
    shapes, yard = zones.geometry.to_numpy(), zones["kind"].eq("dwelling").to_numpy()
    tree = shapely.STRtree(buildings)
    room, house = tree.query(shapes[~yard], "within")
    assert set(room) == set(range((~yard).sum()))
    distance = tree.query_nearest(shapes[yard], return_distance=True, all_matches=False)[1]
    assert distance.max() < 0.01
    beside, house = tree.query(shapes[yard], "intersects")
    shared = shapely.area(shapely.intersection(shapes[yard][beside], buildings[house]))
    assert shared.max() < 0.1


def test_a_dozen_views_enter_a_privacy_zone(metric):
    zones = metric["privacy_zone"].geometry
    camera = metric["camera"].dropna(subset=["azimuth_deg", "hfov_deg", "max_range_m"])
    view, zone, area = entries(camera, metric["building"], zones)
    entered = area > 1.0
    assert 12 <= len(set(view[entered])) <= 80
    assert 8 <= len(set(zone[entered])) <= len(zones) / 2


def entries(cameras, buildings, zones):
    """Which views of fully declared cameras meet which zones, and on how many square metres."""
    reach = shapely.union_all(shapely.buffer(zones.to_numpy(), 150.0))
    shapely.prepare(reach)
    near = [f[shapely.intersects(reach, f.geometry.array)].set_index("code")
            for f in (cameras, buildings)]  # fmt: skip
    views = view_polygons(*near).geometry.to_numpy()
    view, zone = shapely.STRtree(zones.to_numpy()).query(views, "intersects")
    return view, zone, shapely.area(shapely.intersection(views[view], zones.to_numpy()[zone]))


def test_most_cameras_near_a_restricted_site_have_consent(metric):
    sites, camera = metric["restricted_site"], metric["camera"]
    assert 4 <= len(sites) <= 6
    assert set(sites["kind"]) == {"military", "state_organ"}
    assert sites["consent_distance_m"].between(50, 200).all()
    assert list(sites["name"]) == [name for name, *_ in places.RESTRICTED]
    away = shapely.distance(camera.geometry.to_numpy()[:, None], sites.geometry.to_numpy()[None, :])
    near = (away <= sites["consent_distance_m"].to_numpy() + 0.01).any(axis=1)
    given = camera["consent_ref"].notna()
    assert near[given].all()
    assert 0.4 < given[near].mean() < 1.0
    assert given.sum() >= 10


def test_restricted_sites_are_no_key_public_areas(metric):
    both = [metric[name].geometry.to_numpy() for name in ("restricted_site", "key_public_area")]
    assert overlap_m2(np.concatenate(both)) < 1.0
