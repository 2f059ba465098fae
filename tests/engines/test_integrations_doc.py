"""docs/integrations.md: each snippet runs as it stands there.

The one for Quix Streams runs in test_quix.py, the one for Panther in test_panther.py.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spark_driver
from doc_snippets import snippets
from spark_driver import environment, needs_spark

from illshell.formats.finding_fields import FIELDS

OURS = {"generator", "spark", "spark-streaming", "daft", "ray", "quix", "panther"}
LINE = (
    '{"eventName":"sched_process_exec","processName":"sh","hostName":"web-1",'
    '"args":[{"name":"prev_comm","value":"nginx"}]}\n'
)
SPARK = """
from pathlib import Path
import spark_driver
spark = spark_driver.session("local[2]", Path("."))
events, findings, checkpoint = "events", "findings", "checkpoint"
"""
RAY = """
import logging, ray
ray.init(num_cpus=1, include_dashboard=False, object_store_memory=100_000_000,
         logging_level=logging.ERROR, log_to_driver=False, _node_ip_address="127.0.0.1")
parquet = "events.parquet"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.jsonl").write_text(LINE)
    columns = {
        "event_name": ["sched_process_exec", "open"],
        "comm": ["sh", "sh"],
        "prev_comm": ["nginx", "nginx"],
    }
    pq.write_table(pa.table(columns), tmp_path / "events.parquet")
    return tmp_path


def run(folder: Path, *code: str, **env: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "\n".join(code)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(spark_driver.__file__).parent)} | env,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None,
        reason=f"needs {package}: pip install 'illshell[{package}]'",
    )


def test_every_snippet_of_ours_is_there() -> None:
    assert set(snippets()) >= OURS


def test_the_table_of_columns_is_the_schema() -> None:
    from doc_snippets import DOCUMENT

    rows = [line.split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    written = {
        name.strip(" `"): kind.strip()
        for _, names, kind, *_ in rows
        for name in names.split(",")
        if kind.strip() in ("string", "int")
    }
    assert written == FIELDS


def test_generator(folder: Path) -> None:
    first, second = run(folder, snippets()["generator"]).splitlines()
    assert first.startswith("Web server spawned a shell ")
    assert second == "not a JSON object"


@needs_spark
@pytest.mark.slow
def test_spark(folder: Path) -> None:
    code = snippets()
    check = "print(spark.read.parquet('findings').count())"
    stop = "spark.stop()"
    # The streaming snippet writes to the folder that the other one's name stands for.
    streaming = "findings = 'findings'\n" + code["spark-streaming"]
    out = run(folder, SPARK, code["spark"], streaming, check, stop, **environment(folder))
    assert "sched_process_exec" in out
    assert out.splitlines()[-1] == "1"


@needs("daft")
def test_daft(folder: Path) -> None:
    assert run(folder, "parquet = 'events.parquet'", snippets()["daft"]).split() == ["1"]


@needs("ray")
@pytest.mark.slow
def test_ray(folder: Path) -> None:
    assert run(folder, RAY, snippets()["ray"], RAY_USAGE_STATS_ENABLED="0").split()[-1] == "1"
