"""One run of ``illshell kafka``: its messages, and the exit code."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from illshell.cli.exit_codes import ExitCode
from illshell.cli.report import LIMIT, say, summary
from illshell.cli.units import plural
from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.runner import KafkaRun
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from illshell.sources.kafka.counts import KafkaCounts
    from illshell.sources.kafka.message_detector import Problem
    from illshell.sources.kafka.options import KafkaOptions

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STATISTICS_INTERVAL: Final = 10.0
"""Seconds between two lines of statistics on a terminal."""


def run_kafka(options: KafkaOptions, *, quiet: bool, every: float | None) -> ExitCode:
    """Run until a signal, or the end of the topics where that is asked for."""
    if options.settings.is_exposed:
        say(
            f"{options.config}: holds secrets, and every user of this machine can read it: "
            f"chmod o= {options.config}"
        )
    stop = StopFlag()
    reporter = _Reporter(quiet=quiet, every=every)
    code = ExitCode.DONE
    with stop.on_signals(*SIGNALS):
        run = KafkaRun(
            options, stop, report=say, on_problem=reporter.problem, on_progress=reporter.progress
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
    reporter.end(run.counts, stop.signal)
    return code if stop.signal is None else ExitCode.of_signal(stop.signal)


class _Reporter:
    def __init__(self, *, quiet: bool, every: float | None) -> None:
        self._quiet = quiet
        if every is None and sys.stderr is not None and sys.stderr.isatty():
            every = STATISTICS_INTERVAL
        self._every = None if quiet else every
        self._started = self._last = time.monotonic()
        self._problems = 0

    def problem(self, problem: Problem) -> None:
        self._problems += 1
        if not self._quiet and self._problems <= LIMIT:
            say(f"{problem.position}: {problem.reason}")

    def progress(self, counts: KafkaCounts) -> None:
        now = time.monotonic()
        if self._every and now - self._last >= self._every:
            self._last = now
            say(self._statistics(counts))

    def end(self, counts: KafkaCounts, number: int | None) -> None:
        if self._quiet:
            return
        more = counts.invalid_lines + counts.errors - LIMIT
        if more > 0:
            say(f"… and {more:,} more that are invalid or could not be judged")
        stopped = "" if number is None else f"stopped by {signal.Signals(number).name}: "
        say(stopped + self._statistics(counts))

    def _statistics(self, counts: KafkaCounts) -> str:
        before = [plural(counts.messages, "message") + f" ({counts.empty:,} empty)"]
        after = [plural(counts.dead_letters, "dead letter")]
        if counts.given_up:
            after.append(f"{counts.given_up:,} given up and read again")
        seconds = time.monotonic() - self._started
        return summary(counts, seconds, before=before, after=after)
