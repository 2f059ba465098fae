"""A progress line on stderr, on a terminal only."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

from illshell.cli.units import plural, rate, scaled

if TYPE_CHECKING:
    from rich.console import Console

FIRST: Final = 0.3
"""Seconds before the line first appears: short scans show none."""

EVERY: Final = 0.1
"""Seconds between two drawings."""

_ERASE = "\r\x1b[K"
_BAR = 24


class Progress:
    """Draws one line and erases it again, always in the caller's thread.

    Call ``clear`` before anything else is written to the terminal. ``total``: bytes of all sources
    as they are stored, None if unknown.
    """

    def __init__(self, console: Console, total: int | None) -> None:
        self._console = console
        self._total = total
        self._started = time.monotonic()
        self._due = self._started + FIRST
        self._drawn = False

    @classmethod
    def on_stderr(cls, total: int | None) -> Progress | None:
        """Return one if stderr is a terminal that can erase a line, else None."""
        stderr = sys.stderr
        if stderr is None or not stderr.isatty() or os.environ.get("TERM") in (None, "", "dumb"):
            return None
        from rich.console import Console

        return cls(Console(stderr=True, highlight=False, markup=False, emoji=False), total)

    def update(self, done: int, events: int, findings: int) -> None:
        """Show how far the scan is: bytes as they are stored, events, findings."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        self._put(_ERASE + self._line(done, events, findings, now - self._started))
        self._drawn = True

    def clear(self) -> None:
        """Erase the line; the next ``update`` draws it again."""
        if self._drawn:
            self._drawn = False
            self._due = time.monotonic() + EVERY
            self._put(_ERASE)

    def _line(self, done: int, events: int, findings: int, seconds: float) -> str:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        text = Text()
        if self._total:
            done = min(done, self._total)
            text.append(f" {done / self._total:4.0%} of {scaled(self._total, 'B')}", "bold")
        else:
            text.append(f"{scaled(done, 'B')}", "bold")
        text.append(f"  {rate(events, seconds, ' events')}  {plural(findings, 'finding')}")
        width = self._console.width - 1
        text.truncate(width)
        with self._console.capture() as capture:
            if self._total and width - text.cell_len >= _BAR:
                bar = ProgressBar(total=self._total, completed=done, width=_BAR)
                self._console.print(bar, end="")
            self._console.print(text, end="", no_wrap=True, crop=False)
        return capture.get().replace("\n", "")

    def _put(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            return
