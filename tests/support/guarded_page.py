"""A page of memory behind which nothing can be read."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np


class GuardedPage:
    """Memory that ends where the next page must not be read."""

    def __init__(self) -> None:
        self.map = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        libc = ctypes.CDLL(None, use_errno=True)
        guard = ctypes.c_void_p(self.address + mmap.PAGESIZE)
        assert libc.mprotect(guard, mmap.PAGESIZE, 0) == 0, ctypes.get_errno()

    def ending_with(self, data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
        whole = np.frombuffer(self.map, np.uint8)
        view = whole[mmap.PAGESIZE - len(data) : mmap.PAGESIZE]
        view[:] = np.frombuffer(data, np.uint8)
        return view
