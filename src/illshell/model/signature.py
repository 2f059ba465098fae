"""What hosts and signatures ask of each other.

The types mirror Tracee's ``types/detect`` and ``types/protocol`` in snake_case. Beyond Tracee's
protocol a signature may judge packed batches (:class:`BatchSignature`), tell which rows it can do
without (:class:`CandidateSignature`) and keep state (:class:`StatefulSignature`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from illshell._fastmatch import Rows
    from illshell.batch.event_batch import Batch
    from illshell.model.event import SignatureEventSelector
    from illshell.model.finding import Finding, SignatureMetadata
    from illshell.model.pruning import Bounds


@dataclass(frozen=True, slots=True)
class SourceComplete:
    """The signal that a source of events has come to its end."""

    source: str


@dataclass(frozen=True, slots=True)
class SignatureContext:
    """What a host gives a signature at ``init``.

    ``callback`` takes each Finding; it is called in the thread that handed in the event.
    ``get_data_source(namespace, id)`` returns a data source, or None where there is none.
    """

    callback: Callable[[Finding], object]
    logger: logging.Logger | None = None
    get_data_source: Callable[[str, str], Any | None] = lambda _namespace, _id: None


@runtime_checkable
class Signature(Protocol):
    """What a host needs of a signature."""

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature."""

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants."""

    def init(self, ctx: SignatureContext) -> None:
        """Store the callback for findings; called once, before any event."""

    def on_event(self, event: Any) -> None:
        """Judge an event; a detection goes to the callback, an error is raised."""

    def on_signal(self, signal: Any) -> None:
        """Receive a signal, such as :class:`SourceComplete`."""

    def close(self) -> None:
        """Release what the signature holds; called at least once."""


RowNumbers: TypeAlias = "Sequence[int] | NDArray[np.int64] | Rows"
"""Numbers of rows, ascending."""


@dataclass(frozen=True, slots=True)
class BatchMatches:
    """What a signature found in a batch.

    ``rows`` and ``errors``: numbers of the rows that match and of those that could not be judged,
    each in ascending order. ``error_of(row)`` returns why. ``data_of(row)`` returns the finding's
    extra data; None for a signature without any.
    """

    rows: RowNumbers
    errors: RowNumbers
    error_of: Callable[[int], Exception]
    data_of: Callable[[int], Mapping[str, Any] | None] | None = None


@runtime_checkable
class BatchSignature(Signature, Protocol):
    """A signature that judges packed events where they lie.

    ``fields``: names of the fields it reads, out of :data:`illshell.model.fields.FIELDS`; readers
    fill these columns and no others.
    """

    fields: Sequence[str]

    def match_batch(self, batch: Batch) -> BatchMatches:
        """Judge the rows of a batch, in their order.

        Raises ColumnError where a column can't be read; ``row`` is None where that is so for every
        row. For anything else that is raised, the detector calls again with each half of the batch,
        until the row that causes it stands alone; so what raises must leave the state as it was.
        """


@runtime_checkable
class CandidateSignature(BatchSignature, Protocol):
    """A signature without state, which can tell from some of its columns which rows matter."""

    def candidates(self, batch: Batch) -> Sequence[int]:
        """Return, in order, the rows that may match or be in error, whatever absent columns hold.

        The other rows need not be given to the signature.
        """

    def may_matter(self, bounds: Mapping[str, Bounds]) -> bool:
        """Whether rows can be candidates, by what is known of their columns, by field."""


@runtime_checkable
class StatefulSignature(Signature, Protocol):
    """A signature whose state outlives a run.

    A snapshot is versioned by the signature itself and bounded: a few hundred bytes for each thing
    it remembers, and at most :data:`illshell.detect.state.MAX_SNAPSHOT` bytes in all.
    """

    def snapshot(self) -> bytes:
        """Return the state."""

    def restore(self, state: bytes) -> None:
        """Load the state of an earlier run in place of its own; StateError where it is none."""
