"""What a consumer has seen."""

from __future__ import annotations

from dataclasses import dataclass

from illshell.detect.scan import ScanCounts


@dataclass(slots=True)
class KafkaCounts(ScanCounts):
    """Counts of one batch, or of all that were committed.

    ``bytes`` are of values. ``messages`` were read, ``empty`` of them without a value.
    ``dead_letters`` are the messages that hold an invalid line or an event that could not be
    judged. ``given_up``: batches that were not committed and read again.
    """

    messages: int = 0
    empty: int = 0
    dead_letters: int = 0
    given_up: int = 0
