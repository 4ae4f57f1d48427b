"""An empty Excel sheet for a layer, to be filled in and imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridmap import files
from gridmap.model import layer

if TYPE_CHECKING:
    from pathlib import Path


def write_template(name: str, target: Path, *, language: str = "zh") -> None:
    """Write the template of a layer; nothing is read from a store.

    Parameters
    ----------
    name
        A layer's name.
    target
        The file, ``.xlsx``; replaced only when the new one is whole.
    language
        Of the explanations: ``zh`` or ``en``.

    Raises
    ------
    LayerNotFound
        There is no such layer.
    InputError
        See `files.write_template`.
    """
    files.write_template(layer(name), target, language=language)
