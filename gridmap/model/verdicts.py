"""What a lens says of a target, in words: the English ones, which the catalogues translate.

Belongs here: statuses and reasons as people read them. Does not belong here: finding them
(``org_coverage``).
"""

from __future__ import annotations

STATUS_NAMES = {
    "own": "covered on its own",
    "joint": "covered jointly",
    "neighbour": "a neighbour's could take it",
    "uncovered": "not covered",
}
"""A status of a target -> what it is called."""

REASON_NAMES = {
    "needs_own": "needs one of its own, has a joint one",
    "members_of_target_unknown": "its own members are not known",
    "overdue": "done too long ago",
    "never_done": "never done",
    "not_secretary": "the holder is no branch secretary",
    "branch_elsewhere": "the group's branch serves another grid",
    "group_below_size": "the group has too few members",
    "members_unknown": "the group's members are not known",
    "vacant": "the post is vacant",
    "organisation_kind": "the holder is of another kind",
    "organisation_ended": "the organisation was dissolved",
    "link_not_begun": "the link has not begun",
    "link_ended": "the link has ended",
    "organisation_unknown": "no such organisation is known",
    "too_many": "more than there should be",
    "no_link": "nothing is linked to it",
    "no_grid": "it lies in no grid",
    "part_missing": "it is not there",
    "not_inside": "it lies in none",
}
"""Why a target is not covered -> in words."""
