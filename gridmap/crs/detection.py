"""The test which frame a file's numbers are in: every hypothesis is tried on the ground.

A row of a file that is read in the right frame lies in the unit it declares, or at least in its
district. Read in another one it is 100 to 1,500 m away (GCJ-02, BD-09) or 290 km (the next
zone). What is compared is which *rows* each frame puts in place: strays of a correct file are
misplaced in all of them and decide nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.crs.hypotheses import Ground, Hypothesis, Rows, hypotheses
from gridmap.errors import CrsError, FrameError
from gridmap.model import Issue

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    Booleans = NDArray[np.bool_]

GAIN = 0.02
"""How much more of the rows another frame must put in place before the file is refused. GCJ-02
carries 5.4 % of Nan'an's ground over its border, BD-09 9.7 % (measured), and nearly all rows out of
a grid; a border drawn carelessly (0.2 % between two sources, measured) explains less. Rule G11
(domain.md 1.7); the value: own choice."""

MISS_RATIO = 1 / 3
"""What share of the misplaced rows may stay misplaced in a better frame. The right one explains
nearly all of them; a clipped file's margin, wrong for another reason, stays wrong all round the
district. Own choice."""

DOUBT = 1e-4
"""How likely chance alone may be to favour a frame as much (Hoeffding's bound on a fair coin, one
toss for each row that only one of the two frames puts in place): 19 rows against none, 24 against
2. Strict, because neighbours are not independent. Own choice."""

CONFIRMING_ROWS = 3
"""How many rows more than another frame the declared one must put in place to stand: it is taken
to be right until shown otherwise. Also what a frame needs that lies far from the others
(`FAR_DEG`), where chance puts no row in place. Own choice."""

FAR_DEG = 0.5
"""Frames that lie so far apart share no district. Own choice: a zone's width is 3 degrees."""

SAME_DEG = 1e-3
"""Frames that lie no further apart, 100 m, are one: an older datum's zone, or a shift where there
is none (outside China; in 1 % of it GCJ-02 is less than 100 m off, measured). Own choice."""

COLUMNS = ("source", "exchanged", "rows", "inside", "share", "gained", "lost")


@dataclass(frozen=True)
class Detection:
    """What the test found.

    ``frames`` has a row for each hypothesis (index: its name; the first is the declared frame,
    or the best where none is declared), the rest by falling share: ``source``, what
    ``--source-crs`` says for it (None: nothing does); ``exchanged``, whether x and y have
    changed places; ``rows`` tested; ``inside`` and ``share`` of them where they are expected;
    ``gained`` and ``lost``, the rows that only it, and only the first frame, puts in place.
    Zones that put no row in place are left out. Empty where there is nothing to compare.

    ``issues`` are rule G11: an error where another frame fits clearly better, a warning where
    it seems to, a note where the rows cannot tell.
    """

    frames: pd.DataFrame
    issues: tuple[Issue, ...]


def detect(
    shapes: gpd.GeoSeries,
    units: gpd.GeoDataFrame,
    declared: pd.Series | None = None,
    *,
    source: str | None = None,
) -> Detection:
    """Test in which frame the coordinates of rows are.

    Parameters
    ----------
    shapes
        Index: row number in the file. Any geometries, in the CRS the file says or was told to
        have; no CRS where none is known, and then candidates are listed.
    units
        Index: code. Valid polygons of the ground that is expected, EPSG:4490: the district, or
        units of any levels.
    declared
        Index of ``shapes``: the code of the unit each row says it is in. Rows with None, or a
        code that ``units`` has not, are expected anywhere in ``units``.
    source
        What ``--source-crs`` said, if it did. After ``GCJ-02`` or ``BD-09`` the shapes are
        those that `unshift` returned; the test takes the shift back first.

    Returns
    -------
    Detection
        Hypotheses with the share of rows each puts in place, and issues of rule G11.

    Raises
    ------
    CrsError
        ``units`` are not in EPSG:4490.
    FrameError
        ``units`` have duplicate codes, or ``declared`` another index than ``shapes``.

    Notes
    -----
    Rule: G11. A row is in place if its centroid is, or 95 % of its area if it is a polygon
    wider than 200 m (as rule G08 has it). Degrees are tested as WGS 84/CGCS2000, GCJ-02 and
    BD-09; metres as declared, as a projection of GCJ-02 or BD-09 degrees, and in the 3-degree
    zones near the district with and without prefix, each with x and y exchanged too. Exchanged
    degrees are rule G01 (`topology.position_issues`). A frame is better if it puts `GAIN` more
    of the rows in place, leaves at most `MISS_RATIO` of the misplaced ones, and chance does so
    with a probability of at most `DOUBT`. Hypotheses within `SAME_DEG` of the first are left
    out: zones of older datums (Beijing 1954, Xi'an 1980) cannot be told from those of CGCS2000,
    and outside China's bounds GCJ-02 shifts nothing.

    Source: domain.md 1.3, 1.7. Cost O(n log m) a hypothesis.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point, box
    >>> street = gpd.GeoDataFrame(index=["500108001"], geometry=[box(106.56, 29.52, 106.58, 29.53)],
    ...                           crs=4490)
    >>> zone = [Point(361500 + 10 * i, 3268400) for i in range(30)]
    >>> found = detect(gpd.GeoSeries(zone, crs="EPSG:4544"), street)
    >>> found.frames["share"].to_dict()
    {'EPSG:4544': 0.0, 'EPSG:4545': 1.0}
    >>> found.issues[0].shape, found.issues[0].values["frame"]
    ('G11.frame', 'EPSG:4545')
    """
    if units.crs is None or units.crs.to_epsg() != 4490:
        raise CrsError("units must be in the storage frame: crs.to_storage(units)")
    if not units.index.is_unique:
        raise FrameError("units have duplicate codes")
    if declared is not None and not declared.index.equals(shapes.index):
        raise FrameError("declared units are those of other rows")
    rows, given = Rows.of(shapes, source)
    if units.empty or not len(rows.xy):
        return Detection(_table([]), ())
    ground = Ground(units, None if declared is None else declared[given], len(rows.xy))
    tested = hypotheses(rows.xy, shapes.crs, source, ground.bounds)
    trials = _trials(rows, tested, ground)
    if shapes.crs is not None or source is not None:
        return Detection(_table(trials), tuple(_judged(trials)))
    trials = sorted((one for one in trials if one.inside.any()), key=lambda one: -one.share)
    return Detection(_table(trials), (_candidates(trials, len(rows.xy)),))


@dataclass(frozen=True)
class _Trial:
    """A hypothesis, the rows it puts in place, and the middle of where it puts all of them."""

    meant: Hypothesis
    inside: Booleans
    centre: NDArray[np.float64]

    @property
    def share(self) -> float:
        return float(self.inside.mean())

    def apart(self, other: _Trial, degrees: float) -> bool:
        """Say whether two frames lie further apart; one that lies nowhere does."""
        return not (np.abs(self.centre - other.centre) <= degrees).all()

    def gain(self, other: _Trial) -> tuple[int, int]:
        """Return how many rows only this frame, and only the other, puts in place."""
        gained, lost = self.inside & ~other.inside, other.inside & ~self.inside
        return int(gained.sum()), int(lost.sum())

    def lead(self, other: _Trial) -> int:
        """Return how many rows more than the other this frame puts in place."""
        return int(self.inside.sum() - other.inside.sum())

    def clear_of(self, other: _Trial) -> bool:
        """Say whether the gain over another frame is large enough to matter."""
        left = MISS_RATIO * (1 - other.share)
        return self.share - other.share >= GAIN and 1 - self.share <= left

    def sure_of(self, other: _Trial) -> bool:
        """Say whether the gain over another frame is more than chance."""
        if self.apart(other, FAR_DEG):
            return self.lead(other) >= CONFIRMING_ROWS
        gained, lost = self.gain(other)
        bound = 2 * math.log(1 / DOUBT) * (gained + lost)
        return gained > lost and (gained - lost) ** 2 >= bound

    def seems_right_beside(self, other: _Trial) -> bool:
        """Say whether the gain is worth a look, though it may be chance."""
        return self.lead(other) >= (1 if self.apart(other, FAR_DEG) else CONFIRMING_ROWS)


def _trials(rows: Rows, tested: list[Hypothesis], ground: Ground) -> list[_Trial]:
    """Try hypotheses; those that say nothing new, or put no row in place, are left out."""
    trials: list[_Trial] = []
    for meant in tested:
        inside, places = ground.holds(rows, meant)
        found = places[np.isfinite(places).all(axis=1)]
        centre = np.median(found, axis=0) if len(found) else np.full(2, np.nan)
        trial = _Trial(meant, inside, centre)
        zone = meant.exchanged or meant.crs.is_projected
        if not trials or (trial.apart(trials[0], SAME_DEG) and (trial.inside.any() or not zone)):
            trials.append(trial)
    # Equal shares keep the order of the hypotheses.
    return trials[:1] + sorted(trials[1:], key=lambda one: -one.share)


def _table(trials: list[_Trial]) -> pd.DataFrame:
    """Return the table of hypotheses."""
    rows = {
        one.meant.name: (one.meant.source, one.meant.exchanged, len(one.inside),
                         int(one.inside.sum()), one.share, *one.gain(trials[0]))
        for one in trials
    }  # fmt: skip
    frames = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    # Told its type, pandas keeps None as None.
    sources = pd.Series([row[0] for row in rows.values()], index=frames.index, dtype=object)
    return frames.assign(source=sources).rename_axis("frame")


def _judged(trials: list[_Trial]) -> list[Issue]:
    """Return what the hypotheses say against the declared frame."""
    stated, *others = trials
    clear = [one for one in others if one.clear_of(stated)]
    sure = [one for one in clear if one.sure_of(stated)]
    values = {"declared": stated.meant.name, "rows": len(stated.inside), "before": stated.share}
    if sure:
        return [_refusal(sure, values)]
    seeming = [one for one in clear if one.seems_right_beside(stated)]
    if seeming:
        return [Issue("G11.doubt", None, "geometry", {**values, "frames": _listed(seeming)})]
    alike = [one for one in others if one.inside.any() and stated.lead(one) < CONFIRMING_ROWS]
    if alike:
        return [Issue("G11.unclear", None, "geometry", {**values, "frames": _listed(alike)})]
    return []


def _refusal(sure: list[_Trial], values: dict[str, object]) -> Issue:
    """Return the error that names the better frame, or the two that are as good."""
    best = sure[0]
    values |= {"frame": best.meant.source or best.meant.name, "share": best.share}
    if best.meant.exchanged:
        return Issue("G11.exchanged", None, "geometry", values)
    if best.meant.source is None:
        return Issue("G11.projected", None, "geometry", {**values, "shift": best.meant.shift})
    rivals = [one for one in sure if one.meant.source and not best.sure_of(one)]
    return Issue("G11.frame", None, "geometry", {**values, "frames": _listed(rivals)})


def _candidates(trials: list[_Trial], rows: int) -> Issue:
    """Return the frames a file without one may be in, for the person who is asked for it."""
    fits = [one for one in trials if one.share > 0.5 and not trials[0].sure_of(one)]
    if not fits:
        return Issue("G11.nowhere", None, "geometry", {"rows": rows})
    shape = "G11.axes" if fits[0].meant.exchanged else "G11.candidates"
    return Issue(shape, None, "geometry", {"rows": rows, "frames": _listed(fits)})


def _listed(trials: list[_Trial]) -> str:
    """Return frames with the share of rows they put in place."""
    return ", ".join(f"{one.meant.name} {one.share:.1%}" for one in trials)
