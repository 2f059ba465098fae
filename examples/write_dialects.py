"""Write the captured execs in every dialect that illshell reads, each as its sensor would.

    python examples/write_dialects.py FOLDER    writes FOLDER/NAME.jsonl for each dialect
    python examples/write_dialects.py           prints what TRC-1016 makes of them, as a table

Only what the capture knows goes in; what a sensor would leave out without it is left out. A sensor
that has only paths has no name of the task, one that has only the parent's pid no parent's name:
docs/dialects.md has what follows from that.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from make_lab_events import events_of, go_json, load_capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HOST: Final = "web-1"
JUDGED: Final = "sched_process_exec"

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exec:
    """What a sensor may know of an exec; None and "" where it does not.

    ``pathname`` is resolved, ``filename`` as given to execve. ``in_place``: the process had run
    another program before, so that it is not its parent's program that this one replaced.
    """

    time: int
    pid: int
    parent_pid: int
    comm: str
    prev_comm: str
    filename: str
    pathname: str
    prev_exe: str | None
    parent_comm: str | None
    parent_exe: str | None
    in_place: bool = False
    argv: Sequence[str] = ()
    cwd: str = ""
    uid: int | None = None
    container: str = ""
    image: str = ""
    inode: int | None = None
    start: int = 0

    @property
    def rfc3339(self) -> str:
        """Return the time with nine digits of a second."""
        return rfc3339(self.time)

    def identity(self, *, parent: bool = False) -> str:
        """Return an opaque name of the process or its parent, as Tetragon and Elastic do."""
        pid = self.parent_pid if parent else self.pid
        return base64.b64encode(f"{HOST}:{pid}".encode()).decode()


def execs_of(rows: Sequence[Mapping[str, Any]]) -> Iterator[Exec]:
    """Yield the execs of the capture."""
    seen: set[int] = set()
    for row in rows:
        parent = row["ancestors"][0] if row["ancestors"] else {}
        in_place = row["pid"] in seen
        seen.add(row["pid"])
        yield Exec(
            time=int(row["ts"] * 1_000_000_000),
            pid=row["pid"],
            parent_pid=row["ppid"],
            comm=row["comm"],
            prev_comm=row["prev_comm"],
            filename=row["filename"],
            pathname=row["interp"],
            prev_exe=row["prev_exe"],
            # A process that was just forked still has its parent's name.
            parent_comm=parent.get("comm", None if in_place else row["prev_comm"]),
            parent_exe=parent.get("exe"),
            in_place=in_place,
        )


def known(**values: Any) -> Line:
    """Return an object of the values that are known."""
    return {key: value for key, value in values.items() if value not in (None, "", (), {}, [])}


def rfc3339(time: int) -> str:
    """Return nanoseconds since 1970 as a time with nine digits of a second."""
    seconds, nanoseconds = divmod(time, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def name_of(path: str | None) -> str | None:
    """Return a path's file name."""
    return None if path is None else path.rpartition("/")[2]


def tracee_v1beta1(each: Exec) -> Iterator[Line]:
    """Tracee of today's main: the checks before the exec, then the exec."""
    file: list[Line] = [
        {"name": "dev", "u_int32": 0},
        {"name": "inode", "u_int64": str(each.inode or 0)},
        {"name": "argv", "str_array": {"value": list(each.argv)} if each.argv else {}},
    ]
    # Of a script the kernel checks the interpreter, too.
    for path in dict.fromkeys([each.filename, each.pathname]):
        data: list[Line] = [{"name": "pathname", "str": path}, *file]
        yield _v1beta1(each, 1031, "security_bprm_check", each.prev_comm, data)
    done: list[Line] = [
        {"name": "cmdpath", "str": each.filename},
        {"name": "pathname", "str": each.pathname},
        *file,
        {"name": "interp", "str": each.pathname},
        {"name": "invoked_from_kernel", "bool": False},
        {"name": "prev_comm", "str": each.prev_comm},
        {"name": "env", "str_array": {}},
        {"name": "pwd", "str": each.cwd},
    ]
    yield _v1beta1(each, 1015, "sched_process_exec", each.comm, done)


def _v1beta1(each: Exec, number: int, name: str, comm: str, data: list[Line]) -> Line:
    parent = {"unique_id": each.parent_pid, "host_pid": each.parent_pid, "pid": each.parent_pid}
    return {
        "timestamp": each.rfc3339,
        "id": number,
        "name": name,
        "policies": {"matched": [""]},
        "workload": known(
            process={
                "unique_id": each.pid,
                "host_pid": each.pid,
                "pid": each.pid,
                "real_user": {"id": each.uid or 0},
                "thread": {
                    "start_time": rfc3339(each.start),
                    "name": comm,
                    "unique_id": each.pid,
                    "host_tid": each.pid,
                    "tid": each.pid,
                    "syscall": "execve",
                },
                "ancestors": [parent],
            },
            container=known(
                id=each.container,
                image=known(name=each.image),
                started=bool(each.container) or None,
            ),
        ),
        "data": data,
    }


def tracee_grpc(each: Exec) -> Iterator[Line]:
    """Tracee's gRPC messages as protobuf's JSON has them: ids are names."""
    for event in tracee_v1beta1(each):
        yield {"event": event | {"id": event["name"]}}


def tetragon(each: Exec) -> Iterator[Line]:
    """Tetragon: paths and no names; the parent of an exec in place is the former program."""
    parent = known(
        exec_id=each.identity(parent=not each.in_place),
        pid=each.pid if each.in_place else each.parent_pid,
        binary=each.prev_exe,
    )
    process = known(
        exec_id=each.identity(),
        pid=each.pid,
        uid=each.uid,
        cwd=each.cwd,
        binary=each.filename,
        arguments=" ".join(each.argv[1:]),
        flags="execve" if each.in_place else "execve clone",
        start_time=each.rfc3339,
        auid=4294967295,
        pod=known(
            container=known(
                id=each.container and f"containerd://{each.container}",
                image=known(name=each.image),
            )
        ),
        docker=each.container[:31],
        parent_exec_id=parent["exec_id"],
        tid=each.pid,
    )
    yield {
        "process_exec": {"process": process, "parent": parent},
        "node_name": HOST,
        "time": each.rfc3339,
    }


def falco(each: Exec) -> Iterator[Line]:
    """Falco with illshell's rule: a value that it does not know is null."""
    fields = {
        "container.id": each.container or "host",
        "container.image": each.image or None,
        "evt.arg.res": 0,
        "evt.hostname": HOST,
        "evt.rawtime": each.time,
        "evt.type": "execve",
        "proc.cmdline": " ".join([each.comm, *each.argv[1:]]),
        "proc.cwd": each.cwd or None,
        "proc.exe_ino": each.inode,
        "proc.exepath": each.pathname,
        "proc.is_exe_from_memfd": False,
        "proc.name": each.comm,
        "proc.pexepath": each.parent_exe,
        "proc.pid": each.pid,
        "proc.pid.ts": each.start or None,
        "proc.pname": each.parent_comm,
        "proc.ppid": each.parent_pid,
        "thread.tid": each.pid,
        "user.uid": each.uid,
    }
    yield {
        "hostname": HOST,
        "output": f"{each.rfc3339}: Informational exec",
        "output_fields": fields,
        "priority": "Informational",
        "rule": "illshell exec",
        "source": "syscall",
        "tags": ["illshell"],
        "time": each.rfc3339,
    }


def elastic_defend(each: Exec) -> Iterator[Line]:
    """Elastic Defend: file names for names; a symbolic link is resolved."""
    parent = known(
        entity_id=each.identity(parent=True),
        executable=each.parent_exe,
        name=name_of(each.parent_exe),
        pid=each.parent_pid,
    )
    yield {
        "@timestamp": each.rfc3339,
        "event": {
            "action": "exec",
            "category": ["process"],
            "dataset": "endpoint.events.process",
            "kind": "event",
            "module": "endpoint",
            "type": ["start"],
        },
        "host": {"hostname": HOST, "name": HOST, "os": {"type": "linux"}},
        "process": known(
            args=list(each.argv),
            command_line=" ".join(each.argv),
            entity_id=each.identity(),
            executable=each.pathname,
            name=name_of(each.pathname),
            pid=each.pid,
            start=rfc3339(each.start) if each.start else None,
            working_directory=each.cwd,
            parent=parent,
            previous=[{"executable": each.prev_exe}] if each.prev_exe else None,
        ),
        **known(
            container=known(id=each.container, image=known(name=each.image)),
            user=known(id=None if each.uid is None else str(each.uid)),
        ),
    }


def auditbeat(each: Exec) -> Iterator[Line]:
    """Auditbeat's module auditd: of the parent only the pid."""
    yield {
        "@timestamp": each.rfc3339,
        "auditd": {
            "data": {"arch": "x86_64", "syscall": "execve"},
            "message_type": "syscall",
            **known(
                paths=[
                    known(
                        dev="08:01",
                        inode=None if each.inode is None else str(each.inode),
                        item="0",
                        name=each.filename,
                    )
                ]
            ),
            "result": "success",
        },
        "event": {
            "action": "executed",
            "category": ["process"],
            "module": "auditd",
            "type": ["start"],
        },
        "host": {"name": HOST},
        "process": known(
            args=list(each.argv),
            executable=each.pathname,
            name=each.comm,
            pid=each.pid,
            parent={"pid": each.parent_pid},
            title=" ".join(each.argv),
            working_directory=each.cwd,
        ),
        "service": {"type": "auditd"},
        **known(user=known(id=None if each.uid is None else str(each.uid))),
    }


def laurel(each: Exec) -> Iterator[Line]:
    """Linux audit joined by laurel: names and paths, of what started the program too."""
    seconds, nanoseconds = divmod(each.time, 10**9)
    identity = f"{seconds}.{nanoseconds // 10**6:03}:{each.pid}"
    spawner = known(
        EVENT_ID=f"0.000:{each.pid if each.in_place else each.parent_pid}",
        pid=each.pid if each.in_place else each.parent_pid,
        comm=each.prev_comm,
        exe=each.prev_exe,
    )
    yield {
        "ID": identity,
        "NODE": HOST,
        "SYSCALL": {
            "arch": "0xc000003e",
            "syscall": 59,
            "success": "yes",
            "exit": 0,
            "ppid": each.parent_pid,
            "pid": each.pid,
            "uid": 4294967295 if each.uid is None else each.uid,
            "comm": each.comm,
            "exe": each.pathname,
            "SYSCALL": "execve",
            "PID": known(EVENT_ID=identity, container=known(id=each.container)),
            "SPAWNED_BY": spawner,
        },
        "EXECVE": {"argc": len(each.argv), "ARGV": list(each.argv)},
        **known(CWD=known(cwd=each.cwd)),
        "PATH": [known(item=0, name=each.filename, inode=each.inode, dev="08:01")],
    }


def ocsf(each: Exec) -> Iterator[Line]:
    """OCSF Process Activity: the actor is what launched the program."""
    actor = known(
        pid=each.pid if each.in_place else each.parent_pid,
        name=each.prev_comm,
        uid=each.identity(parent=not each.in_place),
        file=known(name=name_of(each.prev_exe), path=each.prev_exe),
    )
    process = known(
        pid=each.pid,
        name=each.comm,
        uid=each.identity(),
        cmd_line=" ".join(each.argv),
        created_time=each.start // 10**6 or None,
        working_directory=each.cwd,
        file={"name": name_of(each.pathname), "path": each.pathname, "type_id": 1},
        user=known(uid=None if each.uid is None else str(each.uid)),
        container=known(uid=each.container, image=known(name=each.image)),
        parent_process=known(
            pid=each.parent_pid,
            name=each.parent_comm,
            uid=each.identity(parent=True),
            file=known(name=name_of(each.parent_exe), path=each.parent_exe),
        ),
    )
    yield {
        "activity_id": 1,
        "category_uid": 1,
        "class_uid": 1007,
        "type_uid": 100701,
        "time": each.time // 10**6,
        "severity_id": 1,
        "launch_type_id": 3 if each.in_place else 1,
        "metadata": {
            "version": "1.8.0",
            "product": {"vendor_name": "example", "name": "sensor"},
            "profiles": ["container", "linux/linux_users"],
        },
        "device": {"type_id": 1, "hostname": HOST},
        "actor": {"process": actor},
        "process": process,
    }


WRITERS: Final[Mapping[str, Callable[[Exec], Iterator[Line]]]] = {
    "tracee-v1beta1": tracee_v1beta1,
    "tracee-grpc": tracee_grpc,
    "tetragon": tetragon,
    "falco": falco,
    "elastic-defend": elastic_defend,
    "auditbeat": auditbeat,
    "laurel": laurel,
    "ocsf": ocsf,
}
"""Each dialect but Tracee's to v0.24, which make_lab_events.py writes."""


def written(name: str) -> bytes:
    """Return the capture in a dialect, one event a line."""
    rows = load_capture()
    if name == "tracee":
        return "".join(go_json(event) + "\n" for row in rows for event in events_of(row)).encode()
    lines = (line for each in execs_of(rows) for line in WRITERS[name](each))
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()


def verdicts(name: str) -> tuple[int, int, int]:
    """Return how many execs of a dialect TRC-1016 judged, reported, and could not judge."""
    from illshell import IllegitimateShell, IllshellError
    from illshell.dialects.canonical import canonical_event
    from illshell.dialects.loader import choose_dialects
    from illshell.model.finding import Finding  # noqa: TC001 (a list of them is annotated)
    from illshell.model.signature import SignatureContext

    findings: list[Finding] = []
    judged = errors = 0
    signature = IllegitimateShell([JUDGED])
    signature.init(SignatureContext(findings.append))
    for line in written(name).splitlines():
        event = canonical_event(json.loads(line), choose_dialects([name]))
        assert event is not None
        if event.event_name != JUDGED:
            continue
        judged += 1
        try:
            signature.on_event(event.as_tracee())
        except IllshellError:
            errors += 1
    return judged, len(findings), errors


def table() -> str:
    """Return the verdicts on each dialect in Markdown."""
    lines = ["| dialect | execs judged | findings | could not be judged |", "|---|---|---|---|"]
    for name in ("tracee", *WRITERS):
        judged, findings, errors = verdicts(name)
        lines.append(f"| `{name}` | {judged} | {findings} | {errors} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Write the capture in every dialect.")
    parser.add_argument("folder", type=Path, nargs="?", help="where the files go")
    folder: Path | None = parser.parse_args(argv).folder
    if folder is None:
        sys.stdout.write(table())
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tracee", *WRITERS):
        (folder / f"{name}.jsonl").write_bytes(written(name))


if __name__ == "__main__":
    main()
