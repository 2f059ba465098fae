"""One run of ``illshell scan``: sources in, findings out, an exit code for how it went."""

from __future__ import annotations

import os
import signal
import stat
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from illshell._fastmatch import Matcher
from illshell.cli.exit_codes import ExitCode
from illshell.cli.output import make_format
from illshell.cli.parallel import run_ahead
from illshell.cli.progress import Progress
from illshell.cli.report import Reporter, summary
from illshell.cli.sources import STDIN, status_of
from illshell.cli.units import plural
from illshell.detect.scan import Scan, ScanCounts
from illshell.formats.parts import custom_of
from illshell.model.errors import MissingExtraError
from illshell.readers import open_reader
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule
from illshell.signatures.illegitimate_shell.signature import IllegitimateShell
from illshell.sinks.descriptor import STDOUT, ReaderGoneError, Sink, SinkError
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from illshell.cli.parallel import Post
    from illshell.cli.sources import Source
    from illshell.detect.scan import Problem
    from illshell.model.signature import Finding
    from illshell.readers.segment import Reader

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What ``illshell scan`` can be told; see its help."""

    events: tuple[str, ...]
    output: str = "-"
    format: str | None = None
    quarantine: str | None = None
    strict: bool = False
    fail_on_finding: bool = False
    quiet: bool = False
    progress: bool = True
    native: bool | None = None
    threads: int = 1


def run_scan(sources: Sequence[Source], options: ScanOptions) -> ExitCode:
    """Scan the sources; findings and messages come in their order, however many threads there are.

    Signals end it between two pieces of work.
    """
    _refuse_overwriting(sources, options)
    stop = StopFlag()
    with stop.on_signals(*SIGNALS):
        run = _Run(sources, options, stop)
        run.run()
        return run.exit_code()


class _Run:
    def __init__(self, sources: Sequence[Source], options: ScanOptions, stop: StopFlag) -> None:
        self._sources = sources
        self._options = options
        self._stop = stop
        self._codes = {ExitCode.DONE}
        self._sink: Sink | None = None
        self._quarantine: Sink | None = None
        self._progress = self._make_progress()
        self._done = 0  # bytes of the sources before this one, as they are stored
        self._counts = ScanCounts()  # of the sources before this one
        self._current = ScanCounts()
        self._reporter = Reporter(quiet=options.quiet, before=self._clear)
        self._matcher = Matcher(illegitimate_shell_rule(options.events))

    def run(self) -> None:
        started = time.perf_counter()
        try:
            self._open_sinks()
            run_ahead(
                self._sources,
                self._scan,
                can_wait=lambda source: not source.is_regular_file(),
                threads=self._options.threads,
                stop=self._stop,
            )
        except KeyboardInterrupt:
            pass  # the stop flag has the signal
        except SinkError as error:
            self._output_failed(error)
        try:
            self._close_sinks()
        except SinkError as error:
            self._output_failed(error)
        self._clear()
        if not self._options.quiet:
            self._reporter.tell(self._summary(time.perf_counter() - started))

    def exit_code(self) -> ExitCode:
        counts, codes = self._total(), self._codes
        if counts.broken or (self._options.strict and (counts.bad_lines or counts.errors)):
            codes.add(ExitCode.INPUT)
        if counts.findings and self._options.fail_on_finding:
            codes.add(ExitCode.FINDINGS)
        if self._stop.signal is not None:
            codes.add(ExitCode.of_signal(self._stop.signal))
        return max(codes, key=list(ExitCode).index)

    def _open_sinks(self) -> None:
        self._sink = Sink.open(self._options.output, self._stop)
        self._format = make_format(self._options.format, self._sink)
        if self._options.quarantine is not None:
            self._quarantine = Sink.open(self._options.quarantine, self._stop)

    def _close_sinks(self) -> None:
        for sink in (self._quarantine, self._sink):
            if sink is not None:
                sink.close()

    def _scan(self, source: Source, post: Post, stop: StopFlag) -> None:
        """Scan a source, in any thread; what is found and counted is posted."""
        if source.fault is not None:
            post(partial(self._not_read, source.name, source.fault, broken=not source.is_empty))
            return

        def account(reader: Reader) -> None:
            post(partial(self._account, replace(scan.counts), reader.consumed))

        scan = Scan(
            [IllegitimateShell(self._options.events)],
            on_finding=lambda finding: post(partial(self._write, finding), _size(finding)),
            on_problem=lambda problem: post(
                partial(self._problem, problem), len(problem.line or b"")
            ),
            on_progress=account,
            stop=stop,
        )
        try:
            reader = self._open(source, scan.event_names, stop)
        except (OSError, ValueError, MissingExtraError) as error:
            post(partial(self._not_read, source.name, _reason(error)))
            return
        scan.run(reader)
        is_complete = not stop
        scan.finish()
        post(partial(self._end_source, source.name, scan.counts, reader.size or 0, is_complete))

    def _open(self, source: Source, events: Sequence[str] | None, stop: StopFlag) -> Reader:
        """Open a source; the reader has a descriptor of its own, so that here none stays open."""
        descriptor = STDIN
        stop.waiting = True  # a FIFO's open waits for a writer
        try:
            if source.path != "-":
                descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
            stop.waiting = False
            return open_reader(
                descriptor,
                events,
                name=source.name,
                strict=self._options.strict,
                stop=stop,
                native=self._options.native,
                matcher=self._matcher,
                threads=self._options.threads,
            )
        finally:
            stop.waiting = False
            if descriptor != STDIN:
                os.close(descriptor)

    def _not_read(self, name: str, reason: str, *, broken: bool = True) -> None:
        self._counts.broken += broken
        self._reporter.tell(f"{name}: {reason}")

    def _account(self, counts: ScanCounts, consumed: int) -> None:
        self._current = counts
        if self._progress is not None:
            total = self._total()
            self._progress.update(self._done + consumed, total.events, total.findings)

    def _end_source(self, name: str, counts: ScanCounts, size: int, is_complete: bool) -> None:
        self._counts += counts
        self._current = ScanCounts()
        self._done += size
        is_empty = counts.bytes == 0 and counts.broken == 0
        if is_empty and is_complete and not self._options.quiet:
            self._reporter.tell(f"{name}: byte 0: empty, there is no event in it")
        self._reporter.end_of_source(name)

    def _total(self) -> ScanCounts:
        return self._counts + self._current

    def _write(self, finding: Finding) -> None:
        assert self._sink is not None
        record = self._format(finding)
        if self._sink.is_terminal:
            self._clear()
        self._sink.write(record)

    def _problem(self, problem: Problem) -> None:
        self._reporter.problem(problem)
        if self._quarantine is None or problem.line is None:
            return
        try:
            self._quarantine.write(problem.line + b"\n")
        except SinkError as error:
            # Findings matter more than bad lines: the scan goes on without a quarantine.
            self._quarantine = None
            self._codes.add(ExitCode.OUTPUT)
            kept = plural(error.written, "line")
            self._reporter.tell(f"{error}; {kept} written whole before that, none after")

    def _output_failed(self, error: SinkError) -> None:
        if isinstance(error, ReaderGoneError):
            self._codes.add(ExitCode.READER_GONE)
            return
        self._codes.add(ExitCode.OUTPUT)
        kept = plural(error.written, "finding")
        self._reporter.tell(f"{error}; {kept} written whole before that, none after")

    def _make_progress(self) -> Progress | None:
        if self._options.quiet or not self._options.progress:
            return None
        total = 0
        for source in self._sources:
            status = source.status()
            if status is not None and stat.S_ISREG(status.st_mode):
                total += status.st_size
            elif status is None or not stat.S_ISDIR(status.st_mode):
                return Progress.on_stderr(None)
        return Progress.on_stderr(total)

    def _clear(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    def _summary(self, seconds: float) -> str:
        text = summary(self._total(), seconds)
        if self._stop.signal is None:
            return text
        return f"stopped by {signal.Signals(self._stop.signal).name}: {text}"


def _refuse_overwriting(sources: Sequence[Source], options: ScanOptions) -> None:
    """Refuse to write into a file that is read, or twice into the same file."""
    taken = {_identity(source.status()): source.name for source in sources}
    for path in (options.output, options.quarantine):
        if path is None:
            continue
        identity = _identity(status_of(path, descriptor=STDOUT))
        if identity is not None and identity in taken:
            raise click.UsageError(f"{path}: would be overwritten while {taken[identity]} needs it")
        taken[identity] = "the output"


def _identity(status: os.stat_result | None) -> tuple[int, int] | None:
    if status is None or not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino


def _size(finding: Finding) -> int:
    record = custom_of(finding).get("record")
    return len(record) if isinstance(record, bytes) else 0


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
