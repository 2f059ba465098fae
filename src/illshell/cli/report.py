"""Messages on stderr: what was invalid, where, and a summary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from illshell.cli.units import duration, plural, rate, scaled
from illshell.formats.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from illshell.detect.scan import Problem, ScanCounts

LIMIT: Final = 10
"""Invalid lines and events of a source that get a message each; the others are counted."""


def say(text: str) -> None:
    """Write a message to stderr; errors of stderr itself are ignored."""
    message = f"illshell: {visible(text)}\n"
    try:
        if sys.stderr is not None:
            sys.stderr.write(message)
            sys.stderr.flush()
    except (OSError, ValueError):
        return


def summary(
    counts: ScanCounts, seconds: float, *, before: Sequence[str] = (), after: Sequence[str] = ()
) -> str:
    """Return the counts and the speed of a run, in one line.

    ``before`` and ``after``: further counts of this kind of input.
    """
    parts = [
        *before,
        f"{plural(counts.events, 'event')} ({counts.judged:,} judged, {counts.skipped:,} skipped)",
        plural(counts.findings, "finding"),
        plural(counts.invalid_lines, "invalid line"),
        f"{plural(counts.errors, 'event')} that could not be judged",
        *after,
    ]
    dialects = {name: count for name, count in sorted(counts.dialects.items()) if count}
    if dialects.keys() - {"tracee"}:
        parts.append(", ".join(f"{count:,} by {name}" for name, count in dialects.items()))
    if counts.broken:
        parts.append(f"{plural(counts.broken, 'input')} could not be read")
    speed = f"{rate(counts.bytes, seconds, 'B')}, {rate(counts.events, seconds, ' events')}"
    return f"{', '.join(parts)}; {scaled(counts.bytes, 'B')} in {duration(seconds)}: {speed}"


class Reporter:
    """Reports the problems of a scan, of each source the first few and then how many more.

    ``quiet`` leaves only sources that could not be read. ``before`` is called before each message.
    """

    def __init__(self, *, quiet: bool, before: Callable[[], object]) -> None:
        self._quiet = quiet
        self._before = before
        self._seen = 0

    def problem(self, problem: Problem) -> None:
        """Report an invalid line, an event that could not be judged, or a source that broke off."""
        if problem.line is not None:
            if self._quiet:
                return
            self._seen += 1
            if self._seen > LIMIT:
                return
        self.tell(f"{problem.position}: {problem.reason}")

    def end_of_source(self, name: str) -> None:
        """Report how many problems of a source got no message."""
        if self._seen > LIMIT:
            self.tell(f"{name}: … and {self._seen - LIMIT:,} more")
        self._seen = 0

    def tell(self, text: str) -> None:
        """Write any message."""
        self._before()
        say(text)
