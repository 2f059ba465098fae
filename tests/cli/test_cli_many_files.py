"""Directories, patterns, and many files at a time: the same output, whatever the thread count."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import illshell, json_lines
from test_columnar_files import WRITERS, events
from tracee_events import bprm_check

from illshell.cli import parallel as lookahead
from illshell.cli.parallel import (
    CHANNEL_BYTES,
    DELAY,
    ITEM,
    PACK,
    AbandonedError,
    Channel,
    Post,
    run_ahead,
)
from illshell.sources.files import files_of
from illshell.sources.stop_flag import StopFlag

THREADS = [1, 2, 7]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/2", "b/10", "a", "c.jsonl", "b/.hidden", ".git/x", "b/c/d"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json_lines(bprm_check("nginx", "/bin/sh", hostName=name)))
    (tmp_path / "tree" / "loop").symlink_to("loop")
    (tmp_path / "tree" / "up").symlink_to("..")
    (tmp_path / "tree" / "link").symlink_to("a")
    os.mkfifo(tmp_path / "tree" / "fifo")
    return tmp_path / "tree"


def found(result: Any) -> list[str]:
    return [record["event"]["hostName"] for record in result.records]


def test_a_directory_is_the_files_below_it(tree: Path) -> None:
    below = ["a", "b/10", "b/2", "b/c/d", "c.jsonl", "a"]
    result = illshell("scan", tree)
    assert found(result) == below
    assert [record["position"]["source"] for record in result.records[:2]] == [
        f"{tree}/a",
        f"{tree}/b/10",
    ]
    assert found(illshell("scan", tree / "b", tree / "a")) == ["b/10", "b/2", "b/c/d", "a"]


def test_a_pattern_is_what_it_matches(tree: Path) -> None:
    assert found(illshell("scan", tree / "b" / "*")) == ["b/10", "b/2", "b/c/d"]
    assert found(illshell("scan", tree / "*.jsonl")) == ["c.jsonl"]
    assert found(illshell("scan", f"{tree}/**/[d2]")) == ["b/2", "b/c/d"]
    name = tree / "[a]*"
    name.write_bytes(json_lines(bprm_check("nginx", "/bin/sh", hostName="odd")))
    assert found(illshell("scan", name)) == ["odd"]


def test_nothing_there_is_told(tree: Path) -> None:
    (tree / "empty").mkdir()
    result = illshell("scan", tree / "empty")
    assert result.messages == [f"{tree}/empty: there is no file in this directory"]
    result = illshell("scan", tree / "*.nothing", tree / "a", code=3)
    assert result.messages == [f"{tree}/*.nothing: no file matches this pattern"]
    assert found(result) == ["a"]


def test_a_directory_that_can_not_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: str) -> Any:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    faults = {source.name: source.fault for source in files_of([str(tree)]) if source.fault}
    assert faults == {f"{tree}/b": "Permission denied"}


def test_an_output_in_the_directory_is_not_overwritten(tree: Path) -> None:
    illshell("scan", tree, "-o", tree / "a", code=2)
    first = illshell("scan", tree, "-o", tree / "findings")
    assert first.code == 0
    illshell("scan", tree, "-o", tree / "findings", code=2)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of each kind, good and bad, some with more findings than there is room ahead."""
    path = tmp_path_factory.mktemp("mixed")
    line = json_lines(bprm_check("nginx", "/bin/sh", filler="x" * 3000))
    for number in range(12):
        file = path / f"{number:02}"
        if number % 4 == 0:
            file.write_bytes(line * 2500)
        elif number % 4 == 1:
            file.write_bytes(line + b"bad\n" * 40 + json_lines(bprm_check("nginx", None)) + line)
        elif number == 6:
            file.write_bytes(b"PAR1 is not all that it takes")
        elif number == 7:
            file.write_bytes(b"")
        else:
            list(WRITERS.values())[number % 5](events(3000, number), file, 700)
    return path


def test_any_number_of_threads_gives_the_same(mixed: Path, tmp_path: Path) -> None:
    results = []
    for threads in THREADS:
        kept = tmp_path / str(threads)
        arguments = ("--threads", str(threads), "--quarantine", kept, mixed, "/missing", mixed)
        result = illshell("scan", *arguments, code=3)
        summary = result.summary.partition(";")[0]
        results.append((result.out, result.messages, summary, kept.read_bytes()))
    assert results[0] == results[1] == results[2]
    assert results[0][0].count(b"\n") > 15_000
    assert "3 inputs could not be read" in results[0][2]


def test_pipes_keep_their_place(tree: Path) -> None:
    stdin = json_lines(bprm_check("nginx", "/bin/sh", hostName="stdin"))
    for threads in THREADS:
        result = illshell(
            "scan", "--threads", str(threads), tree / "a", "-", tree / "b", stdin=stdin
        )
        assert found(result) == ["a", "stdin", "b/10", "b/2", "b/c/d"]


def test_a_full_disk_ends_the_threads(mixed: Path) -> None:
    result = illshell("scan", "--threads", "3", "-o", "/dev/full", mixed, code=4)
    assert result.messages[-1].startswith(
        "/dev/full: No space left on device; 0 complete findings written"
    )


def test_a_number_of_threads_is_a_number(tree: Path) -> None:
    for threads in ("0", "-1", "x"):
        illshell("scan", "--threads", threads, tree, code=2)


def test_memory_ahead_is_bounded() -> None:
    """Whoever is not yet taken from stops when what is given fills the room."""
    channel = Channel()
    given: list[int] = []
    most = (CHANNEL_BYTES + 2 * PACK) // (100_000 + ITEM)

    def give() -> None:
        try:
            for number in range(1000):
                channel.post(lambda: None, 100_000)
                given.append(number)
        except AbandonedError:
            given.append(-1)

    thread = threading.Thread(target=give)
    thread.start()
    time.sleep(0.3)
    before = len(given)
    assert before <= most
    actions = iter(channel)
    for _ in range(30):
        next(actions)
    time.sleep(0.3)
    assert before < len(given) <= most + 30
    channel.abandon()
    thread.join()
    assert given[-1] == -1


def test_a_finding_does_not_wait_for_the_end() -> None:
    channel = Channel()
    taken: list[int] = []
    thread = threading.Thread(target=lambda: [action() for action in channel])
    thread.start()
    channel.post(lambda: taken.append(1))
    time.sleep(2 * DELAY)
    channel.post(lambda: taken.append(2))
    time.sleep(DELAY)
    assert taken == [1, 2]
    channel.end()
    thread.join()


@pytest.mark.parametrize("threads", THREADS)
def test_order_and_errors(threads: int) -> None:
    """What comes before an error is done, in order; nothing after it, and no thread is left."""
    done: list[tuple[int, int]] = []

    def work(source: int, post: Post, stop: StopFlag) -> None:
        for number in range(20):
            post(lambda n=number: done.append((source, n)))  # type: ignore[misc]
            if (source, number) == (13, 7):
                raise ZeroDivisionError
            if source % 3 == 0:
                time.sleep(0.001)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        run_ahead(
            range(100),
            work,
            can_wait=lambda source: source % 5 == 4,
            threads=threads,
            stop=StopFlag(),
        )
    assert done == [(s, n) for s in range(14) for n in range(20) if (s, n) <= (13, 7)]
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", THREADS)
def test_a_stop_ends_it(threads: int) -> None:
    stop = StopFlag()
    seen: list[int] = []

    def work(source: int, post: Post, own: StopFlag) -> None:
        for _ in range(1000):
            if own:
                return
            post(lambda: seen.append(source), lookahead.CHANNEL_BYTES // 8)
            if source == 2:
                post(lambda: stop.request(15), 0)

    run_ahead(range(50), work, can_wait=lambda _: False, threads=threads, stop=stop)
    assert set(seen) == {0, 1, 2}
