"""Compares this tree with another commit: both built apart, the core rows run in turn on one core.

    python bench/compare.py COMMIT [--rounds N]

Each side has an environment of its own under build/compare and one process that runs the rows it is
told. The rows are each tree's own, of the same name, since a module may lie elsewhere in each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from run_module import add_folders

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "build" / "compare"
LINES: Final = 200_000
ROWS: Final = 2_000_000
EVENTS: Final = 1_000
CALLS: Final = 200
SERVE: Final = "--serve"


def rows() -> dict[str, Callable[[], object]]:
    """Make the core rows, with the illshell that is installed."""
    import illshell_side
    from cache import stream_file, warm
    from columns import events_of, packed_events

    import illshell
    from illshell import EventBatch

    found: list[Any] = []
    signature = illshell_side.started(illshell, found.append)

    def scan(path: Path) -> None:
        found.clear()
        illshell_side.find_with(found.append, path)

    def judge(batch: EventBatch) -> None:
        found.clear()
        signature.on_batch(batch)

    def each(events: list[dict[str, Any]]) -> None:
        found.clear()
        on_event = signature.on_event
        for _ in range(CALLS):
            for event in events:
                on_event(event)

    made: dict[str, Callable[[], object]] = {}
    for mix in ("mixed", "exec"):
        for compression in ("plain", "zstd"):
            path = warm(stream_file(mix, LINES, compression))
            made[f"JSON lines, {mix}, {compression}"] = partial(scan, path)
        for layout in ("utf8", "fixed", "dictionary"):
            batch = EventBatch.from_arrow(packed_events(mix, ROWS, layout))
            made[f"columns, {mix}, {layout}, findings made"] = partial(judge, batch)
        made[f"on_event, {mix}"] = partial(each, events_of(mix, EVENTS))
    return made


def serve() -> None:
    """Run the rows whose names come in, and print the seconds of each."""
    from timing import seconds_of

    made = rows()
    print("\t".join(made), flush=True)
    for line in sys.stdin:
        print(seconds_of(made[line.rstrip("\n")]), flush=True)


class Side:
    """A tree, built into an environment of its own, and the process that runs its rows."""

    def __init__(self, name: str, source: Path) -> None:
        python = FOLDER / name / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(FOLDER / name)], check=True)
        pip: list[str | Path] = [python, "-m", "pip", "--quiet", "install"]
        environment = os.environ | {"CARGO_TARGET_DIR": str(FOLDER / f"{name}-target")}
        subprocess.run([*pip, "pip>=25.1"], check=True)
        subprocess.run([*pip, "--group", f"{ROOT / 'pyproject.toml'}:bench"], check=True)
        for part in (source, source / "ingest"):
            command: list[str | Path] = [*pip, "--force-reinstall", "--no-deps", part]
            subprocess.run(command, check=True, env=environment)
        subprocess.run([*pip, source], check=True)
        self._process = subprocess.Popen(
            [python, source / "bench" / "compare.py", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.rows = self._line().split("\t")

    def seconds(self, row: str) -> float:
        """Run a row once."""
        stdin: IO[str] | None = self._process.stdin
        assert stdin is not None
        print(row, file=stdin, flush=True)
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a side ended with {self._process.wait()}")
        return line.rstrip("\n")


def checked_out(commit: str) -> Path:
    """Give a work tree of a commit."""
    tree = FOLDER / "base-source"
    if tree.exists():
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
    subprocess.run(["git", "worktree", "add", "--detach", tree, commit], cwd=ROOT, check=True)
    return tree


def main() -> None:
    from affinity import pin

    parser = argparse.ArgumentParser(description="Compare this tree with another commit.")
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    pin()
    FOLDER.mkdir(parents=True, exist_ok=True)
    base, head = Side("base", checked_out(options.commit)), Side("head", ROOT)
    print(f"times as fast as {options.commit}: median of {options.rounds} (lowest to highest)")
    for row in (row for row in head.rows if row in base.rows):
        sides = (base, head)
        for side in sides:
            side.seconds(row)  # to be warm
        pairs = [[side.seconds(row) for side in sides] for _ in range(options.rounds)]
        ratios = sorted(before / after for before, after in pairs)
        middle = statistics.median(ratios)
        print(f"{row:<50} {middle:6.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)
    for side in (base, head):
        side.close()


if __name__ == "__main__":
    add_folders()
    if sys.argv[1:] == [SERVE]:
        serve()
    else:
        main()
