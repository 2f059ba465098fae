"""Text of a stranger made fit for a terminal: what it says is seen, nothing in it acts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, Final

LONGEST: Final = 4096
"""Characters of a text that are looked at: more fits no line."""


def visible(text: str) -> str:
    r"""Spell out every character that is not plainly printable, such as ``\x1b`` or ``\u202e``."""
    text = text[:LONGEST]
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def command(argv: Any) -> str:
    """Show an argument vector as a person would type it; empty where there is none."""
    if not isinstance(argv, Sequence) or isinstance(argv, str):
        return ""
    words = []
    length = 0
    for word in argv:
        text = word if isinstance(word, str) else repr(word)
        words.append(shlex.quote(text[:LONGEST]))
        length += len(words[-1])
        if length > LONGEST:
            break
    return visible(" ".join(words))
