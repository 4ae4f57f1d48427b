"""What a district costs: its figures from frames, from files, and after one change.

    python tests/benchmarks/bench_coverage.py

13,244 cameras among 60,000 synthetic buildings (``tests/synthetic_scene.py``), cut into squares of
450 m. Prints Markdown tables, the last of them what the issue asks for and whether it is reached.
Ratios are given of CPU time too, since other programs slow the clock's. Figures that disagree end
the run with an error. Of this process nothing is run before its memory is read but what is named.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

sys.path.append(str(Path(__file__).resolve().parents[1]))

from synthetic_scene import SEED, synthetic_scene

from gridmap import camera_coverage, visibility
from gridmap.camera_coverage import Places
from gridmap.camera_coverage.depth import depths

UNIT_M = 450.0
CHANGES = {"cameras": 30, "buildings": 10}
MOVED_M = 10.0
AGREE, SMALL = 1e-6, 100.0  # relative; of less than this so much: areas are right to some 1e-5 m²
# A child's peak begins at that of the process that starts it, so a small one starts it.
LAUNCHER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
if done.returncode:
    sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


class Timed(NamedTuple):
    """Seconds by the clock and of CPU, and what the work returned."""

    clock: float
    cpu: float
    result: object


def timed(work, *args, **options):
    """Run once."""
    start = time.perf_counter(), time.process_time()
    result = work(*args, **options)
    return Timed(time.perf_counter() - start[0], time.process_time() - start[1], result)


def best(runs, work):
    """Return the shortest of several runs, of clock and CPU each."""
    every = [timed(work) for _ in range(runs)]
    return Timed(min(one.clock for one in every), min(one.cpu for one in every), every[-1].result)


def peak_mb():
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def district():
    """Return the scene as places; buildings have 10 households each."""
    cameras, houses = synthetic_scene()
    west, south, east, north = houses.total_bounds
    x, y = np.meshgrid(np.arange(west, east, UNIT_M), np.arange(south, north, UNIT_M))
    squares = shapely.box(x.ravel(), y.ravel(), x.ravel() + UNIT_M, y.ravel() + UNIT_M)
    none = gpd.GeoDataFrame(geometry=[], crs=houses.crs)
    return Places(
        units=gpd.GeoDataFrame(
            geometry=squares, index=[f"{i:015}" for i in range(len(squares))], crs=houses.crs
        ),
        cameras=cameras.assign(group_code=None),
        buildings=gpd.GeoDataFrame(
            {"household_count": 10}, geometry=houses, index=houses.index, crs=houses.crs
        ),
        roads=none,
        key_areas=none,
        entrances=none.assign(building_code=pd.Series(dtype=object)),
    )


# --- tables -----------------------------------------------------------------------------------


def table(title, *columns):
    """Begin a table."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}")


def row(*cells):
    """Print a row."""
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def ms(seconds):
    """Write seconds as milliseconds."""
    return f"{seconds * 1e3:,.1f}" if seconds < 1 else f"{seconds * 1e3:,.0f}"


class Verdicts(list):
    """What the issue asks for, what was measured, and whether it is reached, row by row."""

    def add(self, what, reach, measured, *, met):
        """Add a row."""
        self.append((what, reach, measured, "yes" if met else "**no**"))


# --- a district from frames -------------------------------------------------------------------


def from_frames(places, verdicts):
    """Measure the steps and the whole; return the peaks of memory and the views."""
    table("District from frames in memory, 2 threads", "step", "ms", "CPU ms", "peak MB so far")
    units, cameras, buildings = places[:3]
    peaks = [peak_mb()]

    def steps():
        sights = timed(camera_coverage.sights, cameras, buildings)
        seen = sights.result
        ground = timed(camera_coverage.ground_coverage, units, seen.views, buildings)
        frontage = timed(camera_coverage.frontage, buildings, seen)
        peaks.append(peak_mb())
        return seen.views, [found[:2] for found in (sights, ground, frontage)]

    every = [steps()]
    for _ in range(4):
        every.append((None, steps()[1]))
    names = ("`sights`", "`ground_coverage`: all k, seen, blind", "`frontage`")
    least = [
        [min(run[step][kind] for _, run in every) for kind in range(2)]
        for step in range(len(names))
    ]
    for name, (clock, cpu) in zip(names, least, strict=True):
        row(name, ms(clock), ms(cpu), "")
    clock, cpu = np.sum(least, axis=0)
    row("all three", ms(clock), ms(cpu), f"{peaks[1]:,.0f} ({peaks[0]:,.0f} before)")
    verdicts.add(
        "frames to views, all k, polygons, frontage",
        "2 s",
        f"{clock:.2f} s, {cpu:.2f} s of CPU",
        met=clock <= 2,
    )
    return every[0][0]


def all_k(views, verdicts):
    """Measure the areas at every k against one union of all views."""
    shapes = views.geometry.to_numpy()
    shapes = shapes[~shapely.is_empty(shapes)]
    one = np.zeros(len(shapes), np.int64)
    mine = best(5, lambda: depths(shapes, field=one, fields=1))
    union = best(3, lambda: shapely.disjoint_subset_union_all(shapes))
    areas, single = mine.result.areas_m2[0], shapely.area(shapes).sum()
    whole, total = areas[1] / union.result.area - 1, areas.sum() / single - 1
    if max(abs(whole), abs(total)) > 1e-8:
        sys.exit(f"areas differ by {whole:.1e} (A_1) and {total:.1e} (sum)")
    ratios = union.clock / mine.clock, union.cpu / mine.cpu
    table(f"All-k areas of {len(shapes):,} views", "what", "ms", "CPU ms", "A_1 off", "ΣA_k off")
    row(f"`depths`, k to {len(areas) - 1}", *map(ms, mine[:2]), f"{whole:.1e}", f"{total:.1e}")
    row("`shapely.disjoint_subset_union_all`", *map(ms, union[:2]), "", "")
    row("ratio", *(f"{ratio:.1f}" for ratio in ratios), "", "")
    verdicts.add(
        "all-k areas",
        "8 × one union",
        f"{ratios[0]:.1f} × by the clock, {ratios[1]:.1f} × of CPU",
        met=ratios[0] >= 8,
    )


# --- after a change ---------------------------------------------------------------------------


class Change(NamedTuple):
    """Places after a change, and the codes of what changed."""

    after: Places
    cameras: pd.Index
    buildings: pd.Index


def moved_camera(places, code, rng):
    """Move a camera by 10 m."""
    turn = rng.uniform(0, 2 * np.pi)
    return Change(
        _moved(places, "cameras", code, MOVED_M * np.array([np.cos(turn), np.sin(turn)])),
        pd.Index([code]),
        pd.Index([]),
    )


def moved_building(places, code):
    """Move a building by 1 m."""
    return Change(
        _moved(places, "buildings", code, np.array([0.6, 0.8])), pd.Index([]), pd.Index([code])
    )


def _moved(places, name, code, way):
    frame = getattr(places, name)
    shapes = frame.geometry.to_numpy().copy()
    nth = frame.index.get_loc(code)
    shapes[nth] = shapely.transform(shapes[nth], lambda xy: xy + way)
    return places._replace(
        **{name: frame.set_geometry(gpd.GeoSeries(shapes, frame.index, frame.crs))}
    )


class Run(NamedTuple):
    """One incremental run: clock, CPU, and how much it computed."""

    clock: float
    cpu: float
    size: tuple[int, int, int]


def again(known, change, rows):
    """Compute what a change touches, with all that the next change needs; splice it into rows."""
    found = best(
        3,
        lambda: camera_coverage.changed_coverage(
            known, change.after, cameras=change.cameras, buildings=change.buildings
        ),
    )
    touched, new, known = found.result
    splice(rows, new, touched)
    return Run(*found[:2], tuple(map(len, (new.ground, new.views, new.frontage)))), known


def splice(rows, new, found):
    """Replace the rows that a change names."""
    for name, codes, level in (
        ("views", found.views, None),
        ("ground", found.units, None),
        ("blind", found.units, "unit_code"),
        ("frontage", found.buildings, None),
        ("failures", found.units, "unit_code"),
    ):
        old, fresh = rows[name], pd.DataFrame(getattr(new, name))
        kept, mine = (
            (part.index if level is None else part.index.get_level_values(level)).isin(list(codes))
            for part in (old, fresh)
        )
        rows[name] = pd.concat([old[~kept], fresh[mine]])


FRAMES = ("views", "ground", "blind", "frontage", "failures")


def rows_of(found):
    """Return the tables of a coverage as plain frames."""
    return {name: pd.DataFrame(getattr(found, name)) for name in FRAMES}


def worst(rows, full):
    """Return the largest difference of figures between tables, and where; or end the run."""
    found = [(0.0, "nowhere")]
    for name in FRAMES:
        one, other = rows[name].sort_index(), full[name].sort_index()
        if not one.index.equals(other.index):
            sys.exit(f"{name}: {len(one)} rows after changes, {len(other)} of a full run")
        for column in one.columns:
            off = _off(one[column].to_numpy(), other[column].to_numpy())
            found.append((off, f"{name}.{column}"))
    most, where = max(found)
    if most > AGREE:
        sys.exit(f"{where} is off by {most:.1e} after changes")
    return most, where


def _off(one, other):
    """Return the largest difference of two columns: of geometries the areas that differ."""
    if not len(one):
        return 0.0
    if one.dtype.kind in "fiu":
        off, size = np.abs(one - other), np.abs(other)
    elif isinstance(one[0], np.ndarray):
        longest = max(map(len, [*one, *other]))
        sides = [[np.pad(a, (0, longest - len(a))) for a in side] for side in (one, other)]
        return _off(*map(np.concatenate, sides))
    elif isinstance(one[0], shapely.Geometry):
        # Most are the very same objects: their rows were not replaced, or not moved.
        differ = np.flatnonzero(~shapely.equals_exact(one, other))
        size = shapely.area(other[differ])
        off = shapely.area(shapely.symmetric_difference(one[differ], other[differ]))
    else:
        return 0.0 if pd.Series(one).equals(pd.Series(other)) else np.inf
    return float(np.nanmax(off / np.maximum(size, SMALL), initial=0.0))


def after_changes(places, before, full, verdicts):
    """Move cameras and buildings one after the other; the rows must be those of a full run."""
    rng = np.random.default_rng(SEED)
    known = camera_coverage.kept(places, camera_coverage.sights(places.cameras, places.buildings))
    changes = {
        "cameras": ("camera moved 10 m", lambda code: moved_camera(known.places, code, rng)),
        "buildings": ("building moved 1 m", lambda code: moved_building(known.places, code)),
    }
    rows, runs = rows_of(before), {}
    for name, (kind, change_of) in changes.items():
        codes = getattr(places, name).index.to_numpy()
        for code in rng.choice(codes, CHANGES[name], replace=False):
            run, known = again(known, change_of(code), rows)
            runs.setdefault(kind, []).append(run)
    last = timed(camera_coverage.coverage, known.places)
    off, where = worst(rows, rows_of(last.result))
    count = " and ".join(f"{n} {name}" for name, n in CHANGES.items())
    table(
        f"After one change, of {count} one after the other; against a full run at the end off by "
        f"{off:.1e} at most (`{where}`)",
        "change",
        *("median ms", "p90 ms", "median CPU ms", "p90 CPU ms"),
    )
    whole = min(full.clock, last.clock), min(full.cpu, last.cpu)
    for kind, each in runs.items():
        times = np.array([run[:2] for run in each])
        row(f"{kind}: `changed_coverage`", *_spread(times))
        half = np.median(times, axis=0)
        ratios = [f"1/{of / part:.0f}" for of, part in zip(whole, half, strict=True)]
        row(f"{kind}: of a full run", ratios[0], "", ratios[1], "")
        size = np.median([run.size for run in each], axis=0)
        row(f"{kind}: units, cameras, buildings computed", *(f"{n:,.0f}" for n in size), "")
        verdicts.add(
            kind,
            "50 ms of computing",
            f"median {ms(half[0])} ms, {ms(half[1])} ms of CPU",
            met=half[1] <= 0.05,
        )


def _spread(times):
    """Return median and p90 of the clock, and of CPU."""
    return [ms(np.quantile(times[:, kind], share)) for kind in range(2) for share in (0.5, 0.9)]


# --- files ------------------------------------------------------------------------------------


def from_files(places, verdicts):
    """Measure the command, in a process of its own, from the second time on."""
    table("`gridmap views`, GeoPackage to GeoPackage", "run", "s", "CPU s", "peak MB of a process")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cameras = places.cameras.drop(columns="group_code")
        inputs = {"cameras": cameras, "buildings": places.buildings, "extent": places.units}
        for part, frame in inputs.items():
            frame.rename_axis("code").reset_index().to_file(folder / f"{part}.gpkg")
        command = [Path(sys.executable).parent / "gridmap", "views", "--out", folder / "seen.gpkg"]
        for option in ("cameras", "buildings", "extent"):
            command += [f"--{option}", folder / f"{option}.gpkg"]
        runs = []
        for run in ("first", "second", "third", "fourth"):
            done = subprocess.run(
                [sys.executable, "-c", LAUNCHER, *map(str, command)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(done.stderr)
            seconds, cpu, peak = map(float, done.stdout.split())
            row(run, f"{seconds:.1f}", f"{cpu:.1f}", f"{peak / 1024:,.0f}")
            runs.append((seconds, cpu))
    seconds, cpu = np.min(runs[1:], axis=0)
    verdicts.add(
        "GeoPackage to GeoPackage", "6 s", f"{seconds:.1f} s, {cpu:.1f} s of CPU", met=seconds <= 6
    )
    return peak / 1024


def main():
    """Measure and print."""
    load = os.getloadavg()[0]
    visibility.warm_up()
    places, verdicts = district(), Verdicts()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(
        f"{len(places.cameras):,} cameras, {len(places.buildings):,} buildings, "
        f"{len(places.units):,} units; {machine}; load {load:.1f}; {dt.date.today()}, warm"
    )
    views = from_frames(places, verdicts)
    full = timed(camera_coverage.coverage, places)
    peak = peak_mb()
    row("`coverage`: with failures, blind areas", ms(full.clock), ms(full.cpu), f"{peak:,.0f}")
    all_k(views, verdicts)
    after_changes(places, full.result, full, verdicts)
    of_child = from_files(places, verdicts)
    verdicts.add(
        "memory",
        "1.5 GB",
        f"{peak:,.0f} MB in memory, {of_child:,.0f} MB from files",
        met=max(peak, of_child) <= 1500,
    )
    table("Targets of the issue", "what", "reach", "measured", "met")
    for verdict in verdicts:
        row(*verdict)
    print(f"\nLoad at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
