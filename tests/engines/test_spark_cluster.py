"""illshell.spark on two executors: how they come by it, and what their death and the driver's cost.

The input is files, the output a Parquet sink; both are exactly-once, so each finding must be there
once, whatever was killed when.
"""

from __future__ import annotations

import os
import random
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import pytest
from generator import EXEC, write_stream
from spark_cluster import driver
from spark_driver import CLUSTER, needs_spark

from illshell import stage

pytestmark = [needs_spark, pytest.mark.slow]

FILES = 16
EVENTS = 1000
EXECUTOR_KILLS = 15
DRIVER_KILLS = 5


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of JSON lines; Spark takes them in the order of their times."""
    folder = tmp_path_factory.mktemp("incoming")
    whole = folder / "whole"
    with whole.open("wb") as out:
        write_stream(out, FILES * EVENTS, seed=1016, mix=EXEC)
    lines = whole.read_bytes().splitlines(keepends=True)
    whole.unlink()
    for number in range(FILES):
        path = folder / f"{number:03}.jsonl"
        path.write_bytes(b"".join(lines[number * EVENTS : (number + 1) * EVENTS]))
        os.utime(path, (number, number))
    return folder


@pytest.fixture(scope="module")
def expected(incoming: Path) -> Counter[str]:
    lines = b"".join(path.read_bytes() for path in incoming.iterdir()).splitlines()
    found = Counter(finding.uid for finding in stage.findings(lines))
    assert len(found) == found.total() > 50
    return found


def test_executors_get_illshell_from_an_archive(
    incoming: Path, expected: Counter[str], tmp_path: Path
) -> None:
    """As docs/integrations.md says: the environment is packed, shipped, and its Python is used."""
    venv_pack = pytest.importorskip("venv_pack", reason="needs venv-pack: pip install venv-pack")
    if sys.prefix == sys.base_prefix:
        pytest.skip("needs a virtual environment to pack: python -m venv")
    # Spark brings PySpark itself; what the tests need besides stays at home.
    needed = ("illshell", "pyarrow", "numpy", "nanoarrow", "pandas", "dateutil", "six", "pytz")
    packed = venv_pack.Env(sys.prefix).exclude("lib64").exclude("lib/*/site-packages/*")
    for name in (*needed, "typing_extensions", "backports", "tzdata"):
        packed = packed.include(f"lib/*/site-packages/{name}*")
    packed = packed.exclude("*/tests/*")
    # Spark unpacks no link that leads out of the archive, as bin/python does; a zip has none.
    with warnings.catch_warnings(action="ignore"):  # pyvenv.cfg is in it twice
        archive = packed.pack(str(tmp_path / "environment.zip"), compress_level=0)
    python = "./environment/bin/python"
    with driver(incoming, tmp_path, CLUSTER, archive, PYSPARK_PYTHON=python) as running:
        running.finish()
        assert running.findings() == expected
    unpacked = list((tmp_path / "spark" / "work").glob("app-*/*/environment/bin/python"))
    assert len(unpacked) == 2


def test_killed_executors_lose_and_repeat_nothing(
    incoming: Path, expected: Counter[str], tmp_path: Path
) -> None:
    chance = random.Random(1016)
    with driver(incoming, tmp_path, CLUSTER) as running:
        running.kill_executors(EXECUTOR_KILLS, pause=lambda: chance.uniform(0, 0.3))
        running.finish()
        assert running.findings() == expected


def test_killed_drivers_lose_and_repeat_nothing(
    incoming: Path, expected: Counter[str], tmp_path: Path
) -> None:
    chance = random.Random(1016)
    cut = 0
    for _ in range(DRIVER_KILLS):
        with driver(incoming, tmp_path, "local[2]") as running:
            begun = running.batches("offsets")
            more = begun + chance.randrange(1, 4)
            assert running.wait_for(lambda more=more: running.batches("offsets") >= more)
            time.sleep(chance.uniform(0, 0.3))
            running.kill()
            cut += running.batches("offsets") > running.batches("commits")
    assert cut > 0, "no batch was cut in the middle"
    with driver(incoming, tmp_path, "local[2]") as running:
        running.finish()
        assert running.findings() == expected
