"""The sink: whole records only, whatever happens to the file, the pipe or the process."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from illshell.sinks.descriptor import ReaderGoneError, Sink, SinkError
from illshell.sources.stop_flag import ECHO, StopFlag


@pytest.fixture
def pipe() -> Iterator[tuple[int, Sink]]:
    reader, writer = os.pipe()
    yield reader, Sink(writer, "pipe", StopFlag(), owned=True)
    os.close(reader)


def fill(descriptor: int) -> int:
    """Fill a pipe to the last byte; give how many fitted."""
    os.set_blocking(descriptor, False)
    count = 0
    for size in (4096, 1):
        try:
            while True:
                count += os.write(descriptor, b"." * size)
        except BlockingIOError:
            pass
    os.set_blocking(descriptor, True)
    return count


def test_a_file_that_is_there_is_emptied(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with Sink.open(str(path), StopFlag()) as sink:
        assert path.read_bytes() == b""
        sink.write(b"a\n")
        assert path.read_bytes() == b"a\n", "a record is there at once"
        sink.write(b"b\n")
    assert path.read_bytes() == b"a\nb\n"
    assert sink.written == 2


def test_close_may_be_called_again(tmp_path: Path) -> None:
    sink = Sink.open(str(tmp_path / "out"), StopFlag())
    sink.close()
    sink.close()


@pytest.mark.parametrize("path", ["", "missing/out", "."])
def test_what_can_not_be_opened(path: str, tmp_path: Path) -> None:
    with pytest.raises(SinkError) as caught:
        Sink.open(str(tmp_path / path) if path else "", StopFlag())
    assert caught.value.written == 0


def test_a_device_that_is_full() -> None:
    with Sink.open("/dev/full", StopFlag()) as sink, pytest.raises(SinkError) as caught:
        sink.write(b"a\n")
    assert str(caught.value) == "/dev/full: No space left on device"


LIMITED = """
import os, resource, sys
from illshell.sources.stop_flag import StopFlag
from illshell.sinks.descriptor import Sink, SinkError

path, limit, append = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
if append:
    sink = Sink(os.open(path, os.O_WRONLY | os.O_APPEND), path, StopFlag())
else:
    sink = Sink.open(path, StopFlag())
try:
    for number in range(100):
        sink.write(b"%09d\\n" % number)
except SinkError as error:
    print(error.written, error)
    try:
        sink.write(b"%09d\\n" % number)
    except SinkError as error:
        print(error.written)
"""


@pytest.mark.parametrize("limit", [0, 1, 9, 10, 11, 55])
def test_a_disk_that_fills_up_leaves_whole_records(limit: int, tmp_path: Path) -> None:
    path = tmp_path / "out"
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    whole = limit // 10
    assert path.read_bytes() == b"".join(b"%09d\n" % number for number in range(whole))
    assert run.stdout == f"{whole} {path}: File too large\n{whole}\n"


def test_a_file_that_is_appended_to_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before, and no newline")
    command = [sys.executable, "-c", LIMITED, str(path), "45", "append"]
    subprocess.run(command, capture_output=True, check=True)
    assert path.read_bytes() == b"before, and no newline000000000\n000000001\n"


def test_a_file_that_somebody_else_writes_to_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    sink = Sink.open(str(path), StopFlag())
    write = os.write
    calls = []

    def fail_the_second_time(descriptor: int, data: memoryview) -> int:
        calls.append(data)
        if len(calls) > 1:
            with path.open("ab") as other:
                other.write(b"other\n")
            raise OSError(28, os.strerror(28))
        return write(descriptor, data[:3])

    monkeypatch.setattr("illshell.sinks.descriptor.os.write", fail_the_second_time)
    with pytest.raises(SinkError, match="No space left"):
        sink.write(b"record\n")
    sink.close()
    assert path.read_bytes() == b"recother\n"


def test_short_writes_are_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("illshell.sinks.descriptor.os.write", lambda fd, data: write(fd, data[:1]))
    with Sink.open(str(tmp_path / "out"), StopFlag()) as sink:
        sink.write(b"record\n")
    assert (tmp_path / "out").read_bytes() == b"record\n"


def test_a_write_that_takes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("illshell.sinks.descriptor.os.write", lambda _fd, _data: 0)
    with Sink.open(str(tmp_path / "out"), StopFlag()) as sink, pytest.raises(SinkError):
        sink.write(b"record\n")


def test_nobody_reads_the_pipe(pipe: tuple[int, Sink]) -> None:
    reader, writer = os.pipe()
    sink = Sink(writer, "pipe", StopFlag(), owned=True)
    os.close(reader)
    with sink, pytest.raises(ReaderGoneError):
        sink.write(b"a\n")


def test_a_descriptor_that_is_closed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(SinkError, match="Bad file descriptor"):
        Sink(writer, "gone", StopFlag())


def test_a_non_blocking_pipe_is_waited_for(pipe: tuple[int, Sink]) -> None:
    reader, sink = pipe
    os.set_blocking(sink._descriptor, False)
    record = b"x" * 300_000 + b"\n"
    got = []
    thread = threading.Thread(target=lambda: got.append(read_all(reader)))
    thread.start()
    sink.write(record)
    sink.close()
    thread.join()
    assert got == [record]


def read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 65536):
        pieces.append(piece)
    return b"".join(pieces)


def test_one_signal_lets_a_blocked_write_finish(pipe: tuple[int, Sink]) -> None:
    reader, sink = pipe
    stop = sink._stop
    filled = fill(sink._descriptor)
    got = []

    def signal_then_read() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        time.sleep(0.2)
        got.append(read_all(reader))

    thread = threading.Thread(target=signal_then_read)
    with stop.on_signals(signal.SIGUSR1):
        thread.start()
        sink.write(b"record\n")
    sink.close()
    thread.join()
    assert stop.signal == signal.SIGUSR1
    assert got[0][filled:] == b"record\n"


def test_a_second_signal_breaks_a_blocked_write_off(pipe: tuple[int, Sink]) -> None:
    _, sink = pipe
    stop = sink._stop
    fill(sink._descriptor)

    def signal_twice() -> None:
        for _ in range(2):
            time.sleep(ECHO + 0.1)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    thread = threading.Thread(target=signal_twice)
    with stop.on_signals(signal.SIGUSR1):
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            sink.write(b"record\n")
        thread.join()
    sink.close()
    assert sink.written == 0


def test_a_second_signal_waits_for_a_write_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = StopFlag()
    sink = Sink.open(str(tmp_path / "out"), stop)
    write = os.write

    def interrupted(descriptor: int, data: memoryview) -> int:
        stop.request(signal.SIGINT)
        stop._since -= 1
        stop.request(signal.SIGINT)
        return write(descriptor, data[:3])

    monkeypatch.setattr("illshell.sinks.descriptor.os.write", interrupted)
    sink.write(b"record\n")
    sink.close()
    assert (tmp_path / "out").read_bytes() == b"record\n"
    with pytest.raises(KeyboardInterrupt):
        stop.request(signal.SIGINT)


def test_two_signals_at_once_are_one() -> None:
    stop = StopFlag()
    stop.request(signal.SIGTERM)
    stop.request(signal.SIGINT)
    assert stop.signal == signal.SIGTERM


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with StopFlag().on_signals(signal.SIGUSR1) as stop:
            os.kill(os.getpid(), signal.SIGUSR1)
        assert not stop
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_small_pipe_takes_a_large_record() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, resource.getpagesize())
    record = bytes(range(65, 91)) * 4000 + b"\n"
    got = []
    thread = threading.Thread(target=lambda: got.append(read_all(reader)))
    thread.start()
    with Sink(writer, "pipe", StopFlag(), owned=True) as sink:
        sink.write(record)
    thread.join()
    os.close(reader)
    assert got == [record]
