"""The command line on whole inputs: what is found, how it is written, what the exit code says."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import PROGRAM, READERS, illshell, json_lines
from tracee_events import argument, bprm_check, process_exec

from illshell.model.signature import SignatureContext
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BPRM = bprm_check("nginx", "/bin/sh", hostName="bprm")
EXEC = process_exec("apache2", "bash", hostName="exec")
OTHER = {"eventName": "security_file_open", "processName": "nginx", "args": []}
HARMLESS = process_exec("cron", "sh")

pytestmark = pytest.mark.parametrize("reader", READERS)


def hosts(records: list[Any]) -> list[str]:
    return [record["event"]["hostName"] for record in records]


def test_stdin_is_the_default_and_can_be_named(reader: str) -> None:
    stdin = json_lines(BPRM, OTHER, HARMLESS, EXEC)
    for paths in ((), ("-",)):
        result = illshell("scan", "--reader", reader, *paths, stdin=stdin)
        assert hosts(result.records) == ["bprm", "exec"]
        assert [record["position"]["source"] for record in result.records] == ["<stdin>"] * 2
        assert result.summary.startswith(
            "illshell: 4 events (3 judged, 1 skipped), 2 findings, 0 invalid lines, "
            "0 events that could not be judged; "
        )
        assert f"{len(stdin)} B in " in result.summary


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ("security_bprm_check", ["bprm"]),
        ("sched_process_exec", ["exec"]),
        ("both", ["bprm", "exec"]),
    ],
)
def test_the_event_to_judge(event: str, found: list[str], reader: str) -> None:
    stdin = json_lines(BPRM, EXEC)
    result = illshell("scan", "--event", event, "--reader", reader, stdin=stdin)
    assert hosts(result.records) == found


def test_findings_come_in_the_order_of_the_input(tmp_path: Path, reader: str) -> None:
    """Escapes send every third line another way through the fast reader than its neighbours."""
    lines = []
    for number in range(3000):
        line = json.dumps(bprm_check("nginx", "/bin/sh", hostName=str(number)))
        lines.append(line.replace("security_", r"\u0073ecurity_") if number % 3 == 0 else line)
    path = tmp_path / "events"
    path.write_text("\n".join(lines))
    result = illshell("scan", "--reader", reader, path, path)
    assert hosts(result.records) == [str(number) for number in range(3000)] * 2
    text = path.read_bytes()
    for record in result.records[:3000]:
        position = record["position"]
        assert position["source"] == str(path)
        event = text[position["offset"] : position["offset"] + position["length"]]
        assert json.loads(event) == record["event"]


@pytest.mark.parametrize("name", ["events", "events.gz", "events.zst", "events.jsonl"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
def test_compression_is_known_by_content(pack: Any, name: str, tmp_path: Path, reader: str) -> None:
    path = tmp_path / name
    path.write_bytes(pack(json_lines(BPRM, EXEC)))
    assert hosts(illshell("scan", path, "--reader", reader).records) == ["bprm", "exec"]
    result = illshell("scan", "-", "--reader", reader, stdin=path.read_bytes())
    assert hosts(result.records) == ["bprm", "exec"]


def test_every_habit_of_line_ends(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "events"
    bprm, process = json.dumps(BPRM).encode(), json.dumps(EXEC).encode()
    path.write_bytes(b"\xef\xbb\xbf" + bprm + b"\r\n\r\n \t \n\n" + process)
    result = illshell("scan", path, "--strict", "--reader", reader)
    assert hosts(result.records) == ["bprm", "exec"]
    assert result.messages == []
    assert result.offsets == [3, 3 + len(bprm) + 9]


def test_a_source_that_can_not_be_read_costs_no_other(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "events"
    path.write_bytes(json_lines(BPRM))
    missing, secret = tmp_path / "missing", tmp_path / "loop"
    secret.symlink_to(secret)
    sources = [missing, path, secret, path]
    result = illshell("scan", "--reader", reader, *sources, code=3)
    assert hosts(result.records) == ["bprm", "bprm"]
    assert result.messages == [
        f"{missing}: No such file or directory",
        f"{secret}: Too many levels of symbolic links",
    ]
    assert "2 inputs could not be read" in result.summary


def test_the_name_of_a_file_acts_on_nobody(tmp_path: Path, reader: str) -> None:
    hostile = os.fsencode(tmp_path) + b"/\x1b[31m\xff\n"
    Path(os.fsdecode(hostile)).write_bytes(json_lines(BPRM) + b"bad\n")
    result = illshell("scan", os.fsdecode(hostile), "--reader", reader)
    assert result.records[0]["position"]["source"] == os.fsdecode(hostile)
    assert result.messages == [
        rf"{tmp_path}/\x1b[31m\udcff\n: byte {len(json_lines(BPRM))}: not a JSON object"
    ]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        ([], [OTHER], 0),
        ([], [BPRM], 0),
        (["--fail-on-finding"], [OTHER], 0),
        (["--fail-on-finding"], [BPRM], 1),
        ([], ["bad"], 0),
        (["--strict"], ["bad"], 3),
        (["--strict"], [BPRM | {"args": None}], 3),
        (["--strict"], [BPRM], 0),
        (["--strict", "--fail-on-finding"], ["bad", BPRM], 1),
        (["--fail-on-finding", "/missing", "-"], [BPRM], 1),
        (["/missing", "-"], [BPRM], 3),
        (["--fail-on-finding", "-o", "/dev/full"], [BPRM], 4),
        (["--fail-on-finding", "-o", "/missing/x"], [BPRM], 4),
        (["--strict", "--quarantine", "/dev/full"], ["bad", BPRM], 4),
        (["--quarantine", "/missing/x"], [BPRM], 4),
        (["--event", "x"], [BPRM], 2),
        (["--format", "xml"], [BPRM], 2),
    ],
)
def test_exit_codes(arguments: list[str], stdin: list[Any], code: int, reader: str) -> None:
    illshell("scan", "--reader", reader, *arguments, stdin=json_lines(*stdin), code=code)


def test_a_full_device_is_told_of_with_what_was_written(reader: str) -> None:
    result = illshell("scan", "-o", "/dev/full", "--reader", reader, stdin=json_lines(BPRM), code=4)
    assert result.messages == [
        "/dev/full: No space left on device; 0 complete findings written before the error"
    ]
    assert "1 finding," in result.summary


def test_a_full_quarantine_costs_no_finding(reader: str) -> None:
    stdin = json_lines("bad", BPRM, "bad", EXEC)
    result = illshell("scan", "--quarantine", "/dev/full", "--reader", reader, stdin=stdin, code=4)
    assert hosts(result.records) == ["bprm", "exec"]
    assert [line for line in result.messages if "/dev/full" in line] == [
        "/dev/full: No space left on device; 0 complete lines written before the error"
    ]


def test_a_file_is_not_overwritten_while_it_is_read(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "events"
    path.write_bytes(json_lines(BPRM))
    for arguments in (["-o", path], ["--quarantine", path], ["-o", tmp_path / "." / "events"]):
        result = illshell("scan", path, *arguments, "--reader", reader, code=2)
        message = " ".join(result.err.replace("│", "").split())
        what = "the quarantine" if arguments[0] == "--quarantine" else "the output of findings"
        assert f"{arguments[1]}: {what} can't be written to the input {path}" in message
    both = tmp_path / "both"
    both.touch()
    result = illshell("scan", path, "-o", both, "--quarantine", both, "--reader", reader, code=2)
    message = " ".join(result.err.replace("│", "").split())
    assert f"{both}: the quarantine can't be written to the output of findings" in message
    with path.open("rb") as stdin:
        command = [PROGRAM, "scan", "-o", str(path), "--reader", reader]
        assert (
            subprocess.run(command, stdin=stdin, check=False, capture_output=True).returncode == 2
        )
    assert path.read_bytes() == json_lines(BPRM)


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_stdout_has_other_names(output: str, reader: str) -> None:
    result = illshell("scan", "-o", output, "--reader", reader, stdin=json_lines(BPRM))
    assert hosts(result.records) == ["bprm"]


def test_an_output_file_takes_the_place_of_the_old_one(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "findings"
    path.write_bytes(b"x" * 100_000)
    result = illshell("scan", "-o", path, "--reader", reader, stdin=json_lines(BPRM, EXEC))
    assert result.out == b""
    assert hosts([json.loads(line) for line in path.read_bytes().splitlines()]) == ["bprm", "exec"]


def test_formats(reader: str) -> None:
    stdin = json_lines(BPRM)
    arguments = ("scan", "--reader", reader, "--format")
    (jsonl,) = illshell(*arguments, "jsonl", stdin=stdin).records
    assert jsonl["event"] == BPRM
    (event,) = illshell(*arguments, "tracee", stdin=stdin).records
    assert event["eventName"] == "illegitimate_shell"
    assert event["args"][0]["value"]["args"] == BPRM["args"]
    (raw,) = illshell(*arguments, "raw", stdin=stdin).records
    assert raw["Context"] == BPRM
    table = illshell(*arguments, "table", stdin=stdin, COLUMNS="90").out.decode().splitlines()
    assert [line.split()[0] for line in table] == ["TIME", "<stdin>", "-", "byte"]
    assert illshell(*arguments, "table", stdin=json_lines(OTHER)).out == b""


def test_quiet_leaves_what_costs_events(reader: str) -> None:
    result = illshell(
        "scan", "-q", "/missing", "-", "--reader", reader, stdin=json_lines("bad", BPRM), code=3
    )
    assert hosts(result.records) == ["bprm"]
    assert result.err == "illshell: /missing: No such file or directory\n"


def straightforward(text: bytes, events: tuple[str, ...]) -> tuple[list[Any], int]:
    """Judge each line that is a JSON object; give the events found and how many were in error."""
    found: list[Any] = []
    signature = reference.IllegitimateShell(events)
    signature.init(SignatureContext(lambda finding: found.append(finding.event)))
    errors = 0
    for line in text.split(b"\n"):
        try:
            event = json.loads(line.strip(b" \t\r").removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        try:
            signature.on_event(event)
        except ValueError:
            errors += 1
    return found, errors


def nasty_lines() -> Iterator[bytes]:
    values: list[Any] = ["/bin/sh", "/sh", "sh", "", None, 7, 1.5, True, [], {}, "/bin/\u0000sh"]
    comms: list[Any] = ["nginx", "http-nio", "apache2\u0000", "NGINX", "", None, 3, [], "\u00fc"]
    for value in values:
        for comm in comms:
            yield json.dumps(bprm_check(comm, value)).encode()
            yield json.dumps(process_exec(value, comm)).encode()
            yield json.dumps(process_exec(comm, value)).encode()
            yield json.dumps(process_exec(comm, "sh")).encode()
    for args in (
        None,
        [],
        {},
        "x",
        1,
        [1],
        [None],
        [[]],
        [{}],
        [argument("pathname", "/bin/sh")] * 2,
    ):
        yield json.dumps(bprm_check("nginx", "") | {"args": args}).encode()
        yield json.dumps(process_exec("nginx", "sh") | {"args": args}, indent=None).encode()
    for event in (BPRM, EXEC):
        line = json.dumps(event).encode()
        yield from (line[:end] for end in range(0, len(line), 7))
        yield line.replace(b"eventName", rb"event\u004eame")
        yield line.replace(b"eventName", b"EventName")
        yield line.replace(b"e", rb"\u0065")
        yield line.replace(b'"hostName"', b'"eventName": "x", "hostName"')
        yield line.replace(b'"hostName"', b'"args": 3, "hostName"')
        yield line.replace(b'"hostName"', b'"n": NaN, "m": -Infinity, "hostName"')
        yield line.replace(b'"hostName"', b'"n": 1e999, "m": 1' + b"0" * 4000 + b', "hostName"')
        yield line.replace(b'"hostName"', b'"n": 1' + b"0" * 5000 + b', "hostName"')
        yield line.replace(b'"hostName"', rb'"n": "\ud800", "hostName"')
        yield line.replace(b'"hostName"', b'"n": "\xff", "hostName"')
        yield line.replace(b'"hostName"', b'"n": "\x00", "hostName"')
        yield line.replace(b'"hostName"', b'"n": ' + b"[" * 400 + b"]" * 400 + b', "hostName"')
        yield b" \t" + line + b" \r"
        yield b"\xef\xbb\xbf" + line
        yield line + line
        yield line + b","
        yield b"[" + line + b"]"
        yield json.dumps({"eventName": "x", "inner": event}).encode()
    yield from (b"", b"{}", b"[]", b"null", b"{", b"}", b"\x00", b"\xff\xfe{\x00", b'"x"', b"NaN")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("events", [EVENTS, EVENTS[:1], EVENTS[1:]])
def test_a_scan_is_a_straightforward_loop(
    events: tuple[str, ...], strict: bool, reader: str
) -> None:
    lines = list(nasty_lines())
    if strict:
        lines = [line for line in lines if b'"args": 3' not in line and b'"x", "host' not in line]
    text = b"\n".join(lines)
    expected, errors = straightforward(text, events)
    event = "both" if events == EVENTS else events[0]
    arguments = ["scan", "--event", event, "--reader", reader] + ["--strict"] * strict
    result = illshell(*arguments, stdin=text, code=None)
    # repr: NaN is not equal to itself.
    assert repr([record["event"] for record in result.records]) == repr(expected)
    assert f", {errors} events that could not be judged; " in result.summary
    assert expected
    assert errors
