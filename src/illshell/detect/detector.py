"""The detector: the only code that runs signatures."""

from __future__ import annotations

import heapq
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from illshell.detect.state import pack_states, unpack_states
from illshell.detect.verdict import Verdict
from illshell.model.errors import ColumnError, InvalidLineError
from illshell.model.event import Event, SignatureEventSelector
from illshell.model.finding import Finding
from illshell.model.signature import (
    BatchSignature,
    CandidateSignature,
    SignatureContext,
    SourceComplete,
    StatefulSignature,
)
from illshell.readers.segment import InvalidLine
from illshell.readers.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from illshell.batch.event_batch import Batch
    from illshell.model.finding import SignatureMetadata
    from illshell.model.pruning import Bounds
    from illshell.model.signature import RowNumbers, Signature
    from illshell.readers.segment import Segment

TRACEE: Final = "tracee"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A signature that was loaded: its metadata, and the events that it selects.

    ``packed``, ``candidate`` and ``stateful`` are the signature itself where it has those methods,
    else None: whether it has is asked once, not at every batch.
    """

    signature: Signature
    metadata: SignatureMetadata
    selectors: tuple[SignatureEventSelector, ...]
    packed: BatchSignature | None
    candidate: CandidateSignature | None
    stateful: StatefulSignature | None

    @property
    def event_names(self) -> frozenset[str] | None:
        """The names of the events that it selects; None for all."""
        names = frozenset(selector.name for selector in self.selectors)
        return None if "*" in names else names


class Detector:
    """Runs signatures over events, packed and single, in the order of the input.

    A signature lives as long as the detector, which is as long as one stream: give each stream that
    keeps state a detector of its own. Whatever goes wrong with a row is the verdict of that row and
    costs no other one. Verdicts on one event come in the order in which the signatures were loaded.

    ``deliver``: takes each verdict at once, also of a finding that a signature hands out while no
    event is judged; what it raises comes out of the call. Without it the calls return the verdicts.
    Not thread-safe: give each thread a detector of its own.
    """

    def __init__(
        self,
        signatures: Iterable[Signature] = (),
        *,
        deliver: Callable[[Verdict], object] | None = None,
        logger: logging.Logger | None = None,
        get_data_source: Callable[[str, str], Any | None] = lambda _namespace, _id: None,
    ) -> None:
        self._verdicts: list[Verdict] = []
        self._deliver = deliver or self._verdicts.append
        self._logger = logger or logging.getLogger("illshell.detector")
        self._get_data_source = get_data_source
        self._loaded: dict[str, Loaded] = {}
        self._index: dict[SignatureEventSelector, list[Loaded]] = {}
        self._judged: tuple[int, Any] | None = None
        for signature in signatures:
            self.load(signature)

    @property
    def loaded(self) -> list[Loaded]:
        """The loaded signatures, in the order of loading."""
        return list(self._loaded.values())

    @property
    def event_names(self) -> list[str] | None:
        """The names of the events that some signature selects, for readers; None for all."""
        names: dict[str, None] = {}
        for loaded in self._loaded.values():
            if loaded.event_names is None:
                return None
            names |= {selector.name: None for selector in loaded.selectors}
        return list(names)

    @property
    def selection(self) -> Selection:
        """What the signatures need of the input, for readers."""
        fields: dict[str, None] = {}
        for loaded in self.loaded:
            fields |= dict.fromkeys(getattr(loaded.signature, "fields", ()))
        return Selection(
            self.event_names,
            list(fields),
            candidates=self._candidates,
            may_matter=self._may_matter,
        )

    def _candidates(self, batch: Batch) -> Sequence[int] | None:
        """Return, in order, the rows of a batch that some signature must see; None for all."""
        found: set[int] = set()
        for loaded in self.loaded:
            if loaded.candidate is None:
                return None
            found.update(loaded.candidate.candidates(batch))
        return sorted(found)

    def _may_matter(self, bounds: Mapping[str, Bounds]) -> bool:
        """Whether rows with such columns can hold one that some signature must see."""
        return not all(
            loaded.candidate is not None and not loaded.candidate.may_matter(bounds)
            for loaded in self.loaded
        )

    def load(self, signature: Signature) -> bool:
        """Load a signature: metadata, selected events, init, index, as Tracee does.

        A signature that fails there, or whose ID is loaded already, is logged and left out: False.
        """
        try:
            metadata = signature.get_metadata()
            selectors = tuple(map(_with_wildcards, signature.get_selected_events()))
            if metadata.id in self._loaded:
                self._logger.error("Loading signature %s: it is loaded already", metadata.id)
                return False
            signature.init(
                SignatureContext(self._callback_of(signature), self._logger, self._get_data_source)
            )
            loaded = Loaded(
                signature,
                metadata,
                selectors,
                signature if isinstance(signature, BatchSignature) else None,
                signature if isinstance(signature, CandidateSignature) else None,
                signature if isinstance(signature, StatefulSignature) else None,
            )
        except Exception as error:
            self._logger.error("Loading signature %r: %s", signature, error)
            return False
        self._loaded[metadata.id] = loaded
        for selector in selectors:
            if selector.source == "":
                self._logger.error("Signature %s selects events of no source", metadata.id)
            else:
                self._index.setdefault(selector, []).append(loaded)
        return True

    def unload(self, signature_id: str) -> None:
        """Unload a signature, then close it; KeyError if it is not loaded."""
        loaded = self._loaded.pop(signature_id)
        for selector in set(loaded.selectors):
            self._index[selector] = [
                other for other in self._index.get(selector, []) if other is not loaded
            ]
        loaded.signature.close()

    def event(self, event: Event) -> list[Verdict]:
        """Judge one event by each signature that selects it."""
        self._judge(event, 0)
        return self._taken()

    def batch(self, batch: Batch) -> list[Verdict]:
        """Judge packed events; the verdicts come in the order of the rows."""
        self._judge_rows(batch, 0, len(batch))
        return self._taken()

    def segment(self, segment: Segment) -> list[Verdict]:
        """Judge what a reader gave, invalid lines too, in the order of the input."""
        batch = segment.batch
        start = 0
        for at, single in segment.singles:
            if batch is not None and at > start:
                self._judge_rows(batch, start, at)
                start = at
            if isinstance(single, InvalidLine):
                error = InvalidLineError(single.reason)
                self._deliver(Verdict(at, error=error, position=single.position, raw=single.line))
            else:
                self._judge(single, at)
        if batch is not None and start < len(batch):
            self._judge_rows(batch, start, len(batch))
        return self._taken()

    def end_of_input(self, source: str = TRACEE) -> list[Verdict]:
        """Notify each signature that selects events of this source that it is complete."""
        signal = SourceComplete(source)
        for loaded in self._loaded.values():
            if any(selector.source == source for selector in loaded.selectors):
                with self._guard(loaded.signature, signal, 0):
                    loaded.signature.on_signal(signal)
        return self._taken()

    def snapshot(self) -> bytes:
        """Return the state of every signature that has one; see :mod:`illshell.detect.state`."""
        return pack_states(
            {
                name: loaded.stateful.snapshot()
                for name, loaded in self._loaded.items()
                if loaded.stateful is not None
            }
        )

    def restore(self, snapshot: bytes) -> None:
        """Load the states of an earlier run; StateError where the bytes hold none.

        The state of a signature that is not loaded is left out; a loaded signature of which there
        is none begins anew.
        """
        for name, state in unpack_states(snapshot).items():
            loaded = self._loaded.get(name)
            if loaded is not None and loaded.stateful is not None:
                loaded.stateful.restore(state)

    @property
    def is_stateful(self) -> bool:
        """Whether some loaded signature keeps state."""
        return any(each.stateful is not None for each in self.loaded)

    def close(self) -> None:
        """Close every signature; may be called again."""
        for signature_id in list(self._loaded):
            self.unload(signature_id)

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _taken(self) -> list[Verdict]:
        taken = self._verdicts.copy()
        self._verdicts.clear()
        return taken

    def _callback_of(self, signature: Signature) -> Callable[[Finding], None]:
        def callback(finding: Finding) -> None:
            row, event = self._judged or (0, None)
            if not isinstance(event, Event):  # a signal, or nothing: it held the finding back
                event = finding.event
            verdict = Verdict.of_event(row, event, signature, finding=finding)
            try:
                self._deliver(verdict)
            except Exception as error:
                raise _DeliveryError(error) from error

        return callback

    @contextmanager
    def _guard(self, signature: Signature, event: Any, row: int) -> Iterator[None]:
        """Make a verdict of what the signature raises, but not of what ``deliver`` does."""
        self._judged = row, event
        try:
            yield
        except _DeliveryError as failure:
            raise failure.error from None
        except Exception as error:
            self._deliver(Verdict.of_event(row, event, signature, error=error))
        finally:
            self._judged = None

    def _judge(self, event: Event, row: int) -> None:
        for loaded in self._selecting(event):
            with self._guard(loaded.signature, event, row):
                loaded.signature.on_event(event)

    def _selecting(self, event: Event) -> list[Loaded]:
        """Return the signatures that select an event, in the order of loading."""
        wanted = event.headers.selector
        # An event of another sensor is one of Tracee's to signatures, in Tracee's terms.
        keys = dict.fromkeys(
            SignatureEventSelector(source, name, origin)
            for source in dict.fromkeys(
                (wanted.source, wanted.source if event.view is None else TRACEE)
            )
            for name in (wanted.name, "*")
            for origin in (wanted.origin, "*")
        )
        found = [loaded for key in keys for loaded in self._index.get(key, ())]
        if len(found) > 1:
            order = {id(loaded): index for index, loaded in enumerate(self._loaded.values())}
            found.sort(key=lambda loaded: order[id(loaded)])
        return found

    def _judge_rows(self, batch: Batch, start: int, stop: int) -> None:
        """Judge rows ``start`` to ``stop`` by every signature; deliver by row."""
        part = batch if (start, stop) == (0, len(batch)) else batch.slice(start, stop)
        needs_events = [loaded for loaded in self.loaded if loaded.packed is None]
        found = [
            verdict
            for loaded in self.loaded
            if loaded.packed is not None
            for verdict in self._matched(loaded.packed, part, start)
        ]
        if needs_events:
            found += self._on_rows(needs_events, part, start)
        if len(self._loaded) > 1:
            order = {id(loaded.signature): index for index, loaded in enumerate(self.loaded)}
            found.sort(key=lambda verdict: (verdict.row, order[id(verdict.signature)]))
        for verdict in found:
            self._deliver(verdict)

    def _matched(self, signature: BatchSignature, batch: Batch, first: int) -> Iterator[Verdict]:
        """Yield a signature's verdicts on a batch whose row 0 is row ``first``."""
        try:
            matches = signature.match_batch(batch)
        except Exception as error:
            is_of_all = isinstance(error, ColumnError) and error.row is None
            if len(batch) == 0:
                yield Verdict(first, signature, error=error)
            elif is_of_all or len(batch) == 1:
                alone = _in_whole(error, first)
                yield Verdict.of_event(first, batch.event(0), signature, error=alone)
            else:
                # What one row raises costs that row: halve until it stands alone.
                half = len(batch) // 2
                yield from self._matched(signature, batch.slice(0, half), first)
                yield from self._matched(signature, batch.slice(half, len(batch)), first + half)
            return
        for row, is_hit in _in_order(matches.rows, matches.errors):
            event = batch.event(row)
            found: Finding | None = None
            why: Exception | None = None
            try:
                if is_hit:
                    data = matches.data_of(row) if matches.data_of else None
                    found = Finding(signature.get_metadata(), event, data)
                else:
                    why = _in_whole(matches.error_of(row), first)
            except Exception as error:
                why = error
            yield Verdict.of_event(first + row, event, signature, finding=found, error=why)

    def _on_rows(self, signatures: Sequence[Loaded], batch: Batch, first: int) -> Iterable[Verdict]:
        """Return the verdicts of signatures that judge events one by one."""
        wanted = frozenset[str]().union(*(each.event_names or ("*",) for each in signatures))
        found: list[Verdict] = []
        deliver, self._deliver = self._deliver, found.append
        try:
            for row in range(len(batch)):
                if "*" not in wanted and batch.event_name_of(row) not in wanted:
                    continue
                event = batch.event(row)
                for loaded in self._selecting(event):
                    if loaded.packed is None:
                        with self._guard(loaded.signature, event, first + row):
                            loaded.signature.on_event(event)
        finally:
            self._deliver = deliver
        return found


class _DeliveryError(BaseException):
    """Carries an exception of ``deliver`` through a signature that did not cause it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _in_whole(error: Exception, first: int) -> Exception:
    """Return the error of a slice that starts at row ``first`` as one of the whole batch."""
    return error.counted_from(first) if isinstance(error, ColumnError) else error


def _in_order(hits: RowNumbers, errors: RowNumbers) -> Iterator[tuple[int, bool]]:
    """Merge two ascending sequences of rows; True with those of the first."""
    rows = heapq.merge(zip(hits, repeat(True)), zip(errors, repeat(False)))
    return ((int(row), is_hit) for row, is_hit in rows)


def _with_wildcards(selector: SignatureEventSelector) -> SignatureEventSelector:
    return SignatureEventSelector(selector.source, selector.name or "*", selector.origin or "*")
