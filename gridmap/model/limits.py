"""How large a file may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The most that is read of one file: bytes, unpacked too; rows; vertices of all shapes."""

    file_mb: int = 4096
    rows: int = 2_000_000
    vertices: int = 50_000_000
