"""Turn the captured execs into the lines Tracee v0.24 would print for them.

    python examples/make_lab_events.py           writes lab_events.jsonl
    python examples/make_lab_events.py --check   exit 1 if the committed file is not current

For each captured exec the kernel passes these points, in this order:

1. security_bprm_check for the file given to execve. The task still has its old name.
2. For a `#!` script, security_bprm_check again for the interpreter; still the old name.
3. sched_process_exec, once the new program is in place and the task carries its new name.

Only what the capture knows goes in. What it does not know has the neutral value of its type
(0, "", false, null), and says nothing about the machine: user, CPU, cgroup and namespace numbers,
host name, device, inode, times other than the event's, argv, environment, stdin, working directory.
Paths are as given to execve, where Tracee resolves symbolic links. `matchedPolicies` and `metadata`
are left out, as Tracee leaves them out when they are empty.
"""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
CAPTURE = HERE / "lab_exec_events.jsonl"
EVENTS = HERE / "lab_events.jsonl"

SECURITY_BPRM_CHECK = ("security_bprm_check", "731")
SCHED_PROCESS_EXEC = ("sched_process_exec", "715")

# What Go's encoding/json escapes beyond the rules of JSON itself.
GO_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})

Row = dict[str, Any]
Arg = tuple[str, str, Any]


def load_capture(path: Path = CAPTURE) -> list[Row]:
    """Read the rows of the capture; numbers with a fraction stay exact (`Decimal`)."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line, parse_float=Decimal) for line in lines]


def events_of(row: Row) -> Iterator[Row]:
    """Yield the Tracee events of one captured exec, in the kernel's order."""
    before, after = row["prev_comm"], row["comm"]
    yield _event(row, SECURITY_BPRM_CHECK, before, row["prev_exe"], _check_args(row["filename"]))
    if row["script"]:
        yield _event(row, SECURITY_BPRM_CHECK, before, row["prev_exe"], _check_args(row["interp"]))
    yield _event(row, SCHED_PROCESS_EXEC, after, row["interp"], _exec_args(row))


def go_json(value: object) -> str:
    """Compact JSON as Go's encoding/json writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(GO_ESCAPES)


def render(rows: list[Row]) -> bytes:
    """Make the whole file: one event a line."""
    return "".join(go_json(event) + "\n" for row in rows for event in events_of(row)).encode()


def _check_args(pathname: str) -> list[Arg]:
    return [
        ("pathname", "string", pathname),
        ("dev", "uint32", 0),
        ("inode", "uint64", 0),
        ("argv", "[]string", None),
        ("envp", "[]string", None),
    ]


def _exec_args(row: Row) -> list[Arg]:
    return [
        ("cmdpath", "string", row["filename"]),
        # By now the kernel holds the interpreter's file in the place of a script's.
        ("pathname", "string", row["interp"]),
        ("dev", "uint32", 0),
        ("inode", "uint64", 0),
        ("ctime", "uint64", 0),
        ("inode_mode", "uint16", 0),
        ("interpreter_pathname", "string", ""),
        ("interpreter_dev", "uint32", 0),
        ("interpreter_inode", "uint64", 0),
        ("interpreter_ctime", "uint64", 0),
        ("argv", "[]string", None),
        ("interp", "string", row["interp"]),
        ("stdin_type", "uint16", 0),
        ("stdin_path", "string", ""),
        ("invoked_from_kernel", "bool", False),
        ("prev_comm", "string", row["prev_comm"]),
        ("env", "[]string", None),
        ("pwd", "string", ""),
    ]


def _event(row: Row, event: tuple[str, str], comm: str, exe: str | None, args: list[Arg]) -> Row:
    event_name, event_id = event
    pid, ppid = row["pid"], row["ppid"]
    # No PID namespaces in the lab, and an exec leaves one thread: its id is the process's.
    return {
        "timestamp": int(row["ts"] * 1_000_000_000),
        "threadStartTime": 0,
        "processorId": 0,
        "processId": pid,
        "cgroupId": 0,
        "threadId": pid,
        "parentProcessId": ppid,
        "hostProcessId": pid,
        "hostThreadId": pid,
        "hostParentProcessId": ppid,
        "userId": 0,
        "mountNamespace": 0,
        "pidNamespace": 0,
        "processName": comm,
        "executable": {"path": exe or ""},
        "hostName": "",
        "containerId": "",
        "container": {},
        "kubernetes": {},
        "eventId": event_id,
        "eventName": event_name,
        "argsNum": len(args),
        "returnValue": 0,
        "syscall": "execve",
        "stackAddresses": None,
        "contextFlags": {"containerStarted": False, "isCompat": False},
        "threadEntityId": 0,
        "processEntityId": 0,
        "parentEntityId": 0,
        "args": [{"name": name, "type": kind, "value": value} for name, kind, value in args],
    }


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Write lab_events.jsonl from the capture.")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 if not current")
    options = parser.parse_args(argv)
    wanted = render(load_capture())
    if options.check:
        if EVENTS.is_file() and EVENTS.read_bytes() == wanted:
            return 0
        sys.stderr.write(f"{EVENTS.name} is not current: run {Path(__file__).name}\n")
        return 1
    EVENTS.write_bytes(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
