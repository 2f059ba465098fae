"""The newest time of each host: the reference implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SLOTS: Final = 1024
MAX_STRIKES: Final = 16
"""Events in a row that are older than the window, after which the newest time was the wrong one."""


@dataclass(slots=True)
class HostClock:
    """The newest time of one host, in ns."""

    host: int
    newest: int = 0
    strikes: int = 0


class HostClocks:
    """A table of fixed size: a host that falls on another's place displaces it.

    Hosts' clocks differ, and partitions of a topic lag, so hosts are never compared. One event with
    a time far ahead costs its host no more than the order of the next 16.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self.clocks: dict[int, HostClock] = {}

    def advance(self, host: int, time: int) -> int:
        """Record the time of an event; return the newest of its host."""
        slot = slot_of(host)
        clock = self.clocks.get(slot)
        if clock is None or clock.host != host:
            clock = self.clocks[slot] = HostClock(host)
        if time >= clock.newest:
            clock.newest, clock.strikes = time, 0
        elif time + self._window >= clock.newest or not time:
            clock.strikes = 0
        else:
            clock.strikes += 1
            if clock.strikes == MAX_STRIKES:
                clock.newest, clock.strikes = time, 0
        return clock.newest

    def newest(self, host: int) -> int:
        """Return the newest time of a host; 0 where it is not known."""
        clock = self.clocks.get(slot_of(host))
        return clock.newest if clock is not None and clock.host == host else 0


def slot_of(host: int) -> int:
    """Return the place of a host in the table."""
    return (host * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 54
