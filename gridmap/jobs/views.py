"""Files in, files out: what cameras see, without a database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap import crs, files
from gridmap.errors import InputError, LayerRejected
from gridmap.model import EXTENT, LAYERS, POSITIONS, ImportReport, LayerSpec, Limits, headings_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    Progress = Callable[[str, float], None]

_READ = {
    "camera": (
        "code",
        "azimuth_deg",
        "hfov_deg",
        "max_range_m",
        "direction_type",
        "azimuth_tolerance_deg",
        "position_tolerance_m",
        "h_pixels",
        "state",
    ),
    "building": ("code",),
    "extent": ("code",),
}
"""What of each layer views are computed from; the rest of a file is neither read nor judged."""

_OVERLAP = 1e-9  # share of the extent that rounding of shared borders may count twice
_NOTE = "plan view (2D): heights, slopes and trees are not considered"


@dataclass(frozen=True)
class Source:
    """A file and how it is to be read; see `files.read_layer`."""

    path: Path
    columns: Mapping[str, str] | None = None
    layer: str | None = None
    source_crs: str | None = None
    encoding: str | None = None
    limits: Limits | None = None


def write_views(
    cameras: Source,
    buildings: Source,
    extent: Source,
    target: Path,
    *,
    as_of: dt.date,
    level: str | None = None,
    repair: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compute what the cameras of a file see, and write it as a GeoPackage.

    Parameters
    ----------
    cameras
        Points; the columns of the camera layer that say where a camera looks.
    buildings
        Polygons.
    extent
        Polygons that do not overlap: the units to count in.
    target
        ``.gpkg``: layers views, seen, blind, frontage, summary.
    as_of
        The day that the summary carries.
    level
        Detail level to see at; see `camera_coverage.views`.
    repair
        Take the proposed polygon for each that is not valid.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    DataFrame
        The summary: unit, measure, covered, total, share, unit_of_measure, as_of, note.

    Raises
    ------
    FileUnreadable, CrsError
        See `files.read_layer`.
    LayerRejected
        Rows of a file cannot be used; the error holds the report.
    InputError
        The units overlap, there is no such level, or the file cannot be written.

    Notes
    -----
    Rule: rows without a code are named by their number in the file. Cameras under repair or
    removed see nothing.
    """
    tell = progress or (lambda _step, _share: None)
    files.require_target(target)
    tell("reading", 0.0)
    asked = ((EXTENT, extent), (LAYERS["camera"], cameras), (LAYERS["building"], buildings))
    # Each file is read by a child of its own; one thread checks them all, for each thread would
    # look up for itself how two coordinate frames are related, which takes 0.1 s.
    with ThreadPoolExecutor(len(asked)) as readers, ThreadPoolExecutor(1) as checker:
        reading = [readers.submit(_read, *one, repair=repair) for one in asked]
        checking = [
            checker.submit(_usable, *one, read, as_of)
            for one, read in zip(asked, reading, strict=True)
        ]
        # Here, while the children read: the compiler takes as long to import and make ready.
        from gridmap import camera_coverage, visibility

        warming = Thread(target=visibility.warm_up)
        warming.start()
        for read in reading:  # a file that cannot be read is told before the rows of another
            read.result()
        units = checking[0].result()
        metric = crs.metric_crs_of(units)
        units = units.to_crs(metric)
        _require_apart(units)
        eyes, stored = checking[1].result(), checking[2].result()
    eyes = eyes[eyes["state"].fillna("in_use") == "in_use"].to_crs(metric)
    walls = stored.to_crs(metric)
    # Only what stands in a unit or, of the rest, in reach of a camera matters.
    outlines = walls.geometry.to_numpy()
    near = camera_coverage.meets(outlines, units.geometry.to_numpy())
    near[~near] = camera_coverage.meets(outlines[~near], camera_coverage.reaches(eyes))
    walls = walls[near]
    tell("cameras", 0.2)
    warming.join()
    seen = camera_coverage.sights(eyes, walls, level=level)
    tell("writing", 0.4)
    # What is seen is written while the ground is computed: neither keeps two cores busy.
    with ThreadPoolExecutor(1) as worker:
        grounds = worker.submit(camera_coverage.ground_coverage, units, seen.views, walls)
        frontage = camera_coverage.frontage(walls, seen)
        summary = worker.submit(
            lambda: _summary(grounds.result(), frontage, seen.views, as_of, level)
        )
        areas = camera_coverage.GROUND_AREAS
        parts = _layers(seen.views, frontage, stored.geometry[near], grounds, areas, summary)
        files.write_layers(parts, target)
    return summary.result()


def _read(spec: LayerSpec, source: Source, *, repair: bool) -> files.LayerFile:
    """Read a file as it says; only headings of what is needed of it are looked for."""
    needed = (*_READ[spec.name], *POSITIONS)
    return files.read_layer(
        source.path,
        columns=source.columns,
        headings={name: some for name, some in headings_of(spec).items() if name in needed},
        layer=source.layer,
        source_crs=source.source_crs,
        encoding=source.encoding,
        repair=repair,
        limits=source.limits,
    )


def _usable(
    spec: LayerSpec, source: Source, reading: Future[files.LayerFile], as_of: dt.date
) -> gpd.GeoDataFrame:
    """Refuse a file if what is needed of its rows cannot be used; return these."""
    read = reading.result()
    frame = read.frame.copy()
    if isinstance(frame, gpd.GeoDataFrame) and len(read.repairs):
        frame.loc[read.repairs.index, frame.geometry.name] = read.repairs
    if "code" not in frame or frame["code"].isna().all():
        frame["code"] = frame.index.astype(str)
    spec = replace(spec, fields=tuple(f for f in spec.fields if f.name in _READ[spec.name]))
    frame = frame[[name for name in (*spec.columns, "geometry") if name in frame]]
    # Rules of the register are for its import: here a camera need only say where it looks.
    issues = spec.check(frame, register=False)
    report = ImportReport(
        layer=spec.name,
        source=source.path.name,
        sha256=read.sha256,
        effective=as_of.isoformat(),
        rows=len(frame),
        issues=tuple(issues),
        source_crs=read.source_crs,
        encoding=read.encoding,
        file_layer=read.layer,
        columns=read.columns,
    )
    if report.errors:
        count = len(report.errors)
        raise LayerRejected(
            f"{report.source}: {count} error{'s' if count > 1 else ''}; nothing was written", report
        )
    parsed = spec.parse(frame)
    found: gpd.GeoDataFrame = crs.to_storage(parsed.set_index("code"))
    return found


def _require_apart(units: gpd.GeoDataFrame) -> None:
    """Refuse units that overlap: their figures would count ground twice."""
    shapes = units.geometry.to_numpy()
    whole, single = shapely.area(shapely.union_all(shapes)), shapely.area(shapes).sum()
    if single - whole > _OVERLAP * whole + 1e-3:
        raise InputError(
            f"the polygons of the extent overlap by {single - whole:,.2f} m²; ground would count "
            "twice: give units that do not overlap"
        )


def _summary(
    ground: gpd.GeoDataFrame,
    frontage: pd.DataFrame,
    views: gpd.GeoDataFrame,
    as_of: dt.date,
    level: str | None,
) -> pd.DataFrame:
    """Return every figure with its denominator, unit by unit, and for all of them."""
    most = max((len(one) for one in ground["areas_m2"]), default=0)
    at_least = np.zeros((len(ground), most))
    for row, one in enumerate(ground["areas_m2"]):
        at_least[row, : len(one)] = one
    figures = [
        ("camera.open_ground", ground["seen_area_m2"], "open_area_m2"),
        ("camera.open_ground_certain", ground["certain_area_m2"], "open_area_m2"),
        ("camera.gross_area", ground["seen_area_m2"], "gross_area_m2"),
        *((f"camera.open_ground_{k}", at_least[:, k], "open_area_m2") for k in range(2, most)),
    ]
    rows = [
        row
        for name, seen, of in figures
        for row in [
            *zip(
                ground.index,
                [name] * len(ground),
                seen,
                ground[of],
                ["m2"] * len(ground),
                strict=True,
            ),
            ("", name, seen.sum(), ground[of].sum(), "m2"),
        ]
    ]
    rows.append(("", "camera.frontage", frontage["seen_m"].sum(), frontage["open_m"].sum(), "m"))
    columns = ["unit_code", "measure", "covered", "total", "unit_of_measure"]
    table = pd.DataFrame(rows, columns=columns)
    share = table["covered"] / table["total"].where(table["total"] > 0)
    return table.assign(share=share, as_of=as_of.isoformat(), note=_told(views, level))


def _told(views: gpd.GeoDataFrame, level: str | None) -> str:
    """Return what the reader of a figure must know of it."""
    counts = {
        "cameras": len(views),
        "excluded": int((views["status"] == "excluded").sum()),
        "moved": int((views["status"] == "moved").sum()),
        "with assumed optics": int((views["assumed"] != "").sum()),
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{_NOTE}; {said}" + (f"; at detail level {level}" if level else "")


def _layers(
    views: gpd.GeoDataFrame,
    frontage: pd.DataFrame,
    outlines: gpd.GeoSeries,
    grounds: Future[gpd.GeoDataFrame],
    areas: Sequence[str],
    summary: Future[pd.DataFrame],
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return the layers of the file, those with a geometry in EPSG:4490."""
    told = ["status", "reason", "moved_m", "assumed", "area_m2", "certain_area_m2"]
    yield "views", crs.to_storage(gpd.GeoDataFrame(views[told], geometry=views.geometry))
    walls = frontage[["wall_m", "open_m", "seen_m", "camera_count"]]
    yield "frontage", gpd.GeoDataFrame(walls, geometry=outlines)
    ground = grounds.result()
    for name in ("seen", "blind"):
        shown = gpd.GeoDataFrame(ground[[*areas]], geometry=ground[name], crs=ground.crs)
        yield name, crs.to_storage(shown)
    yield "summary", summary.result().set_index("unit_code")
