"""The command line: maps exceptions to exit codes and messages."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from illshell.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    import click

    from illshell.cli.report import say
    from illshell.model.errors import MissingExtraError, VersionMismatchError

    try:
        code = _invoke(list(arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (MissingExtraError, VersionMismatchError) as error:
        say(str(error))
        code = ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        code = ExitCode.INTERRUPTED
    except OSError as error:
        code = ExitCode.BROKEN_PIPE if error.errno == errno.EPIPE else ExitCode.OUTPUT
        if code is ExitCode.OUTPUT:
            say(error.strerror or str(error))
    except Exception as error:
        if os.environ.get("ILLSHELL_DEBUG"):
            raise
        say(
            f"a fault of illshell itself: {type(error).__name__}: {error}; "
            "set ILLSHELL_DEBUG=1 in the environment for a traceback"
        )
        code = ExitCode.FAULT
    _drop_unwritable_output()
    return code


def _invoke(arguments: list[str]) -> int:
    from click.shell_completion import shell_complete

    from illshell.cli.app import COMPLETION_VARIABLE, PROGRAM, command

    if instruction := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(command, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
    # Not command.main(): it would turn a broken pipe into an exit code of its own.
    with command.make_context(PROGRAM, arguments) as context:
        return command.invoke(context) or ExitCode.DONE


def _drop_unwritable_output() -> None:
    """Discard output that can't be written, so that the interpreter does not fail on it at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
