"""The choice of ``--reader``."""

from __future__ import annotations

import click


def native_reader(choice: str) -> bool:
    """Whether to take the fast reader; click.UsageError where it is not there."""
    from illshell.readers import has_native

    if choice == "plain":
        return False
    if choice == "native" and not has_native():
        raise click.UsageError("--reader native: illshell-ingest is not installed.")
    return has_native()
