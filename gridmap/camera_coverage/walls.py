"""The walls of buildings as lines: which cameras see them, and which face no open ground.

Belongs here: walls in the order `visible_walls` numbers them, the stretches another building
shuts. Does not belong here: which stretches of walls one camera sees (``visibility``), their sums
(``frontage``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gridmap.camera_coverage.stretches import Stretches, stretches_among, stretches_beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.visibility.kernel import Scene
    from gridmap.visibility.scene import Walls

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GAP_M = 0.02
"""A wall with another building this near before it faces no open ground: nobody can stand or see
there. Source: own choice; real footprints touch to within millimetres."""


@dataclass(frozen=True, eq=False)
class WallLines:
    """The walls of buildings, a building's together, in the order `visible_walls` numbers them.

    ``scene``: the buildings as the kernel reads them. ``walls``: ends (w, 4), the building on the
    left; length, row of the building, first wall of each building. ``seen``: the stretches that
    cameras see, their owners by position.
    """

    scene: Scene
    walls: Walls
    seen: Stretches

    @cached_property
    def before(self) -> Floats:
        """The same lines `GAP_M` outside."""
        ends = self.walls.ends
        way = (ends[:, 2:] - ends[:, :2]) * (GAP_M / self.walls.length)[:, None]
        return ends + np.column_stack([way[:, 1], -way[:, 0]] * 2)

    @cached_property
    def shut(self) -> Stretches:
        """The stretches that have another building within `GAP_M` before them, its owner."""
        walls = self.walls
        return stretches_beside(
            self.before, self.scene, walls.part_row, line=walls.line, margin_m=2 * GAP_M
        )

    def inside(self, lines: Floats) -> Stretches:
        """Return the stretches of lines that lie in buildings, their owners."""
        return stretches_among(lines, self.scene, self.walls.part_row)
