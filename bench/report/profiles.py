"""Where the time goes: perf (or callgrind) for native code, py-spy for Python, on the core jobs.

    python bench/run_module.py profiles

Writes a text report and, for Python, a flame graph of each job to build/profile; what perf shows
also to shares.json there, which the report of the benchmarks quotes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import run_module
from affinity import pin
from cache import stream_file, warm

FOLDER: Final = Path(__file__).resolve().parents[2] / "build" / "profile"
ILLSHELL: Final = "illshell"
EVENTS: Final = 200_000
SHARES: Final = FOLDER / "shares.json"
LEAST: Final = 2.0
"""Percent of the time above which a function is quoted."""

FEW: Final = 20_000
"""Events under callgrind, which runs some 50 times slower."""

RUNS: Final = 300
"""Of a judgement of columns."""

REPEATS: Final = {"lines-mixed": 100, "lines-exec": 10}


def jobs(events: int, *, repeats: bool) -> dict[str, list[str]]:
    """Give the command of each job."""
    found = {}
    for name, count in REPEATS.items():
        path = warm(stream_file(name.removeprefix("lines-"), events))
        found[name] = ["lines", ILLSHELL, ILLSHELL, str(count if repeats else 1), str(path)]
    for mix in ("mixed,0.03,0.01", "exec,1,0.01"):
        name = f"columns-{mix.partition(',')[0]}"
        found[name] = [
            "columns",
            ILLSHELL,
            ILLSHELL,
            mix,
            str(events * 5),
            "7",
            str(RUNS if repeats else 1),
        ]
    return {name: run_module.command("growth_job", *job) for name, job in found.items()}


def with_perf(name: str, command: list[str]) -> list[tuple[str, str, float]]:
    """Give the functions that take the most: name, file, percent."""
    data = FOLDER / f"{name}.perf"
    record = ["perf", "record", "--quiet", "--freq", "4999", "-g", "-o", str(data)]
    subprocess.run([*record, *command], check=True, stdout=subprocess.DEVNULL)
    (FOLDER / f"{name}.perf.txt").write_text(perf_report(data))
    table = perf_report(data, "--fields=overhead,dso,symbol", "--field-separator=;")
    rows = [line.strip().split(";", 2) for line in table.splitlines() if ";" in line]
    return [
        (plain_name(symbol), file.strip(), share)
        for text, file, symbol in rows
        if not text.startswith("#") and (share := float(text.strip().rstrip("%"))) >= LEAST
    ]


def perf_report(data: Path, *options: str) -> str:
    command = ["perf", "report", "--stdio", "--no-children", "-g", "none", "--percent-limit", "0.5"]
    return subprocess.run(
        [*command, *options, "-i", str(data)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout


def plain_name(symbol: str) -> str:
    """Give a function's name without perf's mark of its level and Rust's type parameters."""
    name = symbol.partition("]")[2].strip()
    return re.sub(r"<\w+>", "", re.sub(r"^<(\S+) as .*>::", r"\1::", name))


def with_callgrind(name: str, command: list[str]) -> None:
    data = FOLDER / f"{name}.callgrind"
    record = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={data}", "--quiet"]
    subprocess.run([*record, *command], check=True, stdout=subprocess.DEVNULL)
    with (FOLDER / f"{name}.callgrind.txt").open("wb") as out:
        subprocess.run(["callgrind_annotate", str(data)], check=True, stdout=out)


def with_py_spy(name: str, command: list[str]) -> None:
    svg = FOLDER / f"{name}.svg"
    record = ["py-spy", "record", "--native", "--rate", "500", "--output", str(svg), "--"]
    subprocess.run([*record, *command], check=True, stdout=subprocess.DEVNULL)


def perf_works() -> bool:
    """Try: a container may have perf and no leave to use it."""
    if shutil.which("perf") is None:
        return False
    attempt = ["perf", "record", "--quiet", "-o", os.devnull, "true"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


def main() -> None:
    pin()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if perf_works():
        found = {name: with_perf(name, job) for name, job in jobs(EVENTS, repeats=True).items()}
        SHARES.write_text(json.dumps(found))
    elif shutil.which("valgrind"):
        print("perf can't be used here; callgrind counts instructions instead")
        for name, command in jobs(FEW, repeats=False).items():
            with_callgrind(name, command)
    else:
        print("neither perf nor valgrind is here: no profile of native code")
    for name, command in jobs(EVENTS, repeats=True).items():
        with_py_spy(name, command)
    for path in sorted(FOLDER.iterdir()):
        print(path)


if __name__ == "__main__":
    main()
