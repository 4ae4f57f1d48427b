"""The demo district: everything synthetic except the outline and the official codes.

Belongs here: `build`, which turns a seed into all layers, and what it returns. Does not belong
here: storage (``gridmap.store``), commands (``gridmap.cli``). One file a noun: ``ground``,
``roads``, ``parcels``, ``layouts``, ``buildings``, ``homes``, ``walls``, ``entrances``,
``cameras``, ``filings``, ``law``, ``privacy``; of organisations and what they do
``organisations``, ``branches``, ``departments``, ``posts``, ``centres``, ``volunteers``,
``services``, ``enterprises``, ``courtyards``, ``department_grids``, ``matters``, ``projects``,
which stand on ``divisions``, ``seats``, ``shares``, ``gaps`` and ``registers``; ``places`` holds
the constants, ``geodata`` reads the two real files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap import crs
from gridmap.demo import geodata
from gridmap.demo.branches import branch_duties, unit_areas, with_states
from gridmap.demo.buildings import footprints
from gridmap.demo.cameras import camera_layer
from gridmap.demo.centres import centres
from gridmap.demo.courtyards import courtyards
from gridmap.demo.department_grids import department_grids
from gridmap.demo.departments import departments
from gridmap.demo.divisions import Divisions, divisions
from gridmap.demo.enterprises import enterprises
from gridmap.demo.entrances import entrance_layer
from gridmap.demo.filings import declared
from gridmap.demo.ground import Floats
from gridmap.demo.ground import ground as cut_ground
from gridmap.demo.growth import GROWN, earlier_duties
from gridmap.demo.homes import building_layer
from gridmap.demo.law import key_public_areas, restricted_sites
from gridmap.demo.matters import matter_items, matters
from gridmap.demo.organisations import organisations
from gridmap.demo.parcels import character, hamlets, village_ways
from gridmap.demo.parcels import parcels as cut_parcels
from gridmap.demo.places import AS_OF, BEGINS
from gridmap.demo.posts import posts
from gridmap.demo.privacy import privacy_zones
from gridmap.demo.projects import projects, proposals
from gridmap.demo.registers import Register, joined
from gridmap.demo.roads import WIDTHS, Road, network, road_layer
from gridmap.demo.services import six_services
from gridmap.demo.volunteers import volunteer_teams
from gridmap.model import LAYERS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AS_OF", "BEGINS", "GROWN", "NOTICE", "SEED", "DemoDistrict", "build", "earlier_duties"]

SEED = 500108

NOTICE: Mapping[str, str] = {
    "zh": "合成数据：除区界（GCJ-02 转换）和官方区划代码名称外，街道、社区、网格界线，道路、楼栋、"
    "组织、岗位、职责、院落、部门网格、项目、事项、建议、摄像机均为程序生成，与真实情况无关",
    "en": "Synthetic data: only the district outline (converted from GCJ-02) and the official "
    "codes and names are real; borders of streets, communities and grids, roads, buildings, "
    "organisations, posts, duties, courtyards, departments' grids, projects, matters, proposals "
    "and cameras are generated and describe nothing that exists",
}
"""What must stand beside every use of the demo data."""

DEGREES_DIGITS = 8
"""Storage rounding: 1e-8 degrees, about 1 mm."""


@dataclass(frozen=True)
class DemoDistrict:
    """All layers, each as `model.LAYERS` specifies, and the notice that they are synthetic.

    Geometry is in the storage CRS; each frame's index counts from 1, like rows of a file.
    """

    district: gpd.GeoDataFrame
    street: gpd.GeoDataFrame
    community: gpd.GeoDataFrame
    grid: gpd.GeoDataFrame
    building: gpd.GeoDataFrame
    road: gpd.GeoDataFrame
    camera: gpd.GeoDataFrame
    entrance: gpd.GeoDataFrame
    key_public_area: gpd.GeoDataFrame
    privacy_zone: gpd.GeoDataFrame
    restricted_site: gpd.GeoDataFrame
    organisation: pd.DataFrame
    post: pd.DataFrame
    courtyard: gpd.GeoDataFrame
    department_grid: gpd.GeoDataFrame
    duty: pd.DataFrame
    project: pd.DataFrame
    matter_item: pd.DataFrame
    matter: gpd.GeoDataFrame
    proposal: pd.DataFrame
    as_of: str = AS_OF
    notice: Mapping[str, str] = field(default_factory=lambda: NOTICE)

    def layers(self) -> dict[str, pd.DataFrame]:
        """Return the frames by layer name, in an order that imports parents first.

        There is no layer of lenses: the shipped ones do.
        """
        return {name: getattr(self, name) for name in LAYERS if name != "lens"}


def _short(name: str) -> str:
    """Return the place's name without the word for its committee."""
    return name.removesuffix("居民委员会").removesuffix("村民委员会")


def _stored(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a layer as specified: storage CRS, rounded, index from 1."""
    frame = frame.reset_index(drop=True)
    if isinstance(frame, gpd.GeoDataFrame):
        stored = crs.to_storage(frame)
        rounded = shapely.transform(stored.geometry.to_numpy(), _rounded)
        frame = stored.set_geometry(gpd.GeoSeries(rounded, index=frame.index, crs=stored.crs))
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return LAYERS[name].parse(frame)


def _rounded(xy: Floats) -> Floats:
    return np.round(xy, DEGREES_DIGITS)


def _parents(grid: gpd.GeoDataFrame, digits: int, names: dict[str, str]) -> gpd.GeoDataFrame:
    """Return the units of a level as unions of their grids, so that nesting is exact."""
    shapes, codes = grid.geometry.to_numpy(), grid["code"].str[:digits].to_numpy()
    units = sorted(set(codes))
    whole = [shapely.normalize(shapely.coverage_union_all(shapes[codes == unit])) for unit in units]
    table = {"code": units, "name": [names[unit] for unit in units]}
    return gpd.GeoDataFrame(table, geometry=whole, crs=grid.crs)


def _society(
    units: Divisions,
    party: Register,
    buildings: gpd.GeoDataFrame,
    seed: int,
) -> Register:
    """Return organisations, posts and duties, those of the Party first."""
    served = party.duty[party.duty["service"] == "party_branch"]
    branch_of = served.set_index("target_code")["holder_code"]
    orgs = with_states(party.organisation, seed)
    hosts = centres(units, buildings, seed)
    teams = volunteer_teams(units, seed)
    known = pd.concat([part.organisation for part in (*hosts, teams)], ignore_index=True)
    led = pd.concat([orgs, known], ignore_index=True)
    society = joined(
        [
            Register(organisation=orgs, duty=party.duty),
            branch_duties(units, buildings, orgs, branch_of, seed),
            *departments(units, seed),
            *posts(units, branch_of, seed),
            *hosts,
            teams,
            six_services(units, buildings, known, seed),
            enterprises(units, led, buildings, seed),
        ]
    )
    return joined([society, unit_areas(buildings, orgs, society.duty, seed)])


def build(seed: int = SEED, progress: Callable[[str, float], None] | None = None) -> DemoDistrict:
    """Return the demo district.

    Parameters
    ----------
    seed
        The same seed gives the same bytes.
    progress
        Called with the step about to be done (``ground``, ``parcels``, …) and the share done.

    Returns
    -------
    DemoDistrict
        All layers, checked against nothing yet; `LayerSpec.check` finds no error in them.

    Notes
    -----
    Rule: the totals are the seed figures of domain.md section 0. Source: outline and codes as in
    ``geodata/manifest.json``; the rest own choice. Pure apart from reading those two files.
    """
    tell = progress or (lambda step, share: None)
    tell("ground", 0.0)
    codes = geodata.codes()
    names = {code: _short(name) for code, name in zip(codes["code"], codes["name"], strict=True)}
    ground = cut_ground(geodata.outline(), codes, seed)
    tell("parcels", 0.2)
    here = character(ground.grids, seed)
    parcels = cut_parcels(ground, here, seed)
    villages = hamlets(ground, here, seed)
    tell("roads", 0.5)
    ways = network(ground, ground.cuts + parcels.cuts, seed)
    paths = village_ways(villages, [way.line for way in ways], seed)
    ways += [Road(path, "path", WIDTHS["path"]) for path in paths]
    roads = road_layer(ways, ground.frame, seed)
    tell("buildings", 0.55)
    placed = footprints(ground, parcels, villages, ways, seed)
    buildings = building_layer(placed, ground, parcels, here, roads, names, seed)
    tell("organisations", 0.8)
    units = divisions(ground, names)
    party = organisations(ground, here, buildings, names, seed)
    society = _society(units, party, buildings, seed)
    items = matter_items()
    tell("cameras", 0.85)
    cameras = camera_layer(ground, here, roads, buildings, seed)
    tell("places of the law", 0.87)
    sites = restricted_sites(parcels, roads, ground)
    areas = key_public_areas(parcels, here, roads, buildings, sites, ground, seed)
    tell("layers", 0.9)
    grid = _stored("grid", ground.grids)
    layers = {
        "district": _parents(grid, 6, names),
        "street": _parents(grid, 9, names),
        "community": _parents(grid, 12, names),
        "building": buildings,
        "road": roads,
        "camera": declared(cameras, ground, sites, seed),
        "entrance": entrance_layer(buildings, roads),
        "key_public_area": areas,
        "privacy_zone": privacy_zones(buildings, roads, cameras, ground, seed),
        "restricted_site": sites,
        "organisation": society.organisation,
        "post": society.post,
        "courtyard": courtyards(buildings, names, seed),
        "department_grid": department_grids(ground, units, seed),
        "duty": society.duty,
        "project": projects(units, seed),
        "matter_item": items,
        "matter": matters(ground, units, buildings, items, seed),
        "proposal": proposals(units, seed),
    }
    stored = {name: _stored(name, frame) for name, frame in layers.items()}
    tell("done", 1.0)
    return DemoDistrict(grid=grid, **stored)
