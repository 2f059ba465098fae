"""The reference implementation: rules in the plainest Python, with the names of the native core.

Tests hold the core against it, benchmarks measure it as the pure-Python side, and
:mod:`illshell.panther` falls back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from illshell.dialects.tracee_ebpf.codec import decode_record, split_records
from illshell.dialects.tracee_payload import TRACEE_FIELDS, PayloadField
from illshell.model.errors import (
    ArgumentError,
    ArgumentNotFoundError,
    ArgumentNotInitializedError,
    ArgumentTypeError,
    IllshellError,
    InvalidEventError,
)
from illshell.model.event import Event, SignatureEventSelector
from illshell.model.finding import Finding, SignatureMetadata
from illshell.model.rule import (
    BasenameIn,
    NameIn,
    Predicate,
    Require,
    Rule,
    Step,
    several,
)
from illshell.model.type_names import go_type_of, json_type_of
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata
from illshell.signatures.illegitimate_shell.names import SECURITY_BPRM_CHECK, SHELLS, WEB_SERVERS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule

if TYPE_CHECKING:
    from illshell.dialects.tracee_ebpf.layouts import RecordLayout
    from illshell.model.signature import SignatureContext

LONGEST_NAME = 15


class NameSet:
    """An immutable set of names of 1 to 15 bytes, none of them NUL."""

    def __init__(self, names: Iterable[str | bytes]) -> None:
        self._names = _distinct(names)
        for name in self._names:
            _check_name(name)

    def __contains__(self, name: str | bytes) -> bool:
        return _name_bytes(name) in self._names

    def index(self, name: str | bytes) -> int:
        """Return which of the names it is, or -1."""
        return self._names.index(_name_bytes(name)) if name in self else -1

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._names)


class PatternSet:
    """An immutable set of names, and of prefixes, which are written with a ``*`` at their end."""

    def __init__(self, patterns: Iterable[str | bytes]) -> None:
        self._patterns = _distinct(patterns)
        for pattern in self._patterns:
            _check_name(pattern.removesuffix(b"*"))

    def __contains__(self, name: str | bytes) -> bool:
        return self.index(name) >= 0

    def index(self, name: str | bytes) -> int:
        """Return which pattern matches: the name itself, else the longest prefix; -1 for none."""
        value = _name_bytes(name)
        best, longest = -1, 0
        for index, pattern in enumerate(self._patterns):
            if not pattern.endswith(b"*"):
                if value == pattern:
                    return index
            elif value.startswith(pattern[:-1]) and len(pattern) > longest:
                best, longest = index, len(pattern)
        return best

    def __len__(self) -> int:
        return len(self._patterns)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._patterns)


def _distinct(names: Iterable[str | bytes]) -> tuple[bytes, ...]:
    found = tuple(dict.fromkeys(map(_name_bytes, several("names", names))))
    if not found:
        raise ValueError("a set needs at least one name")
    return found


def _check_name(name: bytes) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"name {name!r} has {len(name)} bytes; a comm holds 1 to 15")
    if b"\0" in name:
        raise ValueError(f"name {name!r} holds a NUL byte")


def _name_bytes(name: str | bytes) -> bytes:
    return name.encode("utf-8", "surrogatepass") if isinstance(name, str) else bytes(name)


class Outcome(Enum):
    """What a clause makes of a row."""

    NO_MATCH = 0
    MATCH = 1
    IN_ERROR = 2


class PreparedStep(NamedTuple):
    """A step with its names as a set; ``holds`` is None where the field is only required."""

    field: str
    holds: Callable[[bytes], bool] | None


def prepared(steps: Iterable[Step]) -> list[PreparedStep]:
    """Return the steps of a clause, ready to run."""
    return [
        PreparedStep(step.field, None if isinstance(step, Require) else _holds(step))
        for step in steps
    ]


def _holds(step: Predicate) -> Callable[[bytes], bool]:
    if isinstance(step, NameIn):
        return frozenset(NameSet(step.names)).__contains__
    if isinstance(step, BasenameIn):
        suffixes = tuple(b"/" + name for name in NameSet(step.names))
        return lambda value: value.endswith(suffixes)
    return PatternSet(step.names).__contains__


def run_steps(steps: Iterable[PreparedStep], values: Mapping[str, str | bytes | None]) -> Outcome:
    """Run the steps of a clause over the values of one row, None for a null."""
    for field, holds in steps:
        value = values.get(field)
        if value is None:
            return Outcome.IN_ERROR if holds is None else Outcome.NO_MATCH
        if holds is not None and not holds(_name_bytes(value)):
            return Outcome.NO_MATCH
    return Outcome.MATCH


class Matcher:
    """A rule on columns: sequences of str or bytes, None where a value is null."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._steps = {clause.event.encode(): prepared(clause.steps) for clause in rule.clauses}

    def match(
        self, columns: Mapping[str, str | Sequence[str | bytes | None] | None]
    ) -> tuple[list[int], list[int]]:
        """Return the rows that match and the rows in error, both in order.

        A str in place of the events' column is the name of every row; a column that is missing or
        None is null in every row.
        """
        length = next(len(c) for c in columns.values() if c is not None and not isinstance(c, str))
        hits: list[int] = []
        errors: list[int] = []
        for row in range(length):
            values = {
                field: column if column is None or isinstance(column, str) else column[row]
                for field, column in columns.items()
            }
            event = values[self.rule.event_field]
            steps = None if event is None else self._steps.get(_name_bytes(event))
            outcome = Outcome.NO_MATCH if steps is None else run_steps(steps, values)
            _note(outcome, row, hits, errors)
        return hits, errors

    def match_records(
        self, buffer: bytes, layout: RecordLayout, record_size: int | None = None
    ) -> tuple[list[int], list[int]]:
        """Return the rows that match and the rows in error of Tracee's packed records."""
        hits: list[int] = []
        errors: list[int] = []
        for row, record in enumerate(split_records(buffer, record_size)):
            outcome = Outcome.IN_ERROR if record is None else self._match_record(record, layout)
            _note(outcome, row, hits, errors)
        return hits, errors

    def _match_record(self, record: bytes, layout: RecordLayout) -> Outcome:
        payload, damage = decode_record(record, layout)
        if len(record) < layout.args_at:
            return Outcome.IN_ERROR
        steps = self._steps.get(payload["eventName"].encode())
        if steps is None:
            return Outcome.NO_MATCH
        context: dict[str, bytes | None] = {
            field: record[at : at + 16].rstrip(b"\0") for field, at in layout.context_texts.items()
        }
        by_context = [step for step in steps if step.field in context]
        if run_steps(by_context, context) is Outcome.NO_MATCH:
            return Outcome.NO_MATCH
        by_arguments = [step for step in steps if step.field not in context]
        if not by_arguments:
            return Outcome.MATCH
        if damage is not None:
            return Outcome.IN_ERROR
        arguments = {
            arg["name"]: arg["value"].encode("utf-8", "surrogateescape")
            for arg in reversed(payload["args"])
            if isinstance(arg["value"], str)
        }
        return run_steps(by_arguments, arguments)


def _note(outcome: Outcome, row: int, hits: list[int], errors: list[int]) -> None:
    if outcome is Outcome.MATCH:
        hits.append(row)
    elif outcome is Outcome.IN_ERROR:
        errors.append(row)


def string_argument(payload: Mapping[str, Any], name: str, *, typed: bool) -> str:
    """Read an argument: the first of that name wins.

    ``typed`` puts the Go type of a wrong value into the error, as Tracee v0.24 does.
    """
    args = payload.get("args")
    if args is None:
        raise ArgumentNotFoundError(name)
    if not isinstance(args, (list, tuple)):
        raise InvalidEventError(f"args is of type {json_type_of(args)}, not array")
    for index, arg in enumerate(args):
        if not isinstance(arg, Mapping):
            raise InvalidEventError(f"args[{index}] is of type {json_type_of(arg)}, not object")
        if arg.get("name") == name:
            value = arg.get("value")
            if value is None:
                raise ArgumentNotInitializedError(name)
            if not isinstance(value, str):
                raise ArgumentTypeError(name, go_type_of(arg) if typed else None)
            return value
    raise ArgumentNotFoundError(name)


class EventSignature:
    """A rule on decoded events; see :class:`illshell.IllegitimateShell` for the contract."""

    def __init__(self, rule: Rule, fields: Mapping[str, PayloadField] = TRACEE_FIELDS) -> None:
        self.rule = rule
        self._steps = {clause.event: prepared(clause.steps) for clause in rule.clauses}
        self._fields = fields
        self._ctx: SignatureContext | None = None
        self._closed = False

    def init(self, ctx: SignatureContext) -> None:
        """Store the callback for findings."""
        self._ctx = ctx
        self._closed = False

    def on_event(self, event: Any) -> None:
        """Judge an event; a detection goes to the callback, an error is raised."""
        if self._closed:
            return
        if self._ctx is None:
            raise IllshellError("on_event was called before init")
        if self.matches(event):
            self._ctx.callback(Finding(self.get_metadata(), event, None))

    def matches(self, event: Any) -> bool:
        """Whether the rule matches the event."""
        payload = event.tracee if isinstance(event, Event) else event
        if not isinstance(payload, Mapping):
            raise InvalidEventError
        event_name = payload.get(self._fields[self.rule.event_field].key)
        if not isinstance(event_name, str) or event_name not in self._steps:
            return False
        return self._matches_clause(self._steps[event_name], payload)

    def _matches_clause(self, steps: Iterable[PreparedStep], payload: Mapping[str, Any]) -> bool:
        values: dict[str, str] = {}
        for field, holds in steps:
            if field not in values:
                try:
                    values[field] = _read(self._fields[field], payload)
                except ArgumentError:
                    if holds is None:
                        raise
                    return False
            if holds is not None and not holds(_name_bytes(values[field])):
                return False
        return True

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature, anew at each call."""
        raise NotImplementedError

    def close(self) -> None:
        """End the work; later events are ignored."""
        self._closed = True
        self._ctx = None


def _read(place: PayloadField, payload: Mapping[str, Any]) -> str:
    if place.is_argument:
        return string_argument(payload, place.key, typed=place.typed)
    value = payload.get(place.key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidEventError(f"{place.key} is of type {json_type_of(value)}, not string")
    return value


class IllegitimateShell(EventSignature):
    """The signature; see :class:`illshell.IllegitimateShell` for the contract."""

    def __init__(
        self,
        events: Iterable[str] = (SECURITY_BPRM_CHECK,),
        *,
        web_servers: Iterable[str] = WEB_SERVERS,
        shells: Iterable[str] = SHELLS,
    ) -> None:
        super().__init__(illegitimate_shell_rule(events, web_servers=web_servers, shells=shells))

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature, anew at each call."""
        return illegitimate_shell_metadata()

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants."""
        return [SignatureEventSelector("tracee", name, "*") for name in self.rule.events]

    def on_signal(self, signal: Any) -> None:
        """Receive a signal; the rule holds nothing back that a signal could release."""
