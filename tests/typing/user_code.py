"""What a user writes: checked by mypy and pyright, never run. See `make check-typing`.

Each wrong use has an ignore; a checker that finds it needless reports that.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import illshell
import illshell.stage
from illshell import (
    ByteRange,
    Engine,
    Event,
    EventBatch,
    EventHeaders,
    Finding,
    IllegitimateShell,
    Matches,
    Message,
    NameSet,
    Position,
    Row,
    Signature,
    SignatureContext,
    SignatureEventSelector,
    SignatureMetadata,
    match,
)


def report(finding: Finding) -> None:
    assert_type(finding.sig_metadata, SignatureMetadata)
    assert_type(finding.sig_metadata.id, str)
    assert_type(finding.sig_metadata.tags, list[str] | None)
    assert_type(finding.position, Position | None)
    assert_type(finding.uid, str)
    finding.sig_metadata.id = "TRC-2"  # type: ignore[misc]


def one_event_after_the_other() -> None:
    signature = IllegitimateShell(["security_bprm_check"], web_servers=["caddy"], shells={"sh"})
    signature.init(SignatureContext(report))
    signature.on_event({"eventName": "security_bprm_check"})
    assert_type(signature.get_metadata(), SignatureMetadata)
    assert_type(signature.get_selected_events(), list[SignatureEventSelector])
    assert_type(signature.events, tuple[str, ...])
    IllegitimateShell(web_servers=5)  # type: ignore[arg-type]
    SignatureContext()  # type: ignore[call-arg]
    SignatureContext(callback=lambda: None)  # type: ignore[arg-type, misc]


class Mine:
    """A signature by somebody else, which knows nothing of illshell's classes."""

    def get_metadata(self) -> SignatureMetadata:
        return SignatureMetadata("X-1", "1", "mine", "mine", "counts")

    def get_selected_events(self) -> list[SignatureEventSelector]:
        return [SignatureEventSelector("tracee")]

    def init(self, ctx: SignatureContext) -> None: ...

    def on_event(self, event: Any) -> None: ...

    def on_signal(self, signal: Any) -> None: ...

    def close(self) -> None: ...


class Unfinished:
    def init(self, ctx: SignatureContext) -> None: ...


def a_host() -> None:
    mine: Signature = Mine()
    shell: Signature = IllegitimateShell()
    other: Signature = Unfinished()  # type: ignore[assignment]
    with Engine([mine, shell, other], callback=report) as engine:
        assert_type(engine.load(Mine()), bool)
        assert_type(engine.signatures, list[Signature])
        engine.dispatch(Event(EventHeaders(SignatureEventSelector("tracee")), {}))
        engine.unload(5)  # type: ignore[arg-type]


def columns() -> None:
    array = np.zeros(3, [("event_name", "S20"), ("comm", "S16")])
    batch = EventBatch.from_numpy(array)
    assert_type(batch, EventBatch)
    assert_type(len(batch), int)
    matches = match(batch, threads=2)
    assert_type(matches, Matches)
    assert_type(matches.rows, NDArray[np.int64])
    assert_type(matches.errors, NDArray[np.int64])
    assert_type(matches.to_numpy_mask(), NDArray[np.bool_])
    assert_type(illshell.match(array), Matches)
    match(batch, threads="2")  # type: ignore[arg-type]


def positions(position: Position) -> None:
    if isinstance(position, ByteRange):
        assert_type(position.offset, int)
    elif isinstance(position, Row):
        assert_type(position.row, int)
    elif isinstance(position, Message):
        assert_type((position.topic, position.partition), tuple[str, int])
    assert_type(position.to_json(), dict[str, Any])
    assert_type(sorted([ByteRange("a", 2, 1), ByteRange("a", 0, 1)]), list[ByteRange])


def a_generator(lines: list[bytes]) -> None:
    for finding in illshell.stage.findings(lines):
        assert_type(finding, Finding)


def names() -> None:
    shells = NameSet(["sh", b"bash"])
    assert_type("sh" in shells, bool)
    assert_type(list(shells), list[bytes])
