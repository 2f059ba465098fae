"""Hostile JSON lines by the hundred thousand, and what the plain loop over them finds.

The tables are those of json_lines_at_random; hypothesis itself is too slow for millions of lines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any

from json_lines_at_random import DAMAGES, JUNK, RENDERINGS, VALUES
from tracee_events import argument, bprm_check, process_exec

from illshell import IllshellError, SignatureContext
from illshell.readers.json_lines.definition import MAX_DEPTH, MAX_LINE
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

COMMS = ["nginx", "apache2", "sh", "dash", "cat", "http-nio", *WEB_SERVERS, *SHELLS, *VALUES]
PATHS = ["/bin/sh", "/usr/bin/dash", "sh", "/bin/sh/", "/bin/shh", "", *VALUES]
NAMES = [*EVENTS, "open", "security_bprm_chec", None, 5]
BLANKS = [b"", b" ", b"\r", b"\t \r", b"\xef\xbb\xbf", b"\xef\xbb\xbf "]
LONG_ROUNDS = 0.2
"""The share of rounds with lines of about 16 MiB."""
STUFFING = [
    b"[" * 600,
    b'"' * 300,
    b"\\" * 301,
    b"\\u0073" * 90,
    b"\\ud800" * 40,
    b"\xc3\xbc" * 200,
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the plain loop makes of a line.

    ``at``: the bytes before its event begins. ``row``: an event's name, comm, pathname and
    prev_comm, None where there is no such text; None where the line is no event.
    """

    is_blank: bool = False
    is_judged: bool = False
    is_hit: bool = False
    is_error: bool = False
    at: int = 0
    row: tuple[str | None, ...] | None = None

    @property
    def is_invalid(self) -> bool:
        """Whether the line is no event."""
        return self.row is None and not self.is_blank


@dataclass(frozen=True, slots=True)
class Round:
    """A stream, its lines' outcomes in order, and where each line begins."""

    stream: bytes
    outcomes: list[Outcome]
    offsets: list[int]

    def hits(self) -> list[int]:
        """Return the offsets of the events that are findings."""
        pairs = zip(self.offsets, self.outcomes, strict=True)
        return [offset + outcome.at for offset, outcome in pairs if outcome.is_hit]


def event(random: Random) -> Any:
    """Return an event, most of them nearly a finding."""
    choice = random.random()
    if choice < 0.4:
        made = bprm_check(random.choice(COMMS), random.choice(PATHS))
    elif choice < 0.8:
        made = process_exec(random.choice(COMMS), random.choice(COMMS))
    else:
        made = {"eventName": random.choice(NAMES), "processName": random.choice(COMMS)}
        made["args"] = random.choice([*JUNK, [argument("pathname", random.choice(PATHS))]])
    for _ in range(random.choice([0, 0, 0, 1, 3])):
        made[random.choice(["eventname", "nested", "hostName", "timestamp", ""])] = random.choice(
            [*JUNK, *VALUES, 1.5, -0.0, 10**25, {"eventName": EVENTS[1], "args": [{}]}]
        )
    if random.random() < 0.1:
        items = list(made.items())
        random.shuffle(items)
        made = dict(items)
    return made


def line(random: Random, damaged: float) -> bytes:
    """Return a line without its newline: of anything else, with that probability."""
    made: bytes = random.choice(RENDERINGS)(event(random)).encode("utf-8", "surrogatepass")
    if random.random() >= damaged:
        return made
    choice = random.random()
    if choice < 0.1:
        return random.choice(BLANKS)
    if choice < 0.2:
        return random.randbytes(random.randrange(24)).replace(b"\n", b"")
    if choice < 0.5:
        made = random.choice(DAMAGES)(made)
    for _ in range(random.choice([0, 1, 1, 2])):
        start = random.randrange(len(made) + 1)
        end = min(len(made), start + random.choice([0, 0, 1, 1, 2, 8, 30]))
        put = random.choice([b"", random.randbytes(1), random.choice(STUFFING), made[:start], b" "])
        made = made[:start] + put + made[end:]
    return made.replace(b"\n", b" ")


def long_line(random: Random) -> bytes:
    """Return a line of about the limit, at most the limit or above it."""
    fill = random.choice([b"x", b"[", b"\\u0073", b"\xc3\xbc", b"{}", b"9", b"\\\\"])
    size = MAX_LINE + random.choice([-100_000, -50, 0, 1, 200_000])
    head = json.dumps(process_exec("nginx", "sh")).encode()[:-1] + b',"long":"'
    return (head + fill * (size // len(fill)))[: size - 2] + b'"}'


class PlainLoop:
    """json.loads and the reference implementation, a line at a time.

    ``strict`` refuses duplicate keys.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._found: list[Any] = []
        self._signature = reference.IllegitimateShell(EVENTS)
        self._signature.init(SignatureContext(self._found.append))

    def outcome(self, line: bytes) -> Outcome:
        """Judge a line."""
        tail = line.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
        at = len(line) - len(tail)
        payload = self._decode(line, tail)
        if payload is None:
            return Outcome(is_blank=not tail and len(line) <= MAX_LINE)
        row = columns_of(payload)
        if payload.get("eventName") not in EVENTS:
            return Outcome(row=row)
        self._found.clear()
        try:
            self._signature.on_event(payload)
        except IllshellError:
            return Outcome(is_judged=True, is_error=True, at=at, row=row)
        return Outcome(is_judged=True, is_hit=bool(self._found), at=at, row=row)

    def _decode(self, line: bytes, tail: bytes) -> dict[str, Any] | None:
        if len(line) > MAX_LINE:
            return None
        hook = _unique if self._strict else None
        try:
            payload = json.loads(tail.decode("utf-8", "surrogatepass"), object_pairs_hook=hook)
        except (ValueError, RecursionError):
            return None
        if not isinstance(payload, dict) or depth(payload) > MAX_DEPTH:
            return None
        return payload


def columns_of(payload: dict[str, Any]) -> tuple[str | None, ...]:
    """Return the name, comm, pathname and prev_comm of an event, as a table would hold them."""
    args = payload.get("args")
    arguments = [arg for arg in args if isinstance(arg, dict)] if isinstance(args, list) else []
    values = [payload.get("eventName"), payload.get("processName")]
    values += [
        next((arg.get("value") for arg in arguments if arg.get("name") == name), None)
        for name in ("pathname", "prev_comm")
    ]
    return tuple(value if _is_text(value) else None for value in values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("duplicate key")
    return mapping


def depth(value: Any) -> int:
    """Return how deep objects and arrays are nested."""
    deepest, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        deepest += 1
        level = [v for each in level for v in (each.values() if isinstance(each, dict) else each)]
    return deepest


def make_round(random: Random, lines: int, *, strict: bool) -> Round:
    """Return a stream of about so many lines, out of a tenth as many different ones.

    A stretch of the stream is of few different lines, so that bursts of one kind are among them.
    """
    judge = PlainLoop(strict=strict)
    damaged = random.choice([0.03, 0.2, 0.6])
    pool = [line(random, damaged) for _ in range(max(lines // 10, 1))]
    outcomes = list(map(judge.outcome, pool))
    numbers: list[int] = []
    while len(numbers) < lines:
        few = random.choice([1, 2, 50, len(pool)])
        start = random.randrange(len(pool))
        shelf = [(start + number) % len(pool) for number in range(few)]
        numbers += random.choices(shelf, k=random.choice([1, 10, 1000, 20_000]))
    del numbers[lines:]
    if random.random() < LONG_ROUNDS:
        pool.append(long_line(random))
        outcomes.append(judge.outcome(pool[-1]))
        for _ in range(random.randrange(1, 4)):
            numbers.insert(random.randrange(len(numbers)), len(pool) - 1)
    chosen = [pool[number] for number in numbers]
    ends = accumulate(len(each) + 1 for each in chosen)
    stream = b"\n".join(chosen) + random.choice([b"", b"\n"])
    return Round(stream, [outcomes[number] for number in numbers], [0, *ends][:-1])
