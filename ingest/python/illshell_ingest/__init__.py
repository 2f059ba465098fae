"""Tracee event streams as Arrow record batches: decodes, never judges."""

from ._native import MAX_LINE, Batch, JsonLines, JsonLinesReader, StreamError, __version__

__all__ = ["MAX_LINE", "Batch", "JsonLines", "JsonLinesReader", "StreamError", "__version__"]
