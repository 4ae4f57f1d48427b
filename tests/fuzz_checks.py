"""What schemathesis checks besides its own checks; it loads this file as its hooks."""

import schemathesis

PROBLEM = "application/problem+json"
OURS = "Value error"
"""How pydantic begins the reason of a rule that is ours, and that JSON Schema has no words for."""


@schemathesis.check
def form_is_as_described(_context, response, case):
    """What has the form that the document describes is refused for its meaning only.

    Its own ``positive_data_acceptance`` would have every such request accepted; but no schema says
    that a filter is CQL2, that a ring is closed, or that the first of two days is the earlier one.
    A refusal of the form itself has the code ``request``, or is the router's.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code < 400 or PROBLEM not in response.headers.get("content-type", [""])[0]:
        return
    problem = response.json()
    assert response.status_code not in (405, 408, 415, 428), problem
    if problem["code"] == "request":
        assert all(one["reason"].startswith(OURS) for one in problem["errors"]), problem
