"""Which target has which duty, why not where none, and the figures of it.

Belongs here: judging links by a lens, with the reason; blank spots; figures with denominators.
Does not belong here: what a lens is (``model``), the tree of organisations (``org_tree``),
storage, wording.

Inside, each module imports only those before it: ``rates``, ``status``, ``spots``.
"""

from gridmap.org_coverage.rates import rates

__all__ = ["rates"]
