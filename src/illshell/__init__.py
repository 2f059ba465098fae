"""illshell detects web servers that start a shell (Tracee's TRC-1016).

Load :class:`IllegitimateShell` into an engine, or use the :class:`Engine` here; pack events into
an :class:`EventBatch` where there are many. Everything named in ``__all__`` is public.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from illshell._version import __version__

if TYPE_CHECKING:
    from illshell._fastmatch import NameSet
    from illshell.batch.event_batch import EventBatch
    from illshell.detect.detector import Detector
    from illshell.detect.engine import Engine
    from illshell.detect.match import Matches, match
    from illshell.detect.verdict import Verdict
    from illshell.model.errors import (
        ArgumentError,
        ArgumentNotFoundError,
        ArgumentNotInitializedError,
        ArgumentTypeError,
        ColumnError,
        IllshellError,
        InvalidEventError,
        RecordError,
        StateError,
        StreamError,
        VersionMismatchError,
    )
    from illshell.model.event import Event, EventHeaders, SignatureEventSelector
    from illshell.model.finding import Finding, SignatureMetadata
    from illshell.model.position import ByteRange, Message, Position, Row, Sequence
    from illshell.model.signature import Signature, SignatureContext, SourceComplete
    from illshell.signatures.illegitimate_shell.signature import IllegitimateShell

# A name is imported when it is first asked for, so that `illshell --version` stays quick.
_HOMES = {
    "illshell._fastmatch": ("NameSet",),
    "illshell.batch.event_batch": ("EventBatch",),
    "illshell.detect.detector": ("Detector",),
    "illshell.detect.engine": ("Engine",),
    "illshell.model.errors": (
        "ArgumentError",
        "ArgumentNotFoundError",
        "ArgumentNotInitializedError",
        "ArgumentTypeError",
        "ColumnError",
        "IllshellError",
        "InvalidEventError",
        "RecordError",
        "StateError",
        "StreamError",
        "VersionMismatchError",
    ),
    "illshell.detect.match": ("Matches", "match"),
    "illshell.detect.verdict": ("Verdict",),
    "illshell.model.event": ("Event", "EventHeaders", "SignatureEventSelector"),
    "illshell.model.finding": ("Finding", "SignatureMetadata"),
    "illshell.model.position": ("ByteRange", "Message", "Position", "Row", "Sequence"),
    "illshell.model.signature": ("Signature", "SignatureContext", "SourceComplete"),
    "illshell.signatures.illegitimate_shell.signature": ("IllegitimateShell",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ArgumentError",
    "ArgumentNotFoundError",
    "ArgumentNotInitializedError",
    "ArgumentTypeError",
    "ByteRange",
    "ColumnError",
    "Detector",
    "Engine",
    "Event",
    "EventBatch",
    "EventHeaders",
    "Finding",
    "IllegitimateShell",
    "IllshellError",
    "InvalidEventError",
    "Matches",
    "Message",
    "NameSet",
    "Position",
    "RecordError",
    "Row",
    "Sequence",
    "Signature",
    "SignatureContext",
    "SignatureEventSelector",
    "SignatureMetadata",
    "SourceComplete",
    "StateError",
    "StreamError",
    "Verdict",
    "VersionMismatchError",
    "__version__",
    "match",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value
