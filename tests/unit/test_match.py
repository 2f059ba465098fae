"""match: columns of any library in, row numbers out, the same for any number of threads."""

from __future__ import annotations

import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random
from typing import Any

import nanoarrow as na
import numpy as np
import pyarrow as pa
import pytest
from arrow_producer import CountingArray, CountingProducer, CountingStream
from columns_at_random import LAYOUTS, Values, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_columns import REFERENCE, columns

import illshell
from illshell import (
    ColumnError,
    EventBatch,
    Finding,
    IllegitimateShell,
    IllshellError,
    Matches,
    SignatureContext,
    match,
)
from illshell.detect.match import PART_ROWS
from illshell.signatures.illegitimate_shell.names import EVENTS

BPRM, EXEC = EVENTS

ROWS = {
    "event_name": [BPRM, "open", EXEC, BPRM, BPRM, EXEC, None, BPRM],
    "comm": ["nginx", "nginx", "sh", "apache2", None, "dash", "nginx", "httpd-foreground"],
    "pathname": ["/bin/sh", "/bin/sh", None, None, "/bin/sh", "", "/bin/sh", "/bin/sh"],
    "prev_comm": [None, "nginx", "lighttpd", None, "", None, "nginx", "nginx"],
}
HITS, ERRORS = [0, 2], [3, 4, 5]

INDICES = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]  # fmt: skip
KINDS = [pa.utf8(), pa.large_utf8(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]  # fmt: skip
TYPES = {
    **{str(kind): kind for kind in KINDS},
    **{f"{index}→{kind}": pa.dictionary(index, kind) for index in INDICES for kind in KINDS[:2]},
    **{f"int32→{kind}": pa.dictionary(pa.int32(), kind) for kind in KINDS[2:]},
}


def outcome(matches: Matches) -> tuple[list[int], list[int]]:
    return matches.rows.tolist(), matches.errors.tolist()


def column(values: list[str | None], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return pa.array(values, pa.utf8()).cast(kind)
    encoded = pa.array(values, pa.utf8()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        encoded.indices.cast(kind.index_type), encoded.dictionary.cast(kind.value_type)
    )


def table(kind: pa.DataType = TYPES["string"], before: int = 0) -> pa.Table:
    """Make the rows, sliced out of more where ``before`` is above 0."""
    rubbish: list[str | None] = ["nginx", None, "rubbish"][:before]
    arrays = [column([*rubbish, *values, *rubbish], kind) for values in ROWS.values()]
    return pa.table(arrays, names=list(ROWS)).slice(before, len(ROWS["comm"]))


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("kind", TYPES.values(), ids=list(TYPES))
def test_every_layout(kind: pa.DataType, before: int) -> None:
    data = table(kind, before)
    assert outcome(match(data)) == (HITS, ERRORS)
    assert outcome(match(data.to_batches()[0])) == (HITS, ERRORS)
    chunked = pa.concat_tables([data.slice(0, 0), data.slice(0, 3), data.slice(3)])
    assert outcome(match(chunked)) == (HITS, ERRORS)
    assert outcome(match(CountingArray(data.to_batches()))) == (HITS, ERRORS)


@pytest.mark.parametrize("before", [0, 3])
def test_fixed_size_binary(before: int) -> None:
    data = table(before=before)
    for name in ("comm", "prev_comm"):
        values = ["rubbish"] * before + data[name].to_pylist()
        padded = [None if v is None else v.encode().ljust(16, b"\0") for v in values]
        array = pa.array(padded, pa.binary(16)).slice(before)
        data = data.set_column(data.column_names.index(name), name, array)
    assert outcome(match(data)) == (HITS, ERRORS)
    coded = data.set_column(1, "comm", data["comm"].dictionary_encode())
    assert outcome(match(coded)) == (HITS, ERRORS)


def test_run_end_encoding_is_refused_by_name() -> None:
    ends = pa.RunEndEncodedArray.from_arrays([8], ["nginx"])
    data = table().set_column(1, "comm", ends)
    with pytest.raises(
        ColumnError, match=r"column comm: Arrow type run_end_encoded.*holds no text; expected utf8"
    ):
        match(data)


def frames() -> dict[str, Any]:
    data = table()
    return {
        "pyarrow table": data,
        "pyarrow batch": data.to_batches()[0],
        "pyarrow reader": data.to_reader(max_chunksize=3),
        "pyarrow struct": data.to_batches()[0].to_struct_array(),
        "nanoarrow": na.c_array(data.to_batches()[0]),
        "nanoarrow stream": na.c_array_stream(data),
    }


@pytest.mark.parametrize("library", list(frames()))
@pytest.mark.parametrize("threads", [1, 3])
def test_every_library(library: str, threads: int) -> None:
    matches = match(frames()[library], threads=threads)
    assert outcome(matches) == (HITS, ERRORS)
    assert (len(matches), matches.row_count) == (2, 8)


def test_numpy_and_batches() -> None:
    array = np.array(
        [(BPRM.encode(), b"nginx", b"/bin/sh"), (b"open", b"nginx", b"/bin/sh")],
        [("event_name", "S20"), ("comm", "S16"), ("pathname", "S16")],
    )
    assert outcome(match(array)) == ([0], [])
    assert outcome(match(array[::-1])) == ([1], [])
    assert outcome(match(EventBatch.from_numpy(array))) == ([0], [])
    assert outcome(match({"event_name": BPRM, "comm": array["comm"]})) == ([], [0, 1])
    with pytest.raises(ColumnError, match="a batch has its columns already"):
        match(EventBatch.from_numpy(array), event_name=BPRM)


@pytest.mark.parametrize("data", [[1], None, "events.parquet"])
def test_what_is_no_data_is_refused(data: Any) -> None:
    with pytest.raises(ColumnError, match="neither a structured array nor a mapping"):
        match(data)


def test_a_constant_event_name() -> None:
    data = table().drop_columns(["event_name"])
    with pytest.raises(ColumnError, match="column event_name: missing"):
        match(data)
    assert outcome(match(data, event_name=BPRM)) == ([0, 1, 6], [3, 4])
    assert outcome(match(table(), event_name=EXEC))[0] == [2]
    assert outcome(match(data, event_name="open")) == ([], [])
    array = np.array([(b"nginx", b"/bin/sh")], [("comm", "S16"), ("pathname", "S16")])
    assert outcome(match(array, event_name=BPRM)) == ([0], [])
    with pytest.raises(ColumnError, match="given as a column and as the name of every row"):
        match(data, event_name=BPRM, columns={"event_name": "comm"})


def test_options() -> None:
    assert outcome(match(table(), events=[BPRM])) == ([0], [3, 4])
    assert outcome(match(table(), web_servers=["lighttpd"], shells=["sh"]))[0] == [2]
    renamed = table().rename_columns(["kind", "task", "exe", "before"])
    columns = {
        "event_name": "kind", "comm": "task", "pathname": "exe", "prev_comm": "before",
    }  # fmt: skip
    assert outcome(match(renamed, columns=columns)) == (HITS, ERRORS)
    with pytest.raises(ValueError, match="threads is 0"):
        match(table(), threads=0)
    with pytest.raises(ValueError, match="event 'open'"):
        match(table(), events=["open"])


def test_the_result_is_immutable() -> None:
    for data in (table(), table().slice(0, 0), pa.concat_tables([table()] * 2)):
        matches = match(data)
        for array in (matches.rows, matches.errors):
            assert array.dtype == np.int64
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0
    with pytest.raises(AttributeError):
        matches.rows = None  # type: ignore[misc]
    assert repr(match(table())) == "<2 matches and 3 errors in 8 rows>"


def test_a_mask_filters() -> None:
    data = table()
    mask = match(data).mask()
    expected = [row in HITS if row not in ERRORS else None for row in range(8)]
    assert pa.array(mask).to_pylist() == expected
    assert data.filter(pa.array(mask)).equals(data.take(HITS))
    assert np.flatnonzero(match(data).to_numpy_mask()).tolist() == HITS
    assert na.Array(mask).to_pylist() == expected


@given(
    st.integers(0, 70).flatmap(lambda n: st.lists(st.sampled_from("hen"), min_size=n, max_size=n))
)
def test_a_mask_has_a_value_for_each_row(kinds: list[str]) -> None:
    rows, errors = ([i for i, kind in enumerate(kinds) if kind == each] for each in "he")
    matches = Matches(np.array(rows, np.int64), np.array(errors, np.int64), len(kinds))
    assert pa.array(matches.mask()).to_pylist() == [
        {"h": True, "e": None, "n": False}[kind] for kind in kinds
    ]
    assert np.flatnonzero(matches.to_numpy_mask()).tolist() == rows


@settings(max_examples=200)
@given(
    tables(),
    st.lists(st.sampled_from(list(LAYOUTS)), min_size=4, max_size=4),
    st.lists(st.integers(0, 40), max_size=4),
    st.integers(1, 3),
)
def test_it_agrees_with_the_reference(
    rows: dict[str, Values], layouts: list[str], cuts: list[int], threads: int
) -> None:
    arrays = {
        name: LAYOUTS[layout](values)
        for (name, values), layout in zip(rows.items(), layouts, strict=True)
    }
    batch = pa.record_batch(arrays)
    edges = [0, *sorted(min(cut, len(batch)) for cut in cuts), len(batch)]
    pieces = [batch.slice(a, b - a) for a, b in pairwise(edges)]
    reader = pa.RecordBatchReader.from_batches(batch.schema, pieces)
    assert outcome(match(reader, threads=threads)) == REFERENCE.match(columns(**rows))


@given(tables(), st.sampled_from(list(LAYOUTS)), st.integers(0, 40), st.integers(0, 40))
def test_a_slice_of_a_column(rows: dict[str, Values], layout: str, start: int, stop: int) -> None:
    batch = EventBatch.from_arrow(
        pa.record_batch({name: LAYOUTS[layout](values) for name, values in rows.items()})
    )
    start, stop = sorted(min(each, len(batch)) for each in (start, stop))
    part = batch.slice(start, stop)
    comm = part["comm"]
    assert [comm[row] for row in range(len(part))] == rows["process_name"][start:stop]
    again = part.slice(len(part) // 2, len(part))
    del batch, part, comm
    expected = REFERENCE.match(columns(**{
        name: values[start + (stop - start) // 2 : stop] for name, values in rows.items()
    }))  # fmt: skip
    assert outcome(match(again)) == expected
    with pytest.raises(IndexError):
        again.slice(0, len(again) + 1)


def test_a_slice_of_a_batch_knows_its_events() -> None:
    data = table().append_column("pid", [list(range(8))])
    part = EventBatch.from_arrow(data.to_batches()[0]).slice(2, 5)
    assert [part.event(row).payload["hostProcessId"] for row in range(3)] == [2, 3, 4]
    array = np.zeros(4, [("event_name", "S20"), ("comm", "S16"), ("pid", "i4")])
    array["pid"] = range(4)
    assert EventBatch.from_numpy(array).slice(3, 4).event(0).payload["hostProcessId"] == 3


def large(rows: int, layout: str) -> tuple[pa.RecordBatch, tuple[list[int], list[int]]]:
    random = Random(rows)
    values: dict[str, Values] = {
        "event_name": random.choices([BPRM.encode(), EXEC.encode(), b"open"], [1, 1, 9], k=rows),
        "process_name": random.choices([b"nginx", b"sh", b"cat", None], [3, 3, 9, 0.1], k=rows),
        "pathname": random.choices([b"/bin/sh", b"/bin/cat", None], k=rows),
        "prev_comm": random.choices([b"nginx", b"cron", None], k=rows),
    }
    batch = pa.record_batch({name: LAYOUTS[layout](each) for name, each in values.items()})
    return batch, REFERENCE.match(columns(**values))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_large_batch_is_divided_among_threads(layout: str) -> None:
    batch, expected = large(3 * PART_ROWS + 77, layout)
    for threads in (1, 2, 5):
        assert outcome(match(batch, threads=threads)) == expected


def test_many_threads_share_what_is_thread_safe() -> None:
    """The same batches, columns and result objects, used by many threads, each with threads."""
    batch, expected = large(2 * PART_ROWS + 5, "dictionary<int32>")
    shared = EventBatch.from_arrow(batch)
    pieces = [batch.slice(start, 999) for start in range(0, len(batch), 999)]

    def work(number: int) -> None:
        data = [shared, batch, pa.Table.from_batches(pieces)][number % 3]
        matches = match(data, threads=1 + number % 3)
        assert outcome(matches) == expected
        assert pa.array(matches.mask()).true_count == len(expected[0])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))


BATCHES = [table().slice(start, 2).to_batches()[0] for start in range(0, 8, 2)]


def check_released(producer: CountingProducer) -> None:
    gc.collect()
    assert producer.made == producer.released
    assert sum(producer.made.values()) > 0


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_taken_is_released_once(threads: int) -> None:
    for producer in (CountingStream(BATCHES), CountingArray([table().to_batches()[0]])):
        assert outcome(match(producer, threads=threads)) == (HITS, ERRORS)
        check_released(producer)
    assert producer.made == {"schema": 1, "array": 1, "stream": 0}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("fail_at", range(5))
def test_it_is_released_once_when_the_stream_breaks(fail_at: int, threads: int) -> None:
    producer = CountingStream(BATCHES, fail_at)
    with pytest.raises(Exception, match="the disk is gone"):
        match(producer, threads=threads)
    check_released(producer)
    assert producer.made["array"] == fail_at


@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_released_once_when_columns_are_bad(threads: int) -> None:
    numbers = table().set_column(1, "comm", pa.array(range(8)))
    for batches in (numbers.to_batches(), table().drop_columns(["comm"]).to_batches()):
        for producer in (CountingStream(batches * 3), CountingArray(batches)):
            with pytest.raises(
                ColumnError, match=r"^column comm: (Arrow type int64 holds|missing)"
            ):
                match(producer, threads=threads)
            check_released(producer)


def test_it_is_released_once_when_nobody_takes_it() -> None:
    for producer in (CountingStream(BATCHES), CountingArray(BATCHES)):
        with pytest.raises(ValueError, match="event"):
            match(producer, events=["open"])
        assert sum(producer.made.values()) == 0


def test_it_is_released_once_when_half_is_read() -> None:
    producer = CountingStream(BATCHES)
    batches = EventBatch.iter_arrow(producer)
    kept = next(batches)
    assert producer.made["array"] == 1
    batches.close()  # type: ignore[attr-defined]
    gc.collect()
    assert (producer.released["stream"], producer.released["array"]) == (1, 0)
    assert kept["comm"][0] == b"nginx"
    del kept, batches
    check_released(producer)


def test_damage_in_a_thread_comes_out() -> None:
    offsets = np.zeros(3 * PART_ROWS + 1, np.int32)
    offsets[-1] = 99
    comm = (offsets, np.zeros(9, np.uint8))
    for threads in (1, 2):
        with pytest.raises(ColumnError, match="its value lies outside"):
            match({"event_name": BPRM, "comm": comm}, threads=threads)


def test_absent_columns_of_all_nulls() -> None:
    data = table().set_column(3, "prev_comm", pa.nulls(8))
    assert outcome(match(data)) == ([0], [2, 3, 4, 5])
    assert outcome(match(data.drop_columns(["prev_comm"]))) == ([0], [2, 3, 4, 5])


def test_it_is_a_name_of_the_package() -> None:
    assert illshell.match is illshell.detect.match.match


@pytest.mark.parametrize("library", list(frames()))
def test_a_signature_takes_any_data(library: str) -> None:
    found: list[Finding] = []
    signature = IllegitimateShell(EVENTS)
    with pytest.raises(IllshellError, match="before init"):
        signature.on_batch(frames()[library])
    signature.init(SignatureContext(found.append))
    errors = signature.on_batch(frames()[library])
    assert [finding.event.payload["processName"] for finding in found] == ["nginx", "sh"]
    assert errors.rows.tolist() == ERRORS
    assert [row for row, _ in errors] == ERRORS
    assert [str(error) for _, error in errors[:2]] == [
        "argument pathname not found",
        str(errors[1][1]),
    ]
    assert "is null" in str(errors[1][1])


def test_an_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ColumnError("comm", "it is null")))
    assert (str(error), error.column) == ("column comm: it is null", "comm")
