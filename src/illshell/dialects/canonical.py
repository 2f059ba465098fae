"""A decoded event of any sensor, seen as fields: for what judges one event at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from illshell.dialects.extract import extract_field
from illshell.dialects.loader import all_dialects
from illshell.dialects.paths import resolve
from illshell.model.event import SignatureEventSelector
from illshell.model.fields import EVENT_NAME, PLACED_FIELDS, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from illshell.dialects.dialect import Dialect, EventForm

_TRACEE_KEYS: Final[Mapping[str, str]] = {
    name: field.key for name, field in PLACED_FIELDS.items() if field.key is not None
}
_TRACEE_ARGUMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "cmdpath": ("cmdpath", "string"),
    "pathname": ("pathname", "string"),
    "dev": ("dev", "uint32"),
    "inode": ("inode", "uint64"),
    "ctime": ("ctime", "uint64"),
    "interp": ("interp", "string"),
    "prev_comm": ("prev_comm", "string"),
    "cwd": ("pwd", "string"),
    "sha256": ("sha256", "string"),
}


class CanonicalEvent(Mapping[str, Any]):
    """The fields of a decoded event, by their names; None where the event has no such value.

    It has every field of ``illshell.model.fields.PLACED_FIELDS``, and ``event_name``. A field is
    looked up when it is asked for; the payload must not change. Not thread-safe.
    """

    def __init__(self, dialect: Dialect, form: EventForm, payload: Mapping[str, Any]) -> None:
        assert form.event is not None
        self.dialect = dialect
        self.event_name = form.event
        self.payload = payload
        self._form = form
        self._values: dict[str, Any] = {EVENT_NAME: form.event}
        self._stand_ins: dict[str, str] = {}

    @property
    def dialect_name(self) -> str:
        """The name of its dialect."""
        return self.dialect.name

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._values[name], stand_in = extract_field(
                self.payload,
                self._form.fields.get(name, ()),
                kind_of(name),
                self.dialect.missing.get(name, ()),
                self.dialect.default.get(name),
            )
            if stand_in is not None:
                self._stand_ins[name] = stand_in
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        yield EVENT_NAME
        yield from PLACED_FIELDS

    def __len__(self) -> int:
        return len(PLACED_FIELDS) + 1

    def __repr__(self) -> str:
        return f"<CanonicalEvent {self.event_name} of {self.dialect.name}>"

    def stand_ins(self, fields: Iterable[str]) -> dict[str, str]:
        """Return, of these fields, those that another value stands in for: where it lies, and why.

        For a finding: the fields that its signature reads.
        """
        wanted = list(fields)
        for name in wanted:
            self[name]
        return {name: self._stand_ins[name] for name in wanted if name in self._stand_ins}

    def selector(self) -> SignatureEventSelector:
        """Return the event's selector, its origin as in Tracee's ``Event.Origin``.

        Where a sensor does not say whether a container has started, it counts as started.
        """
        origin = "host"
        if self["container_started"]:
            origin = "container"
        elif self["container"]:
            knows = "container_started" in self._form.fields
            origin = "container-init" if knows else "container"
        return SignatureEventSelector(self.dialect.source, self.event_name, origin)

    def as_tracee(self) -> dict[str, Any]:
        """Return the event as Tracee v0.24 would write it, as far as its fields go.

        A field that is None is left out, so that Tracee's own signatures report it as not found.
        ``argv`` is there where the sensor has an array of arguments.
        """
        top = {key: self[name] for name, key in _TRACEE_KEYS.items() if self[name] is not None}
        args = [
            {"name": name, "type": kind, "value": self[field]}
            for field, (name, kind) in _TRACEE_ARGUMENTS.items()
            if self[field] is not None
        ]
        argv = next((p for p in self._form.fields.get("argv", ()) if p.path.is_whole), None)
        if argv is not None and isinstance(found := resolve(self.payload, argv.path), list):
            args.append({"name": "argv", "type": "[]string", "value": list(found)})
        return {**top, "eventName": self.event_name, "argsNum": len(args), "args": args}


def canonical_event(
    payload: Mapping[str, Any], dialects: Iterable[Dialect] | None = None
) -> CanonicalEvent | None:
    """Return a decoded event as its fields, None where it is no event of any dialect.

    ``dialects``: those to try, in this order; None for all.
    """
    for dialect in all_dialects() if dialects is None else dialects:
        form = dialect.event_of(payload)
        if form is not None:
            return None if form.event is None else CanonicalEvent(dialect, form, payload)
    return None
