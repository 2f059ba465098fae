"""The installed command, run as its users run it: in a process of its own, with real pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from illshell.readers import has_native

PROGRAM = str(Path(sysconfig.get_path("scripts"), "illshell"))
DEADLINE = 30.0

READERS = [
    "plain",
    pytest.param(
        "native",
        marks=pytest.mark.skipif(not has_native(), reason="illshell-ingest is not installed"),
    ),
]


class Result(NamedTuple):
    code: int
    out: bytes
    err: str

    @property
    def records(self) -> list[Any]:
        """The output as JSON lines: each line whole."""
        assert self.out == b"" or self.out.endswith(b"\n")
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def offsets(self) -> list[int]:
        """The first byte of each finding's event in its source, of JSON lines."""
        return [record["position"]["offset"] for record in self.records]

    @property
    def messages(self) -> list[str]:
        """The lines of stderr but the summary, without the program's name."""
        return [line.removeprefix("illshell: ") for line in self.err.splitlines()][:-1]

    @property
    def summary(self) -> str:
        return self.err.splitlines()[-1]


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"PYTHONWARNINGS": "error", "TERM": "xterm"} | more


def illshell(
    *arguments: str | Path, stdin: bytes = b"", code: int | None = 0, **environ: str
) -> Result:
    """Run to the end; no run ever prints a traceback."""
    run = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
        env=environment(**environ),
    )
    result = Result(run.returncode, run.stdout, run.stderr.decode())
    assert "Traceback" not in result.err
    assert code is None or result.code == code, result.err
    return result


@contextmanager
def started(
    *arguments: str | Path, environ: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Start and leave running, stderr and, unless told otherwise, stdin and stdout as pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(
        [PROGRAM, *map(str, arguments)], env=environment(**(environ or {})), **(pipes | options)
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[bytes]) -> Result:
    """Wait for the end, closing stdin."""
    out, err = process.communicate(timeout=DEADLINE)
    result = Result(process.returncode, out or b"", err.decode())
    assert "Traceback" not in result.err
    return result


def json_lines(*events: Any) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
