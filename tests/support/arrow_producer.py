"""An Arrow producer that counts what it hands out and what is given back to it, by the C interface.

pyarrow makes the structures; their release callbacks are replaced by ones that count and then call
pyarrow's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_CALLBACKS: list[Any] = []
"""C calls these when the last consumer goes, which may be after the producer."""


class CSchema(ctypes.Structure):
    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_char_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


class CArray(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


Get = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
GetError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)


class CStream(ctypes.Structure):
    _fields_ = (
        ("get_schema", Get),
        ("get_next", Get),
        ("get_last_error", GetError),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


Destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, Destructor)
IO_ERROR = 5


class CountingProducer:
    """Gives record batches; ``made`` and ``released`` count structures by their kind.

    ``fail_at``: the batch in whose place the stream has an error. ``as_array``: speak
    ``__arrow_c_array__`` with the one batch, else ``__arrow_c_stream__``.
    """

    def __init__(self, batches: Sequence[pa.RecordBatch], fail_at: int | None = None) -> None:
        self._batches = list(batches)
        self._fail_at = fail_at
        self._next = 0
        self.made = {"schema": 0, "array": 0, "stream": 0}
        self.released = dict(self.made)

    def counted(self, kind: str, struct: Any) -> None:
        """Count the structure, and its release in its time: that of the one that was moved to."""
        original = Release(struct.release) if struct.release else None
        self.made[kind] += 1

        def release(address: int) -> None:
            self.released[kind] += 1
            if original is None:
                type(struct).from_address(address).release = None
            else:
                original(address)

        callback = Release(release)
        _CALLBACKS.append((original, callback))
        struct.release = ctypes.cast(callback, ctypes.c_void_p).value

    def _capsule(self, struct: Any, name: bytes) -> Any:
        def destroy(_capsule: int) -> None:
            if struct.release:
                Release(struct.release)(ctypes.addressof(struct))

        destructor = Destructor(destroy)
        _CALLBACKS.append((struct, name, destructor))
        return new_capsule(ctypes.addressof(struct), name, destructor)


class CountingArray(CountingProducer):
    """Speaks ``__arrow_c_array__`` only, with the first batch."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]:
        schema, array = CSchema(), CArray()
        self._batches[0].schema._export_to_c(ctypes.addressof(schema))
        self._batches[0]._export_to_c(ctypes.addressof(array))
        self.counted("schema", schema)
        self.counted("array", array)
        return self._capsule(schema, b"arrow_schema"), self._capsule(array, b"arrow_array")


class CountingStream(CountingProducer):
    """Speaks ``__arrow_c_stream__`` only."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        message = ctypes.create_string_buffer(b"the disk is gone")

        def get_schema(_stream: int, out: int) -> int:
            self._batches[0].schema._export_to_c(out)
            self.counted("schema", CSchema.from_address(out))
            return 0

        def get_next(_stream: int, out: int) -> int:
            number, self._next = self._next, self._next + 1
            if number == self._fail_at:
                return IO_ERROR
            if number >= len(self._batches):
                CArray.from_address(out).release = None
                return 0
            self._batches[number]._export_to_c(out)
            self.counted("array", CArray.from_address(out))
            return 0

        def get_last_error(_stream: int) -> int:
            return ctypes.addressof(message)

        stream = CStream(Get(get_schema), Get(get_next), GetError(get_last_error))
        _CALLBACKS.append((message, stream))
        self.counted("stream", stream)
        return self._capsule(stream, b"arrow_array_stream")
