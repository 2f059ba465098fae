"""illshell's own side of the benchmarks, as a user calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import illshell
from illshell import SignatureContext
from illshell.detect.detector import Detector
from illshell.detect.scan import Problem, Scan
from illshell.readers import open_reader
from illshell.signatures.illegitimate_shell.names import EVENTS


def refuse(problem: Problem) -> None:
    raise AssertionError(problem)


def find_with(take: Callable[[Any], object], path: Path, events: Sequence[str] = EVENTS) -> None:
    """Read and judge a file as the command line does; give each finding to ``take``."""
    detector = Detector([illshell.IllegitimateShell(events)])
    job = Scan(detector, on_finding=take, on_problem=refuse)
    job.run(open_reader(str(path), detector.selection))
    job.end_of_input()
    detector.close()


def find(path: Path, events: Sequence[str] = EVENTS) -> list[int]:
    """Return the timestamps of the events found, as the contenders do."""
    found: list[int] = []
    find_with(lambda finding: found.append(finding.event.payload["timestamp"]), path, events)
    return found


def started(implementation: Any, take: Callable[[Any], object]) -> Any:
    """Return a signature of illshell or of its reference implementation, ready for events."""
    signature = implementation.IllegitimateShell(EVENTS)
    signature.init(SignatureContext(take))
    return signature
