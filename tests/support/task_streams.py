"""Tracee's payloads for process trees, as short calls."""

from __future__ import annotations

from typing import Any

START = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000


class Stream:
    """Makes the events of one host, one millisecond apart."""

    def __init__(self, host: str = "web-1", **common: Any) -> None:
        self.host = host
        self.common = common
        self.time = START
        self.events: list[dict[str, Any]] = []

    def exec(
        self,
        pid: int,
        parent: int,
        before: str,
        after: str,
        path: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Add sched_process_exec; ``path`` is both the given and the resolved one."""
        path = f"/usr/bin/{after}" if path is None else path
        args = {
            "cmdpath": more.pop("cmdpath", path),
            "pathname": path,
            "dev": more.pop("dev", 0),
            "inode": more.pop("inode", 0),
            "ctime": more.pop("ctime", 0),
            "argv": more.pop("argv", None),
            "interp": more.pop("interp", path),
            "prev_comm": before,
        }
        if "sha256" in more:
            args["sha256"] = more.pop("sha256")
        return self._add("sched_process_exec", pid, parent, after, args, more)

    def check(self, pid: int, parent: int, comm: str, path: str, **more: Any) -> dict[str, Any]:
        """Add security_bprm_check."""
        args = {"pathname": path, "dev": 0, "inode": 0, "argv": more.pop("argv", None)}
        return self._add("security_bprm_check", pid, parent, comm, args, more)

    def fork(self, pid: int, parent: int, comm: str, **more: Any) -> dict[str, Any]:
        """Add sched_process_fork."""
        args = {"child_pid": pid, "child_tid": more.pop("child_tid", pid), "start_time": 0}
        return self._add("sched_process_fork", parent, 1, comm, args, more)

    def exit(self, pid: int, comm: str, **more: Any) -> dict[str, Any]:
        """Add sched_process_exit."""
        return self._add("sched_process_exit", pid, 1, comm, {}, more)

    def wait(self, milliseconds: int) -> None:
        """Let time pass."""
        self.time += milliseconds * MILLISECOND

    def _add(
        self, name: str, pid: int, parent: int, comm: str, args: dict[str, Any], more: Any
    ) -> dict[str, Any]:
        self.time += MILLISECOND
        event = {
            "timestamp": self.time,
            "eventName": name,
            "hostName": self.host,
            "hostProcessId": pid,
            "hostThreadId": pid,
            "hostParentProcessId": parent,
            "processName": comm,
            "args": [{"name": key, "value": value} for key, value in args.items()],
            **self.common,
            **more,
        }
        self.events.append(event)
        return event
