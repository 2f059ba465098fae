"""The signatures that can be chosen by their ID."""

from __future__ import annotations

from typing import Final

from illshell.model.registry import Registry
from illshell.signatures.illegitimate_shell.names import TRC_1016
from illshell.signatures.shell_below_web_server.metadata import ID as ILL_1001

SIGNATURES: Final = Registry(
    "signature",
    "illshell.signatures",
    {
        TRC_1016: "illshell.signatures.illegitimate_shell.signature:IllegitimateShell",
        ILL_1001: "illshell.signatures.shell_below_web_server.signature:ShellBelowWebServer",
    },
)
"""Each is a callable that returns a new signature; entry points are named by the signature's ID."""
