"""Optional dependencies: what is missing is told in one line, with the command that installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from illshell.model.errors import MissingExtraError


def import_extra(module: str, extra: str) -> Any:
    """Import a module that ``illshell[extra]`` brings; MissingExtraError where it is not there.

    A module that is there and lacks one of its own dependencies raises what it raises.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        package = module.partition(".")[0]
        raise MissingExtraError(package, extra) from None
