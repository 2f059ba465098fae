"""Parquet and Arrow IPC files: what is found, what is read for it, and what damage costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import PROGRAM, environment, illshell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_columns import REFERENCE, columns

from illshell import ColumnError, Finding, IllegitimateShell, StreamError
from illshell.detect.detector import Detector
from illshell.detect.scan import Problem, Scan, ScanCounts
from illshell.model.position import Row
from illshell.readers import open_reader
from illshell.readers.columnar.reader import ColumnarReader
from illshell.readers.columnar.row_groups import RowGroup
from illshell.readers.selection import Selection
from illshell.readers.sniff import Columnar, columnar_kind
from illshell.signatures.illegitimate_shell.names import EVENTS

BPRM, EXEC = EVENTS

Write = Callable[[pa.Table, Path, int], None]


def write_parquet(table: pa.Table, path: Path, rows: int) -> None:
    pq.write_table(table, path, row_group_size=rows)


def write_ipc(new: Any, compression: str | None) -> Write:
    def write(table: pa.Table, path: Path, rows: int) -> None:
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with new(path, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=rows)

    return write


WRITERS: dict[str, Write] = {
    "parquet": write_parquet,
    "file": write_ipc(pa.ipc.new_file, None),
    "file zstd": write_ipc(pa.ipc.new_file, "zstd"),
    "stream": write_ipc(lambda path, *a, **o: pa.ipc.new_stream(str(path), *a, **o), None),
    "stream lz4": write_ipc(lambda path, *a, **o: pa.ipc.new_stream(str(path), *a, **o), "lz4"),
}
every_kind = pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))


def events(rows: int, seed: int = 0) -> pa.Table:
    random = Random(seed)
    return pa.table(
        {
            "eventName": random.choices([BPRM, EXEC, "open", "close"], [2, 2, 30, 30], k=rows),
            "processName": random.choices(["nginx", "sh", "cat", None], [5, 5, 60, 1], k=rows),
            "pathname": random.choices(["/bin/sh", "/bin/cat", None], k=rows),
            "prev_comm": random.choices(["nginx", "cron", None], [3, 60, 1], k=rows),
            "hostName": [f"host-{row}" for row in range(rows)],
            "timestamp": pa.array(range(rows), pa.timestamp("us")),
        }
    )


def scan(path: Path, **options: Any) -> tuple[list[Finding], list[Problem], ScanCounts]:
    found: list[Finding] = []
    problems: list[Problem] = []
    detector = Detector([IllegitimateShell(EVENTS)])
    job = Scan(detector, on_finding=found.append, on_problem=problems.append)
    job.run(open_reader(str(path), detector.selection, **options))
    return found, problems, job.counts


def row_of(found: Finding | Problem) -> int:
    assert isinstance(found.position, Row)
    return found.position.row


def expected_of(table: pa.Table) -> tuple[list[int], list[int]]:
    names = ("eventName", "processName", "pathname", "prev_comm")
    return REFERENCE.match(columns(*(table[name].to_pylist() for name in names)))


@every_kind
@pytest.mark.parametrize("rows", [7, 100, 7000])
def test_each_kind_is_the_straightforward_loop(write: Write, rows: int, tmp_path: Path) -> None:
    table = events(5000)
    write(table, tmp_path / "events", rows)
    hits, errors = expected_of(table)
    assert hits
    assert errors
    for threads in (1, 2):
        found, problems, counts = scan(tmp_path / "events", threads=threads)
        assert [row_of(finding) for finding in found] == hits
        assert [row_of(problem) for problem in problems] == errors
        wanted = sum(name in EVENTS for name in table["eventName"].to_pylist())
        assert (counts.judged, counts.skipped) == (wanted, 5000 - wanted)
        assert (counts.findings, counts.errors) == (len(hits), len(errors))
        assert counts.bytes == (tmp_path / "events").stat().st_size


@every_kind
def test_the_event_has_all_the_rows_columns(write: Write, tmp_path: Path) -> None:
    table = events(3000)
    write(table, tmp_path / "events", 512)
    found, _, _ = scan(tmp_path / "events")
    for finding in found:
        row = row_of(finding)
        assert finding.event.payload["hostName"] == f"host-{row}"
        assert finding.event.payload["timestamp"] == row * 1000
        assert finding.position == Row(str(tmp_path / "events"), row)
        assert finding.event.headers.position == finding.position
    assert len({finding.uid for finding in found}) == len(found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([BPRM, EXEC, "open", "security_bprm_chec", None]),
            st.sampled_from(["nginx", "apache2", "sh", "a", "z", "ngin", None]),
            st.sampled_from(["/bin/sh", "/bin/x", "sh", None]),
            st.sampled_from(["nginx", "a", "z", None]),
        ),
        max_size=30,
    ),
    group=st.integers(1, 6),
    kind=st.sampled_from(list(WRITERS)),
    comm=st.sampled_from(
        [pa.utf8(), pa.large_utf8(), pa.string_view(), pa.binary(), pa.binary(16)]
    ),
)
def test_no_statistics_hide_a_hit_or_an_error(
    rows: list[tuple[Any, ...]], group: int, kind: str, comm: pa.DataType, tmp_path: Path
) -> None:
    names, comms, paths, befores = ([row[index] for row in rows] for index in range(4))
    if comm == pa.binary(16):
        comms, befores = (
            [None if value is None else value.encode().ljust(16, b"\0") for value in values]
            for values in (comms, befores)
        )
    table = pa.table(
        {
            "event_name": pa.array(names, pa.utf8()),
            "comm": pa.array(comms, comm),
            "pathname": pa.array(paths, pa.utf8()),
            "prev_comm": pa.array(befores, comm),
        }
    )
    path = tmp_path / "events"
    WRITERS[kind](table, path, group)
    found, problems, counts = scan(path)
    unpadded = [
        [v and v.rstrip(b"\0") if isinstance(v, bytes) else v for v in c] for c in (comms, befores)
    ]
    hits, errors = REFERENCE.match(columns(names, unpadded[0], paths, unpadded[1]))
    assert [row_of(finding) for finding in found] == hits
    assert [row_of(problem) for problem in problems] == errors
    assert counts.judged == sum(name in EVENTS for name in names)
    assert counts.events == len(rows)


class Watched:
    """A file that notes which columns of which row group were read."""

    def __init__(self, inner: Any) -> None:
        self.names = inner.names
        self.reads: list[tuple[int, tuple[str, ...]]] = []
        self._inner = inner

    def row_groups(self, chosen: Any, selection: Selection) -> Iterator[RowGroup]:
        for number, group in enumerate(self._inner.row_groups(chosen, selection)):

            def read(names: Any, number: int = number, group: RowGroup = group) -> Any:
                self.reads.append((number, tuple(names)))
                return group.read(names)

            yield RowGroup(group.rows, read, group.end, group.has_events, group.has_candidates)


def reads_of(table: pa.Table, path: Path, write: Write = write_parquet) -> list[Any]:
    write(table, path, 2)
    kind = columnar_kind(str(path))
    assert kind is not None
    selection = Detector([IllegitimateShell(EVENTS)]).selection
    reader = ColumnarReader(str(path), kind, selection, name="x")
    watched = reader._file = Watched(reader._file)
    assert sum(segment.judged or 0 for segment in reader.segments()) > 0
    reader.close()
    return watched.reads


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    names = ("eventName", "processName", "pathname", "prev_comm", "hostName")
    rows = [
        ("open", "nginx", "/bin/sh", "nginx", "0"),  # no event: not even its name is read
        ("close", None, None, None, "1"),
        (BPRM, "cat", "/bin/sh", "nginx", "2"),  # no candidate: its name only
        (BPRM, "dd", "/bin/sh", "nginx", "3"),
        (BPRM, "aaa", "/bin/sh", "nginx", "4"),  # within the bounds, yet none in it
        (BPRM, "zzz", "/bin/sh", "nginx", "5"),
        (BPRM, "nginx", "/bin/cat", "nginx", "6"),  # pathname decides
        ("open", "nginx", "/bin/cat", "nginx", "7"),
        (BPRM, "nginx", "/bin/sh", "nginx", "8"),  # a hit
        (EXEC, "cat", "/bin/sh", "cron", "9"),
        (EXEC, "cat", "/bin/sh", "cron", "10"),  # an error
        (EXEC, "sh", "/bin/sh", None, "11"),
    ]
    table = pa.table([list(column) for column in zip(*rows, strict=True)], names=names)
    name, first = ("eventName",), ("eventName", "processName", "prev_comm")
    judged = ("eventName", "processName", "pathname", "prev_comm")
    expected = [
        *((1, name),),
        *((2, name), (2, first)),
        *((3, name), (3, first), (3, judged)),
        *((4, name), (4, first), (4, judged), (4, ("hostName",))),
        *((5, name), (5, first), (5, judged), (5, ("hostName",))),
    ]
    assert reads_of(table, tmp_path / "parquet") == expected
    arrow = reads_of(table, tmp_path / "arrow", WRITERS["file"])
    assert [read for read in arrow if read[0] > 1] == expected[1:]


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    kinds = {
        "parquet": Columnar.PARQUET,
        "file": Columnar.ARROW_FILE,
        "file zstd": Columnar.ARROW_FILE,
        "stream": Columnar.ARROW_STREAM,
        "stream lz4": Columnar.ARROW_STREAM,
    }
    for name, kind in kinds.items():
        path = tmp_path / "events.jsonl"
        WRITERS[name](events(9), path, 9)
        assert columnar_kind(str(path)) is kind
        with path.open("rb") as file:
            assert columnar_kind(file.fileno()) is kind
            file.seek(1)
            assert columnar_kind(file.fileno()) is None
    path.write_bytes(b"PAR")
    assert columnar_kind(str(path)) is None
    assert columnar_kind("/dev/null") is None
    with pytest.raises(FileNotFoundError):
        open_reader(str(tmp_path / "missing"), Selection(EVENTS))


@every_kind
def test_files_without_rows(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "events"
    write(events(0), path, 10)
    found, problems, counts = scan(path)
    assert (found, problems, counts.events) == ([], [], 0)
    assert counts.bytes == path.stat().st_size


def test_columns_that_are_missing_or_wrong_cost_the_file(tmp_path: Path) -> None:
    table = events(10)
    cases = {
        "column comm: missing: no column is called comm or processName or process_name": (
            table.drop_columns(["processName"])
        ),
        "column event_name: Arrow type int64 holds no text": table.set_column(
            0, "eventName", [list(range(10))]
        ),
    }
    good = tmp_path / "good"
    good.write_text(
        json.dumps({"eventName": BPRM, "processName": "nginx", "args": [
            {"name": "pathname", "value": "/bin/sh"}]})
    )  # fmt: skip
    for reason, wrong in cases.items():
        for name, write in WRITERS.items():
            path = tmp_path / name
            write(wrong, path, 10)
            result = illshell("scan", path, good, code=3)
            assert reason in result.messages[0]
            assert len(result.records) == 1
    write_parquet(events(10).select(["eventName", "pathname"]), path, 5)
    with pytest.raises(ColumnError, match="comm: missing"):
        open_reader(str(path), Selection(EVENTS))


@every_kind
def test_a_damaged_file_is_an_error_and_no_crash(write: Write, tmp_path: Path) -> None:
    """Each cut and each flipped byte: what is found is true, and nothing but it is lost in silence."""
    table = events(400)
    whole = tmp_path / "whole"
    write(table, whole, 100)
    data = whole.read_bytes()
    hits = set(expected_of(table)[0])
    random = Random(4)
    path = tmp_path / "damaged"
    for number in range(150):
        damaged = bytearray(data)
        if number % 3 == 0:
            del damaged[random.randrange(8, len(data)) :]
        else:
            for _ in range(random.randrange(1, 4)):
                damaged[random.randrange(8, len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        try:
            found, problems, counts = scan(path)
        except (StreamError, ColumnError):
            continue
        assert all(finding.event.payload["eventName"] in EVENTS for finding in found)
        if number % 3 == 0:
            assert {row_of(finding) for finding in found} <= hits
            if counts.events < 400 and "stream" not in write.__qualname__:
                assert problems


def test_a_parquet_file_that_is_cut_short_says_so(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    write_parquet(events(1000), path, 100)
    path.write_bytes(path.read_bytes()[:-1000])
    result = illshell("scan", path, code=3)
    assert result.messages[0].startswith(f"{path}: Parquet file damaged or not readable: ")
    assert "1 input could not be read" in result.summary


def test_damage_further_on_costs_what_comes_after(tmp_path: Path) -> None:
    path = tmp_path / "events.arrows"
    table = events(1000)
    WRITERS["stream"](table, path, 100)
    path.write_bytes(path.read_bytes()[:-5000])
    result = illshell("scan", path, code=3)
    rows = [record["position"]["row"] for record in result.records]
    assert rows == [row for row in expected_of(table)[0] if row <= rows[-1]]
    (message,) = [each for each in result.messages if "damaged" in each]
    assert message.startswith(f"{path}: row ")
    assert "Arrow IPC stream damaged or not readable: " in message


def test_the_command_line_tells_of_rows(tmp_path: Path) -> None:
    path, kept = tmp_path / "events.parquet", tmp_path / "quarantine"
    table = events(9000)
    write_parquet(table, path, 300)
    hits, errors = expected_of(table)
    result = illshell("scan", path, "--quarantine", kept)
    assert [record["position"] for record in result.records] == [
        {"source": str(path), "row": row} for row in hits
    ]
    assert result.messages[0].startswith(f"{path}: row {errors[0]}: ")
    assert result.messages[-1] == f"{path}: … and {len(errors) - 10} more"
    assert len(kept.read_bytes().splitlines()) == len(errors)
    assert json.loads(kept.read_bytes().splitlines()[0])["hostName"] == f"host-{errors[0]}"
    wide = illshell("scan", path, "--format", "table", COLUMNS="120").out.decode()
    narrow = illshell("scan", path, "--format", "table", COLUMNS="80").out.decode()
    assert f"  row {hits[0]}\n" in wide
    assert f"  row {hits[0]}\n" in narrow
    with path.open("rb") as file:
        stdin = subprocess.run(
            [PROGRAM, "scan"], stdin=file, capture_output=True, check=True, env=environment()
        )
    assert len(stdin.stdout.splitlines()) == len(hits)


def test_a_null_comm_says_so(tmp_path: Path) -> None:
    table = pa.table(
        {"event_name": [EXEC], "comm": pa.array([None], pa.utf8()), "prev_comm": ["nginx"]}
    )
    write_parquet(table, tmp_path / "events", 1)
    _, [problem], _ = scan(tmp_path / "events")
    assert problem.reason == "column comm: row 0 is null"


def test_a_column_with_each_events_json(tmp_path: Path) -> None:
    record = json.dumps({"eventName": BPRM, "processName": "nginx", "userId": 33, "args": []})
    columns = {"event_name": [BPRM], "comm": ["nginx"], "pathname": ["/bin/sh"], "record": [record]}
    write_parquet(pa.table(columns), tmp_path / "events", 1)
    [finding], _, _ = scan(tmp_path / "events")
    assert finding.event.payload["userId"] == 33


def test_without_pyarrow_a_line_says_what_to_install(tmp_path: Path) -> None:
    path, good = tmp_path / "events.parquet", tmp_path / "events.jsonl"
    write_parquet(events(9), path, 9)
    good.write_text('{"eventName": "open"}\n')
    code = "import sys; sys.modules['pyarrow'] = None; from illshell.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", code, "scan", str(path), str(good)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3
    assert run.stderr.splitlines()[0] == (
        f"illshell: {path}: pyarrow is not installed: pip install 'illshell[parquet]'"
    )
    assert "1 event (" in run.stderr
