"""Exit codes and their help text."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """How a command ended; of several that apply, the last one in this order."""

    DONE = 0
    INPUT = 3
    FINDINGS = 1
    USAGE = 2
    OUTPUT = 4
    FAULT = 70
    BROKEN_PIPE = 141
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143

    @staticmethod
    def of_signal(number: int) -> ExitCode:
        """Return the exit code of a signal, by the convention of shells."""
        return ExitCode(128 + number)


EXIT_CODES_HELP: Final = """\
\b
Exit codes:
  0    done
  1    there are findings, and --fail-on-finding was given
  2    wrong usage, or mismatched illshell and illshell-ingest versions
  3    an input could not be read; with --strict also: a line was invalid,
       or an event could not be judged
  4    the output or the quarantine could not be written
  70   a fault of illshell itself
  129, 130, 143   ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM
  141  the output pipe was closed (SIGPIPE)
Of several that apply: a signal, then 141, 4, 1, 3.
"""
