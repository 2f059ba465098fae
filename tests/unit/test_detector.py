"""The detector: verdicts in the order of the input, and nothing that costs another row."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracee_events import bprm_check, process_exec

from illshell import (
    ColumnError,
    Detector,
    Event,
    EventBatch,
    Finding,
    IllegitimateShell,
    IllshellError,
    Sequence,
    SignatureContext,
    SignatureEventSelector,
    SignatureMetadata,
    SourceComplete,
    StateError,
    Verdict,
)
from illshell._fastmatch import Column
from illshell.batch.arrow import event_batch
from illshell.detect import state
from illshell.detect.scan import Problem, Scan
from illshell.detect.spec import DetectorSpec
from illshell.dialects.tracee_event import event_of
from illshell.formats.registry import FORMATS
from illshell.model.errors import InvalidLineError, UnknownNameError
from illshell.model.fields import field_name
from illshell.model.signature import BatchMatches
from illshell.readers.segment import InvalidLine, Segment, Single
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.signatures.registry import SIGNATURES
from illshell.sources.registry import SOURCES

HIT = process_exec("nginx", "sh")
MISS = process_exec("bash", "ls")
CHECK = bprm_check("httpd", "/bin/bash")
OTHER = {"eventName": "open", "processName": "nginx", "args": []}
UNREADABLE = process_exec(None, "sh")


@dataclass
class Base:
    """A signature that wants every event, and hands out nothing."""

    id: str = "BASE"
    selectors: list[SignatureEventSelector] = field(
        default_factory=lambda: [SignatureEventSelector("tracee")]
    )

    def get_metadata(self) -> SignatureMetadata:
        return SignatureMetadata(self.id, "1", self.id.title(), "base", "")

    def get_selected_events(self) -> list[SignatureEventSelector]:
        return self.selectors

    def init(self, ctx: SignatureContext) -> None:
        self.ctx = ctx

    def on_event(self, event: Any) -> None:
        pass

    def on_signal(self, signal: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def found(self, event: Any, **data: Any) -> None:
        self.ctx.callback(Finding(self.get_metadata(), event, data or None))


@dataclass
class Every(Base):
    """Finds each event, one by one."""

    id: str = "EVERY"

    def on_event(self, event: Any) -> None:
        self.found(event)


@dataclass
class Counter(Base):
    """Keeps state: the names of the events so far; the finding says how many came before."""

    id: str = "COUNTER"
    seen: list[str] = field(default_factory=list)

    def on_event(self, event: Any) -> None:
        self.seen.append(event.payload["hostName"])
        self.found(event, before=len(self.seen) - 1)

    def on_signal(self, signal: Any) -> None:
        assert signal == SourceComplete("tracee")
        self.found(event_of({"eventName": "end"}), total=len(self.seen))

    def snapshot(self) -> bytes:
        return json.dumps(self.seen).encode()

    def restore(self, state: bytes) -> None:
        try:
            self.seen = json.loads(state)
        except ValueError as error:
            raise StateError(f"no state of a counter: {error}") from None


@dataclass
class PackedCounter(Counter):
    """The same over packed rows: all of them match, the state is that before the row."""

    id: str = "PACKED"
    fields: ClassVar[tuple[str, ...]] = ("event_name", "comm")

    def match_batch(self, batch: Any) -> BatchMatches:
        before = len(self.seen)
        hosts = [batch.event(row).payload["hostName"] for row in range(len(batch))]
        self.seen += hosts
        return BatchMatches(
            range(len(batch)),
            [],
            lambda _row: AssertionError(),
            data_of=lambda row: {"before": before + row},
        )


@dataclass
class Failing(Base):
    """Raises for events of a host, packed or not."""

    id: str = "FAILING"
    host: str = ""

    def on_event(self, event: Any) -> None:
        if event.payload.get("hostName") == self.host:
            raise RuntimeError(f"host {self.host}")
        self.found(event)


@dataclass
class PackedFailing(Failing):
    """Raises where a batch holds an event of the host."""

    id: str = "PACKEDFAILING"
    fields: ClassVar[tuple[str, ...]] = ("event_name", "comm")

    def match_batch(self, batch: Any) -> BatchMatches:
        for row in range(len(batch)):
            if batch.event(row).payload.get("hostName") == self.host:
                raise RuntimeError(f"host {self.host}")
        return BatchMatches(range(len(batch)), [], lambda _row: AssertionError())


def column(values: list[str | None]) -> Any:
    return pa.array(values, pa.string())


def packed(events: list[dict[str, Any]], numbers: list[int]) -> EventBatch:
    """Pack events as a reader does: what is judged, each event's own JSON, and its position."""

    def argument(event: dict[str, Any], name: str) -> Any:
        values = {each["name"]: each["value"] for each in event["args"]}
        return values.get(name)

    rows = pa.record_batch(
        {
            "event_name": column([each["eventName"] for each in events]),
            "comm": column([each["processName"] for each in events]),
            "pathname": column([argument(each, "pathname") for each in events]),
            "prev_comm": column([argument(each, "prev_comm") for each in events]),
            "raw_event": pa.array([json.dumps(each).encode() for each in events], pa.binary()),
        }
    )
    return event_batch(rows, position_of=lambda row: Sequence("test", numbers[row]))


def segment_of(events: list[dict[str, Any] | bytes], single: list[bool]) -> Segment:
    """Make a segment of events in their order; those that are single, and bytes, stand apart."""
    together: list[dict[str, Any]] = []
    numbers: list[int] = []
    singles: list[Single] = []
    for number, (each, apart) in enumerate(zip(events, single, strict=True)):
        position = Sequence("test", number)
        if isinstance(each, bytes):
            singles.append((len(together), InvalidLine(position, "not a JSON object", each)))
        elif apart:
            event = event_of(each, position, json.dumps(each).encode())
            singles.append((len(together), event))
        else:
            together.append(each)
            numbers.append(number)
    batch = packed(together, numbers) if together else None
    return Segment(batch, singles, 0, 0)


def shown(verdicts: list[Verdict]) -> list[tuple[Any, ...]]:
    """The number of the event in the input, the signature, and what it says."""
    return [
        (
            getattr(verdict.position, "number", None),
            None if verdict.signature is None else verdict.signature.get_metadata().id,
            str(verdict.error) if verdict.finding is None else verdict.finding.data,
        )
        for verdict in verdicts
    ]


def batch_of(hosts: list[str]) -> EventBatch:
    return packed([HIT | {"hostName": host} for host in hosts], list(range(len(hosts))))


def test_verdicts_come_in_the_order_of_the_input() -> None:
    """Whatever was packed, and whichever of two kinds of signature says it."""
    events: list[Any] = [HIT, b"no", CHECK, OTHER, UNREADABLE, MISS, HIT, b"[", UNREADABLE, CHECK]
    expected: list[tuple[Any, ...]] = []
    for number, event in enumerate(events):
        if isinstance(event, bytes):
            expected.append((number, None, "not a JSON object"))
            continue
        expected.append((number, "EVERY", None))
        if event is UNREADABLE:
            expected.append((number, "TRC-1016", "argument prev_comm is not initialized"))
        elif event in (HIT, CHECK):
            expected.append((number, "TRC-1016", None))
    for singles in range(1 << len(events)):
        if singles % 7:  # a sample of all ways to pack them
            continue
        single = [bool(singles >> bit & 1) for bit in range(len(events))]
        detector = Detector([Every(), IllegitimateShell(EVENTS)])
        verdicts = detector.segment(segment_of(events, single))
        assert shown(verdicts) == expected
        for verdict in verdicts:
            event = events[verdict.position.number]  # type: ignore[union-attr]
            if isinstance(event, bytes):
                assert isinstance(verdict.error, InvalidLineError)
                assert (verdict.raw, verdict.event) == (event, None)
            else:
                assert verdict.event.payload == event
                assert verdict.raw == json.dumps(event).encode()


def test_verdicts_on_one_event_come_in_the_order_of_loading() -> None:
    """Also where one is found by its name and the other by a wildcard."""
    named = [SignatureEventSelector("tracee", "sched_process_exec", "host")]
    signatures = [Every("C"), Every("A", named), PackedCounter(), Every("B"), Counter("D", named)]
    for single in (True, False):
        detector = Detector(signatures)
        events: list[Any] = [HIT | {"hostName": "a"}]
        verdicts = detector.segment(segment_of(events, [single]))
        assert [signature for _, signature, _ in shown(verdicts)] == ["C", "A", "PACKED", "B", "D"]


@given(st.lists(st.tuples(st.sampled_from(["event", "bad"]), st.booleans()), max_size=12))
def test_state_sees_rows_in_the_order_of_the_input(lines: list[tuple[str, bool]]) -> None:
    """A signature with state sees each event once, in order, and tells of it with that state."""
    events: list[Any] = [
        b"bad" if kind == "bad" else HIT | {"hostName": str(number)}
        for number, (kind, _) in enumerate(lines)
    ]
    counters = [Counter(), PackedCounter()]
    verdicts = Detector(counters).segment(segment_of(events, [single for _, single in lines]))
    good = [number for number, (kind, _) in enumerate(lines) if kind == "event"]
    for counter in counters:
        assert counter.seen == [str(number) for number in good]
    assert [each for each in shown(verdicts) if each[1] is not None and each[1] == "COUNTER"] == [
        (number, "COUNTER", {"before": before}) for before, number in enumerate(good)
    ]
    # PackedCounter's on_event is Counter's, so that single events count on in the same state.
    assert [each for each in shown(verdicts) if each[1] == "PACKED"] == [
        (number, "PACKED", {"before": before}) for before, number in enumerate(good)
    ]
    assert sorted(verdicts, key=lambda verdict: verdict.position.number) == verdicts  # type: ignore[union-attr]


@pytest.mark.parametrize("make", [Failing, PackedFailing])
def test_a_signature_that_raises_costs_one_event_in_one_signature(make: Any) -> None:
    hosts = ["a", "bad", "b", "c", "bad"]
    detector = Detector([make(host="bad"), Every()])
    name = make().id
    expected = []
    for number, host in enumerate(hosts):
        expected.append((number, name, "host bad" if host == "bad" else None))
        expected.append((number, "EVERY", None))
    assert shown(detector.batch(batch_of(hosts))) == expected
    events: list[Any] = [HIT | {"hostName": host} for host in hosts]
    assert (
        shown(detector.segment(segment_of(events, [False, True, False, True, False]))) == expected
    )


def test_what_goes_wrong_while_a_row_is_explained_is_its_own_error() -> None:
    @dataclass
    class Vague(PackedCounter):
        def match_batch(self, batch: Any) -> BatchMatches:
            def fail(row: int) -> Any:
                raise ZeroDivisionError(f"row {row}")

            return BatchMatches([0], [1], fail, data_of=fail)

    verdicts = Detector([Vague(), Every()]).batch(batch_of(["a", "b"]))
    assert shown(verdicts) == [
        (0, "PACKED", "row 0"),
        (0, "EVERY", None),
        (1, "PACKED", "row 1"),
        (1, "EVERY", None),
    ]


@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.sets(st.integers(0, 39)))
def test_damaged_values_cost_their_own_row(rows: int, bad: set[int], nulls: set[int]) -> None:
    """A value outside its buffers is the error of that row; all others are judged."""
    codes = np.zeros(rows, np.int32)
    codes[[row for row in bad if row < rows]] = 7
    valid = [row not in nulls for row in range(rows)]
    batch = EventBatch(
        {
            "event_name": EVENTS[1],
            "comm": Column.indexed(codes, 4, Column.fixed(b"sh", 2, 1), rows),
            "prev_comm": Column.fixed(
                b"nginx" * rows, 5, rows, 0, np.packbits(valid, bitorder="little")
            ),
        },
        position_of=lambda row: Sequence("test", row),
    )
    expected: list[tuple[int, str, str | None]] = []
    for row in range(rows):
        if row in bad:
            text = f"row {row}: its value lies outside the column's buffers"
            expected.append((row, "TRC-1016", text))
        elif row in nulls:
            expected.append((row, "TRC-1016", "argument prev_comm not found"))
        else:
            expected.append((row, "TRC-1016", None))
        expected.append((row, "EVERY", None))
    verdicts = Detector([IllegitimateShell(EVENTS), Every()]).batch(batch)
    assert [verdict.row for verdict in verdicts] == sorted([*range(rows)] * 2)
    for verdict in verdicts:
        if isinstance(verdict.error, ColumnError):
            assert verdict.error.row == verdict.row
            assert field_name(verdict.error.column) == "comm"
    found = [
        (row, name, text.partition(": ")[2] if text and "column" in text else text)
        for row, name, text in shown(verdicts)
    ]
    assert found == expected


def test_a_column_that_cannot_be_read_is_one_error_and_costs_no_other_signature() -> None:
    def unreadable() -> Any:
        raise ColumnError("comm", "Arrow type double holds no text")

    whole = batch_of(["a", "b"])
    batch = EventBatch(
        {"event_name": EVENTS[1], "comm": unreadable, "raw_event": whole["raw_event"]}, length=2
    )
    verdicts = Detector([IllegitimateShell(EVENTS), Every()]).batch(batch)
    assert [(verdict.row, shown([verdict])[0][1:]) for verdict in verdicts] == [
        (0, ("TRC-1016", "column comm: Arrow type double holds no text")),
        (0, ("EVERY", None)),
        (1, ("EVERY", None)),
    ]
    named = EventBatch({"event_name": unreadable, "comm": whole["comm"]}, length=2)
    only = [SignatureEventSelector("tracee", "sched_process_exec")]
    assert Detector([Every(selectors=only)]).batch(named) == []


@pytest.mark.parametrize("signature", [Every(), PackedCounter(), IllegitimateShell(EVENTS)])
@pytest.mark.parametrize("single", [True, False])
def test_what_deliver_raises_comes_out(signature: Any, single: bool) -> None:
    seen: list[Verdict] = []

    def deliver(verdict: Verdict) -> None:
        seen.append(verdict)
        raise OSError("disk full")

    detector = Detector([signature], deliver=deliver)
    with pytest.raises(OSError, match="disk full"):
        detector.segment(segment_of([HIT | {"hostName": "a"}], [single]))
    [verdict] = seen
    assert verdict.finding is not None


def test_what_deliver_raises_for_an_error_comes_out() -> None:
    def deliver(verdict: Verdict) -> None:
        raise OSError(str(verdict.error))

    detector = Detector([Failing(host="bad")], deliver=deliver)
    for single in (True, False):
        with pytest.raises(OSError, match="host bad"):
            detector.segment(segment_of([HIT | {"hostName": "bad"}], [single]))
    with pytest.raises(OSError, match="not a JSON object"):
        detector.segment(segment_of([b"x"], [True]))


def test_verdicts_are_delivered_as_they_come_or_returned() -> None:
    seen: list[Verdict] = []
    detector = Detector([Every()], deliver=seen.append)
    assert detector.event(event_of(HIT)) == []
    assert len(seen) == 1
    detector = Detector([Every()])
    assert len(detector.event(event_of(HIT))) == 1
    assert detector.event(event_of(HIT)) != []
    assert detector.batch(packed([], [])) == []


def test_a_finding_held_back_is_handed_out_at_the_end() -> None:
    counter = Counter()
    detector = Detector([counter, Every()])
    detector.event(event_of(HIT | {"hostName": "a"}))
    [verdict] = detector.end_of_input()
    assert verdict.finding is not None
    assert verdict.finding.data == {"total": 1}
    assert isinstance(verdict.event, Event)
    assert verdict.event is verdict.finding.event
    assert detector.end_of_input("other") == []
    counter.found(event_of(HIT))  # by itself, while nothing is judged
    assert len(detector.event(event_of(HIT | {"hostName": "b"}))) == 3


def test_an_error_at_the_end_is_a_problem_of_the_scan() -> None:
    @dataclass
    class Late(Base):
        def on_signal(self, signal: Any) -> None:
            raise RuntimeError("too late")

    problems: list[Problem] = []
    scan = Scan(Detector([Late()]), on_finding=print, on_problem=problems.append)
    scan.end_of_input()
    [problem] = problems
    assert (str(problem.position), problem.reason) == ("<end of input>: byte 0", "too late")
    assert scan.counts.errors == 1


def test_the_selection_is_what_all_signatures_need() -> None:
    named = [SignatureEventSelector("tracee", "open")]
    selection = Detector([IllegitimateShell(EVENTS), PackedCounter(selectors=named)]).selection
    assert selection.event_names == [*EVENTS, "open"]
    assert selection.fields == ["event_name", "comm", "pathname", "prev_comm"]
    assert selection.candidates(packed([HIT, MISS], [0, 1])) is None
    assert Detector([Every()]).selection.event_names is None
    assert Detector([]).selection.event_names == []
    alone = Detector([IllegitimateShell(EVENTS)]).selection
    assert alone.candidates(packed([MISS, HIT, OTHER, UNREADABLE], [0, 1, 2, 3])) == [1, 3]


def test_loading_and_unloading() -> None:
    detector = Detector([Every()])
    assert not detector.load(Every())
    assert [loaded.metadata.id for loaded in detector.loaded] == ["EVERY"]
    detector.unload("EVERY")
    assert detector.event(event_of(HIT)) == []
    with pytest.raises(KeyError):
        detector.unload("EVERY")
    assert detector.load(Every())
    detector.close()
    detector.close()
    assert detector.loaded == []


def test_a_snapshot_carries_the_state_into_another_run() -> None:
    first = Detector([Counter(), IllegitimateShell(), PackedCounter()])
    assert first.is_stateful
    assert not Detector([IllegitimateShell()]).is_stateful
    first.segment(segment_of([HIT | {"hostName": "a"}, HIT | {"hostName": "b"}], [True, False]))
    snapshot = first.snapshot()
    assert state.unpack_states(snapshot).keys() == {"COUNTER", "PACKED"}

    counter, other = Counter(), Counter("NEW")
    second = Detector([other, counter])  # PACKED is not loaded, and of NEW there is no state
    second.restore(snapshot)
    assert (counter.seen, other.seen) == (["a", "b"], [])
    verdicts = second.event(event_of(HIT | {"hostName": "c"}))
    assert [finding for _, _, finding in shown(verdicts)] == [{"before": 0}, {"before": 2}]
    assert Detector([]).snapshot() == state.pack_states({})


@given(st.dictionaries(st.text(max_size=5), st.binary(max_size=9), max_size=4))
def test_snapshots_round_trip(states: dict[str, bytes]) -> None:
    assert state.unpack_states(state.pack_states(states)) == states


def test_a_damaged_snapshot_is_an_error() -> None:
    snapshot = state.pack_states({"A": b"state", "B": b""})
    for cut in range(len(snapshot)):
        with pytest.raises(StateError):
            state.unpack_states(snapshot[:cut])
    for at in range(len(snapshot)):
        changed = bytearray(snapshot)
        changed[at] ^= 0x10
        with pytest.raises(StateError):
            state.unpack_states(bytes(changed))
    with pytest.raises(StateError, match="damaged"):
        state.unpack_states(snapshot + b"x")


@pytest.mark.parametrize(
    "body", [b"\1", b"\xff" * 8, b"\1\0\0\0\0\0\0\0\xff", b"\0" * 4 + b"\5\0\0\0x"]
)
def test_a_snapshot_whose_sizes_are_wrong_is_an_error(body: bytes) -> None:
    """Also where the checksum is right."""
    snapshot = state.MAGIC + zlib.crc32(body).to_bytes(4, "little") + body
    with pytest.raises(StateError, match="damaged"):
        state.unpack_states(snapshot)


def test_a_snapshot_of_another_version_is_an_error() -> None:
    snapshot = state.pack_states({}).replace(b"STATE-1", b"STATE-2")
    with pytest.raises(StateError, match="another version"):
        Detector([]).restore(snapshot)
    with pytest.raises(StateError, match="no state of a counter"):
        Detector([Counter()]).restore(state.pack_states({"COUNTER": b"{"}))


def test_a_snapshot_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_SNAPSHOT", 1000)
    counter = Counter(seen=["x" * 1000])
    with pytest.raises(StateError, match=r"a snapshot of 1,0\d\d bytes; the limit is 1,000"):
        Detector([counter]).snapshot()
    counter.seen = ["x" * 900]
    assert Detector([counter]).snapshot()


def test_a_state_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    counter = Counter(seen=["a"])
    detector = Detector([counter])
    state.load_state(detector, str(path))  # there is none yet
    assert counter.seen == ["a"]
    state.save_state(detector, str(path))
    before = path.read_bytes()
    counter.seen = ["x" * 1000]
    with monkeypatch.context() as patch:
        patch.setattr(state, "MAX_SNAPSHOT", 100)
        with pytest.raises(StateError):
            state.save_state(detector, str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    state.load_state(detector, str(path))
    assert counter.seen == ["a"]
    path.write_bytes(b"x")
    with pytest.raises(StateError, match=f"{path}: not a snapshot"):
        state.load_state(detector, str(path))


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that adds a signature and a format, and tries to replace one of illshell's own."""
    (tmp_path / "illshell_test_plug_in.py").write_text(
        "from test_detector import Every\n\n\ndef plain(finding):\n    return b'found\\n'\n"
    )
    facts = tmp_path / "illshell_test_plug_in-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: illshell-test-plug-in\nVersion: 1\n"
    )
    (facts / "entry_points.txt").write_text(
        "[illshell.signatures]\nEVERY = illshell_test_plug_in:Every\n"
        "TRC-1016 = illshell_test_plug_in:Every\nBROKEN = illshell_test_plug_in:absent\n\n"
        "[illshell.formats]\nplain = illshell_test_plug_in:plain\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("plug_ins")
def test_a_plug_in_adds_to_the_registries_and_replaces_nothing() -> None:
    assert SIGNATURES.names()[0] == "TRC-1016"
    assert {"EVERY", "BROKEN"} < set(SIGNATURES.names())
    assert len(set(SIGNATURES.names())) == len(SIGNATURES.names())
    assert SIGNATURES.get("TRC-1016") is IllegitimateShell
    detector = DetectorSpec.of(["TRC-1016", "EVERY"]).make()
    assert [loaded.metadata.id for loaded in detector.loaded] == ["TRC-1016", "EVERY"]
    [of_plug_in, _] = sorted(shown(detector.event(event_of(HIT))), key=lambda each: str(each[1]))
    assert of_plug_in[1] == "EVERY"
    with pytest.raises(AttributeError):
        SIGNATURES.get("BROKEN")
    [verdict] = Detector([Every()]).event(event_of(HIT))
    assert FORMATS.get("plain")(verdict.finding) == b"found\n"


@pytest.mark.parametrize(
    ("registry", "name", "says"),
    [
        (SIGNATURES, "TRC-1061", r"unknown signature 'TRC-1061' \(did you mean TRC-1016\?\)"),
        (SIGNATURES, "", "unknown signature ''; expected one of TRC-1016"),
        (FORMATS, "xml", "unknown format 'xml'; expected one of jsonl, tracee, raw"),
        (SOURCES, "socks", "unknown source 'socks'.* expected one of file"),
    ],
)
def test_an_unknown_name_is_told_with_those_there_are(registry: Any, name: str, says: str) -> None:
    with pytest.raises(UnknownNameError, match=says) as caught:
        registry.get(name)
    assert caught.value.names == registry.names()


def test_a_spec_is_a_detector_that_travels() -> None:
    spec = DetectorSpec.of(
        ["TRC-1016", Every, partial(Counter, "SECOND")], web_servers=["caddy"], shells=["fish"]
    )
    copy = pickle.loads(pickle.dumps(spec))
    for each in (spec, copy):
        detector = each.make()
        event = event_of(process_exec("caddy", "fish", hostName="a"))
        assert [name for _, name, _ in shown(detector.event(event))] == [
            "TRC-1016",
            "EVERY",
            "SECOND",
        ]
        detector.close()
    assert spec.make().loaded[1].signature is not spec.make().loaded[1].signature
    [default] = DetectorSpec.of().make().loaded
    assert default.event_names == frozenset(EVENTS)
    assert len(DetectorSpec.of(["TRC-1016", "TRC-1016"]).factories) == 1


def test_a_spec_refuses_what_is_no_signature() -> None:
    with pytest.raises(UnknownNameError):
        DetectorSpec.of(["nothing"])
    with pytest.raises(TypeError, match="5 is no signature: give an ID such as 'TRC-1016'"):
        DetectorSpec.of([5])  # type: ignore[list-item]
    with pytest.raises(IllshellError, match="could not be loaded"):
        DetectorSpec.of([Every, partial(Every, "EVERY")]).make()


def test_the_reference_runs_in_the_detector_too() -> None:
    """It has no match_batch: each row becomes an event, and the verdicts are the same."""
    batch = packed([HIT, MISS, UNREADABLE, CHECK, OTHER], [0, 1, 2, 3, 4])
    makes: list[Callable[[], Any]] = [IllegitimateShell, reference.IllegitimateShell]
    outcomes = [shown(Detector([make(EVENTS)]).batch(batch)) for make in makes]  # type: ignore[call-arg]
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) == 3
