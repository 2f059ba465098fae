"""The host engine: Tracee's order of loading and dispatch, and errors that cost one event."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tracee_events import bprm_check, process_exec

from illshell import (
    Engine,
    EventBatch,
    Finding,
    IllegitimateShell,
    SignatureContext,
    SignatureEventSelector,
    SignatureMetadata,
    SourceComplete,
)
from illshell.dialects.tracee_event import event_of
from illshell.signatures.illegitimate_shell.names import EVENTS


@dataclass
class Recorder:
    """A signature that any engine could load: it writes down what is done to it."""

    id: str = "TEST-1"
    selectors: list[SignatureEventSelector] = field(
        default_factory=lambda: [SignatureEventSelector("tracee", "open", "*")]
    )
    fail_at: str = ""
    calls: list[Any] = field(default_factory=list)

    def _call(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name == self.fail_at:
            raise RuntimeError(f"{name} failed")

    def get_metadata(self) -> SignatureMetadata:
        self._call("get_metadata")
        return SignatureMetadata(self.id, "1", "Recorder", "recorded", "")

    def get_selected_events(self) -> list[SignatureEventSelector]:
        self._call("get_selected_events")
        return self.selectors

    def init(self, ctx: SignatureContext) -> None:
        self._call("init")
        self.ctx = ctx

    def on_event(self, event: Any) -> None:
        self._call("on_event", event)
        self.ctx.callback(Finding(self.get_metadata(), event))

    def on_signal(self, signal: Any) -> None:
        self._call("on_signal", signal)

    def close(self) -> None:
        self._call("close")

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]


def event(name: str, **more: Any) -> Any:
    return event_of({"eventName": name, **more})


def engine_of(*signatures: Any, **options: Any) -> Engine:
    return Engine(signatures, callback=lambda _finding: None, **options)


def test_loads_in_tracees_order_and_closes() -> None:
    signature = Recorder()
    with engine_of(signature) as engine:
        engine.end_of_input()
    assert signature.names() == [
        "get_metadata",
        "get_selected_events",
        "init",
        "on_signal",
        "close",
    ]
    assert signature.calls[3] == ("on_signal", SourceComplete("tracee"))
    engine.close()
    assert signature.names().count("close") == 1


@pytest.mark.parametrize("step", ["get_metadata", "get_selected_events", "init"])
def test_what_fails_to_load_is_logged_and_left_out(
    step: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Recorder(fail_at=step), Recorder("TEST-2")
    engine = engine_of(broken, sound)
    assert engine.signatures == [sound]
    assert f"{step} failed" in caplog.text


def test_an_id_is_loaded_once(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Recorder(), Recorder()
    engine = engine_of(first)
    assert not engine.load(second)
    assert "TEST-1" in caplog.text
    engine.unload("TEST-1")
    assert engine.load(second)


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        (("tracee", "open", "*"), True),
        (("tracee", "open", ""), True),
        (("tracee", "", "host"), True),
        (("tracee", "*", "*"), True),
        (("tracee", "open", "host"), True),
        (("tracee", "open", "container"), False),
        (("tracee", "close", "*"), False),
        (("other", "open", "*"), False),
        (("", "open", "*"), False),
    ],
)
def test_dispatches_by_selector(selector: tuple[str, str, str], *, wanted: bool) -> None:
    signature = Recorder(selectors=[SignatureEventSelector(*selector)])
    engine = engine_of(signature)
    engine.dispatch(event("open"))
    assert ("on_event" in signature.names()) is wanted
    assert engine.counts.events == 1
    assert engine.counts.detections == wanted


@pytest.mark.parametrize(
    ("payload", "origin"),
    [
        ({}, "host"),
        ({"containerId": ""}, "host"),
        ({"containerId": "abc"}, "container-init"),
        ({"container": {"id": "abc"}}, "container-init"),
        ({"container": {}, "contextFlags": {"containerStarted": False}}, "host"),
        ({"containerId": "abc", "contextFlags": {"containerStarted": True}}, "container"),
    ],
)
def test_origins_of_every_vintage(payload: dict[str, Any], origin: str) -> None:
    assert event("open", **payload).headers.selector.origin == origin


def test_an_error_costs_one_event_in_one_signature(caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = Recorder(fail_at="on_event"), Recorder("TEST-2")
    engine = engine_of(broken, sound)
    for _ in range(3):
        engine.dispatch(event("open"))
    assert sound.names().count("on_event") == 3
    assert (engine.counts.events, engine.counts.detections, engine.counts.errors) == (3, 3, 3)
    assert "Handling event by signature Recorder: on_event failed" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


def test_an_error_of_the_callback_is_the_callers() -> None:
    def full(_finding: Finding) -> None:
        raise OSError("disk full")

    for signature, each in (
        (Recorder(), event("open")),
        (IllegitimateShell(), event_of(bprm_check("nginx", "/bin/sh"))),
    ):
        engine = Engine([signature], callback=full)
        with pytest.raises(OSError, match="disk full"):
            engine.dispatch(each)
        assert engine.counts.errors == 0
    batch = EventBatch.from_numpy(
        {"event_name": EVENTS[0], "comm": np.array([b"nginx"]), "pathname": np.array([b"/sh"])}
    )
    with pytest.raises(OSError, match="disk full"):
        engine.dispatch_batch(batch)


def test_batches_go_to_the_signatures_that_take_them_and_as_events_to_the_others() -> None:
    found: list[Finding] = []
    recorder = Recorder(selectors=[SignatureEventSelector("tracee", EVENTS[1])])
    engine = Engine([IllegitimateShell(EVENTS), recorder], callback=found.append)
    names = [EVENTS[0], EVENTS[1], EVENTS[0]]
    batch = EventBatch.from_numpy(
        {
            "event_name": (np.array([0, 1, 0], np.int8), list(EVENTS)),
            "comm": np.array([b"nginx", b"sh", b"cat"], "S16"),
            "pathname": np.array([b"/bin/sh"] * 3),
            "prev_comm": np.array([b"nginx"] * 3),
        }
    )
    assert [batch.event(row).payload["eventName"] for row in range(3)] == names
    engine.dispatch_batch(batch)
    assert [finding.sig_metadata.id for finding in found] == ["TRC-1016", "TRC-1016", "TEST-1"]
    assert engine.counts.events == 3
    assert recorder.names().count("on_event") == 1


def test_rows_in_error_are_counted_with_their_events() -> None:
    errors: list[Any] = []
    engine = Engine(
        [IllegitimateShell(EVENTS)],
        callback=lambda _finding: None,
        on_error=lambda _signature, each, error: errors.append((each.payload, str(error))),
    )
    engine.dispatch(event_of({**process_exec("x", "y"), "args": []}))
    batch = EventBatch.from_numpy({"event_name": EVENTS[1], "comm": np.array([b"a", b"b"])})
    engine.dispatch_batch(batch)
    assert engine.counts.errors == 3
    assert [text for _, text in errors] == ["argument prev_comm not found"] * 3
    assert [payload["processName"] for payload, _ in errors] == ["y", "a", "b"]
