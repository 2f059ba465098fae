"""The demo: the packaged lab capture, then whatever else is given, as a table."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

import click

from illshell.cli.scan import ScanOptions, run_scan
from illshell.readers import has_native
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.sources.files import File, files_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from illshell.cli.exit_codes import ExitCode

CAPTURE: Final = "lab_events.jsonl"

INTRODUCTION: Final = f"""\
{CAPTURE}: programs that real web servers started while they answered real requests
in a lab, captured in the kernel, as the events that Tracee prints for them.
"""

WITHOUT_NATIVE: Final = """\
illshell-ingest, the reader in Rust, is not installed. The plain Python reader finds the same and
is many times slower. To install the fast one: pip install 'illshell[ingest]', or, in a clone of the
repository and with Rust on the machine: pip install ./ingest
"""


def run_demo(paths: Sequence[str]) -> ExitCode:
    """Scan the capture and the paths; findings and explanations are written to stdout."""
    native = has_native()
    click.echo(INTRODUCTION)
    with as_file(files("illshell.examples") / CAPTURE) as capture:
        sources = [File(str(capture), CAPTURE), *files_of(paths)]
        code = run_scan(sources, ScanOptions(EVENTS, format="table", native=native))
    if not native:
        click.echo()
        click.echo(WITHOUT_NATIVE, nl=False)
    return code
