"""One run of ``illshell scan``: sources in, findings out, an exit code for how it went."""

from __future__ import annotations

import os
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from illshell.cli.exit_codes import ExitCode
from illshell.cli.human import plural
from illshell.cli.output import make_format
from illshell.cli.report import Reporter, summary
from illshell.interrupt import StopFlag
from illshell.progress import Progress
from illshell.readers import open_reader
from illshell.scan import Scan
from illshell.signature import IllegitimateShell
from illshell.sink import STDOUT, ReaderGoneError, Sink, SinkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from illshell.protocol import Finding
    from illshell.readers.segment import Reader
    from illshell.scan import Problem

STDIN: Final = 0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Source:
    """A path, or ``-`` for stdin, and what messages and findings call it."""

    path: str
    name: str

    @staticmethod
    def of(path: str) -> Source:
        """Name a source as its user did."""
        return Source(path, "<stdin>" if path == "-" else path)

    def status(self) -> os.stat_result | None:
        """Give what the system knows of the source; None where that is nothing."""
        return status_of(self.path, descriptor=STDIN)


def status_of(path: str, *, descriptor: int) -> os.stat_result | None:
    """Give what the system knows of a path, or of the descriptor where the path is ``-``."""
    try:
        return os.fstat(descriptor) if path == "-" else Path(path).stat()
    except (OSError, ValueError):
        return None


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


def run_scan(sources: Sequence[Source], options: ScanOptions) -> ExitCode:
    """Scan the sources one after the other; signals end it between two pieces of work."""
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
        self._reporter = Reporter(quiet=options.quiet, before=self._clear)
        self._scan = Scan(
            [IllegitimateShell(options.events)],
            on_finding=self._write,
            on_problem=self._problem,
            on_progress=self._show_progress,
            stop=stop,
        )

    def run(self) -> None:
        started = time.perf_counter()
        try:
            self._open_sinks()
            self._read_sources()
            self._scan.finish()
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
        counts, codes = self._scan.counts, self._codes
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

    def _read_sources(self) -> None:
        for source in self._sources:
            if self._stop:
                return
            self._read(source)

    def _read(self, source: Source) -> None:
        counts = self._scan.counts
        bytes_before, broken_before = counts.bytes, counts.broken
        try:
            reader = self._open(source)
        except (OSError, ValueError) as error:
            counts.broken += 1
            self._reporter.tell(f"{source.name}: {_reason(error)}")
            return
        self._scan.run(reader)
        self._done += reader.size or 0
        was_empty = (counts.bytes, counts.broken) == (bytes_before, broken_before)
        if was_empty and not self._stop and not self._options.quiet:
            self._reporter.tell(f"{source.name}: byte 0: empty, there is no event in it")
        self._reporter.end_of_source(source.name)

    def _open(self, source: Source) -> Reader:
        """Open a source; the reader has a descriptor of its own, so that here none stays open."""
        descriptor = STDIN
        self._stop.waiting = True  # a FIFO's open waits for a writer
        try:
            if source.path != "-":
                descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
            self._stop.waiting = False
            return open_reader(
                descriptor,
                self._scan.event_names,
                name=source.name,
                strict=self._options.strict,
                stop=self._stop,
                native=self._options.native,
            )
        finally:
            self._stop.waiting = False
            if descriptor != STDIN:
                os.close(descriptor)

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

    def _show_progress(self, reader: Reader) -> None:
        if self._progress is not None:
            counts = self._scan.counts
            self._progress.update(self._done + reader.consumed, counts.events, counts.findings)

    def _clear(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    def _summary(self, seconds: float) -> str:
        text = summary(self._scan.counts, seconds)
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


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
