"""The twin: TRC-1016 in the plainest Python, with the names of the native core.

It is the oracle of every test and the pure-Python side of every benchmark; nothing else uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from illshell.dialects.tracee_ebpf.codec import decode_record, split_records
from illshell.model.errors import (
    ArgumentNotFoundError,
    ArgumentNotInitializedError,
    ArgumentTypeError,
    IllshellError,
    InvalidEventError,
)
from illshell.model.event import Event, SignatureEventSelector
from illshell.model.finding import Finding, SignatureMetadata
from illshell.model.type_names import go_type_of, json_type_of
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)

if TYPE_CHECKING:
    from illshell.dialects.tracee_ebpf.layouts import RecordLayout
    from illshell.model.signature import SignatureContext

LONGEST_NAME = 15


class NameSet:
    """An immutable set of names of 1 to 15 bytes, none of them NUL."""

    def __init__(self, names: Iterable[str | bytes]) -> None:
        self._names = dict.fromkeys(map(_name_bytes, names))
        if not self._names:
            raise ValueError("a NameSet needs at least one name")
        for name in self._names:
            if not 1 <= len(name) <= LONGEST_NAME:
                raise ValueError(f"name {name!r} has {len(name)} bytes; a comm holds 1 to 15")
            if b"\0" in name:
                raise ValueError(f"name {name!r} holds a NUL byte")

    def __contains__(self, name: str | bytes) -> bool:
        return _name_bytes(name) in self._names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._names)


def _name_bytes(name: str | bytes) -> bytes:
    return name.encode("utf-8", "surrogatepass") if isinstance(name, str) else bytes(name)


class Matcher:
    """The rule on columns: sequences of str or bytes, None where a value is null."""

    def __init__(
        self, web_servers: NameSet, shells: NameSet, events: Sequence[str] = EVENTS
    ) -> None:
        self.web_servers = web_servers
        self.shells = shells
        self.events = tuple(events)

    def match(
        self,
        event_name: str | Sequence[str | bytes | None],
        process_name: Sequence[str | bytes | None],
        pathname: Sequence[str | bytes | None] | None = None,
        prev_comm: Sequence[str | bytes | None] | None = None,
    ) -> tuple[list[int], list[int]]:
        """Give the rows that match and the rows in error, both in order.

        A str as ``event_name`` is the name of every row; a column that is None is null in every
        row.
        """
        hits: list[int] = []
        errors: list[int] = []
        for row, comm in enumerate(process_name):
            event = event_name if isinstance(event_name, str) else event_name[row]
            if isinstance(event, bytes):
                event = event.decode("utf-8", "replace")
            if event not in self.events:
                continue
            verdict = self._match_row(
                event,
                comm,
                None if pathname is None else pathname[row],
                None if prev_comm is None else prev_comm[row],
            )
            if verdict is None:
                errors.append(row)
            elif verdict:
                hits.append(row)
        return hits, errors

    def match_records(
        self, buffer: bytes, layout: RecordLayout, record_size: int | None = None
    ) -> tuple[list[int], list[int]]:
        """Give the rows that match and the rows in error of Tracee's packed records."""
        hits: list[int] = []
        errors: list[int] = []
        for row, record in enumerate(split_records(buffer, record_size)):
            verdict = None if record is None else self._match_record(record, layout)
            if verdict is None:
                errors.append(row)
            elif verdict:
                hits.append(row)
        return hits, errors

    def _match_record(self, record: bytes, layout: RecordLayout) -> bool | None:
        payload, damage = decode_record(record, layout)
        if len(record) < layout.args_at:
            return None
        event = payload["eventName"]
        comm = record[60:76].rstrip(b"\0")
        if event not in self.events:
            return False
        if comm not in (self.web_servers if event == SECURITY_BPRM_CHECK else self.shells):
            return False
        if damage is not None:
            return None
        wanted = PATHNAME if event == SECURITY_BPRM_CHECK else PREV_COMM
        values = [arg["value"] for arg in payload["args"] if arg["name"] == wanted]
        value = values[0].encode("utf-8", "surrogateescape") if values else None
        return self._match_row(event, comm, value, value)

    def _match_row(
        self,
        event: str,
        comm: str | bytes | None,
        pathname: str | bytes | None,
        prev_comm: str | bytes | None,
    ) -> bool | None:
        if comm is None:
            return None
        if event == SECURITY_BPRM_CHECK:
            if comm not in self.web_servers:
                return False
            if pathname is None:
                return None
            return any(_name_bytes(pathname).endswith(b"/" + shell) for shell in self.shells)
        if prev_comm is None:
            return None
        return prev_comm in self.web_servers and comm in self.shells


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


class IllegitimateShell:
    """The signature; see :class:`illshell.IllegitimateShell` for the contract."""

    def __init__(
        self,
        events: Iterable[str] = (SECURITY_BPRM_CHECK,),
        *,
        web_servers: Iterable[str] = WEB_SERVERS,
        shells: Iterable[str] = SHELLS,
    ) -> None:
        self.events = tuple(events)
        self.web_servers = tuple(web_servers)
        self.shells = tuple(shells)
        self._ctx: SignatureContext | None = None
        self._closed = False

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature, anew at each call."""
        return illegitimate_shell_metadata()

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants."""
        return [SignatureEventSelector("tracee", name, "*") for name in self.events]

    def init(self, ctx: SignatureContext) -> None:
        """Take the callback for findings."""
        self._ctx = ctx
        self._closed = False

    def on_event(self, event: Any) -> None:
        """Judge an event; a detection goes to the callback, an error is raised."""
        if self._closed:
            return
        if self._ctx is None:
            raise IllshellError("on_event was called before init")
        payload = event.payload if isinstance(event, Event) else event
        if not isinstance(payload, Mapping):
            raise InvalidEventError
        if self.judge(payload):
            self._ctx.callback(Finding(self.get_metadata(), event, None))

    def judge(self, payload: Mapping[str, Any]) -> bool:
        """Say whether the rule matches the payload."""
        event_name = payload.get("eventName")
        if event_name not in self.events:
            return False
        comm = payload.get("processName")
        if comm is None:
            comm = ""
        if not isinstance(comm, str):
            raise InvalidEventError(f"processName is of type {json_type_of(comm)}, not string")
        if event_name == SECURITY_BPRM_CHECK:
            if comm not in self.web_servers:
                return False
            pathname = string_argument(payload, PATHNAME, typed=False)
            return any(pathname.endswith("/" + shell) for shell in self.shells)
        assert event_name == SCHED_PROCESS_EXEC
        prev_comm = string_argument(payload, PREV_COMM, typed=True)
        return prev_comm in self.web_servers and comm in self.shells

    def on_signal(self, signal: Any) -> None:
        """Take a signal; the rule holds nothing back that a signal could release."""

    def close(self) -> None:
        """End the work; later events are ignored."""
        self._closed = True
        self._ctx = None
