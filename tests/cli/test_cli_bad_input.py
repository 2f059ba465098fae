"""Bad input: each kind gets a message with file and byte, and costs no other event."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import READERS, illshell, json_lines
from tracee_events import argument, bprm_check, process_exec

from illshell.cli.report import LIMIT
from illshell.readers.json_lines.definition import MAX_DEPTH, MAX_LINE

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.parametrize("reader", READERS)

GOOD = json.dumps(bprm_check("nginx", "/bin/sh")).encode()


def line(event: dict[str, Any] | None = None, **more: Any) -> bytes:
    return json.dumps((event or bprm_check("nginx", "/bin/sh")) | more).encode()


BAD_LINES = {
    "truncated": (GOOD[:-20], "does not end on its line"),
    "truncated inside": (GOOD[:-20] + b"}", "invalid JSON: "),
    "UTF-8": (GOOD.replace(b"/bin", b"/\xff\xfe"), "invalid UTF-8: byte 0xff"),
    "NUL bytes": (GOOD.replace(b"/bin", b"/\0bin"), "invalid JSON: Invalid control character"),
    "binary": (b"\x7fELF\x02\x01\x01\0\0", "binary or UTF-16"),
    "number": (GOOD[:-1] + b', "n": ' + b"1" * 5000 + b"}", "number out of range: "),
    "nesting": (
        GOOD[:-1] + b', "n": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        f"nested deeper than {MAX_DEPTH} levels",
    ),
    "deepest": (b'{"n": "security_bprm_check", "m": ' + b"[" * 100_000 + b"}", "nested deeper"),
    "array": (b"[" + GOOD + b"]", "array"),
    "two on a line": (GOOD + GOOD, "invalid JSON: Extra data"),
    "string": (b'"security_bprm_check"', "not a JSON object"),
}

BAD_EVENTS = {
    "args": (line(args={}), "invalid event: args is of type object, not array"),
    "no args": (line(args=None), "argument pathname not found"),
    "arg": (line(args=["pathname"]), "invalid event: args[0] is of type string, not object"),
    "nameless arg": (line(args=[{"value": "/bin/sh"}]), "argument pathname not found"),
    "comm": (line(processName=7), "invalid event: processName is of type number, not string"),
    "null": (line(args=[argument("pathname", None)]), "argument pathname is not initialized"),
    "number": (
        line(args=[argument("pathname", 7)]),
        "can't convert argument pathname to string",
    ),
    "missing": (line(args=[]), "argument pathname not found"),
    "prev_comm": (
        line(process_exec(7, "sh")),
        "can't convert argument prev_comm to string (argument is of type string)",
    ),
    "no prev_comm": (line(process_exec("", "sh"), args=[]), "argument prev_comm not found"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_LINES.values(), ids=list(BAD_LINES))
def test_a_bad_line(bad: bytes, reason: str, tmp_path: Path, reader: str) -> None:
    check(bad, reason, "1 invalid line, 0 events that could not be judged;", tmp_path, reader)


@pytest.mark.parametrize(("bad", "reason"), BAD_EVENTS.values(), ids=list(BAD_EVENTS))
def test_an_event_that_can_not_be_judged(
    bad: bytes, reason: str, tmp_path: Path, reader: str
) -> None:
    check(bad, reason, "0 invalid lines, 1 event that could not be judged;", tmp_path, reader)


def check(bad: bytes, reason: str, counted: str, tmp_path: Path, reader: str) -> None:
    path, kept = tmp_path / "events", tmp_path / "quarantine"
    path.write_bytes(GOOD + b"\n" + bad + b"\n" + GOOD)
    arguments = ("scan", "--reader", reader, "--quarantine", kept)
    result = illshell(*arguments, path)
    assert result.offsets == [0, len(GOOD) + len(bad) + 2]
    (message,) = result.messages
    assert message.startswith(f"{path}: byte {len(GOOD) + 1}: ")
    assert reason in message
    assert message.isprintable()
    assert counted in result.summary
    assert kept.read_bytes() == bad + b"\n"

    again = tmp_path / "again"
    rescan = illshell("scan", "--reader", reader, "--quarantine", again, kept)
    assert rescan.records == []
    assert again.read_bytes() == bad + b"\n"


def test_quarantine_holds_the_bad_ones_in_order(tmp_path: Path, reader: str) -> None:
    bad = [text for text, _ in (*BAD_LINES.values(), *BAD_EVENTS.values())]
    text = b"".join(GOOD + b"\r\n" + one + b"\r\n" for one in bad)
    kept = tmp_path / "quarantine"
    result = illshell("scan", "--reader", reader, "--quarantine", kept, stdin=text)
    assert len(result.records) == len(bad)
    assert kept.read_bytes().split(b"\n")[:-1] == bad
    assert (
        f"{len(BAD_LINES)} invalid lines, {len(BAD_EVENTS)} events that could not be judged; "
        in result.summary
    )


def test_duplicate_keys(tmp_path: Path, reader: str) -> None:
    text = GOOD[:-1] + b', "processName": "cron", "processName": "nginx"}\n'
    assert len(illshell("scan", "--reader", reader, stdin=text).records) == 1
    result = illshell("scan", "--strict", "--reader", reader, stdin=text, code=3)
    assert result.records == []
    assert result.messages == ["<stdin>: byte 0: duplicate key 'processName'"]


def test_strict_looks_at_lines_of_other_events_too(reader: str) -> None:
    text = b'{"eventName": "close", "n": nul}\n' + GOOD
    loose = illshell("scan", "--reader", reader, stdin=text)
    assert (len(loose.records), loose.messages) == (1, [])
    strict = illshell("scan", "--strict", "--reader", reader, stdin=text, code=3)
    assert len(strict.records) == 1
    assert strict.messages[0].startswith("<stdin>: byte 0: invalid JSON: ")


def test_a_line_over_the_limit(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "events"
    fits = GOOD[:-1] + b" " * (MAX_LINE - len(GOOD)) + b"}"
    path.write_bytes(b"\n".join([GOOD, fits, fits + b" ", GOOD]))
    result = illshell("scan", "--reader", reader, path)
    assert result.offsets == [
        0,
        len(GOOD) + 1,
        len(GOOD) + 2 * MAX_LINE + 4,
    ]
    offset = len(GOOD) + MAX_LINE + 2
    assert result.messages == [f"{path}: byte {offset}: longer than the limit of {MAX_LINE} bytes"]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
@pytest.mark.parametrize("harm", ["cut", "corrupt"])
def test_a_compressed_stream_that_is_damaged(
    pack: Any, harm: str, tmp_path: Path, reader: str
) -> None:
    """What came before the damage is judged; files after this one are scanned."""
    path, other = tmp_path / "damaged", tmp_path / "other"
    text = b"".join(
        line(hostName=f"{number * 7919 % 10007:x}" * 9) + b"\n" for number in range(9000)
    )
    packed = bytearray(pack(text))
    middle = len(packed) * 3 // 4
    if harm == "cut":
        del packed[middle:]
    else:
        packed[middle : middle + 64] = bytes(range(64))
    path.write_bytes(packed)
    other.write_bytes(GOOD)
    result = illshell("scan", "--reader", reader, path, other, code=3)
    found = [record for record in result.records if record["position"]["source"] == str(path)]
    # gzip has its checksum at the end: it can give nonsense for a while after the damage.
    for number, record in enumerate(found[: len(found) // 2]):
        assert record["event"]["hostName"] == f"{number * 7919 % 10007:x}" * 9
    assert result.records[-1]["position"]["source"] == str(other)
    broken = [message for message in result.messages if "gzip" in message or "zstd" in message]
    assert len(broken) == 1
    assert broken[0].startswith(f"{path}: byte ")
    assert "1 input could not be read" in result.summary
    if harm == "cut" and pack is gzip.compress:
        assert found


@pytest.mark.parametrize(
    "text", [b"", gzip.compress(b""), zstd.compress(b"")], ids=["plain", "gzip", "zstd"]
)
def test_an_empty_file(text: bytes, tmp_path: Path, reader: str) -> None:
    path = tmp_path / "empty"
    path.write_bytes(text)
    result = illshell("scan", "--strict", "--reader", reader, path)
    assert result.messages == [f"{path}: byte 0: empty, there is no event in it"]
    assert "0 events" in result.summary


def test_a_pretty_printed_document(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "pretty"
    path.write_text(json.dumps(bprm_check("nginx", "/bin/sh"), indent=2))
    result = illshell("scan", "--reader", reader, path)
    assert result.records == []
    assert "jq -c" in result.messages[0]


def test_many_problems_are_counted(tmp_path: Path, reader: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"bad\n" * 1234)
    second.write_bytes(b"bad\n" * LIMIT)
    messages = illshell("scan", "--reader", reader, first, second).messages
    assert messages[: LIMIT + 1] == [
        *(f"{first}: byte {4 * number}: not a JSON object" for number in range(LIMIT)),
        f"{first}: … and {1234 - LIMIT:,} more",
    ]
    assert messages[LIMIT + 1 :] == [
        f"{second}: byte {4 * number}: not a JSON object" for number in range(LIMIT)
    ]


def test_a_hostile_stream_of_brackets(reader: str) -> None:
    text = b"[" * 3_000_000 + b"\n" + b'{"a":' * 300_000 + b"\n" + GOOD + b"\n" + b"\0" * 1_000_000
    result = illshell("scan", "--strict", "--reader", reader, stdin=text, code=3)
    assert len(result.records) == 1
    assert "3 invalid lines" in result.summary


def test_all_is_well_with_good_input(reader: str) -> None:
    result = illshell("scan", "--strict", "--reader", reader, stdin=json_lines(json.loads(GOOD)))
    assert result.messages == []
