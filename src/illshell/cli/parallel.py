"""Sources scanned ahead by threads, while what they gave comes out in the order of the sources."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

AHEAD: Final = 4
"""Sources for each thread that may be begun before it is their turn."""

ROOM: Final = 4 << 20
"""Bytes of findings and problems that a source may give before it is its turn."""

ITEM: Final = 4096
"""Bytes that each of them counts for, at least."""

PACK: Final = 1 << 20
"""Bytes that are handed on at a time."""

DELAY: Final = 0.1
"""Seconds after which less is handed on as well."""

Source = TypeVar("Source")


class Post(Protocol):
    """Has something done in the thread that owns the output, in the order of the input."""

    def __call__(self, action: Callable[[], object], size: int = 0) -> None:
        """Accept an action that holds about ``size`` bytes."""


class FollowingFlag(StopFlag):
    """A flag for a thread that waits for no pipe: set where the leader is."""

    def __init__(self, leader: StopFlag) -> None:
        super().__init__()
        self._leader = leader

    def __bool__(self) -> bool:
        return bool(self._leader)


class Channel:
    """Actions from one thread to another, within bounds, many at a time.

    Two threads that hand on each action by itself would wait for each other most of the time.
    ``post`` and ``end`` are for the one thread, iteration is for the other, ``abandon`` for any.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._packs: deque[tuple[list[Callable[[], object]], int]] = deque()
        self._held = 0
        self._at_end = False
        self._abandoned = False
        self._pack: list[Callable[[], object]] = []
        self._size = 0
        self._handed_on = time.monotonic()

    def post(self, action: Callable[[], object], size: int = 0) -> None:
        """Put an action in; waits while there is no room. AbandonedError when nobody wants it."""
        self._pack.append(action)
        self._size += size + ITEM
        if self._size >= PACK or time.monotonic() - self._handed_on > DELAY:
            self._hand_on()

    def end(self) -> None:
        """Mark the end: nothing more comes."""
        try:
            self._hand_on()
        except AbandonedError:
            return
        finally:
            with self._changed:
                self._at_end = True
                self._changed.notify_all()

    def abandon(self) -> None:
        """Abandon the channel: nobody takes what comes."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Callable[[], object]]:
        """Yield actions until the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._packs or self._at_end)
                if not self._packs:
                    return
                pack, size = self._packs.popleft()
                self._held -= size
                self._changed.notify_all()
            yield from pack

    def _hand_on(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._held < ROOM or self._abandoned)
            if self._abandoned:
                raise AbandonedError
            self._packs.append((self._pack, self._size))
            self._held += self._size
            self._changed.notify_all()
        self._pack, self._size, self._handed_on = [], 0, time.monotonic()


class AbandonedError(Exception):
    """What a source gives is no longer wanted."""


@dataclass(frozen=True, slots=True)
class _Begun(Generic[Source]):
    """A source whose turn comes; ``channel`` and ``future`` where a thread works on it ahead."""

    source: Source
    channel: Channel | None = None
    future: Future[None] | None = None

    def end(self) -> None:
        if self.channel is not None and self.future is not None:
            self.channel.abandon()
            self.future.cancel()


def run_ahead(
    sources: Iterable[Source],
    work: Callable[[Source, Post, StopFlag], None],
    *,
    can_wait: Callable[[Source], bool],
    threads: int,
    stop: StopFlag,
) -> None:
    """Do the work of each source, ahead in threads, and what it posts here, source by source.

    A source that can wait, such as a pipe, is worked on here when it is its turn. What actions and
    work raise comes out, after all that was posted before. After a stop no source is begun.
    """
    if threads == 1:
        for source in sources:
            if stop:
                return
            work(source, at_once, stop)
        return
    follower = FollowingFlag(stop)
    with ThreadPoolExecutor(threads, "illshell") as pool:

        def begin(source: Source) -> _Begun[Source]:
            if can_wait(source):
                return _Begun(source)
            channel = Channel()
            return _Begun(source, channel, pool.submit(_fill, channel, work, source, follower))

        rest = iter(sources)
        begun: deque[_Begun[Source]] = deque()
        try:
            while not stop:
                begun.extend(map(begin, islice(rest, AHEAD * threads - len(begun))))
                if not begun:
                    return
                _finish(begun[0], work, stop)
                begun.popleft()
        finally:
            for each in begun:
                each.end()


def _finish(
    first: _Begun[Source], work: Callable[[Source, Post, StopFlag], None], stop: StopFlag
) -> None:
    if first.channel is None or first.future is None:
        work(first.source, at_once, stop)
        return
    for action in first.channel:
        action()
    first.future.result()


def at_once(action: Callable[[], object], size: int = 0) -> None:
    """Do it now: the Post of the thread that owns the output."""
    del size
    action()


def _fill(
    channel: Channel,
    work: Callable[[Source, Post, StopFlag], None],
    source: Source,
    stop: StopFlag,
) -> None:
    try:
        work(source, channel.post, stop)
    except AbandonedError:
        return
    finally:
        channel.end()
