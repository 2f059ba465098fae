"""IllegitimateShell: the signature that engines load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from illshell._fastmatch import EventSignature, Matcher, Rows
from illshell.batch.event_batch import as_batch
from illshell.model.errors import ColumnError, IllshellError
from illshell.model.signature import Finding, SignatureEventSelector, SignatureMetadata
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata
from illshell.signatures.illegitimate_shell.names import SECURITY_BPRM_CHECK, SHELLS, WEB_SERVERS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from illshell.batch.arrow import ArrowArrayExportable, ArrowStreamExportable
    from illshell.batch.event_batch import Batch


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

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature, anew at each call."""
        return illegitimate_shell_metadata()

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants: source ``tracee``, any origin."""
        return [SignatureEventSelector("tracee", name, "*") for name in self.events]

    def on_batch(self, batch: Batch | ArrowArrayExportable | ArrowStreamExportable) -> RowErrors:
        """Judge packed events: a Finding to the callback for each row that matches, in order.

        ``batch``: an :class:`illshell.EventBatch`, or Arrow data of any producer, whose rows are
        counted from one of its batches to the next. Of a stream all batches are held at a time;
        :meth:`illshell.EventBatch.iter_arrow` gives them one by one.

        Gives the rows that could not be judged with their errors; no row costs another one.
        Raises ColumnError where a column's buffers are damaged.
        """
        packed = as_batch(batch)
        callback = self.callback
        if callback is None:
            if self.closed:
                return RowErrors(self, packed, Rows())
            raise IllshellError("on_batch was called before init")
        hits, errors = packed.judge(self._matcher)
        for row in hits:
            callback(Finding(self.get_metadata(), packed.event(int(row)), None))
        return RowErrors(self, packed, errors)

    def on_signal(self, signal: Any) -> None:
        """Take a signal; the rule holds nothing back that a signal could release."""


class RowErrors(Sequence[tuple[int, IllshellError]]):
    """The rows of a batch that could not be judged, in order, as pairs of row and error.

    An error is made when it is asked for, so that a batch in which every row is bad costs no more
    than its row numbers.
    """

    def __init__(
        self, signature: IllegitimateShell, batch: Batch, rows: Rows | NDArray[np.int64]
    ) -> None:
        self._signature = signature
        self._batch = batch
        self._rows = rows

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row numbers alone, int64, without a copy."""
        import numpy as np

        rows = self._rows
        if isinstance(rows, np.ndarray):
            return rows
        return np.frombuffer(memoryview(rows), np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> tuple[int, IllshellError]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, IllshellError]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> tuple[int, IllshellError] | list[tuple[int, IllshellError]]:
        if isinstance(index, slice):
            return [(int(row), self._error_of(int(row))) for row in self._rows[index]]
        row = int(self._rows[index])
        return row, self._error_of(row)

    def __iter__(self) -> Iterator[tuple[int, IllshellError]]:
        return ((row, self._error_of(row)) for row in map(int, self._rows))

    def _error_of(self, row: int) -> IllshellError:
        damage = self._batch.damage(row)
        if damage is not None:
            return damage
        try:
            self._signature.matches(self._batch.event(row))
        except IllshellError as error:
            return error
        return ColumnError("record", f"row {row} does not say what its columns say")
