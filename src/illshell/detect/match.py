"""match: TRC-1016 over anybody's columns; it returns row numbers, or a mask."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from nanoarrow import bool_, c_array_from_buffers

from illshell._fastmatch import Matcher
from illshell.batch.event_batch import EventBatch
from illshell.model.errors import ColumnError
from illshell.model.rule import several
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from illshell._fastmatch import Rows
    from illshell.batch.arrow import ArrowArrayExportable
    from illshell.batch.event_batch import Batch

PART_ROWS: Final = 1 << 16
"""Rows below which a batch is not divided among threads."""

PARTS: Final = 16
"""Parts of a large batch for each thread, so that none waits long for the slowest."""

ITEMS_AHEAD: Final = 4
"""Items for each thread that are begun or wait, beyond the one whose result comes next."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Matches:
    """The rows that match. Immutable and thread-safe; ``len`` counts the rows that match.

    ``rows`` and ``errors``: numbers of the rows that match and of those that the rule could not
    read (a null where it must read); read-only int64 arrays in ascending order, counted from 0 over
    the whole data. ``row_count``: how many rows the data has.
    """

    rows: NDArray[np.int64]
    errors: NDArray[np.int64]
    row_count: int

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<{len(self)} matches and {len(self.errors)} errors in {self.row_count} rows>"

    def mask(self) -> ArrowArrayExportable:
        """Return an Arrow array of booleans, one a row: true for a match, null for an error.

        It speaks the Arrow PyCapsule interface: ``table.filter(pyarrow.array(mask))``,
        ``frame.filter(polars.Series(mask))``. Filters leave a null out.
        """
        valid = None if len(self.errors) == 0 else ~self._bits(self.errors)
        bits = self._bits(self.rows)
        array: ArrowArrayExportable = c_array_from_buffers(
            bool_(), self.row_count, [valid, bits], len(self.errors)
        )
        return array

    def to_numpy_mask(self) -> NDArray[np.bool_]:
        """Return a boolean array, one a row; a row in error is False, as NumPy has no null."""
        mask = np.zeros(self.row_count, np.bool_)
        mask[self.rows] = True
        return mask

    def _bits(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        bits = np.zeros((self.row_count + 7) // 8, np.uint8)
        np.bitwise_or.at(bits, rows >> 3, (1 << (rows & 7)).astype(np.uint8))
        return bits


def match(
    data: Any,
    *,
    events: Iterable[str] = EVENTS,
    columns: Mapping[str, str] | None = None,
    event_name: str | None = None,
    threads: int = 1,
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> Matches:
    """Find the rows in which a web server starts a shell, without a copy of the data.

    ``data``: what has ``__arrow_c_stream__`` or ``__arrow_c_array__`` (see
    :func:`illshell.batch.arrow.event_batches`), a NumPy structured array or mapping (see
    :func:`illshell.batch.numpy.event_batch`), or an :class:`illshell.EventBatch`. ``events``: the
    events to judge; judging both can give one exec twice. ``columns``: what the data calls the
    columns of an EventBatch, where that is none of
    :data:`illshell.model.fields.FIELDS`. ``event_name``: the name of every row, for data
    without a column of names; one that is there is then not read. ``threads``: judge that many
    parts at a time; the result is the same for any number, and at most some batches of a stream
    are held for each. ``web_servers`` and ``shells`` are as in :class:`illshell.IllegitimateShell`.

    Raises ColumnError for a column that is missing, of a wrong type or damaged; what a producer of
    batches raises comes out. May be called from many threads.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}, less than 1")
    matcher = _matcher(
        several("events", events),
        several("web_servers", web_servers),
        several("shells", shells),
    )
    with closing(_batches(data, columns, event_name)) as batches:
        return match_batches(matcher, batches, threads)


def match_batches(matcher: Matcher, batches: Iterable[Batch], threads: int = 1) -> Matches:
    """Match batches, whose rows are numbered on from one to the next."""
    rows: list[NDArray[np.int64]] = []
    errors: list[NDArray[np.int64]] = []
    start = 0
    parts = (part for batch in batches for part in _parts(batch, threads))
    for count, part_rows, part_errors in in_order(_matched_by(matcher), parts, threads):
        rows.append(part_rows if start == 0 else part_rows + start)
        errors.append(part_errors if start == 0 else part_errors + start)
        start += count
    return Matches(_joined(rows), _joined(errors), start)


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Return the results of work on each item in order; so many threads, so many items ahead.

    The items themselves are made in the caller's thread. An exception of either comes out in its
    place, and then nothing more is begun.
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "illshell") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > ITEMS_AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@lru_cache(maxsize=16)
def _matcher(
    events: tuple[str, ...], web_servers: tuple[str, ...], shells: tuple[str, ...]
) -> Matcher:
    """Return the matcher of these names, made once: many names take some time."""
    return Matcher(illegitimate_shell_rule(events, web_servers=web_servers, shells=shells))


def _batches(
    data: Any, columns: Mapping[str, str] | None, event_name: str | None
) -> Generator[Batch, None, None]:
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        yield from EventBatch.iter_arrow(data, columns, event_name)
    elif hasattr(data, "event_name_of"):
        if columns is not None or event_name is not None:
            raise ColumnError("*", "a batch has its columns already")
        yield data
    else:
        yield EventBatch.from_numpy(data, columns, event_name)


def _parts(batch: Batch, threads: int) -> Iterator[Batch]:
    """Divide a batch where that pays; records of any length can only be walked from the start."""
    rows = len(batch)
    size = max(-(-rows // (PARTS * threads)), PART_ROWS)
    if threads == 1 or rows <= size or not isinstance(batch, EventBatch):
        yield batch
        return
    for start in range(0, rows, size):
        yield batch.slice(start, min(start + size, rows))


def _matched_by(
    matcher: Matcher,
) -> Callable[[Batch], tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    def matched(batch: Batch) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        hits, errors = batch.match(matcher)
        return len(batch), _numbers(hits), _numbers(errors)

    return matched


def _numbers(rows: Rows | NDArray[np.int64]) -> NDArray[np.int64]:
    return rows if isinstance(rows, np.ndarray) else np.frombuffer(memoryview(rows), np.int64)


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    joined = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])
    joined.flags.writeable = False
    return joined
