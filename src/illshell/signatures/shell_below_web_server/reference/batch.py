"""Judgement of packed events: the reference implementation of ``illshell._lineage.batch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from illshell.signatures.name_classes import MULTI_CALL, RUNTIME, SHELL, NameClasses
from illshell.signatures.shell_below_web_server.limits import HASHED
from illshell.signatures.shell_below_web_server.rules import Program, as_comm, is_exact, marks_of
from illshell.signatures.shell_below_web_server.task_events import (
    CHECK,
    EXACT,
    EXEC,
    SAME_FILE,
    SAME_HASH,
    SHELL_NAME,
    SHELL_VERSION,
    Hit,
    TaskEvent,
)
from illshell.signatures.shell_below_web_server.tracee_events import (
    MAX_ENTITY,
    MAX_INT64,
    MAX_PID,
    host_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from illshell.signatures.name_lists import NameLists
    from illshell.signatures.shell_below_web_server.reference.known_files import KnownFiles
    from illshell.signatures.shell_below_web_server.reference.lineage import Lineage


class BatchJudge:
    """Feeds packed events to a Lineage: columns are sequences of int or bytes by name."""

    def __init__(
        self,
        lineage: Lineage,
        files: KnownFiles,
        lists: NameLists,
        *,
        exact_kinds: Collection[int] = (),
        enabled: int = 0xFFFF,
    ) -> None:
        self._lineage = lineage
        self._files = files
        self._classes = NameClasses(lists)
        self._exact_kinds = exact_kinds
        self._enabled = enabled | EXACT

    def feed(
        self,
        columns: Mapping[str, Sequence[Any]],
        ask: Callable[[int], tuple[int, int] | None] | None = None,
    ) -> list[Hit]:
        """Judge the rows in order; return the hits that they decide."""
        hits: list[Hit] = []
        for row in range(len(columns["pid"])):
            values = {name: column[row] for name, column in columns.items()}
            hits += self._lineage.apply(self._event(row, values, ask))
        return hits

    def _event(self, row: int, values: dict[str, Any], ask: Any) -> TaskEvent:
        def text(name: str) -> str:
            value: bytes = values.get(name, b"")
            return value.decode("utf-8", "surrogateescape").partition("\0")[0]

        def number(name: str, limit: int) -> int:
            value = int(values.get(name, 0))
            return value if 0 <= value <= limit else 0

        kind = number("kind", 4)
        program = Program(
            kind, text("comm"), text("prev_comm"), text("pathname"), text("cmdpath"), text("interp")
        )
        host_name = text("host_name")
        event = TaskEvent(
            kind,
            number("pid", MAX_PID),
            number("parent_pid", MAX_PID),
            number("tid", MAX_PID),
            host_number(host_name) if "host_name" in values else int(values.get("host", 0)),
            number("time", MAX_INT64),
            number("start_time", MAX_INT64),
            number("entity", MAX_ENTITY),
            number("parent_entity", MAX_ENTITY),
            as_comm(program.file_name if kind == CHECK else program.comm),
            as_comm(program.prev_comm),
            int(values.get("hints", 0)),
        )
        if kind not in {EXEC, CHECK}:
            return event
        marks, hints = marks_of(program, self._classes), event.hints
        if ask is not None and self._classes.of(event.comm) & (RUNTIME | MULTI_CALL):
            marks, hints = ask(row) or (marks, hints)
        if kind == EXEC and not program.is_script:
            marks |= self._file_marks(event, program, values, marks)
        marks &= self._enabled
        if kind in self._exact_kinds and is_exact(program):
            marks |= EXACT
        return event._replace(marks=marks, hints=hints)

    def _file_marks(
        self, event: TaskEvent, program: Program, values: dict[str, Any], marks: int
    ) -> int:
        device, inode = int(values.get("device", 0)), int(values.get("inode", 0))
        changed, sha256 = int(values.get("ctime", 0)), values.get("sha256", b"")
        is_shell = marks & (SHELL_NAME | SHELL_VERSION) != 0
        if is_shell and not self._classes.of(as_comm(program.file_name)) & SHELL:
            return 0
        file = event.host, device, inode, changed, event.comm
        found = 0
        if self._files.is_shell(*file, by_name=is_shell):
            found |= SAME_FILE
        if sha256:
            hashed = 0, HASHED, host_number(sha256.decode()), 0, event.comm
            if self._files.is_shell(*hashed, by_name=is_shell):
                found |= SAME_HASH
        return found
