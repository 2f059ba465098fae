"""ChunkedBatch: several batches as one, as streams of Arrow data give them."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from illshell.batch.event_batch import EventBatch
from illshell.detect.match import match_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from illshell._fastmatch import Matcher
    from illshell.batch.arrow import ArrowArrayExportable, ArrowStreamExportable
    from illshell.batch.event_batch import Batch
    from illshell.model.errors import IllshellError
    from illshell.model.event import Event


class ChunkedBatch:
    """Batches whose rows are numbered on from one to the next. Immutable and thread-safe."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self._starts = [0, *accumulate(map(len, batches))]

    @staticmethod
    def of(data: ArrowArrayExportable | ArrowStreamExportable) -> ChunkedBatch:
        """Wrap all batches of Arrow data; see :func:`illshell.batch.arrow.event_batches`."""
        return ChunkedBatch(list(EventBatch.iter_arrow(data)))

    def __len__(self) -> int:
        return self._starts[-1]

    def match(self, matcher: Matcher) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows that match and the rows in error, both in order."""
        matches = match_batches(matcher, self._batches)
        return matches.rows, matches.errors

    def event(self, row: int) -> Event:
        """Build the event of a row."""
        batch, own_row = self._at(row)
        return batch.event(own_row)

    def event_name_of(self, row: int) -> str | None:
        """Return the name of a row's event, None where it has none or it can't be read."""
        batch, own_row = self._at(row)
        return batch.event_name_of(own_row)

    def damage(self, row: int) -> IllshellError | None:
        """Return what keeps the packed form of a row from being read, or None."""
        batch, own_row = self._at(row)
        return batch.damage(own_row)

    def slice(self, start: int, stop: int) -> Batch:
        """Return rows ``start`` to ``stop`` as a batch of their own, in the same memory."""
        parts = []
        for first, batch in zip(self._starts, self._batches, strict=False):
            begin, end = max(start - first, 0), min(stop - first, len(batch))
            if begin < end:
                parts.append(batch.slice(begin, end))
        return ChunkedBatch(parts)

    def _at(self, row: int) -> tuple[Batch, int]:
        number = bisect_right(self._starts, row) - 1
        return self._batches[number], int(row) - self._starts[number]
