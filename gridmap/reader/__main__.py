"""The start of the child: limits first, then everything else."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

CPU_SECONDS = 120
MEMORY_BYTES = 4 << 30
OPEN_FILES = 256
SPARED = ("geopandas", "pandas", "pyproj")
"""What the reading library imports only because it is there: two thirds of a child's start."""


class Spared:
    """A finder that finds nothing of that: the libraries do without."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Refuse an import of `SPARED`; leave any other to the finders behind."""
        if name in SPARED:
            raise ModuleNotFoundError(name)


def limit(most_bytes: int) -> None:
    """Set the limits; they hold for this process until it ends."""
    for what, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, most_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def main() -> None:
    """Answer one request."""
    request: dict[str, Any] = json.load(sys.stdin)
    limit(request["max_bytes"])
    sys.meta_path.insert(0, Spared())
    # Isolated Python knows this folder only. The package around it, of this very copy, is named
    # without a place in the path, where its neighbours could hide what Python itself has.
    package = ModuleType("gridmap")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["gridmap"] = package
    del sys.path[0]
    from gridmap.reader.answers import answer

    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    main()
