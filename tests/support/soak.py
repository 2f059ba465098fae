"""Millions of hostile lines through every reader, against the plain loop: make soak.

    python tests/support/soak.py [--lines N] [--seconds S] [--seed N]

Each round makes a stream and scans it with the installed command: by both readers of JSON lines,
from files and pipes in pieces of several sizes, compressed, cut into files that threads share, and
its events as Parquet and Arrow IPC. Every finding must be that of the plain loop, every line be
counted, every reader write the same bytes, and no process grow beyond the ceiling. It ends at the
first difference, and leaves the stream where it says.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from hostile_lines import Outcome, Round, make_round
from rule_columns import REFERENCE

from illshell.readers import has_native

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PROGRAM: Final = str(Path(sysconfig.get_path("scripts"), "illshell"))
CEILING: Final = 400_000_000
"""Bytes of memory that a process may ever hold: a segment, the longest lines, Python itself."""
LINES: Final = 10_000_000
ROUND_LINES: Final = 100_000
DEADLINE: Final = 300.0
COLUMNS: Final = ["event_name", "comm", "pathname", "prev_comm"]
COUNTS: Final = re.compile(
    r"(?P<events>[\d,]+) events? \((?P<judged>[\d,]+) judged, (?P<skipped>[\d,]+) skipped\), "
    r"(?P<findings>[\d,]+) findings?, (?P<invalid>[\d,]+) invalid lines?, "
    r"(?P<errors>[\d,]+) events? that could not"
)


class Difference(Exception):  # noqa: N818
    """A reader that does not do what it should."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a scan has left: its findings and what it kept as bytes, messages, counts, memory."""

    code: int
    findings: bytes
    kept: bytes
    messages: list[str]
    counts: dict[str, int]
    peak: int

    def places(self) -> list[Any]:
        """Return where the findings are: offsets, or rows."""
        positions = [json.loads(line)["position"] for line in self.findings.splitlines()]
        return [position.get("offset", position.get("row")) for position in positions]


def scan(folder: Path, *arguments: str, stdin: bytes | Path | None = None, piece: int = 0) -> Run:
    """Run the command; ``stdin`` is a file, or bytes for a pipe in pieces of so many bytes."""
    kept, out, err = (folder / name for name in ("kept", "out", "err"))
    command = [PROGRAM, "scan", "--no-progress", "--format", "jsonl", "--signature", "TRC-1016"]
    command += ["--quarantine", str(kept), *arguments]
    source: Any = subprocess.PIPE if isinstance(stdin, bytes) else subprocess.DEVNULL
    if isinstance(stdin, Path):
        source = stdin.open("rb")
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(command, stdin=source, stdout=stdout, stderr=stderr)
    if isinstance(stdin, bytes):
        threading.Thread(target=feed, args=(process.stdin, stdin, piece), daemon=True).start()
    peak = watch(process)
    messages = err.read_text("utf-8", "replace").splitlines()
    counts = COUNTS.search(messages[-1]) if messages else None
    if process.returncode not in (0, 3) or counts is None:
        raise Difference(f"{arguments}: exit code {process.returncode}: {messages[-3:]}")
    return Run(
        process.returncode,
        out.read_bytes(),
        kept.read_bytes(),
        messages[:-1],
        {name: int(text.replace(",", "")) for name, text in counts.groupdict().items()},
        peak,
    )


def watch(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end; return the most memory that the process held, as seen every 20 ms.

    What wait4 tells is no less than this process held when it started that one.
    """
    status, peak, end = Path(f"/proc/{process.pid}/status"), 0, time.monotonic() + DEADLINE
    while True:
        held = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        peak = max(peak, int(held[1]) * 1024 if held else 0)
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                process.kill()
        else:
            return peak


def feed(pipe: Any, stream: bytes, piece: int) -> None:
    """Write the stream in pieces: the first 20,000 of that size, the rest at once."""
    whole = min(len(stream), 20_000 * piece)
    try:
        with pipe:
            for start in range(0, whole, piece):
                os.write(pipe.fileno(), stream[start : min(start + piece, whole)])
            pipe.write(stream[whole:])
    except OSError:
        return  # the scan has ended, and says itself why


def split_at_lines(stream: bytes, parts: int) -> list[bytes]:
    """Cut a stream after line ends."""
    ends = [stream.find(b"\n", len(stream) * part // parts) + 1 for part in range(1, parts)]
    ends = sorted({0, len(stream), *ends})
    return [stream[start:end] for start, end in pairwise(ends)]


def variants(random: Random, made: Round, folder: Path, *options: str) -> Iterator[tuple[str, Run]]:
    """Scan a stream in each way; all are read from stdin, so that they must write the same."""
    plain, gzipped, frames = (folder / name for name in ("plain", "gzip", "zstd"))
    plain.write_bytes(made.stream)
    cut = random.randrange(len(made.stream) + 1)
    halves = made.stream[:cut], made.stream[cut:]
    gzipped.write_bytes(b"".join(gzip.compress(half, 1) for half in halves))
    frames.write_bytes(b"".join(zstd.compress(half, 1) for half in halves))
    pieces = [random.randrange(1, 40), random.randrange(40, 5000), 2**20]
    for reader in ["plain", "native"] if has_native() else ["plain"]:
        chosen = (*options, "--reader", reader)
        yield f"{reader}, file", scan(folder, *chosen, "-", stdin=plain)
        for piece in random.sample(pieces, 2 if reader == "native" else 1):
            run = scan(folder, *chosen, "-", stdin=made.stream, piece=piece)
            yield f"{reader}, pipe, pieces of {piece} bytes", run
        path = random.choice([gzipped, frames])
        yield f"{reader}, {path.name}", scan(folder, *chosen, "-", stdin=path)


def check_lines(name: str, run: Run, first: Run, made: Round, *, strict: bool) -> None:
    """Hold a scan against the plain loop, and against the first scan."""
    expected = made.hits()
    outcomes = made.outcomes
    checks = {
        "findings": (run.places(), expected),
        "count of findings": (run.counts["findings"], len(expected)),
        "errors": (run.counts["errors"], sum(each.is_error for each in outcomes)),
        "judged": (run.counts["judged"], sum(each.is_judged for each in outcomes)),
        "lines": (
            run.counts["events"] + run.counts["invalid"],
            sum(not each.is_blank for each in outcomes),
        ),
        "what the readers write": (run.findings, first.findings),
        "what the readers keep": (run.kept, first.kept),
        "what the readers say": (run.messages, first.messages),
        "counts": (run.counts, first.counts),
        "exit code": (run.code, first.code),
    }
    if strict:
        checks["invalid"] = (run.counts["invalid"], sum(each.is_invalid for each in outcomes))
    compare(name, checks)
    check_memory(name, run)


def compare(name: str, checks: dict[str, tuple[Any, Any]]) -> None:
    """Raise where two sides differ."""
    for what, (got, expected) in checks.items():
        if got != expected:
            shown = f"{got!r:.300} is not {expected!r:.300}"
            if isinstance(got, list):
                missing, more = (sorted({*a} - {*b}) for a, b in ((expected, got), (got, expected)))
                shown = f"missing {missing!r:.300}, too many {more!r:.300}"
            raise Difference(f"{name}: {what}: {shown}")


def check_memory(name: str, run: Run) -> None:
    """Raise where a scan took more than the ceiling."""
    if run.peak > CEILING:
        raise Difference(f"{name}: {run.peak:,} bytes of memory, over the ceiling of {CEILING:,}")


def check_files(made: Round, folder: Path, first: Run, *options: str) -> Run:
    """Scan the stream as three files that two threads share."""
    paths, expected, start = [], [], 0
    hits = made.hits()
    for number, part in enumerate(split_at_lines(made.stream, 3)):
        paths.append(folder / f"part{number}.jsonl")
        paths[-1].write_bytes(part)
        expected += [hit - start for hit in hits if start <= hit < start + len(part)]
        start += len(part)
    run = scan(folder, *options, "--threads", "2", *map(str, paths))
    checks = {"findings": (run.places(), expected), "counts": (run.counts, first.counts)}
    compare("three files, two threads", checks | {"kept": (len(run.kept), len(first.kept))})
    return run


def check_columns(random: Random, outcomes: list[Outcome], folder: Path) -> Iterator[Run]:
    """Scan the events as Parquet and Arrow IPC."""
    rows = [each.row for each in outcomes if each.row is not None]
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    hits, errors = REFERENCE.match(columns)
    kind = random.choice([pa.utf8(), pa.large_utf8(), pa.dictionary(pa.int32(), pa.utf8())])
    table = pa.table({name: pa.array(values, kind) for name, values in columns.items()})
    parquet, ipc = folder / "events.parquet", folder / "events.arrow"
    size = random.choice([1_000, 30_000, 1_000_000])
    pq.write_table(table, parquet, row_group_size=size, compression=random.choice(["none", "zstd"]))
    with pa.OSFile(str(ipc), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=size)
    for path in (parquet, ipc):
        run = scan(folder, str(path))
        checks = {
            "findings": (run.places(), hits),
            "errors": (run.counts["errors"], len(errors)),
            "rows": (run.counts["events"], len(rows)),
        }
        compare(f"{path.name}, {kind}, groups of {size} rows", checks)
        yield run


def soak_round(random: Random, lines: int, folder: Path) -> tuple[int, int, int]:
    """Do a round; return its lines, how many scans there were, and the most memory of them."""
    strict = random.random() < 0.3
    options = ("--strict",) if strict else ()
    made = make_round(random, lines, strict=strict)
    runs: list[Run] = []
    for name, run in variants(random, made, folder, *options):
        runs.append(run)
        check_lines(name, run, runs[0], made, strict=strict)
    runs.append(check_files(made, folder, runs[0], *options))
    if any(each.row for each in made.outcomes):
        runs += check_columns(random, made.outcomes, folder)
    for run in runs:
        check_memory("a scan", run)
    return len(made.outcomes), len(runs), max(run.peak for run in runs)


def main() -> int:
    parser = argparse.ArgumentParser(description="Scan hostile lines in every way.")
    parser.add_argument("--lines", type=int, default=None, help=f"{LINES:,} where no end is given")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seed", type=int, default=None, help="of the first round")
    asked = parser.parse_args()
    most = asked.lines or (None if asked.seconds else LINES)
    seed = Random().randrange(2**32) if asked.seed is None else asked.seed
    started, lines, scans, peak = time.monotonic(), 0, 0, 0
    print(f"readers: {'native, plain' if has_native() else 'plain'}; seed {seed}", flush=True)
    while (most is None or lines < most) and (
        asked.seconds is None or time.monotonic() - started < asked.seconds
    ):
        size = ROUND_LINES if most is None else min(ROUND_LINES, most - lines)
        folder = Path(tempfile.mkdtemp(prefix="soak-"))
        try:
            done = soak_round(Random(seed), size, folder)
        except Difference as difference:
            print(f"seed {seed}, {size} lines, in {folder}: {difference}")
            return 1
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        lines, scans, peak = lines + done[0], scans + done[1], max(peak, done[2])
        seed += 1
    seconds = time.monotonic() - started
    print(
        f"{lines:,} lines in {scans} scans, {seconds:.0f} s: no difference; "
        f"at most {peak / 1e6:.0f} MB of {CEILING / 1e6:.0f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
