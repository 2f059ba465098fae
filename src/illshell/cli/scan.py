"""One run of ``illshell scan``: sources in, findings out, and the exit code."""

from __future__ import annotations

import os
import signal
import stat
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from illshell.cli.exit_codes import ExitCode
from illshell.cli.output import make_format
from illshell.cli.parallel import run_ahead
from illshell.cli.progress import Progress
from illshell.cli.report import Reporter, summary
from illshell.cli.units import plural
from illshell.detect.scan import Scan
from illshell.detect.spec import DetectorSpec
from illshell.detect.state import load_state, save_state
from illshell.model.errors import IllshellError, StateError, StreamError
from illshell.sinks.descriptor import STDOUT, ReaderGoneError, Sink, SinkError
from illshell.sources.files import STDIN, File, status_of
from illshell.sources.registry import ReadOptions
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from illshell.cli.parallel import Post
    from illshell.detect.scan import Problem
    from illshell.model.finding import Finding
    from illshell.readers.segment import Segment
    from illshell.sources.registry import Source

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Options of ``illshell scan``; see its help."""

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
    signatures: tuple[str, ...] = ()
    state: str | None = None
    dialects: tuple[str, ...] = ()


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
        self._reporter = Reporter(quiet=options.quiet, before=self._clear)
        detector = DetectorSpec.of(options.signatures or None, events=options.events).make()
        self._selection = replace(detector.selection, dialects=options.dialects or None)
        if options.state is not None:
            load_state(detector, options.state)
        self._scan_of = Scan(detector, on_finding=self._write, on_problem=self._problem)

    def run(self) -> None:
        started = time.perf_counter()
        try:
            self._open_sinks()
            run_ahead(
                self._sources,
                self._scan,
                can_wait=lambda source: source.may_wait,
                threads=self._options.threads,
                stop=self._stop,
            )
            if not self._stop:
                self._scan_of.end_of_input()
        except KeyboardInterrupt:
            pass  # the stop flag has the signal
        except SinkError as error:
            self._output_failed(error)
        try:
            self._close_sinks()
        except SinkError as error:
            self._output_failed(error)
        self._save_state()
        self._clear()
        if not self._options.quiet:
            self._reporter.tell(self._summary(time.perf_counter() - started))

    def exit_code(self) -> ExitCode:
        counts, codes = self._scan_of.counts, self._codes
        if counts.broken or (self._options.strict and (counts.invalid_lines or counts.errors)):
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
        """Read a source, in any thread; its segments are posted to the thread that judges."""
        if source.fault is not None:
            post(partial(self._not_read, source.name, source.fault, broken=not source.is_empty))
            return
        try:
            reader = source.open(self._selection, self._read_options(stop))
        except (OSError, ValueError, IllshellError) as error:
            post(partial(self._not_read, source.name, _reason(error)))
            return
        try:
            for segment in reader.segments():
                post(partial(self._judge, segment, reader.name, reader.consumed), segment.size)
                if stop:
                    break
        except (StreamError, OSError) as error:
            post(partial(self._scan_of.broken, reader.name, error))
        finally:
            size = reader.size or 0
            reader.close()
        post(partial(self._end_source, source.name, size, is_complete=not stop))

    def _not_read(self, name: str, reason: str, *, broken: bool = True) -> None:
        self._scan_of.counts.broken += broken
        self._reporter.tell(f"{name}: {reason}")

    def _judge(self, segment: Segment, name: str, consumed: int) -> None:
        self._scan_of.segment(segment, name)
        if self._progress is not None:
            counts = self._scan_of.counts
            self._progress.update(self._done + consumed, counts.events, counts.findings)

    def _end_source(self, name: str, size: int, *, is_complete: bool) -> None:
        is_empty = self._scan_of.end_of_source() == 0
        self._done += size
        if is_empty and is_complete and not self._options.quiet:
            self._reporter.tell(f"{name}: byte 0: empty, there is no event in it")
        self._reporter.end_of_source(name)

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
            # Findings matter more than invalid lines: the scan goes on without a quarantine.
            self._quarantine = None
            self._codes.add(ExitCode.OUTPUT)
            kept = plural(error.written, "complete line")
            self._reporter.tell(f"{error}; {kept} written before the error")

    def _output_failed(self, error: SinkError) -> None:
        if isinstance(error, ReaderGoneError):
            self._codes.add(ExitCode.BROKEN_PIPE)
            return
        self._codes.add(ExitCode.OUTPUT)
        kept = plural(error.written, "complete finding")
        self._reporter.tell(f"{error}; {kept} written before the error")

    def _save_state(self) -> None:
        path = self._options.state
        if path is None:
            return
        try:
            save_state(self._scan_of.detector, path)
        except (OSError, StateError) as error:
            self._codes.add(ExitCode.OUTPUT)
            self._reporter.tell(f"{path}: {_reason(error)}")

    def _make_progress(self) -> Progress | None:
        if self._options.quiet or not self._options.progress:
            return None
        sizes = [source.size for source in self._sources]
        if None in sizes:
            return Progress.on_stderr(None)
        return Progress.on_stderr(sum(size or 0 for size in sizes))

    def _read_options(self, stop: StopFlag) -> ReadOptions:
        options = self._options
        return ReadOptions(options.strict, options.native, options.threads, stop)

    def _clear(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    def _summary(self, seconds: float) -> str:
        text = summary(self._scan_of.counts, seconds)
        if self._stop.signal is None:
            return text
        return f"stopped by {signal.Signals(self._stop.signal).name}: {text}"


def _refuse_overwriting(sources: Sequence[Source], options: ScanOptions) -> None:
    """Refuse to write into a file that is read, or twice into the same file."""
    taken = {
        _identity(source.path, STDIN): f"the input {source.name}"
        for source in sources
        if isinstance(source, File)
    }
    outputs = {
        "the output of findings": options.output,
        "the quarantine": options.quarantine,
        "the state": options.state,
    }
    for what, path in outputs.items():
        if path is None:
            continue
        identity = _identity(path, STDOUT)
        if identity is not None and identity in taken:
            raise click.UsageError(f"{path}: {what} can't be written to {taken[identity]}")
        taken[identity] = what


def _identity(path: str, descriptor: int) -> tuple[object, ...] | None:
    """Return the identity of a regular file, or of one that does not exist yet; else None."""
    status = status_of(path, descriptor=descriptor)
    if status is not None:
        return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
    return None if path == "-" else (os.path.realpath(path),)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
