"""illshell.daft and illshell.ray: the findings of their DataFrames and Datasets are the oracle's."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from generator import EXEC, write_stream
from stage_oracle import is_hit

from illshell import stage
from illshell.formats.finding_rows import SCHEMA
from illshell.model.errors import ColumnError, MissingExtraError

pytestmark = [pytest.mark.filterwarnings("ignore")]

IDENTITY = ("hostName", "timestamp", "hostThreadId", "hostProcessId", "threadStartTime")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("stream") / "exec.jsonl"
    with path.open("wb") as out:
        write_stream(out, 5000, seed=1016, mix=EXEC)
    return path.read_text().splitlines()


@pytest.fixture(scope="module")
def expected(lines: list[str]) -> list[str]:
    uids = [finding.uid for finding in stage.findings(lines)]
    assert len(uids) == sum(is_hit(line.encode()) for line in lines) > 10
    return sorted(uids)


@pytest.fixture(scope="module")
def columns(lines: list[str]) -> pa.Table:
    rows = []
    for line in lines:
        event = json.loads(line)
        arguments = {arg["name"]: arg["value"] for arg in event["args"]}
        rows.append(
            {"event_name": event["eventName"], "comm": event["processName"]}
            | {name: arguments.get(name) for name in ("pathname", "prev_comm")}
            | {name: event.get(name) for name in IDENTITY}
        )
    return pa.Table.from_pylist(rows)


def check(table: pa.Table, expected: list[str]) -> None:
    assert table.column_names == SCHEMA.names
    assert sorted(table.column("uid").to_pylist()) == expected
    assert table.column("error").null_count == len(expected)


class TestDaft:
    @pytest.fixture(scope="class")
    def daft(self) -> Any:
        return pytest.importorskip("daft", reason="needs Daft: pip install 'illshell[daft]'")

    def test_columns_from_parquet(
        self, daft: Any, columns: pa.Table, expected: list[str], tmp_path: Path
    ) -> None:
        from illshell.daft import detect

        pq.write_table(columns, tmp_path / "events.parquet", row_group_size=700)
        found = detect(daft.read_parquet(str(tmp_path / "events.parquet")))
        assert [field.name for field in found.schema()] == SCHEMA.names
        check(found.to_arrow(), expected)

    def test_json_lines_as_text(self, daft: Any, lines: list[str], expected: list[str]) -> None:
        from illshell.daft import detect

        frame = daft.from_pydict({"line": lines}).into_partitions(3)
        check(detect(frame, value_column="line").to_arrow(), expected)

    def test_errors_and_nothing_at_all(self, daft: Any) -> None:
        from illshell.daft import detect

        frame = daft.from_pydict({"line": ["{}", "nonsense", None]})
        found = detect(frame, value_column="line", errors=True).to_pydict()
        assert found["error"] == [
            "not a JSON object",
            "column line: the value is null",
        ]
        assert detect(frame, value_column="line").to_arrow().num_rows == 0
        with pytest.raises(ColumnError, match="column event_name: missing"):
            detect(frame)


class TestRay:
    @pytest.fixture(scope="class")
    def ray(self) -> Iterator[Any]:
        ray = pytest.importorskip("ray", reason="needs Ray: pip install 'illshell[ray]'")
        pytest.importorskip("ray.data", reason="needs Ray Data: pip install 'illshell[ray]'")
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100_000_000,
            logging_level=logging.ERROR,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield ray
        ray.shutdown()

    @pytest.mark.slow
    def test_columns_from_parquet(
        self, ray: Any, columns: pa.Table, expected: list[str], tmp_path: Path
    ) -> None:
        from illshell.ray import detect

        pq.write_table(columns, tmp_path / "events.parquet", row_group_size=700)
        found = detect(ray.data.read_parquet(str(tmp_path / "events.parquet")))
        check(pa.Table.from_pylist(found.take_all(), SCHEMA), expected)

    @pytest.mark.slow
    def test_json_lines_as_text(
        self, ray: Any, lines: list[str], expected: list[str], tmp_path: Path
    ) -> None:
        from illshell.ray import detect

        (tmp_path / "events.jsonl").write_text("\n".join(lines))
        text = ray.data.read_text(str(tmp_path / "events.jsonl"))
        found = detect(text, value_column="text", batch_size=512)
        check(pa.Table.from_pylist(found.take_all(), SCHEMA), expected)


@pytest.mark.parametrize("name", ["daft", "ray"])
def test_a_missing_package_is_told_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    detect = importlib.import_module(f"illshell.{name}").detect
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"^{name} is not installed: pip install 'illsh"):
        detect(None)
