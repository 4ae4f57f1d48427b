"""The command line: the same jobs, words for a terminal, errors as exit codes.

Belongs here: commands, options, what is printed. Does not belong here: any decision about data.

Inside, each module imports only those before it: ``words``, ``terminal``, ``tables``,
``reports``, then the commands: ``accounts``, ``layers``, ``coverage``, ``lenses``, ``matters``,
``pictures``, ``database``, ``trail``.
"""

from __future__ import annotations

import atexit
import gc
import signal
import sys

from pydantic import ValidationError
from rich.text import Text

# The commands are registered where they stand, in the order of the help.
from gridmap.cli import (  # noqa: F401
    accounts,
    coverage,
    database,
    layers,
    lenses,
    matters,
    pictures,
    trail,
)
from gridmap.cli.terminal import app, err
from gridmap.errors import (
    Conflict,
    GridmapError,
    InputError,
    LayerRejected,
    NotFound,
    SchemaOutOfDate,
    StoreError,
    StoreUnavailable,
)

EXIT_CODES: dict[type[GridmapError], int] = {
    LayerRejected: 3,
    InputError: 2,
    NotFound: 4,
    Conflict: 5,
    SchemaOutOfDate: 6,
    StoreUnavailable: 7,
    StoreError: 8,
    GridmapError: 1,
}
"""The most special class that fits gives the exit code; 0 is success."""

GARBAGE_AFTER = 100_000
"""New objects after which Python looks for garbage."""


def main() -> None:
    """Run the command line; every error gridmap knows is one sentence and an exit code."""
    # As exceptions, so that whatever is open is closed, the embedded database too.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _frame: sys.exit(128 + number))
    # The compiler makes half a million objects that stay: looking through them for garbage after
    # every 700 new ones takes a second of a district's views, and at the end once more 0.3 s.
    gc.set_threshold(GARBAGE_AFTER)
    atexit.register(gc.freeze)
    try:
        app()
    except GridmapError as error:
        err.print(Text(f"error: {error}", style="red"))
        sys.exit(exit_code(error))
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            err.print(Text(f"error: setting GRIDMAP_{name}: {problem['msg']}", style="red"))
        sys.exit(EXIT_CODES[InputError])


def exit_code(error: GridmapError) -> int:
    """Return the exit code of an error.

    Parameters
    ----------
    error
        Any error of gridmap.

    Returns
    -------
    int
        From `EXIT_CODES`, by the most special class.
    """
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
