"""Tracee's packed records, judged where they lie, against decoding each in Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any

import illshell_side
import pytest
from columns import events_of
from sizes import Sizes

import illshell
from illshell import EventBatch
from illshell.dialects.tracee_ebpf.codec import (
    decode_record,
    encode_record,
    pack_records,
    split_records,
)
from illshell.dialects.tracee_ebpf.layouts import LAYOUTS
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS

RELEASE = "v0.24"
REPEATS = 5  # of a stream's records; together they are far more than the caches hold
DECODED = 20_000

Pair = Callable[..., float]


@cache
def records(mix: str, events: int) -> bytes:
    """Give the stream's events as Tracee's eBPF side submits them."""
    layout = LAYOUTS[RELEASE]
    return pack_records(encode_record(event, layout) for event in events_of(mix, events))


@pytest.mark.parametrize(
    ("mix", "with_findings", "at_least"),
    [("mixed", False, 100), ("mixed", True, 100), ("exec", False, 100), ("exec", True, None)],
)
def test_records_against_decoding_each(
    pair: Pair, sizes: Sizes, mix: str, with_findings: bool, at_least: float | None
) -> None:
    """Judging the records in place, and decoding each to a dict for the reference implementation.

    The reference's side decodes no arguments of events that the rule does not judge, either. With
    findings each hit is decoded on our side too, by the same Python: among execs, of which one in
    100 is a hit, no speed of judging could make that 100 times as fast.
    """
    packed = records(mix, sizes.contest)
    batch = EventBatch.from_tracee_records(packed * REPEATS, RELEASE)
    some = [record for record in islice(split_records(packed), DECODED) if record is not None]
    found: list[Any] = []
    fast, in_python = (illshell_side.started(each, found.append) for each in (illshell, reference))
    layout = LAYOUTS[RELEASE]

    def judge() -> None:
        hits, errors = batch.match(fast._matcher)
        assert len(hits) > len(errors) == 0

    def judge_and_find() -> None:
        found.clear()
        assert len(fast.on_batch(batch)) == 0

    def decode_and_judge() -> None:
        found.clear()
        for record in some:
            payload, damage = decode_record(record, layout)
            assert damage is None
            in_python.on_event(payload)

    decode_and_judge()
    rows = [row for row in batch.match(fast._matcher)[0] if row < len(some)]
    assert [batch.event(row).payload for row in rows] == [each.event for each in found]
    pair(
        f"Tracee records, {mix}{', findings' if with_findings else ''}: "
        "decoding each, the reference",
        judge_and_find if with_findings else judge,
        decode_and_judge,
        at_least=at_least,
        per=(len(batch), len(some)),
        job=f"records-{mix}{'-findings' if with_findings else ''}",
        contender="Python: each to a dict, then the reference",
        reference=True,
        events=len(batch),
        goal_of="the data plane",
    )


@pytest.mark.parametrize("mix", ["mixed", "exec"])
def test_the_walk_alone(benchmark: Any, note: Callable[..., None], sizes: Sizes, mix: str) -> None:
    """Nanoseconds a record, and bytes a second."""
    packed = records(mix, sizes.contest) * REPEATS
    batch = EventBatch.from_tracee_records(packed, RELEASE)
    matcher = illshell.IllegitimateShell(EVENTS)._matcher
    benchmark.pedantic(lambda: batch.match(matcher), rounds=sizes.rounds, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    note(f"Tracee records, {mix}: judging", 1e9 * seconds / len(batch), "ns a record")
    note(f"Tracee records, {mix}: judging", len(packed) / seconds / 1e9, "GB/s")
