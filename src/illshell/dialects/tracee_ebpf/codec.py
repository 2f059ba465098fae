"""One packed record of Tracee's to a payload, and back: plain Python, for the rows that matter."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from illshell.dialects.tracee_ebpf.layouts import (
    ARGS_ARRAY,
    BOOL,
    CONTEXT,
    DEV,
    FLAGS_AT,
    INT,
    LONGEST_ARGS,
    LONGEST_STRING,
    MOST_ARGS,
    MOST_STRINGS,
    STRING,
    STRING_ARRAY,
    ULONG,
    UMODE,
    Argument,
    Kind,
    RecordLayout,
)
from illshell.model.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_U8 = struct.Struct("<B")
_U32 = struct.Struct("<I")
_CONTEXT = struct.Struct("<" + "".join(CONTEXT.values()))


def decode_record(
    record: bytes, layout: RecordLayout, offset: int = 0
) -> tuple[dict[str, Any], RecordError | None]:
    """Decode a record into a payload with Tracee's JSON keys, as far as the record knows them.

    ``timestamp`` and ``threadStartTime`` are what the kernel's clock said, which does not start in
    1970; a record has no executable, container, pod or policy names, and ``syscall`` is left out,
    because it is a number. ``returnValue`` is left out in layouts that have none.
    Arguments are those of the two events that the rule judges; other events have an empty
    ``eventName``. Of a damaged record the payload has what comes before the damage, which is the
    error beside it; ``offset`` is where the record starts, for the error's text.
    """
    payload: dict[str, Any] = {}
    if len(record) >= _CONTEXT.size:
        payload.update(zip(CONTEXT, _CONTEXT.unpack_from(record), strict=True))
        for key in ("processName", "hostName"):
            payload[key] = _text(payload[key].rstrip(b"\0"))
    if len(record) < layout.args_at:
        payload |= {"eventName": "", "args": []}
        return payload, RecordError(
            offset, f"it has {len(record)} bytes, and its context alone has {layout.args_at}"
        )
    (event_id,) = struct.unpack_from("<i", record, layout.event_id_at)
    (flags,) = struct.unpack_from("<I", record, FLAGS_AT)
    name = layout.event_name(event_id)
    args: list[dict[str, Any]] = []
    payload |= {
        "processorId": struct.unpack_from("<H", record, layout.cpu_at)[0],
        "eventId": str(event_id),
        "eventName": name,
        "argsNum": record[layout.argnum_at],
    }
    if layout.return_value_at is not None:
        payload["returnValue"] = struct.unpack_from("<q", record, layout.return_value_at)[0]
    payload["contextFlags"] = {"containerStarted": bool(flags & 1), "isCompat": bool(flags & 2)}
    payload["args"] = args
    if name:
        try:
            args.extend(_Arguments(record, layout, name, offset))
        except _DamageError as damage:
            return payload, RecordError(offset, str(damage))
    return payload, None


class _DamageError(Exception):
    """An argument can't be read."""


class _Arguments:
    """The arguments of a record, one after another, each length checked against its end.

    Raises _DamageError where one can't be read.
    """

    def __init__(self, record: bytes, layout: RecordLayout, event_name: str, offset: int) -> None:
        self._record = record
        self._offset = offset
        self._at = layout.args_at
        self._count = record[layout.argnum_at]
        self._definition = layout.arguments[event_name]
        self._go_types = layout.go_types
        self._start = 0  # of the argument that is being read
        self._what = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self._count + 1):
            self._start = self._at
            self._what = f"{number} of {self._count}"
            index = self._scalar(_U8)
            if index >= len(self._definition):
                raise self._damage(f"the event has no argument with index {index}")
            self._what, kind = self._definition[index]
            value = self._value(kind)
            yield {
                "name": self._what,
                "type": kind.go_type if self._go_types else kind.c_type,
                "value": value,
            }

    def _value(self, kind: Kind) -> Any:
        if kind.form is not None:
            return self._scalar(kind.form)
        if kind is STRING:
            return self._string()
        if kind is STRING_ARRAY:
            return [self._string() for _ in range(self._scalar(_U8))]
        size, argc = self._scalar(_U32), self._scalar(_U32)
        if size > LONGEST_ARGS:
            raise self._damage(f"it has {size} bytes, more than {LONGEST_ARGS}")
        if argc > MOST_ARGS:
            raise self._damage(f"it stands for {argc} strings, more than {MOST_ARGS}")
        strings = [_text(each) for each in self._bytes(size).split(b"\0")]
        if not strings[-1]:
            strings.pop()
        # What did not fit is a question mark each, as Tracee prints it.
        return strings + ["?"] * (argc - len(strings))

    def _string(self) -> str:
        size = self._scalar(_U32)
        if not 1 <= size <= LONGEST_STRING:
            raise self._damage(f"a string has {size} bytes, not 1 to {LONGEST_STRING}")
        value = self._bytes(size)
        if value[-1]:
            raise self._damage("a string does not end with a NUL")
        return _text(value[:-1])

    def _scalar(self, form: struct.Struct) -> Any:
        return form.unpack(self._bytes(form.size))[0]

    def _bytes(self, size: int) -> bytes:
        value = self._record[self._at : self._at + size]
        if len(value) < size:
            raise self._damage(f"it needs {size} bytes, and the record has {len(value)} more")
        self._at += size
        return value

    def _damage(self, message: str) -> _DamageError:
        start = self._offset + self._start
        return _DamageError(f"argument {self._what} at byte {start}: {message}")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


# --- The other way, for tests and benchmarks ------------------------------------------------------

_KINDS = {
    name: kind
    for kind in (BOOL, UMODE, INT, DEV, ULONG, STRING_ARRAY, STRING)
    for name in (kind.c_type, kind.go_type)
}


def encode_record(event: Mapping[str, Any], layout: RecordLayout) -> bytes:
    """Encode a payload with Tracee's JSON keys as that layout's record; what is absent is 0.

    The event's number is the layout's, or for an event that it does not define its ``eventId``,
    and each argument has the form that the layout defines, or else the one of its ``type``.
    Arguments that are null, that the layout does not have or whose type has no form here are left
    out; strings may be bytes.
    """
    name = event["eventName"]
    args = event.get("args") or []
    definition = layout.arguments.get(name)
    if definition is None:
        definition = tuple(
            Argument(arg["name"], kind) for arg in args if (kind := _KINDS.get(arg["type"]))
        )
    numbers = {argument.name: index for index, argument in enumerate(definition)}
    encoded = [
        bytes([number]) + _encoded(definition[number].kind, arg["value"])
        for arg in args
        if arg["value"] is not None and (number := numbers.get(arg["name"])) is not None
    ]
    context = bytearray(layout.args_at)
    values = [
        _bytes(event.get(key, b"")) if form == "16s" else event.get(key, 0)
        for key, form in CONTEXT.items()
    ]
    _CONTEXT.pack_into(context, 0, *values)
    flags = event.get("contextFlags") or {}
    bits = bool(flags.get("containerStarted")) | bool(flags.get("isCompat")) << 1
    struct.pack_into("<I", context, FLAGS_AT, bits)
    event_id = layout.event_ids.get(name, int(event.get("eventId", 0)))
    struct.pack_into("<i", context, layout.event_id_at, event_id)
    struct.pack_into("<H", context, layout.cpu_at, event.get("processorId", 0))
    if layout.return_value_at is not None:
        struct.pack_into("<q", context, layout.return_value_at, event.get("returnValue", 0))
    context[layout.argnum_at] = len(encoded)
    return bytes(context) + b"".join(encoded)


def _encoded(kind: Kind, value: Any) -> bytes:
    if kind is STRING:
        text = _bytes(value)[: LONGEST_STRING - 1] + b"\0"
        return struct.pack("<I", len(text)) + text
    if kind is STRING_ARRAY:
        strings = value if len(value) <= MOST_STRINGS else [*value[:MOST_STRINGS], "..."]
        return bytes([len(strings)]) + b"".join(_encoded(STRING, each) for each in strings)
    if kind is ARGS_ARRAY:
        blob = b"".join(_bytes(each) + b"\0" for each in value)[:LONGEST_ARGS]
        return struct.pack("<II", len(blob), len(value)) + blob
    assert kind.form is not None
    return kind.form.pack(value)


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def pack_records(records: Iterable[bytes], record_size: int | None = None) -> bytes:
    """Put records behind one another, each after its size, or each padded to ``record_size``."""
    if record_size is None:
        return b"".join(struct.pack("<I", len(record)) + record for record in records)
    return b"".join(record.ljust(record_size, b"\0") for record in records)


def split_records(buffer: bytes, record_size: int | None = None) -> Iterator[bytes | None]:
    """Split what :func:`pack_records` made; None for a record that is cut off, the last."""
    at = 0
    while at < len(buffer):
        size = record_size
        if size is None:
            if len(buffer) - at < 4:
                yield None
                return
            size = int.from_bytes(buffer[at : at + 4], "little")
            at += 4
        record = buffer[at : at + size]
        yield record if len(record) == size else None
        at += size
