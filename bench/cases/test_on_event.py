"""Decoded events one by one: as they come from a decoder, still in the processor's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import contenders
import illshell_side
import pytest
from cache import stream_file
from columns import events_of
from sizes import Sizes
from timing import Seconds

import illshell
from illshell.signatures.illegitimate_shell import reference

Pair = Callable[..., float]

IN_CACHE = 1_000
"""Events that the loop goes over again and again."""

CALLS = 200_000


def judge(on_event: Callable[[Any], None], events: list[dict[str, Any]], calls: int) -> None:
    for _ in range(calls // len(events)):
        for event in events:
            on_event(event)


@pytest.mark.parametrize("mix", ["mixed", "exec"])
def test_against_the_reference(pair: Pair, sizes: Sizes, mix: str) -> None:
    """Judging a decoded event, against the same in Python."""
    events = events_of(mix, IN_CACHE)
    found: list[Any] = []
    fast, in_python = (
        illshell_side.started(each, found.append).on_event for each in (illshell, reference)
    )
    calls = min(CALLS, sizes.contest)
    pair(
        f"on_event, {mix}: the reference's",
        lambda: judge(fast, events, calls),
        lambda: judge(in_python, events, calls),
        at_least=3 if mix == "mixed" else None,
        job=f"event-{mix}",
        contender="Python (the reference)",
        reference=True,
        events=calls,
        rounds=15,
        goal_of="the main job",
    )


@pytest.mark.parametrize("mix", ["mixed", "exec"])
def test_against_the_original(pair: Pair, sizes: Sizes, mix: str) -> None:
    """The same against Tracee's own signature, by Go's benchmark."""
    if "Tracee (Go)" in contenders.missing():
        pytest.skip(contenders.missing()["Tracee (Go)"])
    from contenders import tracee_go

    path = stream_file(mix, IN_CACHE)
    events = events_of(mix, IN_CACHE)
    found: list[Any] = []
    fast = illshell_side.started(illshell, found.append).on_event
    calls = min(CALLS, sizes.contest)
    pair(
        f"on_event, {mix}: Tracee's own signature, Go",
        lambda: judge(fast, events, calls),
        lambda: Seconds(tracee_go.seconds_per_event(path, IN_CACHE) * calls),
        job=f"event-{mix}",
        contender="Tracee's own signature, Go",
        events=calls,
        rounds=3,
    )
