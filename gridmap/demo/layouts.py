"""How buildings stand on a parcel: one layout a use, and the outlines of the forms.

Belongs here: arrangements in the parcel's own frame (u along the street, v away from it, both in
metres from the middle) and the unit outlines. Does not belong here: anything in map coordinates
(``buildings``).

A layout returns rows of `COLUMNS`. Rows run in a snake, so neighbours in the list are neighbours
on the ground.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLUMNS = ("u", "v", "width", "depth", "turn", "form", "floors", "style")
"""Middle, size, turn in radians, index into `FORMS`, floors, index into `STYLES`."""


@dataclass(frozen=True)
class Style:
    """What a building of a kind is like: model kind, metres a floor, floors, m² a household.

    ``household_m2`` is 0 where nobody lives.
    """

    kind: str
    storey_m: float
    least: int
    most: int
    household_m2: float


STYLES = (
    Style("low_rise", 3.0, 1, 5, 90.0),
    Style("slab", 2.9, 5, 9, 95.0),
    Style("slab", 3.0, 8, 18, 130.0),
    Style("tower", 3.0, 18, 34, 130.0),
    Style("low_rise", 3.2, 2, 4, 230.0),
    Style("village", 3.2, 1, 3, 1.0),
    Style("industrial", 8.5, 1, 2, 0.0),
    Style("industrial", 3.8, 2, 6, 0.0),
    Style("commercial", 4.5, 1, 25, 0.0),
    Style("public", 3.8, 1, 8, 0.0),
    Style("other", 3.2, 1, 2, 0.0),
)
OLD, SLAB, MODERN, TOWER, ROW, VILLAGE, HALL, OFFICE, SHOP, PUBLIC, SHED = range(len(STYLES))


def _ring(*numbers: float) -> Floats:
    return np.array(numbers, dtype=float).reshape(-1, 2)


_H = 0.5
FORMS: tuple[Floats, ...] = (
    _ring(-_H, -_H, _H, -_H, _H, _H, -_H, _H),
    _ring(-_H, -_H, _H, -_H, _H, -0.1, -0.12, -0.1, -0.12, _H, -_H, _H),
    _ring(-_H, -_H, _H, -_H, _H, _H, 0.22, _H, 0.22, -0.15, -0.22, -0.15, -0.22, _H, -_H, _H),
    _ring(-_H, -_H, _H, -_H, _H, _H, -_H, _H),
    _ring(
        -_H,
        -0.4,
        -0.22,
        -_H,
        -0.1,
        -0.24,
        0.1,
        -0.24,
        0.22,
        -_H,
        _H,
        -0.4,
        0.36,
        0.0,
        _H,
        0.4,
        0.22,
        _H,
        0.1,
        0.24,
        -0.1,
        0.24,
        -0.22,
        _H,
        -_H,
        0.4,
        -0.36,
        0.0,
    ),
    _ring(
        -0.18,
        -_H,
        0.18,
        -_H,
        0.18,
        -0.18,
        _H,
        -0.18,
        _H,
        0.18,
        0.18,
        0.18,
        0.18,
        _H,
        -0.18,
        _H,
        -0.18,
        0.18,
        -_H,
        0.18,
        -_H,
        -0.18,
        -0.18,
        -0.18,
    ),
    _ring(-_H, _H, -_H, 0.08, -0.2, 0.08, -0.2, -_H, 0.2, -_H, 0.2, 0.08, _H, 0.08, _H, _H),
    _ring(-0.3, -_H, 0.3, -_H, _H, -0.3, _H, 0.3, 0.3, _H, -0.3, _H, -_H, 0.3, -_H, -0.3),
    _ring(-_H, -_H, 0.0, -_H, 0.0, -0.28, _H, -0.28, _H, _H, 0.0, _H, 0.0, 0.28, -_H, 0.28),
)
"""Outlines in the unit square, open rings; `COURT` also has a hole."""
RECT, ELL, U_FORM, COURT, BUTTERFLY, CROSS, TEE, OCTAGON, STEPPED = range(len(FORMS))
COURT_HOLE = _ring(-0.26, -0.22, 0.26, -0.22, 0.26, 0.22, -0.26, 0.22)


def _rows(*parts: Floats) -> Floats:
    kept = [part for part in parts if len(part)]
    return np.vstack(kept) if kept else np.zeros((0, len(COLUMNS)))


def _column(count: int, **values: float | NDArray[Any]) -> Floats:
    rows = np.zeros((count, len(COLUMNS)))
    for name, value in values.items():
        rows[:, COLUMNS.index(name)] = value
    return rows


def _lattice(
    length: float, depth: float, width: float, deep: float, gap: tuple[float, float]
) -> tuple[Floats, Floats, float]:
    """Return middles of a snake of cells that fill a rectangle, and the width that fits best.

    ``gap`` is the free space between neighbours along u and along v.
    """
    columns = max(1, int((length + gap[0]) / (width + gap[0])))
    rows = max(1, int((depth + gap[1]) / (deep + gap[1])))
    fit = min(1.25 * width, (length + gap[0]) / columns - gap[0])
    u = (np.arange(columns) - (columns - 1) / 2) * (length + gap[0]) / columns
    v = (np.arange(rows) - (rows - 1) / 2) * (depth + gap[1]) / rows
    snake = np.where(np.arange(rows)[:, None] % 2 == 0, u[None, :], u[None, ::-1])
    return snake.ravel(), np.repeat(v, columns), fit


def _sheds(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return small buildings near the edge: gatehouse, pump room, bicycle shed."""
    count = int(rng.integers(0, 4))
    side = rng.choice([-1.0, 1.0], count)
    u = rng.uniform(-0.45, 0.45, count) * length
    v = side * (depth / 2 - rng.uniform(4, 7, count))
    size = {"width": rng.uniform(6, 14, count), "depth": rng.uniform(4.5, 7, count)}
    return _column(count, u=u, v=v, **size, floors=1.0, style=float(SHED))


def slab(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return walk-up slabs in rows: one compound, one size."""
    deep, gap = float(rng.uniform(11.0, 13.5)), float(rng.uniform(15.0, 23.0))
    u, v, width = _lattice(length - 5, depth - 5, float(rng.uniform(36, 54)), deep, (8.0, gap))
    count, form = len(u), float(rng.choice([RECT, RECT, RECT, STEPPED]))
    stepped = 1.35 if form == STEPPED else 1.0
    floors = np.clip(
        rng.integers(6, 8) + rng.integers(-1, 2, count) * (rng.random(count) < 0.3), 5, 9
    )
    width_each = width * np.where(rng.random(count) < 0.15, 0.6, 1.0)
    blocks = _column(
        count,
        u=u,
        v=v,
        width=width_each,
        depth=deep * stepped,
        form=form,
        floors=floors,
        style=float(SLAB),
    )
    return _rows(_sheds(length, depth, rng), blocks[rng.random(count) > 0.05])


def modern(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return lift slabs, wider apart, with shops along the street."""
    deep, gap = float(rng.uniform(13.5, 16.0)), float(rng.uniform(26.0, 36.0))
    u, v, width = _lattice(length - 6, depth - 22, float(rng.uniform(34, 50)), deep, (12.0, gap))
    floors = float(rng.choice([9, 11, 11, 14, 17, 18]))
    form = float(rng.choice([RECT, STEPPED, STEPPED]))
    blocks = _column(
        len(u),
        u=u,
        v=v + 7,
        width=width,
        depth=deep * (1.3 if form == STEPPED else 1.0),
        form=form,
        floors=floors,
        style=float(MODERN),
    )
    return _rows(_shops(length, depth, rng), blocks, _sheds(length, depth, rng))


def tower(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return towers of one form and size, with shops along the street."""
    size, form = (
        float(rng.uniform(25, 31)),
        float(rng.choice([BUTTERFLY, CROSS, TEE, BUTTERFLY, OCTAGON])),
    )
    gap = float(rng.uniform(22, 36))
    u, v, _ = _lattice(length - 8, depth - 24, size, size, (gap, gap))
    floors = np.clip(rng.integers(24, 34) + rng.integers(-2, 3, len(u)), 18, 34)
    blocks = _column(
        len(u),
        u=u,
        v=v + 8,
        width=size,
        depth=size,
        turn=float(rng.choice([0.0, 0.0, 0.5])),
        form=form,
        floors=floors,
        style=float(TOWER),
    )
    return _rows(_shops(length, depth, rng), blocks[rng.random(len(u)) > 0.1])


def _shops(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return a line of low shops along the parcel's street side."""
    u, v, width = _lattice(length - 6, 11.0, float(rng.uniform(22, 40)), 11.0, (4.0, 1.0))
    floors = rng.integers(1, 4, len(u))
    row = _column(
        len(u),
        u=u,
        v=v - depth / 2 + 7.0,
        width=width,
        depth=11.0,
        floors=floors,
        style=float(SHOP),
    )
    return row[rng.random(len(u)) > 0.3]


def old(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return a dense irregular quarter: pairs of rows back to back, narrow lanes between."""
    pitch, parts = float(rng.uniform(12.5, 16.0)), []
    count = max(1, int((depth - 3) / pitch))
    for row in range(count):
        v = (row - (count - 1) / 2) * (depth - 3) / count + (1.1 if row % 2 else -1.1)
        wide = np.clip(rng.gamma(9.0, 1.6, int(length / 8) + 1), 8.0, 26.0)
        right = np.cumsum(wide) - (length - 2) / 2
        wide, right = wide[right < (length - 2) / 2], right[right < (length - 2) / 2]
        deep = np.clip(pitch - 3.2 + rng.normal(0, 0.9, len(wide)), 7.5, 13.5)
        spot = {"u": right - wide / 2, "v": v + rng.normal(0, 0.5, len(wide))}
        floors = np.clip(rng.poisson(2.6, len(wide)), 1, 5)
        form = np.where(rng.random(len(wide)) < 0.12, float(ELL), float(RECT))
        part = _column(
            len(wide),
            **spot,
            width=wide - rng.uniform(0.8, 2.2, len(wide)),
            depth=deep,
            turn=rng.normal(0, 0.02, len(wide)),
            form=form,
            floors=floors,
            style=float(OLD),
        )
        parts.append(part[:: 1 if row % 2 == 0 else -1])
    every = _rows(*parts)
    return every[rng.random(len(every)) > 0.14]


def rows(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return terraces of town houses."""
    u, v, width = _lattice(length - 5, depth - 5, float(rng.uniform(20, 34)), 11.5, (6.0, 13.0))
    return _column(
        len(u),
        u=u,
        v=v,
        width=width,
        depth=11.5,
        form=float(rng.choice([RECT, STEPPED])),
        floors=3.0,
        style=float(ROW),
    )


def industrial(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return halls side by side with an office at the street."""
    u, v, width = _lattice(
        length - 8,
        depth - 30,
        float(rng.uniform(60, 110)),
        float(rng.uniform(26, 46)),
        (14.0, 14.0),
    )
    rows_ = len(np.unique(v))
    deep = min(60.0, (depth - 30 + 14) / rows_ - 14)
    if deep < 14 or width < 24:
        return workshop(length, depth, rng)
    halls = _column(
        len(u),
        u=u,
        v=v + 10,
        width=width,
        depth=deep,
        floors=rng.choice([1.0, 1.0, 1.0, 2.0], len(u)),
        style=float(HALL),
    )
    office = _column(
        1,
        u=rng.uniform(-0.2, 0.2) * length,
        v=-depth / 2 + 10,
        width=min(48.0, length * 0.5),
        depth=14.0,
        floors=float(rng.integers(3, 6)),
        style=float(OFFICE),
    )
    return _rows(office, halls[rng.random(len(u)) > 0.12], _sheds(length, depth, rng))


def workshop(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return small workshops, stores and garages of mixed size."""
    u, v, width = _lattice(length - 5, depth - 5, float(rng.uniform(18, 30)), 14.0, (6.0, 8.0))
    count = len(u)
    style = rng.choice(
        [float(SHOP), float(SHED), float(OFFICE), float(HALL)], count, p=[0.3, 0.3, 0.3, 0.1]
    )
    floors = np.where(style == OFFICE, rng.integers(2, 5, count), 1)
    every = _column(
        count,
        u=u,
        v=v,
        width=width * rng.uniform(0.6, 1.0, count),
        depth=14 * rng.uniform(0.6, 1.1, count),
        floors=floors,
        style=style,
    )
    return every[rng.random(count) > 0.35]


def commercial(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return a mall with or without a court and, where room is left, office blocks."""
    width, deep = (
        min(length - 10, 110.0) * rng.uniform(0.7, 0.95),
        min(depth - 10, 80.0) * rng.uniform(0.55, 0.8),
    )
    if min(width, deep) < 14:
        return workshop(length, depth, rng)
    form = float(rng.choice([RECT, ELL, U_FORM, COURT if deep > 34 else RECT]))
    mall = _column(
        1,
        u=-(length - 6 - width) / 2,
        v=-(depth - 6 - deep) / 2,
        width=width,
        depth=deep,
        form=form,
        floors=float(rng.integers(3, 7)),
        style=float(SHOP),
    )
    free = depth - 6 - deep - 8
    if free < 14:
        return mall
    u, v, fit = _lattice(length - 6, free, float(rng.uniform(24, 34)), min(free, 26.0), (16.0, 6.0))
    blocks = _column(
        len(u),
        u=u,
        v=v + (depth - 6 - free) / 2,
        width=fit,
        depth=min(free, 24.0),
        form=float(rng.choice([RECT, RECT, OCTAGON]) if free > 20 else RECT),
        floors=rng.integers(6, 26, len(u)),
        style=float(SHOP),
    )
    return _rows(mall, blocks)


def public(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return a school or hospital: a U, an L and a hall around a yard."""
    if min(length, depth) < 48:
        return _column(
            1,
            width=min(length, 50.0) * 0.6,
            depth=min(depth, 40.0) * 0.5,
            form=float(ELL),
            floors=float(rng.integers(2, 6)),
            style=float(PUBLIC),
        )
    parts = [
        (-0.22, -0.2, 0.42, 0.36, U_FORM, rng.integers(4, 7)),
        (0.27, -0.24, 0.3, 0.3, rng.choice([ELL, COURT, U_FORM]), rng.integers(3, 6)),
        (0.27, 0.27, 0.26, 0.22, RECT, rng.integers(1, 3)),
        (-0.3, 0.32, 0.2, 0.12, RECT, rng.integers(2, 7)),
    ]
    share = np.array(parts, dtype=float)
    wide, deep = min(length, 130.0), min(depth, 110.0)
    return _column(
        len(share),
        u=share[:, 0] * wide,
        v=share[:, 1] * deep,
        width=share[:, 2] * wide,
        depth=share[:, 3] * deep,
        form=share[:, 4],
        floors=share[:, 5],
        style=float(PUBLIC),
    )


def park(length: float, depth: float, rng: np.random.Generator) -> Floats:
    """Return open ground with at most a pavilion."""
    count = int(rng.random() < 0.35)
    u, v = rng.uniform(-0.3, 0.3) * length, rng.uniform(-0.3, 0.3) * depth
    return _column(
        count,
        u=u,
        v=v,
        width=rng.uniform(7, 12),
        depth=rng.uniform(6, 10),
        form=float(rng.choice([RECT, OCTAGON])),
        floors=1.0,
        style=float(SHED),
    )


LAYOUTS: dict[str, Callable[[float, float, np.random.Generator], Floats]] = {
    "slab": slab,
    "modern": modern,
    "tower": tower,
    "old": old,
    "rows": rows,
    "industrial": industrial,
    "workshop": workshop,
    "commercial": commercial,
    "public": public,
    "park": park,
}
"""The layout of each use of a parcel."""


def houses(line: Floats, wanted: int, rng: np.random.Generator) -> Floats:
    """Return village houses along a road, in map coordinates: u and v are x and y.

    Parameters
    ----------
    line
        Places and directions along the road: x, y, and the unit vector along it, shape (n, 4).
    wanted
        How many houses.
    rng
        Source of all randomness here.

    Returns
    -------
    ndarray of float, shape (m, len(COLUMNS))
        Nearest to the road first chosen; ``turn`` is the direction on the map.
    """
    spot = np.repeat(line, 6, axis=0)
    away = np.tile([10.5, -10.5, 27.0, -27.0, 44.0, -44.0], len(line)) + rng.normal(
        0, 1.3, len(spot)
    )
    chance = np.tile([1.0, 1.0, 0.4, 0.4, 0.14, 0.14], len(line)) * rng.random(len(spot))
    kept = np.sort(np.argsort(-chance, kind="stable")[:wanted])
    spot, away = spot[kept], away[kept]
    along = rng.normal(0, 1.0, len(kept))
    x = spot[:, 0] - away * spot[:, 3] + along * spot[:, 2]
    y = spot[:, 1] + away * spot[:, 2] + along * spot[:, 3]
    turn = np.arctan2(spot[:, 3], spot[:, 2]) + rng.normal(0, 0.07, len(kept))
    size = {"width": rng.uniform(9, 14, len(kept)), "depth": rng.uniform(8, 11.5, len(kept))}
    form = np.where(rng.random(len(kept)) < 0.1, float(ELL), float(RECT))
    floors = rng.choice([1.0, 2.0, 2.0, 3.0], len(kept))
    return _column(
        len(kept), u=x, v=y, **size, turn=turn, form=form, floors=floors, style=float(VILLAGE)
    )
