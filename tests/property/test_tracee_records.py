"""Tracee's packed records: codec, core and reference agree on every byte, whole or damaged."""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guarded_page import GuardedPage
from hypothesis import given
from hypothesis import strategies as st
from records_at_random import events, layouts, records, text
from rule_columns import CORE, REFERENCE
from tracee_events import bprm_check, process_exec

from illshell import (
    ArgumentNotFoundError,
    Engine,
    EventBatch,
    IllegitimateShell,
    RecordError,
    SignatureContext,
    match,
)
from illshell._fastmatch import Matcher, Records
from illshell.dialects.tracee_ebpf.codec import (
    decode_record,
    encode_record,
    pack_records,
    split_records,
)
from illshell.dialects.tracee_ebpf.layouts import CONTEXT, LAYOUTS, layout_of
from illshell.model.position import ByteRange
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule

V0_24 = LAYOUTS["v0.24"]
CHECK = encode_record(bprm_check("nginx", "/bin/sh"), V0_24)
EXEC = encode_record(process_exec("apache2", "dash"), V0_24)


def judged(
    buffer: Any, layout: str = "v0.24", record_size: int | None = None, matcher: Matcher = CORE
) -> tuple[list[int], list[int]]:
    batch = EventBatch.from_tracee_records(buffer, layout, record_size=record_size)
    hits, errors = batch.match(matcher)
    return list(hits), list(errors)


@given(st.data(), layouts)
def test_what_is_encoded_is_decoded(data: st.DataObject, release: str) -> None:
    layout = LAYOUTS[release]
    event = data.draw(events(layout))
    payload, damage = decode_record(encode_record(event, layout), layout)
    assert damage is None
    for key, form in CONTEXT.items():
        value = event[key]
        assert payload[key] == (text(value[:16].rstrip(b"\0")) if form == "16s" else value), key
    for key in ("eventName", "processorId", "contextFlags"):
        assert payload[key] == event[key]
    assert payload.get("returnValue") == event.get("returnValue")
    assert payload["eventId"] == str(layout.event_ids[event["eventName"]])
    assert payload["argsNum"] == len(event["args"])
    assert payload["args"] == [{**arg, "value": text(arg["value"])} for arg in event["args"]]


@given(st.data(), layouts, st.booleans(), st.sampled_from([EVENTS, EVENTS[:1], EVENTS[1:]]))
def test_core_and_reference_agree(
    data: st.DataObject, release: str, fixed: bool, wanted: tuple[str, ...]
) -> None:
    layout = LAYOUTS[release]
    several = data.draw(records(layout))
    size = max([layout.args_at, *map(len, several)]) if fixed else None
    buffer = pack_records(several, size)
    buffer = buffer[: len(buffer) - data.draw(st.sampled_from([0, 0, 1, 3, 50]))]
    core = Matcher(illegitimate_shell_rule(wanted))
    expected = reference.Matcher(illegitimate_shell_rule(wanted))
    assert judged(buffer, release, size, core) == expected.match_records(buffer, layout, size)
    assert len(EventBatch.from_tracee_records(buffer, release, record_size=size)) == len(
        list(split_records(buffer, size))
    )


@given(st.data(), layouts)
def test_each_error_of_a_batch_has_its_reason(data: st.DataObject, release: str) -> None:
    """The core only says which rows are in error; the codec, asked later, must say why."""
    buffer = pack_records(data.draw(records(LAYOUTS[release])))
    signature, found = started()
    batch = EventBatch.from_tracee_records(buffer, release)
    errors = signature.on_batch(batch)
    for row, error in errors:
        assert isinstance(error, (RecordError, ArgumentNotFoundError)), (row, error)
    assert len(found) == len(judged(buffer, release)[0])
    for finding in found:
        headers = finding.event.headers
        assert isinstance(headers.position, ByteRange)
        assert buffer[headers.position.offset :][: headers.position.length] == headers.raw
        assert finding.position == headers.position
        assert signature.matches(finding.event)


def started() -> tuple[IllegitimateShell, list[Any]]:
    found: list[Any] = []
    signature = IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    return signature, found


@pytest.mark.parametrize(
    ("release", "event_ids", "event_id_at", "argnum_at", "args_at", "prev_comm"),
    [
        ("v0.8", (721, 707), 96, 118, 120, None),
        ("v0.10", (722, 707), 96, 118, 120, None),
        ("v0.11", (729, 713), 96, 126, 128, None),
        ("v0.15", (729, 713), 96, 126, 128, None),
        ("v0.16", (729, 713), 96, 128, 129, None),
        ("v0.18", (729, 713), 112, 144, 145, None),
        ("v0.20", (730, 714), 112, 144, 145, None),
        ("v0.22", (731, 715), 112, 144, 145, 15),
        ("v0.24", (731, 715), 112, 144, 145, 15),
        ("head", (731, 715), 112, 136, 137, 15),
    ],
)
def test_records_packed_by_hand(
    release: str, event_ids: Any, event_id_at: int, argnum_at: int, args_at: int, prev_comm: Any
) -> None:
    def record(event_id: int, comm: bytes, argument: bytes) -> bytes:
        context = bytearray(b"\xee" * args_at)
        struct.pack_into("<16s", context, 60, comm)
        struct.pack_into("<I", context, event_id_at, event_id)
        context[argnum_at] = 1
        return bytes(context) + argument

    check = record(event_ids[0], b"nginx", b"\0\x08\0\0\0/bin/sh\0")
    exec_ = record(event_ids[1], b"sh", bytes([prev_comm or 0]) + b"\x06\0\0\0nginx\0")
    hits = [0] if prev_comm is None else [0, 1]
    errors = [1] if prev_comm is None else []
    assert judged(pack_records([check, exec_]), release) == (hits, errors)
    assert judged(pack_records([check, exec_], 200), release, 200) == (hits, errors)


def test_event_ids_can_be_given() -> None:
    custom = layout_of("v0.24", {"sched_process_exec": 900})
    buffer = pack_records([EXEC, encode_record(process_exec("nginx", "sh"), custom)])
    batch = EventBatch.from_tracee_records(
        buffer, "v0.24", event_ids={"sched_process_exec": 900, "security_bprm_check": 715}
    )
    hits, errors = batch.match(CORE)
    assert (list(hits), list(errors)) == ([1], [])
    assert batch.event(1).payload["eventName"] == "sched_process_exec"


def test_a_finding_carries_its_record() -> None:
    event = {
        **process_exec("nginx", "sh", timestamp=7, threadStartTime=5, processId=4, threadId=5),
        "parentProcessId": 3,
        "hostProcessId": 104,
        "userId": 33,
        "mountNamespace": 4026531841,
        "processorId": 1,
        "hostName": "web01",
        "returnValue": -2,
        "contextFlags": {"containerStarted": True, "isCompat": False},
    }
    event["args"].append({"name": "argv", "type": "[]string", "value": ["sh", "-c", "id"]})
    record = encode_record(event, V0_24)
    signature, found = started()
    buffer = pack_records([CHECK, record])
    assert list(signature.on_batch(EventBatch.from_tracee_records(buffer, "v0.24"))) == []
    check, exec_ = (finding.event for finding in found)
    assert check.payload["args"][0] == {"name": "pathname", "type": "string", "value": "/bin/sh"}
    assert exec_.payload.items() >= event.items()
    assert exec_.payload["eventId"] == "715"
    assert exec_.headers.selector.origin == "container"
    offset = 4 + len(CHECK) + 4
    assert exec_.headers.position == ByteRange("", offset, len(record))
    assert exec_.headers.raw == record


def test_every_truncation_is_seen_and_costs_no_other_record() -> None:
    for whole in (CHECK, EXEC):
        for cut in range(len(whole)):
            buffer = pack_records([CHECK, whole[:cut], EXEC])
            assert judged(buffer) == ([0, 2], [1])
            batch = EventBatch.from_tracee_records(buffer, "v0.24")
            error = batch.damage(1)
            assert isinstance(error, RecordError)
            assert error.offset == 4 + len(CHECK) + 4
            batch.event(1)


@pytest.mark.parametrize("size", [None, 256])
def test_a_buffer_that_ends_anywhere_loses_its_last_record_only(size: int | None) -> None:
    buffer = pack_records([CHECK, EXEC], size)
    first = len(pack_records([CHECK], size))
    for cut in range(first + 1, len(buffer)):
        batch = EventBatch.from_tracee_records(buffer[:cut], "v0.24", record_size=size)
        assert judged(buffer[:cut], "v0.24", size) == ([0], [1])
        error = batch.damage(1)
        assert isinstance(error, RecordError)
        assert error.offset == (first if size or cut < first + 4 else first + 4)
        assert "left" in str(error)
        batch.event(1)


def test_every_byte_may_be_wrong_and_nothing_beyond_the_buffer_is_read() -> None:
    """Each length field among them; the record ends where the next page must not be read."""
    page = GuardedPage()
    for whole in (CHECK, EXEC, encode_record(bprm_check("nginx", "x" * 20 + "/sh"), V0_24)):
        for at in range(len(whole)):
            for value in (0, 1, 2, 15, 16, 127, 128, 255):
                record = bytearray(whole)
                record[at] = value
                buffer = pack_records([record])
                assert judged(page.ending_with(buffer)) == REFERENCE.match_records(buffer, V0_24), (
                    at
                )
                fixed = bytes(record)
                assert judged(
                    page.ending_with(fixed), "v0.24", len(fixed)
                ) == REFERENCE.match_records(fixed, V0_24, len(fixed)), at  # fmt: skip


@pytest.mark.parametrize("length", [0, 1, 144, 10_000, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_damaged_frame_ends_the_walk_or_costs_its_record(length: int) -> None:
    buffer = pack_records([CHECK]) + struct.pack("<I", length) + bytes(144)
    buffer += b"" if length > 144 else pack_records([EXEC])
    batch = EventBatch.from_tracee_records(buffer, "v0.24")
    hits, errors = batch.match(CORE)
    assert 1 in list(errors)
    assert next(iter(hits)) == 0
    if length > 144:
        assert len(batch) == 2
        assert str(batch.damage(1)) == (
            f"record at byte {len(CHECK) + 8}: its {length} bytes are cut off, 144 bytes are left"
        )


PATH = V0_24.args_at + 1  # where the size of the first argument is


@pytest.mark.parametrize(
    ("whole", "at", "patch", "reason"),
    [
        (CHECK, PATH, b"\0\0\0\0", "argument pathname at byte 149: a string has 0 bytes, not 1 to"),
        (CHECK, PATH, b"\x01\x10\0\0", "a string has 4097 bytes, not 1 to 4096"),
        (CHECK, PATH, b"\xff\0\0\0", "it needs 255 bytes, and the record has 13 more"),
        (CHECK, PATH, b"\x07\0\0\0", "a string does not end with a NUL"),
        (CHECK, PATH - 1, b"\x63", "argument 1 of 2 at byte 149: the event has no argument with"),
        (CHECK, PATH - 2, b"\x09", "argument 3 of 9 at byte 167: it needs 1 bytes, and the record"),
    ],
)
def test_the_reasons(whole: bytes, at: int, patch: bytes, reason: str) -> None:
    record = bytearray(whole)
    record[at : at + len(patch)] = patch
    signature, found = started()
    errors = signature.on_batch(
        EventBatch.from_tracee_records(pack_records([record, whole]), "v0.24")
    )
    ((row, error),) = errors
    assert (row, len(found)) == (0, 1)
    assert isinstance(error, RecordError)
    assert error.offset == 4
    assert str(error).startswith("record at byte 4: ")
    assert reason in str(error)


@pytest.mark.parametrize(("size", "argc"), [(8192, 1), (4, 1 << 21), (2**32 - 1, 1), (300, 1)])
def test_args_arrays_that_lie(size: int, argc: int) -> None:
    array = struct.pack("<BII", 10, size, argc) + b"sh\0\0"
    record = bytearray(EXEC + array)
    record[V0_24.argnum_at] += 1
    assert judged(pack_records([record])) == ([], [0])
    assert isinstance(decode_record(bytes(record), V0_24)[1], RecordError)


def test_args_that_did_not_fit_are_question_marks() -> None:
    record = bytearray(EXEC + struct.pack("<BII", 10, 5, 4) + b"sh\0-c")
    record[V0_24.argnum_at] += 1
    payload, damage = decode_record(bytes(record), V0_24)
    assert damage is None
    assert payload["args"][-1]["value"] == ["sh", "-c", "?", "?"]


@pytest.mark.parametrize("release", ["v0.20", "v0.24"])
def test_a_missing_argument_is_the_error_that_json_events_have(release: str) -> None:
    layout = LAYOUTS[release]
    events = [
        {**bprm_check("nginx", "/bin/sh"), "args": []},
        {**process_exec("nginx", "sh"), "args": []},
        {**bprm_check("cat", "/bin/sh"), "args": []},
        {**process_exec("nginx", "cat"), "args": []},
    ]
    signature, _ = started()
    buffer = pack_records([encode_record(event, layout) for event in events])
    errors = signature.on_batch(EventBatch.from_tracee_records(buffer, release))
    assert [(row, type(error), str(error)) for row, error in errors] == [
        (0, ArgumentNotFoundError, "argument pathname not found"),
        (1, ArgumentNotFoundError, "argument prev_comm not found"),
    ]


def test_match_takes_records_too() -> None:
    buffer = pack_records([EXEC[:100], CHECK, encode_record(bprm_check("cat", "/bin/sh"), V0_24)])
    matches = match(EventBatch.from_tracee_records(buffer, "v0.24"), threads=2)
    assert (matches.rows.tolist(), matches.errors.tolist(), matches.row_count) == ([1], [0], 3)


def test_the_engine_counts_records() -> None:
    found: list[Any] = []
    problems: list[Any] = []
    engine = Engine(
        [IllegitimateShell(EVENTS)],
        callback=found.append,
        on_error=lambda _signature, event, error: problems.append((event, error)),
    )
    buffer = pack_records([CHECK, EXEC[:-3], EXEC[:100], EXEC])[:-1]
    engine.dispatch_batch(EventBatch.from_tracee_records(buffer, "v0.24"))
    counts = (engine.counts.events, engine.counts.detections, engine.counts.errors)
    assert counts == (4, 1, 3)
    assert [len(event.payload["args"]) for event, _ in problems] == [1, 0, 1]


def test_memory_of_every_kind(tmp_path: Path) -> None:
    data = pack_records([CHECK, EXEC])
    path = tmp_path / "records"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        batch = EventBatch.from_tracee_records(mapped, "v0.24")
        hits, _ = batch.match(CORE)
        assert list(hits) == [0, 1]
        with pytest.raises(BufferError):
            mapped.close()
        del batch
    array = np.frombuffer(data, np.uint8)
    for buffer in (bytearray(data), memoryview(data), array, array.view("S1"), array.view("V1")):
        assert judged(buffer) == ([0, 1], [])
        part = EventBatch.from_tracee_records(buffer, "v0.24").slice(1, 2)
        assert part.event(0).payload["eventName"] == EVENTS[1]
    with pytest.raises((BufferError, ValueError)):
        judged(array[::2])
    with pytest.raises(TypeError):
        judged("records")


@pytest.mark.parametrize("size", [None, 200])
def test_no_records(size: int | None) -> None:
    batch = EventBatch.from_tracee_records(b"", "v0.24", record_size=size)
    assert len(batch) == 0
    assert judged(b"", "v0.24", size) == ([], [])
    with pytest.raises(IndexError, match="row 0 of 0 records"):
        batch.event(0)


def test_any_row_of_many_is_found() -> None:
    several = [CHECK[: 150 + row % 9] if row % 5 else EXEC + bytes(row % 7) for row in range(5000)]
    offsets = np.cumsum([4, *(len(record) + 4 for record in several)]).tolist()
    batch = EventBatch.from_tracee_records(pack_records(several), "v0.24")
    assert len(batch) == 5000
    for row in (0, 1, 1023, 1024, 1025, 2047, 2048, 4999):
        headers = batch.event(row).headers
        assert headers.position == ByteRange("", offsets[row], len(several[row]))
        assert headers.raw == several[row]
    with pytest.raises(IndexError):
        batch.event(-1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": "v0.7"}, "layout 'v0.7' is none of v0.8, v0.9, .* head"),
        ({"record_size": 0}, "record_size is 0, less than 1"),
        ({"record_size": 144}, "record_size is 144; the context alone has 145"),
        ({"event_ids": {"execve": 59}}, "event 'execve' is none of security_bprm_check, sched"),
        ({"event_ids": {"security_bprm_check": 715}}, "gives two events one number"),
    ],
)
def test_what_can_not_be_is_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EventBatch.from_tracee_records(b"", **{"layout": "v0.24", **arguments})


def test_the_core_refuses_layouts_that_would_lead_it_astray() -> None:
    class Astray:
        event_id_at, argnum_at, args_at = 112, 144, 145
        event_ids, arguments = V0_24.event_ids, V0_24.arguments
        context_texts = V0_24.context_texts

    Records(b"", Astray).match(CORE)
    for changed in (
        {"event_id_at": 142},
        {"event_id_at": -1},
        {"argnum_at": 145},
        {"args_at": 70, "event_id_at": 0, "argnum_at": 0},
        {"context_texts": {"comm": -1}},
        {"arguments": {name: tuple(V0_24.arguments[name][1:]) * 60 for name in EVENTS}},
        {"arguments": dict.fromkeys(EVENTS, (("pathname", V0_24.arguments[EVENTS[0]][1].kind),))},
    ):
        with pytest.raises(ValueError, match="layout"):
            Records(b"", type("Changed", (Astray,), changed)).match(CORE)


def test_a_buffer_that_changes_is_no_crash() -> None:
    data = bytearray(pack_records([CHECK, EXEC]))
    batch = EventBatch.from_tracee_records(data, "v0.24")
    ctypes.memset((ctypes.c_char * len(data)).from_buffer(data), 255, 4)
    with pytest.raises(ValueError, match="the buffer has changed"):
        batch.event(1)
    assert judged(data) == ([], [0])


@given(st.data(), layouts, st.booleans())
def test_a_slice_is_the_records_themselves(data: st.DataObject, release: str, fixed: bool) -> None:
    layout = LAYOUTS[release]
    several = data.draw(records(layout))
    size = max([layout.args_at, *map(len, several)]) if fixed else None
    buffer = pack_records(several, size)
    buffer = buffer[: len(buffer) - data.draw(st.sampled_from([0, 0, 1, 3, 50]))]
    batch = EventBatch.from_tracee_records(buffer, release, record_size=size)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(batch))] * 2)))
    part = batch.slice(start, stop)
    assert len(part) == stop - start
    hits, errors = (list(rows) for rows in part.match(CORE))
    whole = tuple(list(rows) for rows in batch.match(CORE))
    assert (hits, errors) == tuple(
        [row - start for row in rows if start <= row < stop] for rows in whole
    )
    for row in range(len(part)):
        assert part.event(row) == batch.event(start + row)
        assert part.event_name_of(row) == batch.event_name_of(start + row)
        assert str(part.damage(row)) == str(batch.damage(start + row))
    with pytest.raises(IndexError, match=f"rows 0 to {len(part) + 1} of {len(part)} records"):
        part.slice(0, len(part) + 1)
