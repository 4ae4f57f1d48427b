"""What can be wrong with a whole file, as a word that ``files`` makes a sentence of."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """The file cannot be read: one word why, and what the sentence needs to know."""

    def __init__(self, kind: str, **told: Any) -> None:
        super().__init__(kind)
        self.kind = kind
        self.told = told
