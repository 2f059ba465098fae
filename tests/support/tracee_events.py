"""Tracee events, made for the tests."""

from __future__ import annotations

from typing import Any


def argument(name: str, value: Any, kind: str = "string") -> dict[str, Any]:
    """Make an argument as Tracee's JSON has it."""
    return {"name": name, "type": kind, "value": value}


def bprm_check(comm: Any, pathname: Any, **more: Any) -> dict[str, Any]:
    """Make the payload of a security_bprm_check event."""
    args = [argument("pathname", pathname), argument("dev", 8, "uint32")]
    return {"eventName": "security_bprm_check", "processName": comm, "args": args, **more}


def process_exec(prev_comm: Any, comm: Any, **more: Any) -> dict[str, Any]:
    """Make the payload of a sched_process_exec event."""
    args = [argument("cmdpath", "/bin/x"), argument("prev_comm", prev_comm)]
    return {"eventName": "sched_process_exec", "processName": comm, "args": args, **more}
