"""Projections: their form, their values, and what may be skipped undecoded."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from write_dialects import WRITERS, execs_of

from illshell.dialects.compiled import FILE, compile_dialects, projection_dict
from illshell.dialects.extract import extract, extract_line
from illshell.dialects.installed import BUILT_IN
from illshell.dialects.loader import all_dialects, choose_dialects, parse_dialect
from illshell.dialects.projection import Projection, compile_projection
from illshell.model.errors import InvalidLineError
from illshell.model.fields import PLACED_FIELDS
from illshell.signatures.illegitimate_shell.names import EVENTS, SCHED_PROCESS_EXEC

RULE = ["event_name", "comm", "pathname", "prev_comm"]
TOY = """\
name = "toy"
title = "Toy"
versions = "1"
source = "toy"
marks = [["toy"]]

[[events]]
skip = true
when = [{ path = "failed", values = [true] }]

[[events]]
event = "exec"
needles = ['"run"', "begin"]
when = [{ path = "kind", values = ["run", "begin"] }, { path = "process" }]

[[events]]
event = "fork"
needles = ["twofold"]
when = [{ path = "kind", values = ["twofold"] }]
[events.fields]
pid = "child"

[[events]]
skip = true
when = [{ path = "odd" }]

[fields]
comm = ["process.comm", { path = "process.exe", derive = "basename", stands_in = "file name" }]
pid = { path = "process.pid", text_integer = true }
time = { path = "at", unit = "ms" }

[missing]
comm = ["-"]
uid = [0]

[default]
comm = "?"
image = "?"
"""
toy = parse_dialect(TOY, "toy.toml")


def test_the_form_that_the_rust_reader_takes() -> None:
    projection = compile_projection([toy], ["event_name", "comm", "pid", "time", "uid"], ["exec"])
    assert projection.to_dict() == {
        "columns": [
            {"name": "event_name", "kind": "text"},
            {"name": "comm", "kind": "text"},
            {"name": "pid", "kind": "int64"},
            {"name": "time", "kind": "time"},
            {"name": "uid", "kind": "int64"},
        ],
        "dialects": [
            {
                "name": "toy",
                "needles": ['"run"', "begin"],
                "events": [
                    {"event": None, "when": [{"path": "failed", "values": [True]}]},
                    {
                        "event": "exec",
                        "when": [
                            {"path": "kind", "values": ["run", "begin"]},
                            {"path": "process", "values": None},
                        ],
                    },
                ],
                "fields": {
                    "comm": ["process.comm", {"path": "process.exe", "derive": "basename"}],
                    "pid": [{"path": "process.pid", "text_integer": True}],
                    "time": [{"path": "at", "unit": "ms"}],
                },
                "missing": {"comm": ["-"]},
                "default": {"comm": "?"},
            }
        ],
    }


def test_events_with_other_fields_are_a_part_of_their_own() -> None:
    parts = compile_projection([toy], ["pid"]).dialects
    assert [part.name for part in parts] == ["toy", "toy"]
    assert [[form.event for form in part.events] for part in parts] == [[None, "exec"], ["fork"]]
    assert [str(part.fields["pid"][0].path) for part in parts] == ["process.pid", "child"]
    # Where the wanted fields lie alike, they are one.
    assert len(compile_projection([toy], ["comm"]).dialects) == 1


def test_a_dialect_without_a_wanted_event_is_left_out() -> None:
    assert compile_projection([toy], RULE, ["exit"]).dialects == ()
    assert compile_projection([toy], RULE, ["exit"]).candidate().search(b"anything") is None


def test_a_field_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="unknown field 'com'; expected one of event_name, comm, "):
        compile_projection([toy], ["com"])


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ({"kind": "run", "process": {"comm": "a"}}, ("a", None, None)),
        ({"kind": "run", "process": {"exe": "/x/b"}}, ("b", None, None)),
        ({"kind": "run", "process": {"comm": None, "exe": "/x/b"}}, ("b", None, None)),
        # What is there decides, even if it is of a wrong type or means that there is none.
        ({"kind": "run", "process": {"comm": 5, "exe": "/x/b"}}, (None, None, None)),
        ({"kind": "run", "process": {"comm": "-", "exe": "/x/b"}}, (None, None, None)),
        ({"kind": "run", "process": {"exe": "-"}}, (None, None, None)),
        ({"kind": "begin", "process": {"pid": "7"}, "at": 2}, ("?", 7, 2_000_000)),
        ({"kind": "begin", "process": {"pid": 7.0}, "at": "2"}, ("?", None, None)),
        ({"kind": "run", "process": None}, None),
        ({"kind": "run"}, None),
        ({"kind": ["run"], "process": {}}, None),
        ({"kind": "run", "process": {}, "failed": True}, None),
        ({"kind": "run", "process": {}, "failed": 1}, ("?", None, None)),
        ({"kind": "twofold", "child": 5}, ("?", 5, None)),
    ],
)
def test_the_values_of_a_line(line: Any, values: tuple[Any, ...] | None) -> None:
    found = extract(compile_projection([toy], ["comm", "pid", "time"]), line)
    assert (None if found is None else tuple(found.values.values())) == values


def test_what_stood_in() -> None:
    projection = compile_projection([toy], ["comm"])
    of_file = extract(projection, {"kind": "run", "process": {"exe": "/x/b"}})
    own = extract(projection, {"kind": "run", "process": {"comm": "b"}})
    assert of_file is not None
    assert of_file.stand_ins == {"comm": "process.exe: file name"}
    assert own is not None
    assert own.stand_ins == {}


def test_a_line_is_json_as_the_reader_defines_it() -> None:
    projection = compile_projection([toy], ["comm"])
    line = b'{"kind":"run","process":{"comm":"a","comm":"b"}}'
    payload, found = extract_line(projection, line)
    assert payload["process"] == {"comm": "b"}
    assert found is not None
    assert found.values == {"comm": "b"}
    with pytest.raises(InvalidLineError, match="duplicate key 'comm'"):
        extract_line(projection, line, strict=True)
    with pytest.raises(InvalidLineError, match="at byte 47"):
        extract_line(projection, line[:-1])


def escaped(text: str, choice: random.Random) -> str:
    """A JSON text with some letters and digits of its strings written as escapes."""
    pieces = text.split('"')
    for at in range(1, len(pieces), 2):
        pieces[at] = "".join(
            f"\\u{ord(char):04{choice.choice('xX')}}"
            if char.isalnum() and choice.random() < 0.3
            else char
            for char in pieces[at]
        )
    return '"'.join(pieces)


FULL = compile_projection(all_dialects(), RULE)
LINES = [
    json.dumps(line)
    for write in WRITERS.values()
    for each in execs_of(
        [
            {
                "ts": 5,
                "pid": 1,
                "ppid": 2,
                "comm": "sh",
                "prev_comm": "nginx",
                "filename": "/bin/sh",
                "interp": "/bin/sh",
                "prev_exe": "/usr/sbin/nginx",
                "ancestors": [],
            }
        ]
    )
    for line in write(each)
]


@given(st.sampled_from(LINES), st.randoms(use_true_random=False))
def test_no_wanted_line_is_skipped(line: str, choice: random.Random) -> None:
    spelled = escaped(line, choice)
    assert json.loads(spelled) == json.loads(line)
    assert extract(FULL, json.loads(spelled)) is not None
    assert FULL.candidate().search(spelled.encode())


def test_most_other_lines_are_skipped() -> None:
    other = [
        '{"eventName":"security_file_open","syscall":"execve","executable":{"path":"/bin/exec"}}',
        '{"process_kprobe":{"process":{"binary":"/usr/bin/exec"}}}',
        '{"@timestamp":"2026-01-01T00:00:00Z","event":{"action":"logged-in"},"process":{"pid":1}}',
        '{"ID":"1.000:1","SYSCALL":{"syscall":2},"PATH":[]}',
        '{"class_uid":1001,"type_uid":100101}',
    ]
    assert [line for line in other if FULL.candidate().search(line.encode())] == []


def test_the_rule_s_projection_for_tracee_reads_what_it_always_read() -> None:
    projection: Projection = compile_projection(
        choose_dialects(["tracee"]), RULE, ["security_bprm_check", SCHED_PROCESS_EXEC]
    )
    (tracee,) = projection.to_dict()["dialects"]
    assert tracee == {
        "name": "tracee",
        "needles": ["security_bprm_check", "sched_process_exec"],
        "events": [
            {"event": name, "when": [{"path": "eventName", "values": [name]}]}
            for name in ("security_bprm_check", "sched_process_exec")
        ],
        "fields": {
            "comm": ["processName"],
            "pathname": ["args[name=pathname].value"],
            "prev_comm": ["args[name=prev_comm].value"],
        },
        "missing": {},
        "default": {"comm": ""},
    }
    assert json.loads(json.dumps(FULL.to_dict())) == FULL.to_dict()


@given(
    st.lists(st.sampled_from(["event_name", *PLACED_FIELDS])),
    st.none() | st.sets(st.sampled_from([*EVENTS, "sched_process_fork", "exec", "fork", "exit"])),
    st.none() | st.lists(st.sampled_from(BUILT_IN)),
)
def test_the_compiled_file_gives_the_same(
    fields: list[str], events: set[str] | None, names: list[str] | None
) -> None:
    dialects = choose_dialects(BUILT_IN if names is None else names)
    expected = compile_projection(dialects, fields, events).to_dict()
    assert projection_dict(fields, events, names) == expected


def test_the_compiled_file_is_current() -> None:
    assert FILE.read_text() == compile_dialects(choose_dialects(BUILT_IN)), (
        "run python -m illshell.dialects.compiled"
    )


def test_a_compiled_field_or_dialect_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="unknown field 'com'"):
        projection_dict(["com"])
    with pytest.raises(ValueError, match="unknown dialect 'falko'"):
        projection_dict(["comm"], names=["falko"])
