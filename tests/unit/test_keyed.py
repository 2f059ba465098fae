"""Streams by key: rows marked, packed, brought together and judged give what a plain loop gives."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from exec_count import EVERY, ExecCount
from hypothesis import given, settings
from hypothesis import strategies as st
from tracee_events import process_exec

from illshell import stage
from illshell.detect.arrow_stage import ArrowStage
from illshell.detect.keyed import ARRIVAL, KEY, KeyedDetector, KeyMarker, packed, runs, unpacked
from illshell.detect.spec import DetectorSpec
from illshell.model.errors import StateError

JSON_STAGE = ArrowStage(DetectorSpec.of([ExecCount]), None, "value", errors=True)
LINES = st.lists(
    st.tuples(
        st.sampled_from(["exec", "exec", "exec", "other", "nonsense", "blank", "null", "nameless"]),
        st.sampled_from(["a", "b", "", "h\u00e9", "\ud800", None]),
    ),
    max_size=60,
)


def line(number: int, kind: str, host: str | None) -> bytes | None:
    if kind in ("nonsense", "blank", "null"):
        return {"nonsense": b"{", "blank": b" ", "null": None}[kind]
    event = process_exec("nginx", "" if kind == "nameless" else "ls")
    event |= {"timestamp": 10**18 + number, "hostProcessId": 1 + number}
    if host is not None:
        event["hostName"] = host
    if kind == "other":
        event["eventName"] = "execve"
    return json.dumps(event).encode()


def judged(lines: list[bytes | None], cuts: list[int]) -> tuple[list[Any], list[str]]:
    """The uids and the errors, where the lines are cut into batches of several tasks."""
    borders = sorted({0, *(cut % (len(lines) + 1) for cut in cuts), len(lines)})
    buckets: dict[int, list[bytes]] = defaultdict(list)
    for task, (start, stop) in enumerate(pairwise(borders)):
        batch = pa.record_batch({"value": pa.array(lines[start:stop], pa.binary())})
        for marked in KeyMarker(JSON_STAGE, "host").marked([batch], task):
            for bucket, part in packed(marked):
                buckets[bucket].append(part)
    verdicts = []
    detector = KeyedDetector(JSON_STAGE)
    for parts in buckets.values():
        random.Random(1016).shuffle(parts)
        states: dict[str, bytes] = {}
        for batch in unpacked(parts):
            for key, rows in runs(batch):
                detector.begin(key, states.get(key))
                verdicts += detector.verdicts(rows)
                states[key] = detector.snapshot()
    detector.close()
    return (
        sorted(verdict.finding.uid for verdict in verdicts if verdict.finding),
        sorted(str(verdict.error) for verdict in verdicts if verdict.error),
    )


@settings(max_examples=60)
@given(LINES, st.lists(st.integers(0, 60), max_size=4))
def test_packed_streams_give_what_a_plain_loop_gives(
    described: list[tuple[str, str | None]], cuts: list[int]
) -> None:
    lines = [line(number, *each) for number, each in enumerate(described)]
    errors: list[str] = []
    wanted = [
        finding.uid
        for finding in stage.findings(
            [each for each in lines if each is not None],
            signatures=[ExecCount],
            on_error=lambda _place, error: errors.append(str(error)),
        )
    ]
    nulls = ["column value: the value is null"] * lines.count(None)
    assert judged(lines, cuts) == (sorted(wanted), sorted(errors + nulls))


def test_columns_of_every_type_come_through_packed() -> None:
    big = 2**63 - 1
    batch = pa.record_batch(
        {
            KEY: ["b", "a", "b"],
            ARRIVAL: [0, 1, 2],
            "__illshell_time": pa.array([5, None, 4], pa.int64()),
            "id": pa.array([big, None, 1], pa.int64()),
            "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int32())),
            "struct": [{"a": [1]}, None, {"a": None}],
            "name": pa.array(["x", None, "y"]).dictionary_encode(),
        }
    )
    rows = {key: part for _, each in packed(batch) for key, part in runs(unpacked([each])[0])}
    assert rows["b"].column("id").to_pylist() == [1, big]  # by time
    assert rows["a"].drop_columns([KEY]).schema.equals(batch.drop_columns([KEY]).schema)
    assert rows["b"].column("map").to_pylist() == [[], [("k", 1)]]
    assert rows["b"].column("struct").to_pylist() == [{"a": None}, {"a": [1]}]


def test_the_position_in_kafka_orders_before_the_time() -> None:
    places = {"topic": ["t"] * 3, "partition": [1, 0, 0], "offset": [0, 9, 8]}
    marks = {KEY: ["a"] * 3, "__illshell_time": [1, 2, 3], ARRIVAL: [0, 1, 2]}
    [(_, part)] = packed(pa.record_batch(places | marks))
    [batch] = unpacked([part])
    assert batch.column(ARRIVAL).to_pylist() == [2, 1, 0]


def test_a_state_that_is_too_large_names_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = KeyedDetector(JSON_STAGE)
    detector.begin("a")
    monkeypatch.setattr("illshell.detect.state.MAX_SNAPSHOT", 3)
    with pytest.raises(StateError, match=r"the state of 'a': a snapshot of .* the limit is 3"):
        detector.snapshot()


def test_a_new_stream_knows_nothing_of_the_last_and_a_wrong_state_names_the_key() -> None:
    detector = KeyedDetector(JSON_STAGE)
    execs = [line(number, "exec", "a") for number in range(EVERY - 1)]
    marked = next(KeyMarker(JSON_STAGE, "host").marked([pa.record_batch({"value": execs})], 0))
    detector.begin("a")
    assert detector.verdicts(marked) == []
    state = detector.snapshot()
    detector.begin("b")
    assert detector.verdicts(marked) == []
    detector.begin("a", state)
    assert len(detector.verdicts(marked)) == 1
    with pytest.raises(StateError, match="the state of 'a': not a snapshot"):
        detector.begin("a", b"nonsense")
