"""What the name of a task says: classes of comms, as bits, from lists of names.

The reference implementation of ``illshell._lineage.NameClasses``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from illshell.signatures.name_lists import NameLists

SERVER: Final = 1
"""A web server, or a thread of one."""

RUNTIME: Final = 2
"""A runtime, and no web server."""

BY_START: Final = 4
"""A runtime that is judged by its start where its arguments are unknown."""

HELPER: Final = 8
"""A program through which a runtime executes others."""

SHELL: Final = 16
"""A shell."""

VARIANT: Final = 32
"""A shell's name with a version behind it; comes with ``SHELL``."""

MULTI_CALL: Final = 64
"""A program that is a shell by its argument."""

LOADER: Final = 128
"""A dynamic loader."""

VERSION: Final = b"0123456789.-_"
"""Bytes of a version behind a shell's name."""


class NameClasses:
    """Classes of comms; immutable.

    ``lists``: the names. A comm is bytes, 0 to 15 of them, without the final NUL.
    """

    def __init__(self, lists: NameLists) -> None:
        self.lists = lists
        runtimes = [runtime.name for runtime in lists.runtimes]
        by_start = [runtime.name for runtime in lists.runtimes if runtime.by_start]
        self._rules = [
            (bits, name.is_prefix, name.text.encode("utf-8", "surrogatepass"))
            for bits, names in (
                (SERVER, lists.web_servers),
                (RUNTIME, runtimes),
                (BY_START, by_start),
                (HELPER, lists.helpers),
                (SHELL, lists.shells),
                (MULTI_CALL, lists.multi_calls),
                (LOADER, lists.loaders),
            )
            for name in names
        ]

    def of(self, comm: bytes) -> int:
        """Return the class bits of a comm."""
        bits = self._bits(comm)
        if bits & SHELL == 0 and comm[-1:] in VERSION and comm:
            bits |= (SHELL | VARIANT) * (self._bits(comm.rstrip(VERSION)) & SHELL != 0)
        if bits & SERVER:
            bits &= ~(RUNTIME | BY_START)
        return bits

    def _bits(self, comm: bytes) -> int:
        bits = 0
        for rule_bits, is_prefix, text in self._rules:
            if comm.startswith(text) if is_prefix else comm == text:
                bits |= rule_bits
        return bits
