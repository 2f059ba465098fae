"""Which tasks descend from a web server: the reference implementation of ``illshell._lineage``.

docs/lineage.md says what is kept, what is forgotten, and which events are taken for one exec.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from illshell.signatures.name_classes import (
    BY_START,
    HELPER,
    RUNTIME,
    SERVER,
    SHELL,
    NameClasses,
)
from illshell.signatures.shell_below_web_server.limits import (
    MAX_RECENT,
    MAX_TASKS,
    MOST_TASKS,
    SECOND,
    WINDOW,
)
from illshell.signatures.shell_below_web_server.reference.task_table import (
    HAS_EXITED,
    IS_BELOW,
    IS_DEFERRED,
    IS_EXACT,
    IS_FORKED,
    IS_MAIN,
    IS_PENDING,
    IS_REPORTED,
    IS_SERVER,
    IS_SUSPECT,
    MAX_AGE,
    NEW_SERVER,
    Task,
    TaskTable,
)
from illshell.signatures.shell_below_web_server.task_events import (
    BY_ITSELF,
    BY_NAME,
    BY_PARENT,
    CHECK,
    EXACT,
    EXEC,
    EXIT,
    FORK,
    OTHER_ARGUMENTS,
    SERVER_ARGUMENTS,
    Hit,
    Link,
    TaskEvent,
    name_hash,
)

if TYPE_CHECKING:
    from illshell.signatures.name_lists import NameLists

FRESH: Final = 30 * SECOND
"""How long a task without identity counts as the same under another name, in ns."""

YOUNG: Final = SECOND // 10
"""A task that executes within this time of its start was forked for that, in ns."""

SCRIPT_WINDOW: Final = SECOND
"""How far apart the two checks of a `#!` script may be, in ns."""

MAX_CHAIN: Final = 10
INIT_PIDS: Final = 2
"""init and kthreadd: never a server, whatever a child was called."""


@dataclass(slots=True)
class Recent:
    """An exec below no known server, or a deferred check."""

    sequence: int
    event: TaskEvent


class Lineage:
    """Keeps which tasks descend from a web server; not thread-safe.

    ``lists``: the names. ``max_tasks``: tasks to keep. ``window``: ns that events may be out of
    order. ``every_event``: report both events of an exec.
    """

    def __init__(
        self,
        lists: NameLists,
        *,
        max_tasks: int = MAX_TASKS,
        window: int = WINDOW,
        every_event: bool = False,
    ) -> None:
        if not 1 <= max_tasks <= MOST_TASKS:
            raise ValueError(f"max_tasks is {max_tasks}; it must be from 1 to {MOST_TASKS}")
        if not 0 <= window < 1 << 62:
            raise ValueError(f"window is {window}; it must be from 0 to 2 ** 62 ns")
        self._classes = NameClasses(lists)
        self._table = TaskTable(max_tasks, window)
        self.window = window
        self.every_event = every_event
        self.sequence = 0
        self._newest = 0
        self._has_exec = False
        self._recent: deque[Recent] = deque()
        self._hits: list[Hit] = []

    def __len__(self) -> int:
        """Return the number of tasks kept."""
        return len(self._table.tasks)

    @property
    def evicted(self) -> int:
        """The number of tasks that were forgotten to make room."""
        return self._table.evicted

    def recent_sequences(self) -> list[int]:
        """Return the numbers of the events that may still become hits, in order."""
        return [entry.sequence for entry in self._recent if entry.event.marks & ~EXACT]

    def apply(self, event: TaskEvent) -> list[Hit]:
        """Process an event; return the hits that it decides, those of earlier events first."""
        self._hits = []
        sequence = self.sequence
        self.sequence += 1
        self._newest = self._table.clocks.advance(event.host, event.time)
        while self._recent and self._is_over(self._recent[0]):
            self._drop_oldest_recent()
        if event.kind == EXEC:
            self._exec(sequence, event)
        elif event.kind == CHECK:
            self._check(sequence, event)
        elif event.kind == FORK:
            self._fork(event)
        elif event.kind == EXIT:
            self._exit(event)
        return self._hits

    def finish(self) -> list[Hit]:
        """Decide the checks that still wait for their exec; the stream has ended."""
        self._hits = []
        while self._recent:
            self._drop_oldest_recent()
        return self._hits

    # Events

    def _exec(self, sequence: int, event: TaskEvent) -> None:
        self._has_exec = True
        task, is_former = self._own(event)
        marks, is_joined = event.marks, False
        if task is not None and self._is_pair(task, event):
            is_joined = task.flags & IS_REPORTED != 0 and not self.every_event
            if task.flags & IS_EXACT:
                marks |= EXACT
            if task.flags & IS_DEFERRED:
                self._recent = deque(
                    entry
                    for entry in self._recent
                    if entry.event.kind != CHECK
                    or (entry.event.host, entry.event.pid) != (event.host, event.pid)
                )
            if task.flags & NEW_SERVER:
                # The check alone made it a server: before that it was nothing.
                self._table.remove(task)
                task = None
        if not self._execute(
            sequence, event, task, marks, is_former=is_former, is_joined=is_joined
        ):
            self._remember(sequence, event)

    def _check(self, sequence: int, event: TaskEvent) -> None:
        task, is_former = self._own(event)
        if task is not None:
            if task.flags & IS_PENDING:
                is_second = task.check_hash == name_hash(event.prev_comm) and (
                    abs(event.time - task.time) <= SCRIPT_WINDOW
                )
                if is_second:
                    # The interpreter of a script whose own check came before.
                    task.time = max(task.time, event.time)
                    if event.marks & EXACT:
                        task.flags |= IS_EXACT
                    return
            elif event.time and event.time <= task.time:
                return  # its exec came first, and was judged
            task.flags &= ~(IS_PENDING | NEW_SERVER | IS_REPORTED | IS_DEFERRED | IS_EXACT)
        if self._has_exec:
            if not is_former:
                self._await_exec(sequence, event, task)
        elif self._execute(
            sequence, event, task, event.marks, is_former=is_former, is_joined=False
        ):
            task = self._table.find(event.host, event.pid)
            if task is None or is_former:
                return
            self._set_pending(task, event)
            if task.flags & IS_SERVER:
                task.flags |= NEW_SERVER
            if event.marks & ~EXACT:
                task.flags |= IS_REPORTED
        else:
            self._remember(sequence, event)

    def _await_exec(self, sequence: int, event: TaskEvent, task: Task | None) -> None:
        """Note what a check says, and leave the judgement to its exec."""
        evidence, base = self._base(event, task)
        if not evidence:
            return
        is_hit = event.marks & ~EXACT != 0
        if is_hit and self.every_event:
            self._hit(sequence, event, event.marks, evidence, base, is_late=False)
        server_pid, server_comm, depth = self._server(event, evidence, base)
        if task is None or not task.flags & (IS_SERVER | IS_BELOW):
            task = self._table.keep(event, task, event.prev_comm)
            task.flags = IS_BELOW | IS_FORKED
            task.server_pid, task.server_comm, task.depth = server_pid, server_comm, depth
        else:
            task.time = max(task.time, event.time)
            task.seen = max(task.seen, event.time)
        self._set_pending(task, event)
        if is_hit and not self.every_event:
            task.flags |= IS_DEFERRED
        self._learn(event, evidence)
        if is_hit and not self.every_event:
            self._remember(sequence, event)
        self._resolve(event)

    def _set_pending(self, task: Task, event: TaskEvent) -> None:
        task.flags |= IS_PENDING | (IS_EXACT if event.marks & EXACT else 0)
        task.check_hash = name_hash(event.prev_comm)

    def _fork(self, event: TaskEvent) -> None:
        if event.pid <= 0 or event.tid not in {0, event.pid} or event.parent_pid == event.pid:
            return
        task = self._table.find(event.host, event.pid)
        if task is not None:
            if self._is_identified_as(task, event) or (event.time and event.time < task.time):
                return  # a later event came first
            self._table.remove(task)
        parent = self._linked_parent(event)
        if parent is None or not parent.flags & (IS_SERVER | IS_BELOW):
            if not self._classes.of(event.comm) & SERVER or event.parent_pid <= INIT_PIDS:
                return
            parent = self._teach(event, event.comm)
        flags, depth = parent.flags & (IS_SERVER | IS_BELOW), parent.depth
        server_pid, server_comm, comm = parent.server_pid, parent.server_comm, parent.comm
        task = self._table.keep(event, None, event.comm or comm)
        task.flags, task.server_comm = flags | IS_FORKED, server_comm
        if flags & IS_SERVER:
            task.server_pid, task.age = task.pid, MAX_AGE
        else:
            task.server_pid, task.depth = server_pid, min(depth + 1, 255)
        self._resolve(event)

    def _exit(self, event: TaskEvent) -> None:
        if event.pid <= 0 or event.tid not in {0, event.pid}:
            return
        task = self._table.find(event.host, event.pid)
        if task is None or not self._may_be(task, event):
            return
        if event.time and event.time < task.time:
            return
        task.flags |= HAS_EXITED
        task.seen = max(task.seen, event.time)
        task.age = 0

    # The judgement of an exec

    def _execute(
        self,
        sequence: int,
        event: TaskEvent,
        task: Task | None,
        marks: int,
        *,
        is_former: bool,
        is_joined: bool,
    ) -> bool:
        """Judge an exec and keep its task; return whether it has to do with a server."""
        evidence, base = self._base(event, task)
        is_server = self._becomes_server(event, evidence)
        if not evidence and not is_server:
            if task is not None:
                self._table.remove(task)
            return False
        if marks & ~EXACT and evidence and not is_joined:
            self._hit(sequence, event, marks, evidence, base, is_late=False)
        if not is_former:
            self._settle(event, task, evidence, base, is_server=is_server)
            self._resolve(event)
        return True

    def _settle(
        self,
        event: TaskEvent,
        task: Task | None,
        evidence: int,
        base: Task | None,
        *,
        is_server: bool,
    ) -> None:
        """Keep what an exec makes of its task."""
        if task is not None and event.time and event.time < task.time:
            return  # what came after it is known
        server_pid, server_comm, depth = self._server(event, evidence, base)
        task = self._table.keep(event, task, event.comm)
        if is_server:
            task.flags, task.age = IS_SERVER | IS_MAIN, MAX_AGE
            task.server_pid, task.server_comm, task.depth = event.pid, event.comm, 0
        else:
            task.flags = IS_BELOW
            task.server_pid, task.server_comm, task.depth = server_pid, server_comm, depth
            self._learn(event, evidence)

    def _base(self, event: TaskEvent, task: Task | None) -> tuple[int, Task | None]:
        """Return how the task is below a server, and the task from which that follows."""
        if task is not None and task.flags & (IS_SERVER | IS_BELOW):
            return BY_ITSELF, task
        if self._classes.of(event.prev_comm) & SERVER:
            return BY_NAME, None
        parent = self._linked_parent(event)
        if parent is not None and parent.flags & (IS_SERVER | IS_BELOW):
            parent.seen = max(parent.seen, event.time)
            parent.age = MAX_AGE if parent.flags & IS_SERVER else 1
            return BY_PARENT, parent
        return 0, None

    def _server(self, event: TaskEvent, evidence: int, base: Task | None) -> tuple[int, bytes, int]:
        """Return the server's pid and name, and the depth below it."""
        if base is None:
            return event.parent_pid, event.prev_comm, 1
        if base.flags & IS_SERVER:
            return base.pid, base.server_comm, 1
        depth = base.depth + 1 if evidence == BY_PARENT else base.depth
        return base.server_pid, base.server_comm, min(depth, 255)

    def _becomes_server(self, event: TaskEvent, evidence: int) -> bool:
        bits = self._classes.of(event.comm)
        if bits & SERVER:
            return True
        if not bits & RUNTIME or event.hints & OTHER_ARGUMENTS:
            return False
        if event.hints & SERVER_ARGUMENTS:
            return True
        return (
            bits & BY_START != 0
            and not evidence
            and event.prev_comm not in {b"", event.comm}
            and not self._classes.of(event.prev_comm) & SHELL
        )

    # Identity

    def _own(self, event: TaskEvent) -> tuple[Task | None, bool]:
        """Return the event's own task, and whether the event is of a former task of that pid.

        A task whose pid was taken over is forgotten.
        """
        if event.pid <= 0:
            return None, True  # nothing can be kept of it
        task = self._table.find(event.host, event.pid)
        if task is None:
            return None, False
        if self._may_be(task, event):
            return task, False
        if event.time and event.time < task.time:
            return None, True
        self._table.remove(task)
        return None, False

    def _may_be(self, task: Task, event: TaskEvent) -> bool:
        if event.entity and task.entity:
            return event.entity == task.entity
        if event.start_time and task.start_time and event.tid in {0, event.pid}:
            return event.start_time == task.start_time
        if task.flags & HAS_EXITED and event.time > task.seen:
            return False
        if event.kind == EXIT:
            return True
        if task.flags & IS_PENDING and task.check_hash == name_hash(event.prev_comm):
            return event.parent_pid == task.parent_pid
        if event.prev_comm != task.comm and self._classes.of(event.prev_comm) & SERVER:
            return task.flags & IS_SERVER != 0
        if event.parent_pid == task.parent_pid:
            return True
        return event.prev_comm == task.comm and (
            event.parent_pid <= 1 or task.parent_pid == 0 or self._is_fresh(task, event)
        )

    def _is_identified_as(self, task: Task, event: TaskEvent) -> bool:
        if event.entity and task.entity:
            return event.entity == task.entity
        return event.start_time != 0 and event.start_time == task.start_time

    def _linked_parent(self, event: TaskEvent) -> Task | None:
        """Return the parent's task where it surely is the one of that pid."""
        if event.parent_pid in {event.pid, 0}:
            return None
        task = self._table.find(event.host, event.parent_pid)
        if task is None:
            return None
        if event.parent_entity and task.entity:
            return task if event.parent_entity == task.entity else None
        if task.flags & HAS_EXITED and (
            event.time > task.seen or task.seen + self.window < self._newest
        ):
            return None
        if event.start_time and task.start_time:
            return task if event.start_time >= task.start_time else None
        name = event.comm if event.kind == FORK else event.prev_comm
        is_same = task.flags & IS_MAIN or name == task.comm or self._is_fresh(task, event)
        return task if is_same else None

    def _is_fresh(self, task: Task, event: TaskEvent) -> bool:
        return event.time - task.seen <= FRESH

    def _is_pair(self, task: Task, event: TaskEvent) -> bool:
        return task.flags & IS_PENDING != 0 and (
            -self.window <= event.time - task.time <= self.window
        )

    # Servers that are known by their children

    def _learn(self, event: TaskEvent, evidence: int) -> None:
        """Use the parent of tasks that bore a web server's name for the server.

        Whoever executes a program for the first time has the name of the thread that forked it. A
        server that replaces itself has that name, too, and so has a program that renamed itself. So
        two children are needed, whose own execs were not seen before, and which are young where
        their start is known; one where it executes a helper, which only a fresh fork does.
        """
        if evidence != BY_NAME or event.parent_pid <= INIT_PIDS or event.parent_pid == event.pid:
            return
        bits = self._classes.of(event.comm)
        if bits & SERVER:
            return
        if event.start_time and not 0 <= event.time - event.start_time <= YOUNG:
            return
        parent = self._linked_parent(event)
        if parent is not None and not parent.flags & IS_SUSPECT:
            return
        if any(
            entry.event.host == event.host and entry.event.pid == event.pid
            for entry in self._recent
        ):
            return
        if bits & HELPER or (parent is not None and parent.server_pid != event.pid):
            self._teach(event, event.prev_comm)
        elif parent is None:
            suspect = self._teach(event, event.prev_comm)
            suspect.flags, suspect.server_pid = IS_SUSPECT, event.pid

    def _teach(self, event: TaskEvent, comm: bytes) -> Task:
        """Keep the parent of an event as a server of that name."""
        parent = self._table.find(event.host, event.parent_pid)
        if parent is not None:
            self._table.remove(parent)
        learned = TaskEvent(
            event.kind,
            event.parent_pid,
            host=event.host,
            time=event.time,
            entity=event.parent_entity,
        )
        parent = self._table.keep(learned, None, comm)
        parent.flags, parent.age = IS_SERVER, MAX_AGE
        parent.server_pid, parent.server_comm = parent.pid, comm
        return parent

    # Hits

    def _hit(
        self,
        sequence: int,
        event: TaskEvent,
        marks: int,
        evidence: int,
        base: Task | None,
        *,
        is_late: bool,
    ) -> None:
        server_pid, server_comm, _ = self._server(event, evidence, base)
        links = [Link(event.pid, event.comm)]
        is_whole = True
        if base is not None and not base.flags & IS_SERVER:
            is_whole = self._climb(links, event.host, base, server_pid)
            if base.pid == event.pid and base.flags & IS_FORKED:
                evidence = BY_NAME if self._classes.of(base.comm) & SERVER else BY_PARENT
        links.append(Link(server_pid, server_comm))
        since_start = -1
        main = self._table.find(event.host, server_pid)
        if main is not None and main.flags & IS_MAIN and len(links) == 2 and main.time:
            since_start = max(event.time - main.time, -1)
        self._hits.append(
            Hit(
                sequence,
                event,
                marks,
                evidence,
                tuple(reversed(links)),
                is_whole,
                since_start,
                is_late,
            )
        )

    def _climb(self, links: list[Link], host: int, base: Task, server_pid: int) -> bool:
        """Append the tasks from base up to the server; return whether all of them are known."""
        if base.pid != links[0].pid or not base.flags & IS_FORKED:
            links.append(Link(base.pid, base.comm))
        parent_pid = base.parent_pid
        while parent_pid != server_pid:
            parent = self._table.find(host, parent_pid)
            if (
                parent is None
                or not parent.flags & IS_BELOW
                or parent.server_pid != server_pid
                or len(links) == MAX_CHAIN - 1
            ):
                return False
            links.append(Link(parent.pid, parent.comm))
            parent_pid = parent.parent_pid
        return True

    # Events out of order

    def _remember(self, sequence: int, event: TaskEvent) -> None:
        if len(self._recent) == MAX_RECENT:
            self._drop_oldest_recent()
        self._recent.append(Recent(sequence, event))

    def _is_over(self, entry: Recent) -> bool:
        event = entry.event
        return event.time + self.window < self._table.clocks.newest(event.host)

    def _drop_oldest_recent(self) -> None:
        entry = self._recent.popleft()
        event = entry.event
        if event.kind != CHECK:
            return
        task = self._table.find(event.host, event.pid)
        if task is None or not task.flags & IS_DEFERRED or task.time != event.time:
            return
        # No exec followed its check: the check is all there is.
        task.flags = task.flags & ~IS_DEFERRED | IS_REPORTED
        marks = event.marks | (EXACT if task.flags & IS_EXACT else 0)
        self._hit(entry.sequence, event, marks, BY_ITSELF, task, is_late=True)

    def _resolve(self, event: TaskEvent) -> None:
        """Judge again the execs that came before an event from which they follow."""
        if event.time >= self._newest:
            return
        settled = [event]
        while settled:
            earlier = settled.pop()
            for entry in list(self._recent):
                later = entry.event
                if (
                    later.host != earlier.host
                    or earlier.pid not in {later.pid, later.parent_pid}
                    or later.time < earlier.time
                    or (later.kind == CHECK and self._has_exec)
                ):
                    continue
                task, is_former = self._own(later)
                evidence, base = self._base(later, task)
                if not evidence:
                    continue
                self._recent.remove(entry)
                if later.marks & ~EXACT:
                    self._hit(entry.sequence, later, later.marks, evidence, base, is_late=True)
                if not is_former:
                    is_server = self._becomes_server(later, evidence)
                    self._settle(later, task, evidence, base, is_server=is_server)
                    settled.append(later)
