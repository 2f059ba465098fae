"""The format of the output: the chosen one, or a default by whether stdout is a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Final

from illshell.formats.registry import FORMATS

if TYPE_CHECKING:
    from illshell.formats.registry import Format
    from illshell.sinks.descriptor import Sink

COLUMNS: Final = 120
"""Width of a table that is not written to a terminal, unless COLUMNS is set."""


def make_format(name: str | None, sink: Sink) -> Format:
    """Return the format with this name; for None, a table on a terminal, else JSON lines."""
    is_terminal = sink.is_terminal
    if name is None:
        name = "table" if is_terminal else "jsonl"
    if name != "table":
        made: Format = FORMATS.get(name)
        return made

    import io

    from rich.console import Console

    from illshell.formats.table import Table

    has_colors = is_terminal and os.environ.get("TERM") != "dumb" and not no_color()
    console = Console(
        file=io.StringIO(),
        force_terminal=has_colors,
        color_system="auto" if has_colors else None,
        highlight=False,
        markup=False,
        emoji=False,
    )

    def columns() -> int:
        try:
            return sink.columns
        except OSError:
            return shutil.get_terminal_size((COLUMNS, 24)).columns

    encoding = sys.stdout.encoding if is_terminal and sys.stdout is not None else "utf-8"
    return Table(console, columns, encoding)


def no_color() -> bool:
    """Whether the user wants no colours anywhere (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
