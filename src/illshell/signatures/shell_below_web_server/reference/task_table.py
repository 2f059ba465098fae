"""A table of tasks, bounded, with its eviction: the reference implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from illshell.signatures.shell_below_web_server.reference.host_clocks import HostClocks

if TYPE_CHECKING:
    from illshell.signatures.shell_below_web_server.task_events import TaskEvent

FIRST_CAPACITY: Final = 1024
MAX_AGE: Final = 3
"""Turns of the clock that a web server outlives without a sign of life; other tasks outlive one."""

# Flags of a task.
IS_SERVER: Final = 1  # it is a web server, by its program, as a fork of one, or by its threads
IS_MAIN: Final = 2  # it was seen to execute the server's program
IS_BELOW: Final = 4  # it descends from a web server
HAS_EXITED: Final = 8  # its end was seen; `seen` is when
IS_PENDING: Final = 16  # a check was seen whose exec has not come
NEW_SERVER: Final = 32  # that check made it a server
IS_REPORTED: Final = 64  # that check was reported
IS_DEFERRED: Final = 128  # that check waits in `recent`
IS_EXACT: Final = 256  # TRC-1016 reports that check
IS_SUSPECT: Final = 512  # one child bore a server's name; `server_pid` is that child
IS_FORKED: Final = 1024  # it has executed nothing: its name is that of the task that forked it


@dataclass(slots=True)
class Task:
    """What is known of one task.

    ``time``: of its last exec or check. ``seen``: of its last sign of life, its children's too.
    ``server_comm`` and ``server_pid``: its own of a server, else those of the one that it is below.
    ``age``: turns of the clock that it outlives. ``check_hash``: of the name that a check found.
    """

    host: int
    pid: int
    parent_pid: int = 0
    time: int = 0
    seen: int = 0
    start_time: int = 0
    entity: int = 0
    comm: bytes = b""
    flags: int = 0
    depth: int = 0
    age: int = 0
    server_pid: int = 0
    server_comm: bytes = b""
    check_hash: int = 0


class TaskTable:
    """Tasks by host and pid, at most ``max_tasks``."""

    def __init__(self, max_tasks: int, window: int) -> None:
        self.max_tasks = max_tasks
        self.window = window
        self.capacity = min(FIRST_CAPACITY, max_tasks)
        self.hand = 0
        self.evicted = 0
        self.clocks = HostClocks(window)
        self.tasks: list[Task] = []
        self._index: dict[tuple[int, int], int] = {}

    def find(self, host: int, pid: int) -> Task | None:
        """Return the task of that host and pid."""
        index = self._index.get((host, pid))
        return None if index is None else self.tasks[index]

    def keep(self, event: TaskEvent, task: Task | None, comm: bytes) -> Task:
        """Write an event's task anew, or add it where it is None."""
        if task is None:
            if len(self.tasks) == self.capacity:
                self._make_room()
            task = Task(event.host, event.pid)
            self._index[event.host, event.pid] = len(self.tasks)
            self.tasks.append(task)
        task.parent_pid = event.parent_pid
        task.time, task.seen = event.time, max(task.seen, event.time)
        if event.start_time and event.tid in {0, event.pid}:
            task.start_time = event.start_time
        task.entity = event.entity or task.entity
        task.comm = comm
        task.age = 1
        return task

    def remove(self, task: Task) -> None:
        """Forget a task; the last one takes its place."""
        index = self._index.pop((task.host, task.pid))
        last = self.tasks.pop()
        if last is not task:
            self.tasks[index] = last
            self._index[last.host, last.pid] = index

    def _make_room(self) -> None:
        """Make room for one task: drop those that ended, then grow, then evict."""
        if self.capacity < self.max_tasks:
            index = 0
            while index < len(self.tasks):
                task = self.tasks[index]
                if task.flags & HAS_EXITED and task.seen + self.window < self.clocks.newest(
                    task.host
                ):
                    self.remove(task)
                else:
                    index += 1
            if 4 * len(self.tasks) > 3 * self.capacity:
                self.capacity = min(2 * self.capacity, self.max_tasks)
        if len(self.tasks) == self.capacity:
            self._evict()

    def _evict(self) -> None:
        """Forget the task that was longest without a sign of life: the clock algorithm.

        A web server outlives three turns of the clock, another task one, a task that ended none.
        """
        while True:
            if self.hand >= len(self.tasks):
                self.hand = 0
            task = self.tasks[self.hand]
            if task.age == 0:
                self.remove(task)
                self.evicted += 1
                return
            task.age -= 1
            self.hand += 1

    def restore(self, tasks: list[Task]) -> None:
        """Replace all tasks."""
        self.tasks = tasks
        self._index = {(task.host, task.pid): index for index, task in enumerate(tasks)}
