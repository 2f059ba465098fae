"""Rules: columns, records, decoded events and pruning agree with the reference on any table."""

from __future__ import annotations

import pickle
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from columns_at_random import LAYOUTS, Values, column
from hypothesis import given
from hypothesis import strategies as st
from records_at_random import layouts, records
from rules_at_random import EVENTS, FIELDS, rules, values

from illshell import ColumnError, EventBatch, IllshellError
from illshell._fastmatch import Column, EventSignature, Matcher, Records
from illshell.batch.arrow import event_batch
from illshell.dialects.tracee_ebpf.codec import pack_records
from illshell.dialects.tracee_ebpf.layouts import LAYOUTS as RECORD_LAYOUTS
from illshell.dialects.tracee_payload import TRACEE_FIELDS, PayloadField
from illshell.model.pruning import ABSENT, UNKNOWN, Bounds, may_match
from illshell.model.rule import (
    MAX_CLAUSES,
    MAX_FIELDS,
    MAX_STEPS,
    BasenameIn,
    Clause,
    NameIn,
    PatternIn,
    Require,
    Rule,
    several,
)
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS as TRACEE_EVENTS
from illshell.signatures.illegitimate_shell.rule import RULE, illegitimate_shell_rule

Table = dict[str, Values]


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 30) -> Table:
    rows = draw(st.integers(0, max_rows))
    names = st.sampled_from([event.encode() for event in EVENTS]) | st.sampled_from([b"open", b""])
    table = {field: draw(column(values, rows)) for field in FIELDS}
    return {"event_name": draw(column(names, rows)), **table}


def column_of(given_values: Values, layout: str) -> Column:
    """Pack through pyarrow and Arrow's capsules, as a column that is none of the batch's own."""
    array = LAYOUTS[layout](given_values)
    batch = event_batch(pa.record_batch({"event_name": array, "comm": array}))
    column = batch["event_name"]
    assert isinstance(column, Column)
    return column


def packed(table: Table, chosen: list[str]) -> dict[str, Column]:
    return {
        name: column_of(each, layout)
        for (name, each), layout in zip(table.items(), chosen, strict=True)
    }


def outcome(found: tuple[Any, Any]) -> tuple[list[int], list[int]]:
    return list(found[0]), list(found[1])


several_layouts = st.lists(
    st.sampled_from(list(LAYOUTS)), min_size=len(FIELDS) + 1, max_size=len(FIELDS) + 1
)


@given(rules(), tables(), several_layouts, st.sets(st.sampled_from(FIELDS), max_size=2))
def test_columns(rule: Rule, table: Table, chosen: list[str], absent: set[str]) -> None:
    columns = {k: v for k, v in packed(table, chosen).items() if k not in absent}
    expected = {k: v for k, v in table.items() if k not in absent}
    found = outcome(Matcher(rule).match(columns))
    assert found == reference.Matcher(rule).match(expected)


@given(rules(), st.sampled_from(list(LAYOUTS)), st.integers(0, 2**32), st.sampled_from(EVENTS))
def test_columns_of_many_blocks(rule: Rule, layout: str, seed: int, constant: str) -> None:
    random = Random(seed)
    rows = random.choice([63, 64, 65, 3000])
    some = [b"sh", b"nginx", b"a", b"abc", b"12345678x", b"/bin/sh", b"x" * 16, b"", None]
    table = {field: random.choices(some, k=rows) for field in FIELDS}
    names = random.choices([*(event.encode() for event in EVENTS), b"open", None], k=rows)
    columns = {name: column_of(each, layout) for name, each in table.items()}
    matcher, expected = Matcher(rule), reference.Matcher(rule)
    for given_names, packed_names in ((names, column_of(names, layout)), (constant, constant)):
        found = outcome(matcher.match({"event_name": packed_names, **columns}))
        assert found == expected.match({"event_name": given_names, **table})


@given(rules(), tables(), st.lists(st.integers(1, 20), min_size=5, max_size=5))
def test_fixed_width_columns(rule: Rule, table: Table, widths: list[int]) -> None:
    arrays, expected = {}, {}
    for (name, each), width in zip(table.items(), [20, *widths], strict=False):
        cells = [(value or b"")[:width] for value in each]
        arrays[name] = np.array(cells, f"S{width}")
        expected[name] = [cell.rstrip(b"\0") for cell in cells]
    columns = {name: Column.from_array(array) for name, array in arrays.items()}
    found = outcome(Matcher(rule).match(columns))
    assert found == reference.Matcher(rule).match(expected)


@given(rules(TRACEE_EVENTS), st.data(), layouts)
def test_records(rule: Rule, data: st.DataObject, release: str) -> None:
    layout = RECORD_LAYOUTS[release]
    buffer = pack_records(data.draw(records(layout)))
    found = outcome(Records(buffer, layout).match(Matcher(rule)))
    assert found == reference.Matcher(rule).match_records(buffer, layout)


class Native(EventSignature):
    def get_metadata(self) -> Any:
        raise NotImplementedError


FIELD_PLACES: dict[str, PayloadField] = {**TRACEE_FIELDS, "host": PayloadField("hostName")}

texts = values.map(lambda value: value.decode("utf-8", "surrogateescape"))
odd = st.sampled_from([None, 5, True, [], {}, 1.5])
argument_names = st.sampled_from(["pathname", "prev_comm", "argv"])
arguments = st.fixed_dictionaries(
    {}, optional={"name": argument_names, "value": texts | odd, "type": st.just("int")}
)
payloads = st.fixed_dictionaries(
    {"eventName": st.sampled_from(EVENTS) | odd},
    optional={
        "processName": texts | odd,
        "hostName": texts | odd,
        "args": st.lists(arguments, max_size=4) | st.lists(arguments | odd, max_size=3) | odd,
    },
)


def said(judge: Any, payload: Any) -> Any:
    try:
        return judge(payload)
    except IllshellError as error:
        return type(error), str(error)


@given(rules(), payloads)
def test_decoded_events(rule: Rule, payload: dict[str, Any]) -> None:
    native = Native(rule, FIELD_PLACES)
    plain = reference.EventSignature(rule, FIELD_PLACES)
    assert said(native.matches, payload) == said(plain.matches, payload)


def bounds_of(table: Table) -> dict[str, Bounds]:
    bounds = {}
    for name, each in table.items():
        there = [value for value in each if value is not None]
        bounds[name] = Bounds(
            min(there, default=None),
            max(there, default=None),
            may_be_null=None in each,
            all_null=not there,
        )
    return bounds


@given(rules(), tables(max_rows=3), st.sets(st.sampled_from(FIELDS), max_size=2), st.booleans())
def test_pruning_never_loses_a_row(rule: Rule, table: Table, absent: set[str], known: bool) -> None:
    table = {name: each for name, each in table.items() if name not in absent}
    bounds = bounds_of(table) if known else dict.fromkeys(table, UNKNOWN)
    if not may_match(rule, bounds):
        assert reference.Matcher(rule).match(table) == ([], [])


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, False),
        ({"event_name": UNKNOWN}, True),
        ({"event_name": Bounds(b"a", b"b")}, False),
        ({"event_name": ABSENT}, False),
        ({"event_name": UNKNOWN, "comm": Bounds(b"p", b"z", may_be_null=False)}, True),
        (
            {
                "event_name": Bounds(b"security_bprm_check", b"security_bprm_check"),
                "comm": Bounds(b"p", b"z", may_be_null=False),
            },
            False,
        ),
        (
            {
                "event_name": UNKNOWN,
                "comm": Bounds(b"p", b"z", may_be_null=False),
                "prev_comm": Bounds(b"p", b"z", may_be_null=False),
            },
            False,
        ),
        (
            {
                "event_name": UNKNOWN,
                "comm": Bounds(b"a", b"z", may_be_null=False),
                "prev_comm": Bounds(b"p", b"z", may_be_null=False),
            },
            True,
        ),
    ],
)
def test_pruning_by_the_illegitimate_shell(bounds: dict[str, Bounds], expected: bool) -> None:
    assert may_match(RULE, bounds) is expected


def test_the_limits_of_a_rule() -> None:
    clauses = tuple(
        Clause(
            f"e{number}", tuple(NameIn(f"f{step}", (f"n{number}",)) for step in range(MAX_STEPS))
        )
        for number in range(MAX_CLAUSES)
    )
    largest = Rule("event_name", clauses)
    columns = {f"f{step}": Column.fixed(b"n7", 2, 1) for step in range(MAX_STEPS)}
    assert outcome(Matcher(largest).match({"event_name": "e7", **columns})) == ([0], [])
    with pytest.raises(ValueError, match=f"{MAX_CLAUSES + 1} clauses are more"):
        Rule("event_name", (*clauses, Clause("another", ())))
    with pytest.raises(ValueError, match=f"{MAX_STEPS + 1} steps are more"):
        Rule("event_name", (Clause("e", (Require("f"),) * (MAX_STEPS + 1)),))
    with pytest.raises(ValueError, match="event 'e0' has 2 clauses"):
        Rule("event_name", (clauses[0], clauses[0]))
    many = [Clause(f"e{n}", tuple(Require(f"f{n}_{s}") for s in range(4))) for n in range(8)]
    with pytest.raises(ValueError, match=f"{MAX_FIELDS + 1} fields are more"):
        Rule("event_name", tuple(many))
    assert pickle.loads(pickle.dumps(largest)) == largest
    assert hash(largest) == hash(Rule("event_name", clauses))


def test_names_that_can_not_be_are_refused() -> None:
    for step in (
        NameIn("comm", ("a" * 16,)),
        BasenameIn("comm", ("a/b",)),
        PatternIn("comm", ("*",)),
        NameIn("comm", ()),
    ):
        with pytest.raises(ValueError, match="name"):
            Matcher(Rule("event_name", (Clause("e", (step,)),)))


def test_columns_that_the_kernel_can_not_use() -> None:
    matcher = Matcher(RULE)
    text, number = Column.fixed(b"sh", 2, 1), Column.integers(bytes(8), 8, 1)
    with pytest.raises(ColumnError, match="column comm: its values are no bytes"):
        matcher.match({"event_name": RULE.events[0], "comm": number})
    with pytest.raises(ColumnError, match="column event_name: missing"):
        matcher.match({"comm": text})
    with pytest.raises(ColumnError, match="no column to count the rows of"):
        matcher.match({"event_name": RULE.events[0]})
    assert outcome(matcher.match({"event_name": RULE.events[0], "other": number})) == ([], [0])
    with pytest.raises(TypeError):
        matcher.match({"event_name": RULE.events[0], "comm": b"sh", "pathname": text})


@pytest.mark.parametrize("what", ["events", "web_servers", "shells"])
@pytest.mark.parametrize("one", ["nginx", b"nginx"])
def test_one_name_in_place_of_several_says_what_to_write(what: str, one: Any) -> None:
    import illshell
    from illshell import stage

    message = rf"{what} takes several names, not one: write {what}=\[b?'nginx'\]"
    for call in (
        illegitimate_shell_rule,
        illshell.IllegitimateShell,
        lambda **given: illshell.match([], **given),
        lambda **given: next(stage.findings([], **given)),
    ):
        with pytest.raises(TypeError, match=message):
            call(**{what: one})
    with pytest.raises(TypeError, match="write "):
        several("names", one)


def test_a_batch_of_unequal_columns_is_refused_with_any_number_of_threads() -> None:
    import illshell

    rows = 200_000
    comm = np.full(rows, b"nginx", "S16")
    for other in (rows - 5, rows + 5):
        path = np.full(other, b"/bin/sh", "S16")
        for threads in (1, 2, 3):
            with pytest.raises(ColumnError, match=f"column pathname: {other} rows"):
                illshell.match(
                    {"event_name": TRACEE_EVENTS[0], "comm": comm, "pathname": path},
                    threads=threads,
                )
    with pytest.raises(ColumnError, match="3 rows"):
        EventBatch(
            {
                "event_name": "x",
                "comm": Column.fixed(b"ab", 1, 2),
                "pathname": Column.fixed(b"abc", 1, 3),
            }
        )
