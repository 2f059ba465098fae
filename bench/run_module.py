"""Run a module of the benchmarks as a command.

    python bench/run_module.py MODULE [ARGUMENT ...]

The modules import each other by name from several folders, which are put on the path here; pytest
and mypy get the same folders from pyproject.toml.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve()
FOLDERS: Final = tuple(str(HERE.with_name(name)) for name in ("data", "measure", "report"))


def command(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module in a process of its own."""
    return [sys.executable, str(HERE), module, *map(str, arguments)]


def add_folders() -> None:
    """Let what runs from here on import the modules; ``bench`` itself must be on the path."""
    sys.path[1:1] = FOLDERS


def main() -> None:
    add_folders()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
