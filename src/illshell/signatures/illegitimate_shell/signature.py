"""IllegitimateShell: the signature that engines load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from illshell._fastmatch import EventSignature, Matcher, Rows
from illshell.batch.event_batch import as_batch
from illshell.model.errors import ColumnError, IllshellError
from illshell.model.event import SignatureEventSelector
from illshell.model.finding import Finding, SignatureMetadata
from illshell.model.pruning import may_match
from illshell.model.signature import BatchMatches
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata
from illshell.signatures.illegitimate_shell.names import SECURITY_BPRM_CHECK, SHELLS, WEB_SERVERS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from illshell.batch.arrow import ArrowArrayExportable, ArrowStreamExportable
    from illshell.batch.event_batch import Batch
    from illshell.model.pruning import Bounds


class IllegitimateShell(EventSignature):
    """Detects a web server that starts a shell (Tracee's TRC-1016, MITRE T1190).

    ``events``: which of ``security_bprm_check`` (the default) and ``sched_process_exec`` to judge.
    ``web_servers`` and ``shells``: names to use in place of Tracee's lists; 1 to 15 bytes each.

    Call ``init(ctx)`` first; then ``on_event`` for one event (it takes an :class:`illshell.Event`
    or the decoded payload itself), ``on_batch`` for packed ones. Findings go to ``ctx.callback``,
    at most one an event. Thread-safe, as far as the callback is. ``close`` may be called again;
    what comes after it is ignored.
    """

    def __init__(
        self,
        events: Iterable[str] = (SECURITY_BPRM_CHECK,),
        *,
        web_servers: Iterable[str] = WEB_SERVERS,
        shells: Iterable[str] = SHELLS,
    ) -> None:
        rule = illegitimate_shell_rule(events, web_servers=web_servers, shells=shells)
        super().__init__(rule)
        self._matcher = Matcher(rule)

    @property
    def events(self) -> tuple[str, ...]:
        """The events that the signature judges."""
        return self.rule.events

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the rule reads."""
        return self.rule.fields

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature, anew at each call."""
        return illegitimate_shell_metadata()

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants: source ``tracee``, any origin."""
        return [SignatureEventSelector("tracee", name, "*") for name in self.events]

    def match_batch(self, batch: Batch) -> BatchMatches:
        """Return the rows that match and those that could not be judged, without a callback."""
        rows, errors = batch.match(self._matcher)
        return BatchMatches(rows, errors, lambda row: self._error_of(batch, row))

    def candidates(self, batch: Batch) -> Sequence[int]:
        """Return the rows that match or may be in error: where a column is absent, more of them."""
        matches = self.match_batch(batch)
        return sorted({*matches.rows, *matches.errors})

    def may_matter(self, bounds: Mapping[str, Bounds]) -> bool:
        """Whether rows with such columns can match or be in error."""
        return may_match(self.rule, bounds)

    def on_batch(self, batch: Batch | ArrowArrayExportable | ArrowStreamExportable) -> RowErrors:
        """Judge packed events: a Finding to the callback for each row that matches, in order.

        ``batch``: an :class:`illshell.EventBatch`, or Arrow data of any producer, whose rows are
        counted from one of its batches to the next. Of a stream all batches are held at a time;
        :meth:`illshell.EventBatch.iter_arrow` yields them one by one.

        Returns the rows that could not be judged with their errors; no row affects another one.
        Raises ColumnError where a column's buffers are damaged.
        """
        packed = as_batch(batch)
        callback = self.callback
        if callback is None:
            if self.closed:
                return RowErrors(packed, BatchMatches([], Rows(), lambda _row: IllshellError()))
            raise IllshellError("on_batch was called before init")
        matches = self.match_batch(packed)
        for row in matches.rows:
            callback(Finding(self.get_metadata(), packed.event(int(row)), None))
        return RowErrors(packed, matches)

    def on_signal(self, signal: Any) -> None:
        """Receive a signal; the rule holds nothing back that a signal could release."""

    def _error_of(self, batch: Batch, row: int) -> IllshellError:
        damage = batch.damage(row)
        if damage is not None:
            return damage
        try:
            self.matches(batch.event(row))
        except IllshellError as error:
            return error
        return ColumnError("raw_event", f"row {row} does not say what its columns say", row)


class RowErrors(Sequence[tuple[int, Exception]]):
    """The rows of a batch that could not be judged, in order, as pairs of row and error.

    An error is made when it is asked for, so that a batch in which every row is bad costs no more
    than its row numbers.
    """

    def __init__(self, batch: Batch, matches: BatchMatches) -> None:
        self._batch = batch
        self._matches = matches

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row numbers alone, int64, without a copy."""
        import numpy as np

        rows = self._matches.errors
        if isinstance(rows, np.ndarray):
            return rows
        return np.frombuffer(memoryview(rows), np.int64)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._matches.errors)

    @overload
    def __getitem__(self, index: int) -> tuple[int, Exception]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, Exception]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> tuple[int, Exception] | list[tuple[int, Exception]]:
        if isinstance(index, slice):
            return [self._pair(row) for row in self._matches.errors[index]]
        return self._pair(self._matches.errors[index])

    def __iter__(self) -> Iterator[tuple[int, Exception]]:
        return map(self._pair, self._matches.errors)

    def __repr__(self) -> str:
        return f"<{len(self)} rows of {len(self._batch)} that could not be judged>"

    def _pair(self, row: int) -> tuple[int, Exception]:
        return int(row), self._matches.error_of(int(row))
