"""ShellBelowWebServer: the signature that engines load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from illshell._lineage.batch import BatchJudge
from illshell._lineage.known_files import KnownFiles
from illshell._lineage.lineage import Lineage
from illshell._lineage.name_classes import NameClasses as CompiledClasses
from illshell._lineage.snapshot import restore, snapshot
from illshell.model.errors import IllshellError, InvalidEventError
from illshell.model.event import Event, SignatureEventSelector
from illshell.model.finding import Finding, SignatureMetadata
from illshell.model.signature import SignatureContext, SourceComplete
from illshell.signatures.exceptions import Exceptions, Execution
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS
from illshell.signatures.name_classes import SHELL, NameClasses
from illshell.signatures.name_lists import Name, NameLists
from illshell.signatures.shell_below_web_server.limits import HASHED, MAX_TASKS, WINDOW
from illshell.signatures.shell_below_web_server.metadata import shell_below_web_server_metadata
from illshell.signatures.shell_below_web_server.rules import (
    RULES,
    Program,
    as_comm,
    hints_of,
    is_exact,
    marks_of,
    rule_names,
)
from illshell.signatures.shell_below_web_server.signature_state import read_state, write_state
from illshell.signatures.shell_below_web_server.task_events import (
    BY_ITSELF,
    BY_NAME,
    BY_PARENT,
    CHECK,
    EXACT,
    EXEC,
    SAME_FILE,
    SAME_HASH,
    SHELL_NAME,
    SHELL_VERSION,
    Hit,
)
from illshell.signatures.shell_below_web_server.tracee_events import (
    KINDS,
    Observation,
    host_number,
    observe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell._lineage.columns import TaskColumns

EXACT_LISTS: Final = NameLists(
    tuple(map(Name, WEB_SERVERS)), (), (), tuple(map(Name, SHELLS)), (), (), "TRC-1016"
)
"""TRC-1016's names, for telling what it reports."""

EVIDENCE: Final = {
    BY_NAME: "name-before-exec",
    BY_ITSELF: "same-task",
    BY_PARENT: "parent",
}
"""How a finding spells what puts its task below the server."""


@dataclass(frozen=True, slots=True)
class Options:
    """How ILL-1001 judges; picklable.

    ``names``: the lists. ``disabled_rules``: names of rules to turn off. ``exact_events``: the
    events on which TRC-1016 runs beside it: an exec that it reports on one of them is not reported
    a second time. ``every_event``: one finding an event, where the default is one an exec.
    ``max_tasks`` and ``window`` (ns) bound what lineage keeps.
    """

    names: NameLists | None = None
    disabled_rules: frozenset[str] = frozenset()
    exact_events: tuple[str, ...] = ()
    every_event: bool = False
    max_tasks: int = MAX_TASKS
    window: int = WINDOW

    def __post_init__(self) -> None:
        unknown = sorted(self.disabled_rules - RULES.keys())
        if unknown:
            raise ValueError(f"unknown rule {unknown[0]!r}; expected one of {', '.join(RULES)}")
        for name in self.exact_events:
            if name not in EVENTS:
                raise ValueError(f"unknown event {name!r}; expected one of {', '.join(EVENTS)}")


class ShellBelowWebServer:
    """Detects a shell that ran anywhere below a web server (ILL-1001, MITRE T1190 and T1505.003).

    ``options``: see :class:`Options`; ``beside_exact`` gives their ``exact_events`` where there are
    no others. ``exceptions``: what is excused; ``on_excused`` takes each
    excused Finding, whose data name the reason.

    One exec has up to three events: ``security_bprm_check`` of the program, a second one where the
    program is a ``#!`` script (its interpreter's), and ``sched_process_exec``. They are of one exec
    where host, pid and, where given, process identity agree, no other exec of the pid lies between,
    and they are at most ``window`` apart. That is certain with Tracee's entity ids or start times;
    without, a pid that is taken over within the window can be mistaken. Where a stream has exec
    events they are what is judged and reported: only they have the new name and tell scripts, and
    the checks are evidence. A check whose exec does not come within the window is judged alone.
    In a stream without exec events checks are judged as they come.

    An event is judged in the order in which it comes, and what it means for events before it is
    made up for within the window; then the finding is late, and is about the earlier event.

    Call ``init(ctx)`` first. ``on_signal`` of SourceComplete decides what still waits.
    Not thread-safe: a stream is one thread's.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        beside_exact: tuple[str, ...] = (),
        exceptions: Exceptions | None = None,
        on_excused: Callable[[Finding], object] | None = None,
    ) -> None:
        self.options = options or Options(exact_events=beside_exact)
        self.exceptions = exceptions or Exceptions()
        self.excused = 0
        self._on_excused = on_excused
        self._names = self.options.names or NameLists.default()
        self._classes = NameClasses(self._names)
        self._enabled = EXACT
        for name, mark in RULES.items():
            if name not in self.options.disabled_rules:
                self._enabled |= mark
        self._exact_kinds = {KINDS[name] for name in self.options.exact_events}
        self._lineage = Lineage(
            self._names,
            max_tasks=self.options.max_tasks,
            window=self.options.window,
            every_event=self.options.every_event,
        )
        self._files = KnownFiles()
        self._judge = self._new_judge()
        self._waiting: dict[int, Any] = {}
        self._callback: Callable[[Finding], object] | None = None
        self._closed = False

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature, anew at each call."""
        return shell_below_web_server_metadata()

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants: source ``tracee``, any origin.

        It needs one of the first two; forks and exits make lineage surer.
        """
        return [SignatureEventSelector("tracee", name, "*") for name in KINDS]

    def init(self, ctx: SignatureContext) -> None:
        """Store the callback for findings."""
        self._callback = ctx.callback
        self._closed = False

    def on_event(self, event: Any) -> None:
        """Judge an event; findings, of earlier events too, go to the callback.

        Raises InvalidEventError for what is no event; it leaves no trace.
        """
        if self._closed:
            return
        if self._callback is None:
            raise IllshellError("on_event was called before init")
        payload = event.tracee if isinstance(event, Event) else event
        if not isinstance(payload, Mapping):
            raise InvalidEventError
        seen = observe(payload)
        if seen is None:
            return
        task = seen.task._replace(
            marks=self._marks(seen), hints=hints_of(seen.program, self._classes)
        )
        if task.marks & ~EXACT:
            self._waiting[self._lineage.sequence] = event
        hits = self._lineage.apply(task)
        self._report([(hit, self._take_waiting(hit)) for hit in hits])
        if self._waiting:
            recent = set(self._lineage.recent_sequences())
            self._waiting = {key: self._waiting[key] for key in self._waiting if key in recent}

    def on_columns(
        self, columns: TaskColumns, event_at: Callable[[int], Any]
    ) -> list[tuple[int, Exception]]:
        """Judge packed events; findings, of events of earlier batches too, go to the callback.

        ``event_at(row)`` returns the event of a row; it is called for findings, for the at most
        256 rows that may still become one, and for programs that depend on their arguments.
        Returns the rows of which it could not be had, with what it raised: IllshellError,
        ValueError or RecursionError. They are judged all the same, without arguments, but what
        they would have reported has no event and is lost.
        """
        if self._closed:
            return []
        if self._callback is None:
            raise IllshellError("on_columns was called before init")
        first = self._lineage.sequence
        batch = _Batch(first, event_at)
        hits = self._judge.feed(columns, lambda row: self._ask(batch, row))
        told = [
            (hit, batch.at(hit.sequence) if hit.sequence >= first else self._take_waiting(hit))
            for hit in hits
        ]
        waiting = {}
        for sequence in self._lineage.recent_sequences():
            event = batch.at(sequence) if sequence >= first else self._waiting.get(sequence)
            if event is not None:
                waiting[sequence] = event
        self._waiting = waiting
        self._report(told)
        return batch.errors()

    def _ask(self, batch: _Batch, row: int) -> tuple[int, int] | None:
        """Return the marks and hints of a row by its arguments."""
        event = batch.at(batch.first + row, is_kept=False)
        payload = event.tracee if isinstance(event, Event) else event
        if not isinstance(payload, Mapping):
            return None
        try:
            seen = observe(payload)
        except InvalidEventError:
            return None
        if seen is None:
            return None
        program = seen.program
        return marks_of(program, self._classes), hints_of(program, self._classes)

    def on_signal(self, signal: Any) -> None:
        """Decide what still waits at the end of a source."""
        if isinstance(signal, SourceComplete) and self._callback is not None:
            hits = self._lineage.finish()
            self._report([(hit, self._take_waiting(hit)) for hit in hits])
            self._waiting.clear()

    def close(self) -> None:
        """End the work; later events are ignored."""
        self._closed = True
        self._callback = None
        self._waiting.clear()

    def snapshot(self) -> bytes:
        """Return what the signature keeps of the stream: see :mod:`.state` for its bounds.

        Besides lineage and known files it holds the events that may still become findings, at most
        256, as JSON.
        """
        return write_state(
            snapshot(self._lineage),
            self._files.snapshot(),
            [(sequence, event) for sequence, event in self._waiting.items()],
        )

    def restore(self, data: bytes) -> None:
        """Load the state of a snapshot in place of the own.

        Raises SnapshotError for one that is damaged, of another version, or of another
        ``max_tasks``; then nothing has changed.
        """
        lineage, files, waiting = read_state(data)
        known = KnownFiles()
        known.restore(files)
        restore(self._lineage, lineage)
        self._files = known
        self._judge = self._new_judge()
        self._waiting = dict(waiting)

    def _new_judge(self) -> BatchJudge:
        return BatchJudge(
            self._lineage,
            self._files,
            CompiledClasses(EXACT_LISTS),
            exact_kinds=self._exact_kinds,
            enabled=self._enabled,
        )

    def _marks(self, seen: Observation) -> int:
        program, task = seen.program, seen.task
        if program.kind not in {EXEC, CHECK}:
            return 0
        marks = marks_of(program, self._classes)
        if program.kind == EXEC and not program.is_script:
            marks |= self._file_marks(seen, marks)
        marks &= self._enabled
        if task.kind in self._exact_kinds and is_exact(program):
            marks |= EXACT
        return marks

    def _file_marks(self, seen: Observation, marks: int) -> int:
        """Learn the file of a shell; return marks for a file that ran as one."""
        task, file = seen.task, seen.file
        is_shell = marks & (SHELL_NAME | SHELL_VERSION) != 0
        if is_shell and not self._classes.of(as_comm(seen.program.file_name)) & SHELL:
            # A link to a program that is more than a shell, such as busybox.
            return 0
        found = 0
        if self._files.is_shell(
            task.host, file.device, file.inode, file.changed, task.comm, by_name=is_shell
        ):
            found |= SAME_FILE
        if file.sha256 and self._files.is_shell(
            0, HASHED, host_number(file.sha256), 0, task.comm, by_name=is_shell
        ):
            found |= SAME_HASH
        return found

    def _take_waiting(self, hit: Hit) -> Any:
        """Return the event of a hit that waited; None where it could not be had when it came."""
        return self._waiting.pop(hit.sequence, None)

    def _report(self, hits: Iterable[tuple[Hit, Any]]) -> None:
        for hit, event in hits:
            if event is None or hit.marks & EXACT:
                continue
            finding = Finding(self.get_metadata(), event, {"why": why(hit)})
            known = self.exceptions.match(execution_of(event, hit)) if self.exceptions else None
            if known is None:
                assert self._callback is not None
                self._callback(finding)
                continue
            self.excused += 1
            if self._on_excused is not None:
                data = {"why": why(hit), "excused": known.reason}
                self._on_excused(Finding(self.get_metadata(), event, data))


class _Batch:
    """Events of a batch by their sequence numbers; those of findings are made once."""

    def __init__(self, first: int, event_at: Callable[[int], Any]) -> None:
        self.first = first
        self._event_at = event_at
        self._events: dict[int, Any] = {}
        self._errors: dict[int, Exception] = {}

    def at(self, sequence: int, *, is_kept: bool = True) -> Any:
        """Return an event; None where it could not be had."""
        row = sequence - self.first
        if row in self._events:
            return self._events[row]
        try:
            event = self._event_at(row)
        except (IllshellError, ValueError, RecursionError) as error:
            event, self._errors[row] = None, error
        if is_kept or event is None:
            self._events[row] = event
        return event

    def errors(self) -> list[tuple[int, Exception]]:
        """Return the rows that could not be had, with their errors, in order."""
        return sorted(self._errors.items(), key=lambda pair: pair[0])


def why(hit: Hit) -> dict[str, Any]:
    """Return what a finding says of how it came about."""
    chain = [
        {"pid": link.pid, "name": link.comm.decode("utf-8", "backslashreplace")}
        for link in hit.chain
    ]
    told: dict[str, Any] = {
        "rules": rule_names(hit.marks),
        "evidence": EVIDENCE[hit.evidence],
        "server": chain[0],
        "chain": chain,
    }
    if not hit.is_whole:
        told["chain_is_whole"] = False
    if hit.since_start >= 0:
        told["since_server_start"] = hit.since_start
    if hit.is_late:
        told["late"] = True
    return told


def execution_of(event: Any, hit: Hit) -> Execution:
    """Return what exceptions are compared with."""
    payload: Mapping[str, Any] = event.tracee if isinstance(event, Event) else event
    try:
        seen = observe(payload)
    except InvalidEventError:
        seen = None  # the columns said more than the event does
    program = Program(hit.event.kind) if seen is None else seen.program
    container = payload.get("container")
    image = (
        container.get("image") if isinstance(container, Mapping) else payload.get("containerImage")
    )
    user = payload.get("userId")
    return Execution(
        hit.chain[0].comm.decode("utf-8", "backslashreplace"),
        program.pathname,
        program.argv,
        image if isinstance(image, str) else "",
        user if isinstance(user, int) and not isinstance(user, bool) else -1,
        hit.since_start,
        hit.event.time,
    )
