"""The audit trail: who did what, and whether it was changed since.

Belongs here: reading and verifying it. Does not belong here: the chain itself (``audit``), writing
events, which each job does in the transaction of what it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridmap import audit, store
from gridmap.errors import TrailBroken
from gridmap.jobs.records import records

if TYPE_CHECKING:
    from sqlalchemy import Engine


def audit_events(engine: Engine, *, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """List events, the last first.

    Parameters
    ----------
    engine
        The store.
    limit
        The most rows to return.
    before
        Only those with a lower number; None for the last ones.

    Returns
    -------
    list of dict
        For JSON: number, at, actor, action, subject, details, hash.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return records(store.read_events(conn, limit=limit, before=before).reset_index())


def note(engine: Engine, action: str, *, subject: str, actor: str, details: dict[str, Any]) -> None:
    """Write an event of something that was only looked at, or refused.

    Parameters
    ----------
    engine
        The store, as the application sees it.
    action
        What was done.
    subject
        To what.
    actor
        The account.
    details
        For JSON; no rows, no positions.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        store.write_event(conn, action, subject=subject, actor=actor, details=details)


def verify_audit(engine: Engine, *, expect: str | None = None) -> audit.Chain:
    """Check that no event of the trail was changed, taken out or put in.

    Parameters
    ----------
    engine
        The store.
    expect
        A head of this trail that was kept elsewhere: it must still be in it.

    Returns
    -------
    Chain
        Whole.

    Raises
    ------
    TrailBroken
        It is not, or has no event with the hash expected.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        events = store.read_chain(conn)
    found = audit.chain(events)
    if found.breaks:
        told = ", ".join(f"{number} ({why})" for number, why in found.breaks[:10])
        raise TrailBroken(
            f"the audit trail was changed: {len(found.breaks)} of {found.events} events do not "
            f"fit: {told}"
        )
    if expect and expect not in set(events["hash"]):
        raise TrailBroken(
            f"the audit trail has no event with the hash {expect[:64]}: it was cut off or replaced"
        )
    return found
