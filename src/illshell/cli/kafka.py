"""One run of ``illshell kafka``: what it tells a person, and the exit code."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from illshell.cli.exit_codes import ExitCode
from illshell.cli.report import LIMIT, say
from illshell.cli.units import duration, plural, rate, scaled
from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.runner import KafkaRun
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from illshell.sources.kafka.judging import KafkaCounts
    from illshell.sources.kafka.options import KafkaOptions

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

EVERY: Final = 10.0
"""Seconds between two lines of figures on a terminal."""


def run_kafka(options: KafkaOptions, *, quiet: bool, every: float | None) -> ExitCode:
    """Run until a signal, or the end of the topics where that is asked for."""
    stop = StopFlag()
    teller = _Teller(quiet=quiet, every=every)
    code = ExitCode.DONE
    with stop.on_signals(*SIGNALS):
        run = KafkaRun(
            options, stop, report=say, on_bad=teller.tell_of_bad, on_progress=teller.progress
        )
        try:
            run.run()
        except KafkaInputError as error:
            say(str(error))
            code = ExitCode.INPUT
        except KafkaOutputError as error:
            say(str(error))
            code = ExitCode.OUTPUT
        except KeyboardInterrupt:
            pass  # the stop flag has the signal
    teller.end(run.counts, stop.signal)
    return code if stop.signal is None else ExitCode.of_signal(stop.signal)


class _Teller:
    def __init__(self, *, quiet: bool, every: float | None) -> None:
        self._quiet = quiet
        if every is None and sys.stderr is not None and sys.stderr.isatty():
            every = EVERY
        self._every = None if quiet else every
        self._started = self._told = time.monotonic()
        self._bad = 0

    def tell_of_bad(self, place: str, reason: str) -> None:
        self._bad += 1
        if not self._quiet and self._bad <= LIMIT:
            say(f"{place}: {reason}")

    def progress(self, counts: KafkaCounts) -> None:
        now = time.monotonic()
        if self._every and now - self._told >= self._every:
            self._told = now
            say(self._figures(counts))

    def end(self, counts: KafkaCounts, number: int | None) -> None:
        if self._quiet:
            return
        if self._bad > LIMIT:
            say(f"… and {self._bad - LIMIT:,} more bad ones")
        stopped = "" if number is None else f"stopped by {signal.Signals(number).name}: "
        say(stopped + self._figures(counts))

    def _figures(self, counts: KafkaCounts) -> str:
        seconds = time.monotonic() - self._started
        parts = [
            plural(counts.messages, "message") + f" ({counts.empty:,} empty)",
            f"{plural(counts.events, 'event')} ({counts.judged:,} judged, "
            f"{counts.skipped:,} skipped)",
            plural(counts.findings, "finding"),
            plural(counts.invalid_lines, "invalid line"),
            f"{plural(counts.errors, 'event')} that could not be judged",
            plural(counts.dead_letters, "dead letter"),
        ]
        if counts.given_up:
            parts.append(f"{counts.given_up:,} given up and read again")
        speed = f"{rate(counts.bytes, seconds, 'B')}, {rate(counts.events, seconds, ' events')}"
        told = f"{scaled(counts.bytes, 'B')} in {duration(seconds)}: {speed}"
        return f"{', '.join(parts)}; {told}"
