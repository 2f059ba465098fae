"""Options that commands share."""

from __future__ import annotations

from typing import Final

import click

from illshell.signatures.illegitimate_shell.names import EVENTS

BOTH: Final = "both"


def _events(_context: click.Context, _parameter: click.Parameter, choice: str) -> tuple[str, ...]:
    return EVENTS if choice == BOTH else (choice,)


def native_reader(choice: str) -> bool:
    """Whether ``--reader`` is the native one; click.UsageError if it is required but missing."""
    from illshell.readers import has_native

    if choice == "plain":
        return False
    if choice == "native" and not has_native():
        raise click.UsageError("--reader native: illshell-ingest is not installed.")
    return has_native()


event_option = click.option(
    "--event",
    "events",
    type=click.Choice([*EVENTS, BOTH]),
    default=BOTH,
    show_default=True,
    callback=_events,
    help="The event that TRC-1016 judges; judging both can report one exec twice.",
)

signature_option = click.option(
    "--signature",
    "signatures",
    multiple=True,
    metavar="ID",
    help="Run this signature; may be given again. `illshell signatures` lists them.  "
    "[default: TRC-1016]",
)

reader_option = click.option(
    "--reader",
    type=click.Choice(["auto", "native", "plain"]),
    default="auto",
    show_default=True,
    help="native: illshell-ingest (Rust). plain: Python. auto: the fastest that is installed.",
)
