"""Text cut or filled up to columns of a terminal, where some characters take two or none."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, set_cell_size

ELLIPSIS: Final = "…"


def fit(text: str, width: int, *, pad: bool = True) -> str:
    """Cut the end off, or fill up, to this many columns of a terminal."""
    if cell_len(text) > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + ELLIPSIS
    return set_cell_size(text, width) if pad else text


def fit_end(text: str, width: int) -> str:
    """Cut the start off where the text is wider: of a path the end says most."""
    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:]
    return ELLIPSIS + text
