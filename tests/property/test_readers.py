"""Both readers: what they make of a stream is what json.loads makes of it, line by line."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_lines_at_random import streams
from tracee_events import bprm_check, process_exec

from illshell import (
    ByteRange,
    Detector,
    IllegitimateShell,
    IllshellError,
    StreamError,
)
from illshell.detect.scan import Problem, Scan
from illshell.model.signature import SignatureContext
from illshell.readers import has_native, open_reader
from illshell.readers.json_lines.definition import MAX_DEPTH, MAX_LINE, decode_event
from illshell.readers.json_lines.python import LineDecoder
from illshell.readers.segment import InvalidLine, Segment
from illshell.readers.selection import Selection
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

needs_native = pytest.mark.skipif(
    not has_native(), reason="needs illshell-ingest: install Rust, then `make test`"
)
READERS = [
    pytest.param(False, id="plain"),
    pytest.param(True, id="native", marks=needs_native),
]


SELECTION = Detector([IllegitimateShell(EVENTS)]).selection


def position_of(offset: int, length: int) -> ByteRange:
    return ByteRange("", offset, length)


if has_native():
    import illshell_ingest

    INSTRUCTION_SETS = illshell_ingest.INSTRUCTION_SETS
else:
    INSTRUCTION_SETS = ()
DECODERS: list[bool | str] = [False, *INSTRUCTION_SETS]
"""The plain one, and the native one with each instruction set."""


class NativeDecoder:
    """illshell_ingest.JsonLines with the face of LineDecoder, but for several segments a piece."""

    def __init__(
        self,
        selection: Selection,
        *,
        strict: bool = False,
        max_line: int = MAX_LINE,
        instruction_set: str | None = None,
    ) -> None:
        from illshell.readers.json_lines.native import SegmentMaker
        from illshell.readers.json_lines.projection import projection_of

        self._lines = illshell_ingest.JsonLines(
            projection_of(selection),
            strict=strict,
            max_line=max_line,
            instruction_set=instruction_set,
        )
        self._maker = SegmentMaker(
            selection, position_of=position_of, strict=strict, max_line=max_line
        )

    def feed(self, piece: bytes) -> list[Any]:
        return [self._maker.segment(decoded) for decoded in self._lines.feed(piece)]

    def finish(self) -> Any:
        return self._maker.segment(self._lines.finish())


def decoder(native: bool | str, names: Any, **options: Any) -> Any:
    selection = Selection(names, IllegitimateShell(EVENTS).fields)
    if isinstance(native, str):
        options["instruction_set"] = native
    if native:
        return NativeDecoder(selection, **options)
    return LineDecoder(selection, position_of=position_of, **options)


def segments(decoder: Any, pieces: list[bytes]) -> Iterator[Any]:
    for piece in pieces:
        fed = decoder.feed(piece)
        yield from fed if isinstance(fed, list) else [fed]
    yield decoder.finish()


def in_order(segment: Segment) -> Iterator[Any]:
    """Each packed and single event, and each invalid line, where it stands in the input."""
    row = 0
    for at, single in [*segment.singles, (segment.packed, None)]:
        assert row <= at <= segment.packed
        while row < at:
            assert segment.batch is not None
            yield segment.batch.event(row)
            row += 1
        if single is not None:
            yield single


def outcome(decoder: Any, pieces: list[bytes]) -> dict[str, Any]:
    """What a decoder makes of a stream, whatever pieces it came in; all of it in its order."""
    detector = Detector([IllegitimateShell(EVENTS)])
    events, bad, hits, errors, skipped = [], [], [], [], 0
    for segment in segments(decoder, pieces):
        skipped += segment.skipped
        for each in in_order(segment):
            if isinstance(each, InvalidLine):
                assert isinstance(each.position, ByteRange)
                assert each.position.length >= len(each.line)
                bad.append((each.position.offset, each.reason, each.line))
            else:
                position = each.headers.position
                assert len(each.headers.raw) == position.length
                events.append((position.offset, position.length, json.dumps(each.payload)))
        for verdict in detector.segment(segment):
            assert isinstance(verdict.position, ByteRange)
            if verdict.finding is not None:
                hits.append(verdict.position.offset)
            elif verdict.signature is not None:
                errors.append((verdict.position.offset, str(verdict.error)))
    return {
        "events": events,
        "hits": hits,
        "errors": errors,
        "bad": bad,
        "skipped": skipped,
        "end": segment.end,
    }


def depth_of(value: Any) -> int:
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [v for each in level for v in (each.values() if isinstance(each, dict) else each)]
    return depth


def straightforward(stream: bytes) -> dict[str, Any]:
    """The loop that any user would write, with the twin for a judge.

    JSON is UTF-8: ``json.loads`` of bytes would take a line in UTF-16 as well.
    """
    found: list[Any] = []
    signature = reference.IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    events, errors, offset = [], [], 0
    for line in io.BytesIO(stream):
        begin, offset = offset, offset + len(line)
        try:
            event = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict) or depth_of(event) > MAX_DEPTH:
            continue
        record = line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
        if event.get("eventName") in EVENTS:
            events.append((begin + line.index(record), len(record), json.dumps(event)))
            try:
                before = len(found)
                signature.on_event(event)
                found[before:] = [begin + line.index(record)] * (len(found) - before)
            except IllshellError as error:
                errors.append((begin + line.index(record), str(error)))
    return {"events": events, "hits": found, "errors": errors}


@pytest.mark.parametrize("native", DECODERS)
@given(stream=streams)
def test_a_reader_is_the_straightforward_loop(stream: bytes, native: bool | str) -> None:
    got = outcome(decoder(native, EVENTS), [stream])
    expected = straightforward(stream)
    assert {key: got[key] for key in expected} == expected
    assert got["end"] == len(stream)


@needs_native
@given(streams, st.booleans(), st.sampled_from([EVENTS, EVENTS[:1], None, [], [""], ["ähm"]]))
def test_the_readers_agree(stream: bytes, strict: bool, names: Any) -> None:
    plain, *native = (outcome(decoder(n, names, strict=strict), [stream]) for n in DECODERS)
    assert all(each == plain for each in native)


NASTY = b"\n".join(
    [
        b"\xef\xbb\xbf" + json.dumps(bprm_check("nginx", "/bin/sh")).encode() + b"\r",
        b"",
        json.dumps(process_exec("apache2", "sh")).encode(),
        b'{"eventName":"\\u0073ecurity_bprm_check","processName":"nginx"}',
        b'{"eventName":"sched_process_exec"',
        b'{"eventName":"open"}',
        b"\xff\xfe",
        json.dumps(bprm_check("nginx", "/bin/dash")).encode(),
    ]
)


@pytest.mark.parametrize("native", DECODERS)
def test_split_at_every_byte(native: bool | str) -> None:
    whole = outcome(decoder(native, EVENTS), [NASTY])
    assert len(whole["hits"]) == 3
    for cut in range(len(NASTY) + 1):
        assert outcome(decoder(native, EVENTS), [NASTY[:cut], NASTY[cut:]]) == whole
    single_bytes = [bytes([byte]) for byte in NASTY]
    assert outcome(decoder(native, EVENTS), single_bytes) == whole


@pytest.mark.parametrize("native", DECODERS)
def test_lines_up_to_the_limit(native: bool | str) -> None:
    hit = json.dumps(bprm_check("nginx", "/bin/sh")).encode()
    limit = len(hit)
    stream = hit + b"\n" + hit + b" \n" + hit + b"\n"
    for pieces in ([stream], [stream[:5], stream[5:]], [bytes([b]) for b in stream]):
        got = outcome(decoder(native, EVENTS, max_line=limit), pieces)
        assert got["hits"] == [0, 2 * limit + 3]
        assert got["bad"] == [(limit + 1, f"longer than the limit of {limit} bytes", hit)]


def test_the_limits_are_the_documented_ones() -> None:
    assert MAX_LINE == 16 * 1024 * 1024
    assert MAX_DEPTH == 512
    if has_native():
        import illshell_ingest

        assert illshell_ingest.MAX_LINE == MAX_LINE


@needs_native
def test_decoders_share_a_compiled_projection() -> None:
    from illshell.readers.json_lines.projection import projection_of

    form = projection_of(Selection(EVENTS, IllegitimateShell(EVENTS).fields))
    compiled = illshell_ingest.Projection(form)
    line = json.dumps(bprm_check("nginx", "/bin/sh")).encode() + b"\n"
    for projection in (compiled, form, json.dumps(form), compiled):
        (batch,) = illshell_ingest.JsonLines(projection).feed(line)
        assert (batch.num_rows, batch.start, batch.end) == (1, 0, len(line))
    with pytest.raises(ValueError, match="columns is missing"):
        illshell_ingest.Projection({"dialects": []})


REASONS = [
    (b'{"a":1', "a JSON object that does not end on its line: truncated?"),
    (b"{", "not a JSON object on one line; a pretty-printed document? `jq -c .` makes lines"),
    (b"[", "not a JSON object on one line; a pretty-printed document? `jq -c .` makes lines"),
    (b"[{}]", "not a JSON object but an array; `jq -c '.[]'` makes lines"),
    (b"text", "not a JSON object"),
    (b"}", "not a JSON object"),
    (b"\0\0", "not a JSON object: holds NUL bytes, a binary or UTF-16 file?"),
    (b"{'a': 1}", "invalid JSON: Expecting property name enclosed in double quotes at byte 1"),
    ('{"ü": x}'.encode(), "invalid JSON: Expecting value at byte 7"),
    (b'{"a": "\xff"}', "invalid UTF-8: byte 0xff at byte 7"),
    (b'{"a": "\0"}', "invalid JSON: Invalid control character at at byte 7"),
    (b'{"a": ' + b"9" * 5000 + b"}", "number out of range: Exceeds the limit (4300 digits)"),
    (b'{"a": ' + b"[" * 512 + b"]" * 512 + b"}", "nested deeper than 512 levels"),
    (b'{"a": 1}}', "invalid JSON: Extra data at byte 8"),
]


@pytest.mark.parametrize("native", DECODERS)
@pytest.mark.parametrize(("line", "reason"), REASONS)
def test_reasons_say_what_and_where(line: bytes, reason: str, native: bool | str) -> None:
    [(offset, text, bytes_of_it)] = outcome(decoder(native, None), [b"\n" + line + b"\n"])["bad"]
    assert (offset, bytes_of_it) == (1, line)
    assert text.startswith(reason)


DEEP_OR_NOT = """
import resource
from illshell.model.errors import InvalidLineError
from illshell.readers.json_lines.definition import decode_event

limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (100 << 10)
for string in (b"a" * (8 << 20), rb"\\n" * (4 << 20), rb"\\"[" * (2 << 20)):
    event = decode_event(b'{"a":"' + b"[" * 600 + string + b'"}')
    assert len(event["a"]) > 600
    try:
        decode_event(b'{"b":"' + string + b'","a":' + b"[" * 512 + b"]" * 512 + b"}")
    except InvalidLineError as error:
        assert "nested deeper" in str(error)
    else:
        raise AssertionError
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < limit
"""


def test_brackets_in_a_long_string_take_no_memory() -> None:
    subprocess.run([sys.executable, "-c", DEEP_OR_NOT], check=True, timeout=60)


@pytest.mark.parametrize("native", READERS)
def test_strict_validates_every_line_and_names_duplicate_keys(native: bool) -> None:
    stream = b'{"a": x}\n{"a":{"b":1,"b":2}}\n{"eventName":"open"}\n'
    assert outcome(decoder(native, EVENTS), [stream])["skipped"] == 3
    got = outcome(decoder(native, EVENTS, strict=True), [stream])
    assert [(offset, reason) for offset, reason, _ in got["bad"]] == [
        (0, "invalid JSON: Expecting value at byte 6"),
        (9, "duplicate key 'b'"),
    ]
    assert got["skipped"] == 1


def scan(path: Any, *, native: bool) -> tuple[list[Any], list[Problem], Any]:
    found: list[Any] = []
    problems: list[Problem] = []
    detector = Detector([IllegitimateShell(EVENTS)])
    job = Scan(detector, on_finding=found.append, on_problem=problems.append)
    job.run(open_reader(path, detector.selection, native=native))
    job.end_of_input()
    return [f.position.offset for f in found], problems, job.counts


MANY = (NASTY + b"\n") * 3 + (json.dumps(bprm_check("nginx", "/bin/sh")).encode() + b"\n") * 1000

COMPRESSIONS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "gzip members": lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]),
    "gzip padded": lambda data: gzip.compress(data) + b"\0" * 512,
    "zstd": zstd.compress,
    "zstd frames": lambda data: zstd.compress(data[:700]) + zstd.compress(data[700:]),
    "zstd skippable": lambda data: b"\x53\x2a\x4d\x18\x03\0\0\0abc" + zstd.compress(data),
}


@pytest.mark.parametrize("native", READERS)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compression_is_told_by_content(tmp_path: Path, compression: str, *, native: bool) -> None:
    path = tmp_path / "events.zip"
    path.write_bytes(COMPRESSIONS[compression](MANY))
    hits, problems, counts = scan(str(path), native=native)
    assert len(hits) == counts.findings == 1009
    assert counts.bytes == len(MANY)
    assert len(problems) == 9
    assert counts.broken == 0


@pytest.mark.parametrize("native", READERS)
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "garbage", "flipped"])
def test_what_came_before_a_damage_is_judged(
    tmp_path: Path, compression: str, damage: str, *, native: bool
) -> None:
    first = COMPRESSIONS[compression](MANY)
    noise = os.urandom(100_000) + b"\n"
    checksum = {zstd.CompressionParameter.checksum_flag: 1}
    second = (
        gzip.compress(noise) if compression == "gzip" else zstd.compress(noise, options=checksum)
    )
    data = {
        "cut": first + second[: len(second) // 2],
        "garbage": first + b"garbage behind it",
        "flipped": first + second[:2000] + bytes(b ^ 0x55 for b in second[2000:]),
    }[damage]
    path = tmp_path / "events"
    path.write_bytes(data)
    hits, problems, counts = scan(str(path), native=native)
    assert len(hits) == 1009
    assert counts.broken == 1
    assert isinstance(problems[-1].position, ByteRange)
    assert problems[-1].position.source == str(path)
    assert problems[-1].line is None
    assert compression in problems[-1].reason
    assert problems[-1].position.offset >= len(MANY)


@pytest.mark.parametrize("native", READERS)
def test_empty_input(tmp_path: Path, native: bool) -> None:
    path = tmp_path / "empty"
    for data in (b"", b"\n\n \n", gzip.compress(b""), b"\xef\xbb\xbf"):
        path.write_bytes(data)
        hits, problems, counts = scan(str(path), native=native)
        assert (hits, problems, counts.events) == ([], [], 0)


@pytest.mark.parametrize("native", READERS)
def test_what_cannot_be_opened(tmp_path: Path, native: bool) -> None:
    with pytest.raises(IsADirectoryError):
        open_reader(str(tmp_path), SELECTION, native=native)
    with pytest.raises(FileNotFoundError):
        open_reader(str(tmp_path / "missing"), SELECTION, native=native)


@pytest.mark.parametrize("native", READERS)
@pytest.mark.parametrize("compress", [None, "gzip", "zstd"])
def test_a_pipe_gives_events_as_they_come(compress: str | None, native: bool) -> None:
    hit = json.dumps(bprm_check("nginx", "/bin/sh")).encode() + b"\n"
    read_end, write_end = os.pipe()
    reader = open_reader(read_end, SELECTION, native=native)
    os.close(read_end)
    segments = reader.segments()
    raw = os.fdopen(write_end, "wb", buffering=0)
    file: Any = raw
    if compress == "gzip":
        file = gzip.GzipFile(fileobj=raw, mode="wb")
    elif compress == "zstd":
        file = zstd.ZstdFile(raw, mode="wb")
    alarm = threading.Timer(20, raw.close)
    alarm.start()
    try:
        for _ in range(3):
            file.write(hit)
            if compress == "gzip":
                file.flush()
            elif compress == "zstd":
                file.flush(file.FLUSH_BLOCK)
            while True:
                segment = next(segments)
                if segment.batch is not None or segment.singles:
                    break
        if compress:
            file.close()
    finally:
        alarm.cancel()
        raw.close()
        reader.close()


@pytest.mark.parametrize("native", READERS)
def test_stream_errors_carry_their_offset(tmp_path: Path, native: bool) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(os.urandom(10_000))[:5_000])
    reader = open_reader(str(path), Selection(), native=native)
    with pytest.raises(StreamError) as caught:
        list(reader.segments())
    assert 0 < caught.value.offset < 10_000


def test_a_version_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    from illshell import VersionMismatchError

    other = ModuleType("illshell_ingest")
    other.__version__ = "9.9.9"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "illshell_ingest", other)
    has_native.cache_clear()
    try:
        with pytest.raises(VersionMismatchError, match=r"9\.9\.9 is installed"):
            has_native()
    finally:
        has_native.cache_clear()


def test_decoding_refuses_what_is_no_object() -> None:
    assert decode_event(b'{"a": NaN}')
    with pytest.raises(ValueError, match="not a JSON object"):
        decode_event(b"5")
