"""The command line while it runs: pipes that stay open, signals, terminals, disks that fill up."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    DEADLINE,
    PROGRAM,
    READERS,
    Result,
    environment,
    finish,
    json_lines,
    started,
)
from tracee_events import argument, bprm_check

pytestmark = pytest.mark.parametrize("reader", READERS)

SHELL = bprm_check("nginx", "/bin/sh")
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    """Read a line of stdout, or fail at the deadline."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], DEADLINE)
        assert ready, f"nothing came after {line!r}"
        piece = os.read(process.stdout.fileno(), 1 if line else 65536)
        assert piece
        line += piece
    return line


def give(process: subprocess.Popen[bytes], *events: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json_lines(*events))
    process.stdin.flush()


def busy_file(path: Path, *, findings: int = 400_000, others: int = 1) -> Path:
    """Make a file that takes a second or more; as it is, it takes many."""
    path.write_bytes((json_lines(SHELL) + b'{"eventName": "close"}\n' * others) * findings)
    return path


def test_a_finding_comes_out_as_soon_as_its_line_is_in(reader: str) -> None:
    with started("scan", "--reader", reader) as process:
        for number in range(3):
            give(process, SHELL | {"hostName": str(number)})
            assert json.loads(read_line(process))["event"]["hostName"] == str(number)
        give(process, SHELL)
        assert finish(process).code == 0


def test_a_bad_line_is_told_of_at_once(reader: str) -> None:
    with started("scan", "--reader", reader) as process:
        assert process.stderr is not None
        give(process, "bad")
        assert select.select([process.stderr], [], [], DEADLINE)[0]
        assert b"<stdin>: byte 0: not a JSON object" in os.read(process.stderr.fileno(), 4096)
        assert finish(process).code == 0


@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_the_wait_for_a_pipe(number: signal.Signals, reader: str) -> None:
    with started("scan", "--fail-on-finding", "--reader", reader) as process:
        give(process, SHELL)
        read_line(process)
        time.sleep(0.1)
        process.send_signal(number)
        process.wait(DEADLINE)
        result = finish(process)
        assert result.code == CODES[number]
        assert result.out == b""
        assert result.err.startswith(f"illshell: stopped by {number.name}: 1 event ")
        assert ", 1 finding, " in result.err


@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_a_busy_scan(number: signal.Signals, tmp_path: Path, reader: str) -> None:
    out = tmp_path / "out"
    with started("scan", "-o", out, "--reader", reader, busy_file(tmp_path / "busy")) as process:
        while not (out.exists() and out.stat().st_size > 0):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        result = finish(process)
        assert result.code == CODES[number]
        assert out.read_bytes().endswith(b"}\n")
        found = len([json.loads(line) for line in out.read_bytes().splitlines()])
        assert f"{found:,} findings, " in result.err
        assert found < 400_000


def test_a_signal_while_nobody_reads(tmp_path: Path, reader: str) -> None:
    """The first waits for the reader, so that no line is half; the second does not."""
    with started("scan", "--reader", reader, busy_file(tmp_path / "busy")) as process:
        assert process.stdout is not None
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
        assert finish(process).code == 130


def test_one_signal_while_the_reader_is_slow_leaves_whole_lines(
    tmp_path: Path, reader: str
) -> None:
    with started("scan", "--reader", reader, busy_file(tmp_path / "busy")) as process:
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        result = finish(process)
        assert result.code == 143
        assert f", {len(result.records):,} findings, " in result.summary


def test_a_signal_while_a_fifo_has_no_writer(tmp_path: Path, reader: str) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for arguments in (["scan", fifo], ["scan", "-o", fifo, "-"]):
        with started(*arguments, "--reader", reader) as process:
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
            assert finish(process).code == 143


def test_fifos(tmp_path: Path, reader: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    os.mkfifo(source)
    os.mkfifo(target)
    with started("scan", source, "-o", target, "--reader", reader) as process:
        with target.open("rb") as out:
            with source.open("wb") as into:
                into.write(json_lines(SHELL))
            assert json.loads(out.read())["event"] == SHELL
        assert finish(process).code == 0


def test_the_reader_of_the_output_goes_away(tmp_path: Path, reader: str) -> None:
    with started(
        "scan", "--fail-on-finding", "--reader", reader, busy_file(tmp_path / "busy")
    ) as process:
        read_line(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        message = process.stderr.read().decode()
        assert process.wait(DEADLINE) == 141
        assert "Traceback" not in message
        assert message.count("\n") == 1


def test_closed_descriptors(reader: str) -> None:
    def shell(redirection: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["/bin/sh", "-c", f"{PROGRAM} scan --reader {reader} {redirection}"],
            input=json_lines(SHELL),
            capture_output=True,
            check=False,
            env=environment(),
        )

    run = shell(">&-")
    assert run.returncode == 4
    assert b"<stdout>: Bad file descriptor" in run.stderr
    run = shell("<&-")
    assert run.returncode == 3
    assert b"<stdin>: Bad file descriptor" in run.stderr
    run = shell("2>&-")
    assert (run.returncode, run.stdout.count(b"\n")) == (0, 1)


@pytest.mark.parametrize("limit", [0, 1, 100_000])
def test_a_disk_that_fills_up(limit: int, tmp_path: Path, reader: str) -> None:
    source, out = tmp_path / "events", tmp_path / "out"
    source.write_bytes(json_lines(SHELL) * 1000)
    with started(
        "scan",
        source,
        "-o",
        out,
        "--reader",
        reader,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    ) as process:
        result = finish(process)
        assert result.code == 4
        written = out.read_bytes()
        assert written == b"" or written.endswith(b"\n")
        records = [json.loads(line) for line in written.splitlines()]
        assert all(record["event"] == SHELL for record in records)
        assert len(written) > limit - 2000
        kept = f"{len(records):,} complete finding{'' if len(records) == 1 else 's'}"
        assert f"{out}: File too large; {kept} written before the error\n" in result.err


def on_terminal(*arguments: str | Path, columns: int = 100, **options: Any) -> tuple[int, str]:
    """Run with a terminal of its own as stdout and stderr, or what ``options`` leaves of them."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    streams = {"stdin": subprocess.DEVNULL, "stdout": slave, "stderr": slave}
    options = streams | {"env": environment()} | options
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], **options)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # EIO: nobody has the other end open any more
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    return process.wait(DEADLINE), shown.decode()


COLORS = re.compile(r"\x1b\[[0-9;]*m")


def test_a_terminal_gets_a_table_in_colours(tmp_path: Path, reader: str) -> None:
    source = tmp_path / "events"
    hostile = "\x1b]0;owned\x07\x1b[2J"
    event = SHELL | {"args": [*SHELL["args"], argument("argv", ["sh", hostile])]}
    source.write_bytes(json_lines(event))
    code, shown = on_terminal("scan", source, "--reader", reader)
    assert code == 0
    assert "\x1b[1;31m" in shown
    assert hostile not in shown
    plain = COLORS.sub("", shown)
    assert r"$ sh '\x1b]0;owned\x07\x1b[2J'" in plain
    assert plain.replace("\r\n", "").isprintable()


def test_no_color(tmp_path: Path, reader: str) -> None:
    source = tmp_path / "events"
    source.write_bytes(json_lines(SHELL))
    env = environment(NO_COLOR="1")
    code, shown = on_terminal("scan", source, "--reader", reader, env=env)
    assert code == 0
    assert "\x1b" not in shown


def test_progress_on_a_terminal_and_its_line_is_taken_away(tmp_path: Path, reader: str) -> None:
    source = busy_file(tmp_path / "busy", findings=60_000, others=20)
    out = tmp_path / "out"
    code, shown = on_terminal("scan", source, "-o", out, "--reader", reader)
    assert code == 0
    drawings = COLORS.sub("", shown).split("\r\x1b[K")
    assert len(drawings) > 3
    for drawing in drawings[1:-1]:
        assert re.search(r"\d+% of [\d.]+ MB  [\d.]+ [kM] events/s  [\d,]+ findings?$", drawing)
        assert len(drawing) < 100
    assert drawings[-1].startswith("illshell: 1,260,000 events ")


def test_progress_keeps_off_the_table(tmp_path: Path, reader: str) -> None:
    source = busy_file(tmp_path / "busy", findings=5000, others=400)
    code, shown = on_terminal("scan", source, "--reader", reader, columns=80)
    assert code == 0
    lines = COLORS.sub("", shown).split("\r\n")
    assert any("events/s" in line for line in lines[:-2])
    for line in lines[2:-2]:
        record = line.rsplit("\r\x1b[K", 1)[-1]
        assert re.match(r"-                    -  |  byte \d+$", record), line


@pytest.mark.parametrize("flag", ["--no-progress", "-q"])
def test_no_progress(flag: str, tmp_path: Path, reader: str) -> None:
    source = busy_file(tmp_path / "busy", findings=5000, others=400)
    code, shown = on_terminal("scan", source, flag, "-o", "/dev/null", "--reader", reader)
    assert code == 0
    assert "\r\x1b" not in shown
    assert shown.count("\n") == (flag == "--no-progress")


def test_no_progress_in_a_pipe(tmp_path: Path, reader: str) -> None:
    with started(
        "scan",
        busy_file(tmp_path / "busy", findings=5000, others=400),
        "-o",
        "/dev/null",
        "--reader",
        reader,
    ) as process:
        result: Result = finish(process)
        assert result.err.count("\n") == 1
        assert "\x1b" not in result.err


def test_a_terminal_as_stdin_is_a_mistake(reader: str) -> None:
    master, slave = pty.openpty()
    with started("scan", "--reader", reader, stdin=slave) as process:
        os.close(slave)
        result = finish(process)
        os.close(master)
        assert result.code == 2
        assert "Nothing to scan" in result.err
