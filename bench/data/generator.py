"""A generated Tracee event stream of a small cluster, and the truth about it.

    python bench/data/generator.py OUT.jsonl --events 100000
        [--seed 1016] [--mix mixed|exec] [--hits]

OUT `-` is stdout. The truth goes to stderr as JSON: how many events of each name, how many findings
the rule must make of each of its two events, how many near misses of each kind.

**What is in it.** Nodes with system services, and pods whose containers run web servers,
application servers and databases, under the names that such servers really have: generator.toml is
the whole list. A mix says which share of the events belongs to execs: 3 % in `mixed`, all in
`exec`. An exec gives the events that the kernel's path gives: security_bprm_check under the old
name (for a `#!` script again, for the interpreter), then sched_process_exec under the new one,
others between. The rest is noise of the kinds that Tracee prints most; a line of `mixed` has about
1 KB. One exec in 100 is a web server that spawns a shell; of the others 15 % nearly are, each kind
in turn.

**Why it can be an oracle.** Each planted line carries by construction whether the rule finds it;
nothing here decides by a rule. Every line is valid JSON of Tracee v0.24's shape, escaped as in Go.

**Repeatability.** The bytes depend on (events, seed, mix) alone; a shorter stream is the beginning
of a longer one. Of the random module only `Random(int)`, `random()` and `getrandbits()` are used,
whose results are the same in every Python version; those of `choice` and `shuffle` are not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
import sys
import tomllib
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TABLES = Path(__file__).with_name("generator.toml")
FIRST_TIME = 1767312000000000000  # ns; of the same order as the times Tracee prints
CONTAINED_SHARE = 0.27  # of the noise: from containers, whose lines are longer
RESUME_CHANCE = 0.75  # that the next line belongs to an exec under way, if there is one
BLOCK = 1024  # lines per write

T = TypeVar("T")
Row = dict[str, Any]  # of a table


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares between 0 and 1: exec events of all; hits of the execs; near misses of the others."""

    name: str
    exec_share: float
    hit_share: float = 0.01
    near_share: float = 0.15

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for share in (self.exec_share, self.hit_share, self.near_share):
            if not 0 <= share <= 1:
                raise ValueError(f"a share must be between 0 and 1: {share}")


MIXED = Mix("mixed", exec_share=0.03)
EXEC = Mix("exec", exec_share=1.0)
MIXES = {mix.name: mix for mix in (MIXED, EXEC)}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a stream contains. `findings` are exact; `hits` are their row numbers, if asked for."""

    events: int
    bytes: int
    by_event: dict[str, int]
    findings: dict[str, int]
    near_misses: dict[str, int]
    hits: tuple[int, ...] = ()


# --- The tables: generator.toml says what each field means ----------------------------------------


class _Service(NamedTuple):
    name: str
    namespace: str
    image: str
    exe: str
    comms: list[str]
    uid: int
    replicas: int


class _Exec(NamedTuple):
    service: str
    prev: str
    file: str
    argv: list[str]
    kind: str = ""
    real: str | None = None
    interp: str | None = None
    comm: str | None = None
    finds: str = ""


# --- From tables to text --------------------------------------------------------------------------

_GO_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
_MARK = re.compile(r'"\$\{(\w+)\}"|\$\{(\w+)\}')


def _template(fields: Row) -> bytes:
    """`fields` as the inside of a JSON object, as Go writes it, ready for `%` with numbers."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).translate(_GO_ESCAPES)
    return _MARK.sub(r"%(\1\2)d", text[1:-1].replace("%", "%%")).encode()


@dataclass(frozen=True, slots=True)
class _Pod:
    """A pod, or a node's own processes: what its events have in common."""

    service: _Service
    cgroup: int
    first_pid: int
    namespaces: tuple[int, int]
    host_name: str
    container: dict[str, str]
    kubernetes: dict[str, str]

    def head(self, comm: str, exe: str, task: int | None = None) -> bytes:
        """Make the line up to the event's own part. `task` None: a child just forked by task 0."""
        ids: tuple[int | str, int, int | str, int]  # on the node, in the container: own, parent's
        if task is None:
            ids = ("${host}", self.first_pid, "${pid}", 1)
        else:
            ids = (self.first_pid + task, self.first_pid - 1, 1 + task, 0)
        host, host_parent, pid, parent = ids if self.container else ids[:2] * 2
        fields = {
            "timestamp": "${time}",
            "threadStartTime": FIRST_TIME - self.first_pid * 1000003,
            "processorId": "${cpu}",
            "processId": pid,
            "cgroupId": self.cgroup,
            "threadId": pid,
            "parentProcessId": parent,
            "hostProcessId": host,
            "hostThreadId": host,
            "hostParentProcessId": host_parent,
            "userId": self.service.uid,
            "mountNamespace": self.namespaces[0],
            "pidNamespace": self.namespaces[1],
            "processName": comm,
            "executable": {"path": exe},
            "hostName": self.host_name,
            "containerId": self.container.get("id", ""),
            "container": self.container,
            "kubernetes": self.kubernetes,
        }
        return b"{%b," % _template(fields)


@dataclass(slots=True, eq=False)
class _Tail:
    """The event's own part of a line, what is true of it, and how often it was written."""

    event: str
    kind: str
    finds: bool
    text: bytes = field(repr=False)
    count: int = 0


def _tail(row: Row, values: Row, *, contained: bool, kind: str = "", finds: bool = False) -> _Tail:
    """Make the event of a row, with `values` in the place of their `${names}` in its arguments."""
    named = {f"${{{name}}}": value for name, value in values.items()}
    args = [
        {"name": name, "type": type_, "value": named.get(str(value), value)}
        for name, type_, value in row["args"]
    ]
    fields = {
        "eventId": str(row["event_id"]),
        "eventName": row["event"],
        "matchedPolicies": ["runtime-baseline"],
        "argsNum": len(args),
        "returnValue": row.get("result", 0),
        "syscall": row.get("syscall", row["event"]),
        "stackAddresses": None,
        "contextFlags": {"containerStarted": contained, "isCompat": False},
        "threadEntityId": "${word}",
        "processEntityId": "${word}",
        "parentEntityId": "${entity}",
        "args": args,
    }
    return _Tail(row["event"], "" if finds else kind, finds, b"%b}\n" % _template(fields))


Step = tuple[bytes, _Tail]


def _steps(row: _Exec, pod: _Pod, check: Row, done: Row) -> list[Step]:
    """Make the lines of one exec in `pod`, in the kernel's order."""
    make = partial(_tail, contained=bool(pod.container), kind=row.kind)
    opened = row.real or row.file
    loaded = row.interp or opened
    running = pod.service.exe if row.prev in pod.service.comms else ""
    comm = row.file.rpartition("/")[2].encode()[:15].decode() if row.comm is None else row.comm
    before, after = pod.head(row.prev, running), pod.head(comm, loaded)
    values = row._asdict() | {"interp": row.interp or row.file}
    steps = []
    for path in dict.fromkeys((opened, loaded)):
        finds = row.finds in ("both", "check") and path == loaded
        steps.append((before, make(check, values | {"path": path}, finds=finds)))
    finds = row.finds in ("both", "exec")
    return [*steps, (after, make(done, values | {"path": loaded}, finds=finds))]


# --- The stream -----------------------------------------------------------------------------------


class _Stream:
    """All templates of one stream, and the random choice among them."""

    def __init__(self, seed: int, mix: Mix) -> None:
        tables = tomllib.loads(TABLES.read_text(encoding="utf-8"))
        self.rng = random.Random(seed)
        self.mix = mix
        self.tails: list[_Tail] = []
        services = [_Service(**row) for row in tables["service"]]
        pods = [self._pod(service, n) for service in services for n in range(service.replicas)]
        self.heads: list[list[bytes]] = [[], []]  # of long-lived tasks: on nodes, in containers
        self.noise: list[list[_Tail]] = [[], []]  # each as often as its weight says
        for pod in pods:
            self.heads[bool(pod.container)] += [
                pod.head(comm, pod.service.exe, task) for task, comm in enumerate(pod.service.comms)
            ]
        for row in tables["noise"]:
            weight, make = row["weight"], partial(_tail, kind=row.get("kind", ""))
            for path, contained in product(row.get("paths", [""]), (False, True)):
                tail = make(row, {"path": path}, contained=contained)
                self.noise[contained] += [tail] * weight
                self.tails.append(tail)
        self.hits, self.near, self.ordinary = (
            [self._variants(row, pods, tables["exec"]) for row in tables["exec"][name]]
            for name in ("hits", "near", "ordinary")
        )

    def lines(self) -> Iterator[tuple[bytes, _Tail]]:
        """Yield the stream, without end."""
        uniform, bits, pick = self.rng.random, self.rng.getrandbits, self._pick
        heads, noise, execs = self.heads, self.noise, self._execs()
        # An exec gives two lines, so that fewer of the choices may be execs than of the lines.
        exec_chance = self.mix.exec_share / (2 - self.mix.exec_share)
        waiting: deque[tuple[Step, int]] = deque()
        time = FIRST_TIME
        while True:
            drawn = bits(64)
            if waiting and uniform() < RESUME_CHANCE:
                (head, tail), task = waiting.popleft()
            elif uniform() < exec_chance:
                task = bits(40)
                (head, tail), *later = next(execs)
                waiting.extend((step, task) for step in later)
            else:
                task = drawn
                contained = uniform() < CONTAINED_SHARE
                head, tail = pick(heads[contained]), pick(noise[contained])
            time += 1 + (drawn & 0xFFFF)
            numbers = {
                b"time": time,
                b"cpu": drawn & 15,
                b"low": drawn >> 4 & 7,
                b"fd": drawn >> 8 & 255,
                b"size": drawn >> 16 & 0xFFFF,
                b"big": 0x7F0000000000 | drawn >> 24,
                b"entity": drawn >> 20 & 0xFFFFFFFF,
                # One exec's lines agree on these.
                b"word": task & 0xFFFFFFFF,
                b"pid": 64 + (task & 0x7FFF),
                b"host": 65536 + (task & 0x3FFFFF),
                b"inode": 262144 + (task >> 8 & 0xFFFFF),
            }
            yield head % numbers + tail.text % numbers, tail

    def _execs(self) -> Iterator[list[Step]]:
        """Execs without end. The hits' share is kept by counting: short streams have theirs too."""
        hits, near, ordinary = map(self._turns, (self.hits, self.near, self.ordinary))
        due = self.rng.random()
        while True:
            due += self.mix.hit_share
            if due >= 1:
                due -= 1
                yield next(hits)
            else:
                yield next(near if self.rng.random() < self.mix.near_share else ordinary)

    def _turns(self, rows: list[list[list[Step]]]) -> Iterator[list[Step]]:
        """Every row once, in a new order each round, in any replica of its service."""
        while True:
            left = rows[:]
            while left:
                yield self._pick(left.pop(int(self.rng.random() * len(left))))

    def _pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.rng.random() * len(choices))]

    def _variants(self, row: Row, pods: list[_Pod], table: Row) -> list[list[Step]]:
        """Make one exec as it looks in each replica of its service."""
        run = row.pop("run", table["default_run"])
        row.setdefault("argv", [row["file"].rpartition("/")[2], "-c", run])
        what = _Exec(**row)
        homes = [pod for pod in pods if pod.service.name == what.service]
        variants = [_steps(what, pod, table["check"], table["done"]) for pod in homes]
        self.tails += [tail for steps in variants for _, tail in steps]
        return variants

    def _pod(self, service: _Service, number: int) -> _Pod:
        bits = self.rng.getrandbits

        def digits(count: int) -> str:
            return f"{bits(4 * count):0{count}x}"

        cgroup, first_pid = 4096 + bits(14), 4096 + 64 * bits(9)
        if not service.image:
            namespaces = (4026531841, 4026531836)
            return _Pod(service, cgroup, first_pid, namespaces, f"worker-{number}", {}, {})
        pod_name = f"{service.name}-{digits(10)}-{digits(5)}"
        container = {
            "id": digits(64),
            "name": service.name,
            "image": service.image,
            "imageDigest": f"{service.image.partition(':')[0]}@sha256:{digits(64)}",
        }
        kubernetes = {
            "podName": pod_name,
            "podNamespace": service.namespace,
            "podUID": "-".join(digits(count) for count in (8, 4, 4, 4, 12)),
        }
        namespaces = (4026532000 + bits(11), 4026534100 + bits(11))
        return _Pod(service, cgroup, first_pid, namespaces, pod_name[:15], container, kubernetes)


def write_stream(
    out: BinaryIO, events: int, *, seed: int = 1016, mix: Mix = MIXED, keep_hits: bool = False
) -> Truth:
    """Write `events` lines to `out`; with `keep_hits` the truth has the findings' row numbers."""
    stream = _Stream(seed, mix)
    lines = islice(stream.lines(), events)
    size = row = 0
    hits: list[int] = []
    while block := list(islice(lines, BLOCK)):
        size += out.write(b"".join([line for line, _ in block]))
        for _, tail in block:
            tail.count += 1
            if keep_hits and tail.finds:
                hits.append(row)
            row += 1
    by_event: Counter[str] = Counter()
    near_misses: Counter[str] = Counter()
    findings = {"security_bprm_check": 0, "sched_process_exec": 0}
    for tail in stream.tails:
        by_event[tail.event] += tail.count
        if tail.finds:
            findings[tail.event] += tail.count
        if tail.kind:
            near_misses[tail.kind] += tail.count
    return Truth(events, size, dict(+by_event), findings, dict(+near_misses), tuple(hits))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Write a generated Tracee event stream.")
    parser.add_argument("out", metavar="OUT", help="file to write, or - for stdout")
    parser.add_argument("--events", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1016)
    parser.add_argument("--mix", choices=MIXES, default=MIXED.name)
    parser.add_argument("--hits", action="store_true", help="list the findings' row numbers")
    options = parser.parse_args(arguments)
    if options.events < 0:
        parser.error("--events must not be negative")
    mix = MIXES[options.mix]

    def write(out: BinaryIO) -> Truth:
        return write_stream(out, options.events, seed=options.seed, mix=mix, keep_hits=options.hits)

    if options.out == "-":
        truth = write(sys.stdout.buffer)
    else:
        with Path(options.out).open("wb") as out:
            truth = write(out)
    sys.stderr.write(json.dumps(dataclasses.asdict(truth), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
