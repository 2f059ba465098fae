"""Every way that columns take to a finding: the tests of columns go down each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from illshell import Finding, IllegitimateShell, SignatureContext
from illshell.detect.arrow_stage import ArrowStage
from illshell.detect.detector import Detector
from illshell.detect.scan import Problem, Scan
from illshell.readers import open_reader
from illshell.signatures.illegitimate_shell.names import EVENTS

Find = Callable[[pa.RecordBatch, Path], list[Finding]]


def on_batch(batch: pa.RecordBatch, _folder: Path) -> list[Finding]:
    return found_in(batch)


def arrow_stage(batch: pa.RecordBatch, _folder: Path) -> list[Finding]:
    stage = ArrowStage(errors=True)
    found = []
    for verdict in stage.verdicts(stage.spec.make(), batch):
        assert verdict.finding is not None, verdict.error
        found.append(verdict.finding)
    assert stage(batch).column("uid").to_pylist() == [finding.uid for finding in found]
    return found


def scan_parquet(batch: pa.RecordBatch, folder: Path) -> list[Finding]:
    pq.write_table(pa.Table.from_batches([batch]), folder / "events")
    return scan(folder / "events")


def scan_ipc(batch: pa.RecordBatch, folder: Path) -> list[Finding]:
    with pa.ipc.new_file(folder / "events", batch.schema) as writer:
        writer.write_batch(batch)
    return scan(folder / "events")


def scan_ipc_stream(batch: pa.RecordBatch, folder: Path) -> list[Finding]:
    with pa.ipc.new_stream(str(folder / "events"), batch.schema) as writer:
        writer.write_batch(batch)
    return scan(folder / "events")


def scan(path: Path) -> list[Finding]:
    found: list[Finding] = []
    problems: list[Problem] = []
    detector = Detector([IllegitimateShell(EVENTS)])
    job = Scan(detector, on_finding=found.append, on_problem=problems.append)
    job.run(open_reader(str(path), detector.selection))
    assert problems == []
    return found


def found_in(data: Any) -> list[Finding]:
    found: list[Finding] = []
    signature = IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    assert list(signature.on_batch(data)) == []
    return found


PATHS: dict[str, Find] = {
    "on_batch": on_batch,
    "ArrowStage": arrow_stage,
    "scan Parquet": scan_parquet,
    "scan IPC": scan_ipc,
    "scan IPC stream": scan_ipc_stream,
}


def paths_of(batches: Mapping[str, pa.RecordBatch]) -> list[Any]:
    """Return each path with the name of each batch that it can take: Parquet lacks some types."""
    return [
        pytest.param(find, name, id=f"{path}-{name}")
        for path, find in PATHS.items()
        for name, batch in batches.items()
        if find is not scan_parquet or _fits_parquet(batch)
    ]


def _fits_parquet(batch: pa.RecordBatch) -> bool:
    try:
        pq.write_table(pa.Table.from_batches([batch]), pa.BufferOutputStream())
    except (pa.ArrowException, OSError):
        return False
    return True
