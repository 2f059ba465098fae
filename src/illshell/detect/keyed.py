"""Streams by key: rows of many hosts in one table, where each host is a stream of its own.

Rows are marked in three columns: :data:`KEY`, the stream that a row belongs to; :data:`TIME`, its
event's time; :data:`ARRIVAL`, its number in the task that marked it. An engine brings the rows of a
key together and sorts them by :func:`order_of`; then :class:`KeyedDetector` runs the signatures.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np
import pyarrow as pa

from illshell.model.errors import StateError
from illshell.model.fields import FIELDS, normalized
from illshell.readers.json_values import COORDINATES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import Any

    from illshell.detect.arrow_stage import ArrowStage
    from illshell.detect.verdict import Verdict
    from illshell.model.event import Event
    from illshell.model.fields import Field

KEY: Final = "__illshell_key"
TIME: Final = "__illshell_time"
ARRIVAL: Final = "__illshell_arrival"

MARKS: Final = {KEY: "string", TIME: "bigint", ARRIVAL: "bigint"}
"""The columns that mark rows, with their types as SQL names them; see the module."""

NO_KEY: Final = ""
"""The key of all rows that have none; they are one stream."""

BUCKETS: Final = 4096
"""Groups of keys. State is kept by group and key: changing it makes old checkpoints useless."""

TASK_BITS: Final = 33
"""Bits of ARRIVAL that count rows within a task, as in Spark's monotonically_increasing_id."""


def order_of(names: Collection[str]) -> tuple[str, ...]:
    """Return the columns that order the rows of a key: the position in Kafka, else the time."""
    if all(name in names for name in COORDINATES):
        return (*COORDINATES, ARRIVAL)
    return (TIME, ARRIVAL)


@dataclass(frozen=True, slots=True)
class KeyMarker:
    """Marks rows, in the process that reads them. Picklable.

    ``stage``: how the events are written. ``field``: the field out of
    :data:`illshell.model.fields.FIELDS` whose value in the event's JSON is the key; None where
    KEY is there already. Rows of JSON that no signature selects are left out.
    """

    stage: ArrowStage
    field: str | None

    def marked(self, batches: Iterable[pa.RecordBatch], task: int) -> Iterator[pa.RecordBatch]:
        """Yield the batches with all of MARKS; ``task`` numbers the process that reads them."""
        first = task << TASK_BITS
        with self.stage.spec.make() as detector:
            for batch in batches:
                rows = np.arange(batch.num_rows)
                marks: dict[str, Any] = {}
                if self.stage.value_column is not None:
                    events = dict(sorted(self.stage.selected(detector, batch), key=itemgetter(0)))
                    rows = np.array([*events], np.int64)
                    if self.field is not None:
                        key = FIELDS[self.field]
                        marks[KEY] = [_text(value_of(event, key)) for event in events.values()]
                    time = FIELDS["time"]
                    marks[TIME] = [value_of(event, time) for event in events.values()]
                marks[ARRIVAL] = first + rows
                yield _with_marks(batch.take(pa.array(rows)), marks)
                first += batch.num_rows


def value_of(event: Event | None, field: Field) -> Any:
    """Return the value that a field has in an event's JSON, None where it has none."""
    payload = None if event is None else event.payload
    return normalized(payload.get(field.key), field.kind) if isinstance(payload, dict) else None


def _text(value: Any) -> str:
    return NO_KEY if value is None else str(value).encode("utf-8", "replace").decode()


_MARK_TYPES: Final = {KEY: pa.string(), TIME: pa.int64(), ARRIVAL: pa.int64()}


def _with_marks(batch: pa.RecordBatch, marks: Mapping[str, Any]) -> pa.RecordBatch:
    given = {name: pa.array(values, _MARK_TYPES[name]) for name, values in marks.items()}
    return pa.RecordBatch.from_arrays(
        [*batch.columns, *given.values()], names=[*batch.schema.names, *given]
    )


def without_marks(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows as they were before they were marked."""
    names = batch.schema.names
    return batch.select([index for index, name in enumerate(names) if name not in MARKS])


def runs(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield each run of rows with one key, as a slice."""
    keys = batch.column(KEY)
    for start, stop in _runs(keys.dictionary_encode().indices.to_numpy()):
        yield keys[start].as_py(), batch.slice(start, stop - start)


def _runs(values: np.ndarray[Any, Any]) -> Iterator[tuple[int, int]]:
    if len(values):
        borders = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
        yield from pairwise(borders)


def packed(batch: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
    """Yield marked rows by bucket of their keys, each bucket's as one Arrow IPC stream.

    So they pass through an engine's own rows with every column type as it was.
    """
    codes = batch.column(KEY).dictionary_encode()
    bucket_of = [crc32(key.encode()) % BUCKETS for key in codes.dictionary.to_pylist()]
    buckets = np.array(bucket_of, np.int64)[codes.indices.to_numpy()]
    order = np.argsort(buckets, kind="stable")
    ordered = batch.take(pa.array(order))
    for start, stop in _runs(buckets[order]):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(ordered.slice(start, stop - start))
        yield int(buckets[order[start]]), sink.getvalue().to_pybytes()


def unpacked(parts: Iterable[bytes]) -> list[pa.RecordBatch]:
    """Return the rows of one bucket's IPC streams, sorted by key and then by :func:`order_of`."""
    table = pa.concat_tables([pa.ipc.open_stream(part).read_all() for part in parts])
    order = (KEY, *order_of(table.column_names))
    batches = table.sort_by([(name, "ascending") for name in order]).combine_chunks().to_batches()
    return [batch for batch in batches if batch.num_rows]


class KeyedDetector:
    """Runs one set of signatures over the streams of many keys, one after the other."""

    def __init__(self, stage: ArrowStage) -> None:
        self._stage = stage
        self._detector = stage.spec.make()
        self._new = self._detector.snapshot()
        self._key = NO_KEY

    def begin(self, key: str, state: bytes | None = None) -> None:
        """Begin or resume the stream of a key; StateError where ``state`` is no snapshot."""
        self._key = key
        self._detector.restore(self._new)
        if state is not None:
            with self._naming_the_key():
                self._detector.restore(state)

    def verdicts(self, rows: pa.RecordBatch) -> list[Verdict]:
        """Return the verdicts on further rows of the stream, in their order."""
        return self._stage.verdicts(self._detector, without_marks(rows))

    def end(self) -> list[Verdict]:
        """Return the verdicts that the end of the stream brings."""
        return self._detector.end_of_input()

    def snapshot(self) -> bytes:
        """Return the state of the stream; StateError where it is larger than a snapshot may be."""
        with self._naming_the_key():
            return self._detector.snapshot()

    @contextmanager
    def _naming_the_key(self) -> Iterator[None]:
        try:
            yield
        except StateError as error:
            raise StateError(f"the state of {self._key!r}: {error}") from None

    def close(self) -> None:
        """Close the signatures."""
        self._detector.close()
