"""Event streams of sensors as Arrow record batches: decodes, never judges."""

from ._native import (
    INSTRUCTION_SETS,
    MAX_LINE,
    Batch,
    Batches,
    JsonLines,
    JsonLinesReader,
    Projection,
    StreamError,
    __version__,
)

__all__ = [
    "INSTRUCTION_SETS",
    "MAX_LINE",
    "Batch",
    "Batches",
    "JsonLines",
    "JsonLinesReader",
    "Projection",
    "StreamError",
    "__version__",
]
