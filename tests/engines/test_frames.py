"""Frames of Polars and pandas: they go the way of every other columns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from paths_of_columns import PATHS, found_in
from test_match import BPRM, ERRORS, HITS, outcome, table
from test_match import ROWS as MATCHED
from test_uids_of_columns import COLUMNS, WANTED
from test_unread_columns import HIT, NAMES, ROWS, TEXT, hits

from illshell import ColumnError, Finding, IllegitimateShell, SignatureContext, match
from illshell.signatures.illegitimate_shell.names import EVENTS


def frames() -> dict[str, Any]:
    data = table()
    return {
        "polars": pl.DataFrame(data),
        "polars chunks": pl.concat([pl.DataFrame(data)[:5], pl.DataFrame(data)[5:]], rechunk=False),
        "polars categories": pl.DataFrame(data).cast(pl.Categorical),
        "pandas": pd.DataFrame({name: pd.array(values, "str") for name, values in MATCHED.items()}),
        "pandas arrow": data.to_pandas(types_mapper=pd.ArrowDtype),
        "pandas categories": data.to_pandas().astype("category"),
    }


@pytest.mark.parametrize("library", list(frames()))
@pytest.mark.parametrize("threads", [1, 3])
def test_every_library(library: str, threads: int) -> None:
    matches = match(frames()[library], threads=threads)
    assert outcome(matches) == (HITS, ERRORS)
    assert (len(matches), matches.row_count) == (2, 8)


@pytest.mark.parametrize("library", list(frames()))
def test_a_signature_takes_any_frame(library: str) -> None:
    found: list[Finding] = []
    signature = IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    errors = signature.on_batch(frames()[library])
    assert [finding.event.payload["processName"] for finding in found] == ["nginx", "sh"]
    assert errors.rows.tolist() == ERRORS


def test_a_lazy_frame_is_refused() -> None:
    with pytest.raises(ColumnError, match="neither a structured array nor a mapping"):
        match(pl.LazyFrame({"comm": ["x"]}))


def test_a_mask_filters() -> None:
    data = table()
    frame = pl.DataFrame(data)
    assert frame.filter(pl.Series(match(data).mask())).equals(frame[HITS])
    pandas = data.to_pandas()
    assert pandas[match(data).to_numpy_mask()].equals(pandas.iloc[HITS])


POLARS = {
    "String": pl.Series([TEXT] * ROWS),
    "Categorical": pl.Series([TEXT] * ROWS, dtype=pl.Categorical),
    "Enum": pl.Series([TEXT] * ROWS, dtype=pl.Enum([TEXT])),
    "Binary": pl.Series([TEXT.encode()] * ROWS),
    "List": pl.Series([[TEXT]] * ROWS),
    "Array": pl.Series([[TEXT]] * ROWS, dtype=pl.Array(pl.String, 1)),
    "Struct": pl.Series([{"a": TEXT}] * ROWS),
    "Int128": pl.Series([2**100] * ROWS, dtype=pl.Int128),
    "Object": pl.Series([object()] * ROWS, dtype=pl.Object),
    "Null": pl.Series([None] * ROWS),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", POLARS)
def test_no_column_of_polars_costs_a_finding(kind: str, name: str) -> None:
    frame = pl.DataFrame(hits()).with_columns(POLARS[kind].alias(name))
    found = found_in(frame)
    assert len(found) == ROWS
    assert all(finding.payload.items() >= HIT.items() for finding in found)
    if name == "podName" and kind in ("String", "Categorical", "Enum", "Binary"):
        assert {finding.payload["podName"] for finding in found} == {TEXT}


def test_without_pyarrow_no_column_costs_a_finding() -> None:
    code = f"""
import sys
sys.modules["pyarrow"] = None
import datetime as dt
import polars as pl
from illshell import IllegitimateShell, SignatureContext
found = []
signature = IllegitimateShell()
signature.init(SignatureContext(found.append))
columns = {{"event_name": [{BPRM!r}], "comm": ["nginx"], "pathname": ["/bin/sh"]}}
for name, value in {{
    "podName": {TEXT!r}, "pid": 7, "seconds": 1.5, "isPod": True, "labels": [{TEXT!r}],
    "time": dt.datetime(2026, 1, 1), "took": dt.timedelta(milliseconds=5), "never": None,
}}.items():
    frame = pl.DataFrame(columns | {{name: [value]}})
    assert list(signature.on_batch(pl.concat([frame, frame])[1:])) == []
times = pl.DataFrame(columns | {{"time": [None]}}, schema_overrides={{"time": pl.Datetime("ms")}})
assert list(signature.on_batch(times)) == []
import json
print(json.dumps([finding.event.payload for finding in found]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [
        {**HIT, **more}
        for more in (
            {"podName": TEXT},
            {"hostProcessId": 7},
            {"seconds": 1.5},
            {"isPod": True},
            {},
            {"timestamp": 1767225600 * 10**9},
            {"took": 5_000_000},
            {"never": None},
            {"timestamp": None},
        )
    ]


def test_a_polars_frame_takes_the_same_way(tmp_path: Path) -> None:
    batch = hits(podName=pa.array([TEXT] * ROWS), hostProcessId=pa.array(range(ROWS)))
    expected = PATHS["on_batch"](batch, tmp_path)
    found = found_in(pl.DataFrame(batch))
    assert [finding.payload for finding in found] == [finding.payload for finding in expected]
    assert [finding.uid for finding in found] == [finding.uid for finding in expected]


@pytest.mark.parametrize("host", [pl.String, pl.Categorical, pl.Enum(["node1"]), pl.Binary])
@pytest.mark.parametrize("time", [pl.Int64, pl.UInt64, pl.Datetime("ns"), pl.Datetime("us", "UTC")])
@pytest.mark.parametrize("number", [pl.Int64, pl.UInt16, pl.Float64, pl.Decimal(10, 0)])
def test_polars_frames_of_any_types(host: Any, time: Any, number: Any) -> None:
    frame = pl.DataFrame(pa.record_batch(COLUMNS))
    if isinstance(time, pl.Datetime):
        nanoseconds = pl.col("timestamp", "threadStartTime").cast(pl.Datetime("ns", time.time_zone))
        frame = frame.with_columns(nanoseconds.dt.cast_time_unit(time.time_unit))
    else:
        frame = frame.with_columns(pl.col("timestamp", "threadStartTime").cast(time))
    frame = frame.with_columns(
        pl.col("hostName").cast(host), pl.col("hostProcessId", "hostThreadId").cast(number)
    )
    assert [finding.uid for finding in found_in(frame)] == [WANTED]
