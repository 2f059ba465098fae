"""The generator stage: any iterable of events, findings as they come, no error lost."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_lines_at_random import streams
from stage_oracle import is_hit
from tracee_events import bprm_check, process_exec

from illshell import Event, Finding, IllegitimateShell, stage
from illshell.dialects.tracee_event import event_of
from illshell.model.errors import UnknownNameError
from illshell.signatures.illegitimate_shell.names import SCHED_PROCESS_EXEC

HIT = process_exec("nginx", "sh", hostName="web-1")
MISS = process_exec("bash", "ls")
BROKEN = bprm_check("nginx", None)


def told() -> tuple[list[tuple[Any, str]], Any]:
    errors: list[tuple[Any, str]] = []
    return errors, lambda item, error: errors.append((item, str(error)))


@pytest.mark.parametrize(
    "form",
    [
        lambda payload: payload,
        json.dumps,
        lambda payload: json.dumps(payload).encode(),
        lambda payload: bytearray(json.dumps(payload).encode()),
        lambda payload: memoryview(json.dumps(payload).encode()),
        lambda payload: json.dumps(payload, indent=1) + "\n",
        event_of,
    ],
    ids=["dict", "str", "bytes", "bytearray", "memoryview", "pretty", "Event"],
)
def test_each_form_of_an_event(form: Any) -> None:
    errors, on_error = told()
    found = list(stage.findings(map(form, [MISS, HIT, BROKEN, MISS]), on_error=on_error))
    [finding] = found
    assert isinstance(finding, Finding)
    payload = finding.event.payload if isinstance(finding.event, Event) else finding.event
    assert payload == HIT
    assert errors == [(form(BROKEN), "argument pathname is not initialized")]


def test_dialects_are_read_once_and_not_for_each_value(monkeypatch: pytest.MonkeyPatch) -> None:
    value = json.dumps(HIT)
    assert len(list(stage.findings([value]))) == 1

    def read_again(*_: object) -> None:
        raise AssertionError("the dialects were read again")

    monkeypatch.setattr("illshell.readers.json_lines.projection.projection_dict", read_again)
    assert len(list(stage.findings([value, value]))) == 2


def test_a_finding_comes_before_the_next_event_is_taken() -> None:
    taken = []

    def stream() -> Any:
        for event in (MISS, HIT, HIT):
            taken.append(event)
            yield event

    found = stage.findings(stream())
    next(found)
    assert taken == [MISS, HIT]


def test_what_is_no_event_is_an_error_of_its_own() -> None:
    errors, on_error = told()
    items = [5, None, b"{", '{"eventName":"sched_process_exec"', b"", " ", HIT]
    assert len(list(stage.findings(items, on_error=on_error))) == 1
    assert [item for item, _ in errors] == items[:4]
    assert [text for _, text in errors] == [
        "invalid event: int is neither JSON nor mapping",
        "invalid event: NoneType is neither JSON nor mapping",
        "not a JSON object on one line; a pretty-printed document? `jq -c .` makes lines",
        "a JSON object that does not end on its line: truncated?",
    ]


def test_errors_are_logged_where_nobody_takes_them(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "illshell.stage"):
        assert list(stage.findings([BROKEN])) == []
    assert [record.getMessage() for record in caplog.records] == [
        "An event could not be judged: argument pathname is not initialized"
    ]


def test_an_exception_of_on_error_comes_out() -> None:
    def on_error(_item: Any, error: Exception) -> None:
        raise RuntimeError("stop") from error

    with pytest.raises(RuntimeError, match="stop"):
        list(stage.findings([HIT, BROKEN], on_error=on_error))


def test_events_and_names_can_be_chosen() -> None:
    events = [HIT, bprm_check("nginx", "/bin/sh"), process_exec("caddy", "fish")]
    assert len(list(stage.findings(events))) == 2
    assert len(list(stage.findings(events, events=[SCHED_PROCESS_EXEC]))) == 1
    [finding] = stage.findings(map(json.dumps, events), web_servers=["caddy"], shells=["fish"])
    assert finding.event.payload == events[2]


def test_a_value_has_its_own_bytes_and_no_offset() -> None:
    value = json.dumps(HIT)
    [finding] = stage.findings([value])
    assert finding.event.headers.raw == value.encode()
    assert finding.position is None


def test_signatures_can_be_chosen() -> None:
    stream = [bprm_check("nginx", "/bin/sh"), HIT]
    assert len(list(stage.findings(stream, signatures=["TRC-1016"]))) == 2
    [finding] = stage.findings(stream, signatures=[IllegitimateShell])
    assert finding.payload == stream[0]
    with pytest.raises(UnknownNameError, match="unknown signature 'TRC-1061'"):
        stage.findings(stream, signatures=["TRC-1061"])
    with pytest.raises(TypeError, match="5 is no signature"):
        stage.findings(stream, signatures=[5])  # type: ignore[list-item]


@settings(deadline=None)
@given(streams, st.booleans())
def test_values_against_the_twin(stream: bytes, as_text: bool) -> None:
    values = stream.split(b"\n")
    items: list[Any] = [
        value.decode("utf-8", "surrogateescape") if as_text and value.isascii() else value
        for value in values
    ]
    found = stage.findings(items, on_error=lambda _item, _error: None)
    assert len(list(found)) == sum(map(is_hit, values))
