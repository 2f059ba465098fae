"""The choice of ``--reader``."""

from __future__ import annotations

import click


def native_reader(choice: str) -> bool:
    """Whether to use the native reader. Raises click.UsageError if it is required but missing."""
    from illshell.readers import has_native

    if choice == "plain":
        return False
    if choice == "native" and not has_native():
        raise click.UsageError("--reader native: illshell-ingest is not installed.")
    return has_native()
