"""Signatures with state in Spark: what the death of executors and of the driver costs: no count."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import spark_driver
import spark_state_driver
from exec_count import ExecCount
from spark_cluster import Driver, driver
from spark_driver import CLUSTER, needs_spark
from tracee_events import process_exec

from illshell import stage

pytestmark = [needs_spark, pytest.mark.slow]

FILES = 7
EACH = 200
HOSTS = 50
DRIVER_KILLS = 2
EXECUTOR_KILLS = 3


class StateDriver(Driver):
    """A driver whose query keeps state."""

    script = spark_state_driver.__file__


def write_files(folder: Path) -> list[bytes]:
    """Write execs of several hosts to files that Spark takes in the order of their times."""
    chance = random.Random(1016)
    folder.mkdir()
    lines = []
    for number in range(FILES * EACH):
        event = process_exec("nginx", "ls", hostName=f"host-{chance.randrange(HOSTS)}")
        event |= {"timestamp": 1_700_000_000_000_000_000 + number, "hostProcessId": 1 + number}
        lines.append(json.dumps(event).encode())
    for part in range(FILES):
        path = folder / f"{part:03}.jsonl"
        path.write_bytes(b"\n".join(lines[part * EACH : (part + 1) * EACH]) + b"\n")
        os.utime(path, (part, part))
    return lines


def test_kills_miscount_nothing(tmp_path: Path) -> None:
    chance = random.Random(1016)
    incoming = tmp_path / "incoming"
    lines = write_files(incoming)
    expected = Counter(finding.uid for finding in stage.findings(lines, signatures=[ExecCount]))
    assert len(expected) == expected.total() > FILES * EACH // 4
    modules = str(Path(spark_state_driver.__file__).parent)
    bench = str(Path(spark_driver.__file__).parent)
    env = {"PYTHONPATH": os.pathsep.join([modules, bench])}
    cut = 0
    for _ in range(DRIVER_KILLS):
        with driver(incoming, tmp_path, "local[2]", kind=StateDriver, **env) as running:
            more = running.batches("offsets") + 2
            assert running.wait_for(lambda more=more: running.batches("offsets") >= more)
            time.sleep(chance.uniform(0, 0.5))
            running.kill()
            cut += running.batches("offsets") > running.batches("commits")
    assert cut > 0, "no batch was cut in the middle"
    with driver(incoming, tmp_path, CLUSTER, kind=StateDriver, **env) as running:
        running.kill_executors(EXECUTOR_KILLS, pause=lambda: chance.uniform(0, 0.5))
        running.finish()
        assert running.batches("commits") == FILES
        assert running.findings() == expected
