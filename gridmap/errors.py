"""The errors gridmap raises, and nothing else.

Belongs here: every exception class of the package, each with a stable ``code`` for interface
text and tests. Does not belong here: HTTP statuses (``web``), exit codes (``cli``), bad *rows*
(those are data: ``model.Issue``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridmap.model import ImportReport


class GridmapError(Exception):
    """Root of all errors a caller of gridmap can meet.

    ``str(error)`` is one English sentence for a person, saying what to do; it never carries
    text of a foreign library.
    """

    code = "gridmap"


class InputError(GridmapError, ValueError):
    """What was passed in cannot be used: a file, a frame, a code, an option."""

    code = "input"


class FileUnreadable(InputError):
    """A file does not exist, is empty, or is not a vector file gridmap reads."""

    code = "file_unreadable"


class TooLarge(InputError):
    """What was sent is larger than the server takes."""

    code = "too_large"


class CrsError(InputError):
    """A frame has no coordinate reference system, or not the kind that is needed."""

    code = "crs"


class FrameError(InputError):
    """A frame lacks a column, an index or a geometry that the function's contract names."""

    code = "frame"


class CodeError(InputError):
    """A division code has the wrong characters or length."""

    code = "division_code"


class FilterError(InputError):
    """A filter is no CQL2 that gridmap reads, or names a column that there is not."""

    code = "filter"


class TooMuch(GridmapError):
    """What was asked for is too large for one answer; ask for less of it."""

    code = "too_much"


class LayerRejected(InputError):
    """A layer has rows with errors; nothing was written. ``report`` lists all of them."""

    code = "layer_rejected"

    def __init__(self, message: str, report: ImportReport) -> None:
        super().__init__(message)
        self.report = report


class PasswordWeak(InputError):
    """A password may not be taken: it is ``short``, ``long``, the ``name`` or ``common``."""

    code = "password_weak"

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotFound(GridmapError, LookupError):
    """A thing that was asked for by name does not exist."""

    code = "not_found"


class UnitNotFound(NotFound):
    """No division with this code exists on this date."""

    code = "unit_not_found"


class LayerNotFound(NotFound):
    """No layer with this name exists."""

    code = "layer_not_found"


class LensNotFound(NotFound):
    """No coverage lens has this code on this date."""

    code = "lens_not_found"


class SnapshotNotFound(NotFound):
    """No snapshot has this label."""

    code = "snapshot_not_found"


class BatchNotFound(NotFound):
    """No batch with this number is in the book."""

    code = "batch_not_found"


class RowNotFound(NotFound):
    """No row of the layer has this code on this date."""

    code = "row_not_found"


class JobNotFound(NotFound):
    """No job of this account has this id."""

    code = "job_not_found"


class CorrectionNotFound(NotFound):
    """No correction has this number."""

    code = "correction_not_found"


class AccountNotFound(NotFound):
    """No account has this name."""

    code = "account_not_found"


class Conflict(GridmapError):
    """The request contradicts the present state of the store."""

    code = "conflict"


class StaleVersion(Conflict):
    """What is to be changed was changed meanwhile: read it again, then decide again."""

    code = "stale_version"


class VersionNeeded(GridmapError):
    """A write does not say which version of the row it is based on."""

    code = "version_needed"


class Forbidden(GridmapError):
    """Whoever asks may not have or do this."""

    code = "forbidden"


class OutsideScope(Forbidden):
    """The role of the account does not allow it."""

    code = "outside_scope"


class SignInNeeded(Forbidden):
    """Nobody is signed in, or no longer."""

    code = "sign_in_needed"


class SignInRefused(Forbidden):
    """Name, password, link or foreign account do not let anybody in; which of them is not told."""

    code = "sign_in_refused"


class PasswordChangeNeeded(Forbidden):
    """The first password must be changed before anything else."""

    code = "password_change_needed"


class CrossSite(Forbidden):
    """A request that changes something does not come from a page of this site."""

    code = "cross_site"


class TooManyTries(Forbidden):
    """Something was asked too often; ``retry_after_s`` says when it may be again."""

    code = "too_many_tries"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreError(GridmapError):
    """The store failed."""

    code = "store"


class StoreUnavailable(StoreError):
    """The database cannot be reached or started. Try again, or do what the text says."""

    code = "store_unavailable"


class Unguarded(StoreError):
    """The database would show an account what is outside its scope."""

    code = "unguarded"


class TrailBroken(StoreError):
    """The audit trail is not as it was written."""

    code = "trail_broken"


class SchemaOutOfDate(StoreError):
    """The database has another schema version than this program."""

    code = "schema_out_of_date"


class ClusterError(StoreUnavailable):
    """The embedded PostGIS cluster cannot be used: binaries, version, disk, permissions."""

    code = "cluster"
