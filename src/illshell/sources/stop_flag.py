"""Stopping between two pieces of work, so that what was found is written whole."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ECHO: Final = 0.3
"""Seconds within which a second signal is taken for the first, sent to the group and to each."""


class StopFlag:
    """Set by a signal; looked at between pieces of work.

    While ``waiting`` is True, in a call that may block without end, the signal raises
    KeyboardInterrupt instead of waiting to be noticed. So does a second signal anywhere, except
    while ``shielded`` is True. ``signal`` is the first one.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.waiting = False
        self.shielded = False
        self._since = 0.0

    def __bool__(self) -> bool:
        return self.signal is not None

    def request(self, number: int, _frame: FrameType | None = None) -> None:
        """Ask for the stop; a signal handler."""
        now = time.monotonic()
        again = self.signal is not None and now - self._since > ECHO
        if self.signal is None:
            self.signal, self._since = number, now
        if self.waiting or (again and not self.shielded):
            raise KeyboardInterrupt

    @contextmanager
    def on_signals(self, *numbers: signal.Signals) -> Iterator[StopFlag]:
        """Have these signals set the flag, in the main thread, as long as the context lasts.

        One that is ignored stays so: a shell's background job, or one under ``nohup``.
        """
        before = {
            number: signal.signal(number, self.request)
            for number in numbers
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
