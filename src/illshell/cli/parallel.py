"""Threads that read sources ahead, with their results in the order of the sources."""

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
"""Sources per thread that may be started before their turn."""

CHANNEL_BYTES: Final = 4 << 20
"""Bytes that a source may post before its turn."""

ITEM: Final = 4096
"""Bytes added for each posted action."""

PACK: Final = 1 << 20
"""Bytes that are handed over at a time."""

DELAY: Final = 0.1
"""Seconds after which fewer bytes are handed over as well."""

Source = TypeVar("Source")


class Post(Protocol):
    """Runs an action in the thread that owns the output, in the order of the input."""

    def __call__(self, action: Callable[[], object], size: int = 0) -> None:
        """Accept an action that holds about ``size`` bytes."""


class MirrorFlag(StopFlag):
    """Stop flag that mirrors another, for a thread that does not wait for a pipe."""

    def __init__(self, source: StopFlag) -> None:
        super().__init__()
        self._source = source

    def __bool__(self) -> bool:
        return bool(self._source)


class Channel:
    """Actions from one thread to another, within bounds, many at a time.

    Handing over each action by itself would make the threads wait for each other most of the time.
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
        self._handed_over = time.monotonic()

    def post(self, action: Callable[[], object], size: int = 0) -> None:
        """Add an action; waits while the channel is full. AbandonedError after ``abandon``."""
        self._pack.append(action)
        self._size += size + ITEM
        if self._size >= PACK or time.monotonic() - self._handed_over > DELAY:
            self._hand_over()

    def end(self) -> None:
        """Mark the end: nothing more comes."""
        try:
            self._hand_over()
        except AbandonedError:
            return
        finally:
            with self._changed:
                self._at_end = True
                self._changed.notify_all()

    def abandon(self) -> None:
        """Abandon the channel: later actions are not read."""
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

    def _hand_over(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._held < CHANNEL_BYTES or self._abandoned)
            if self._abandoned:
                raise AbandonedError
            self._packs.append((self._pack, self._size))
            self._held += self._size
            self._changed.notify_all()
        self._pack, self._size, self._handed_over = [], 0, time.monotonic()


class AbandonedError(Exception):
    """The channel's reader has stopped."""


@dataclass(frozen=True, slots=True)
class _Begun(Generic[Source]):
    """A started source; ``channel`` and ``future`` where a thread reads it ahead of its turn."""

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
    """Run ``work`` of each source in threads, and the actions it posts here, in the sources' order.

    A source that can wait, such as a pipe, is read in this thread when its turn comes. Exceptions
    of actions and work are raised after all earlier actions. After a stop no source is started.
    """
    if threads == 1:
        for source in sources:
            if stop:
                return
            work(source, at_once, stop)
        return
    mirror = MirrorFlag(stop)
    with ThreadPoolExecutor(threads, "illshell") as pool:

        def begin(source: Source) -> _Begun[Source]:
            if can_wait(source):
                return _Begun(source)
            channel = Channel()
            return _Begun(source, channel, pool.submit(_fill, channel, work, source, mirror))

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
    """Run the action now: the Post of the thread that owns the output."""
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
