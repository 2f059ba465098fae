"""Rules of ILL-1001: by which signs an executed program is, or may be, a shell.

Each rule has a name, under which findings carry it and options turn it off, and a mark, a bit that
lineage passes on. A ``#!`` script never has a mark: it does what its author wrote, and its task is
called by the script's name. Which file was executed is `pathname`, which the kernel resolved;
`cmdpath`, what execve was given, and `interp`, the interpreter, tell a script from a program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from illshell.signatures.illegitimate_shell.names import SHELLS, WEB_SERVERS
from illshell.signatures.name_classes import LOADER as LOADER_CLASS
from illshell.signatures.name_classes import MULTI_CALL as MULTI_CALL_CLASS
from illshell.signatures.name_classes import RUNTIME, SHELL, VARIANT
from illshell.signatures.name_lists import LONGEST_NAME
from illshell.signatures.shell_below_web_server.task_events import (
    CHECK,
    DELETED_FILE,
    FD_PATH,
    LOADER,
    MEMFD,
    MULTI_CALL,
    OTHER_ARGUMENTS,
    SAME_FILE,
    SAME_HASH,
    SERVER_ARGUMENTS,
    SHELL_NAME,
    SHELL_PATH,
    SHELL_VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from illshell.signatures.name_classes import NameClasses

RULES: Final = {
    "shell-name": SHELL_NAME,
    "shell-version": SHELL_VERSION,
    "shell-path": SHELL_PATH,
    "memfd": MEMFD,
    "descriptor-path": FD_PATH,
    "deleted-file": DELETED_FILE,
    "loader": LOADER,
    "multi-call": MULTI_CALL,
    "same-file": SAME_FILE,
    "same-hash": SAME_HASH,
}
"""Marks by the names of their rules."""

EXPLANATIONS: Final = {
    "shell-name": "the task is called as a shell",
    "shell-version": "the task is called as a shell with a version behind it",
    "shell-path": "the file that was executed is a shell by its name",
    "memfd": "the program is a file in memory, without a name",
    "descriptor-path": "the program was executed through a descriptor or another task's exe link",
    "deleted-file": "the program's file was deleted before it was executed",
    "loader": "the dynamic loader was executed as a program, which hides what it runs",
    "multi-call": "busybox or toybox was asked for a shell, or for what the event does not say",
    "same-file": "the file ran as a shell under another name before",
    "same-hash": "a file of the same content ran as a shell before",
}
"""What each rule saw, for people."""

_DESCRIPTOR: Final = re.compile(
    r"/proc/(?:self|thread-self|[0-9]+)(?:/task/[0-9]+)?/fd/[0-9]+"
    r"|/dev/fd/[0-9]+|/proc/[0-9]+/exe"
)
_EXACT_SUFFIXES: Final = tuple("/" + shell for shell in SHELLS)


class Program(NamedTuple):
    """A program that was or is about to be executed; "" or None where it is not known.

    ``comm``: of an exec the task's new name. ``prev_comm``: its name before. ``argv``: None where
    the event has none.
    """

    kind: int
    comm: str = ""
    prev_comm: str = ""
    pathname: str = ""
    cmdpath: str = ""
    interp: str = ""
    argv: Sequence[str] | None = None

    @property
    def is_script(self) -> bool:
        """Whether it is a ``#!`` script; only an exec event tells."""
        return bool(self.cmdpath and self.interp) and self.cmdpath != self.interp

    @property
    def file_name(self) -> str:
        """The last component of the executed file's path."""
        return self.pathname.rpartition("/")[2]


def as_comm(name: str) -> bytes:
    """Return a name as the kernel keeps it: at most 15 bytes, up to a NUL."""
    return name.encode("utf-8", "surrogateescape").split(b"\0", 1)[0][:LONGEST_NAME]


def marks_of(program: Program, classes: NameClasses) -> int:
    """Return the marks that a program has by its names, paths and arguments."""
    if program.is_script:
        return 0
    file_bits = classes.of(as_comm(program.file_name))
    if program.kind == CHECK:
        # The task still has its old name, and a multi-call program's file tells no applet.
        bits, marks = 0, _name_marks(file_bits, SHELL_PATH)
        is_multi_call = file_bits & MULTI_CALL_CLASS != 0 and bool(program.argv)
    else:
        bits = classes.of(as_comm(program.comm))
        marks = _name_marks(bits, SHELL_NAME)
        if not marks and program.cmdpath and program.interp:
            marks = _name_marks(file_bits, SHELL_PATH)
        is_multi_call = bits & MULTI_CALL_CLASS != 0
    if is_multi_call and _may_be_shell_applet(program.argv, classes):
        marks |= MULTI_CALL
    if (bits | file_bits) & LOADER_CLASS:
        marks |= LOADER
    path = program.pathname or program.cmdpath
    if path.startswith(("memfd:", "/memfd:")):
        marks |= MEMFD
    if _DESCRIPTOR.fullmatch(path):
        marks |= FD_PATH
    if path.endswith(" (deleted)"):
        marks |= DELETED_FILE
    return marks


def hints_of(program: Program, classes: NameClasses) -> int:
    """Return what the arguments of a runtime say: that it runs a server, or that it does not."""
    name = program.file_name if program.kind == CHECK else program.comm
    if program.argv is None or not classes.of(as_comm(name)) & RUNTIME:
        return 0
    runtime = classes.lists.runtime_of(name)
    runs_server = runtime is not None and runtime.runs_server(program.argv)
    return SERVER_ARGUMENTS if runs_server else OTHER_ARGUMENTS


def is_exact(program: Program) -> bool:
    """Whether TRC-1016 reports the event."""
    if program.kind == CHECK:
        return program.prev_comm in WEB_SERVERS and program.pathname.endswith(_EXACT_SUFFIXES)
    return program.prev_comm in WEB_SERVERS and program.comm in SHELLS


def rule_names(marks: int) -> list[str]:
    """Return the names of the rules whose marks are set."""
    return [name for name, mark in RULES.items() if marks & mark]


def _name_marks(bits: int, mark: int) -> int:
    if bits & VARIANT:
        return SHELL_VERSION
    return mark if bits & SHELL else 0


def _may_be_shell_applet(argv: Sequence[str] | None, classes: NameClasses) -> bool:
    if not argv:
        return True
    words = [word.rpartition("/")[2] for word in argv]
    if classes.of(as_comm(words[0])) & MULTI_CALL_CLASS:
        words = words[1:]
    return bool(words) and classes.of(as_comm(words[0])) & SHELL != 0
