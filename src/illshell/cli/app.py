"""The commands and their options."""

from __future__ import annotations

import json
import platform
import sys
from typing import Any, Final

import click

from illshell._version import __version__
from illshell.cli.exit_codes import EXIT_CODES_HELP, ExitCode
from illshell.cli.kafka_options import kafka
from illshell.cli.shared_options import (
    event_option,
    native_reader,
    reader_option,
    signature_option,
)
from illshell.formats.registry import FORMATS
from illshell.model.errors import StateError, UnknownNameError, VersionMismatchError
from illshell.signatures.illegitimate_shell.names import TRC_1016

PROGRAM: Final = "illshell"
COMPLETION_VARIABLE: Final = "_ILLSHELL_COMPLETE"

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

COMPLETION_HELP: Final = """\
\b
To enable it in every session, add a line to the shell's startup file:
  ~/.bashrc                    eval "$(illshell completion bash)"
  ~/.zshrc                     eval "$(illshell completion zsh)"
  ~/.config/fish/config.fish   illshell completion fish | source
"""

TABLE: Final = "table"

# click does not check readability: an unreadable path is reported when its turn comes.
PATH: Final = click.Path(readable=False, allow_dash=True)


def _known_format(
    _context: click.Context, _parameter: click.Parameter, name: str | None
) -> str | None:
    if name is not None and name != TABLE:
        try:
            FORMATS.get(name)
        except UnknownNameError as error:
            raise click.BadParameter(f"{error}, {TABLE}") from None
    return name


def _known_dialects(
    _context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    from illshell.dialects.installed import dialect_names

    known = dialect_names() if names else []
    for name in names:
        if name not in known:
            raise click.BadParameter(str(UnknownNameError("dialect", name, known)))
    return names


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    from illshell.readers import describe_reader

    click.echo(f"{PROGRAM} {__version__}")
    try:
        click.echo(f"reader: {describe_reader()}")
    except VersionMismatchError as error:
        click.echo(f"reader: none; {error}")
        context.exit(ExitCode.USAGE)
    click.echo(f"Python: {platform.python_version()} ({platform.python_implementation()})")
    context.exit()


@click.group(
    context_settings=CONTEXT,
    epilog="""\
\b
Examples:
  tracee --output json | illshell scan
  illshell scan --fail-on-finding --quarantine bad.jsonl events-*.jsonl.zst
  illshell scan --format tracee -o findings.jsonl events.jsonl
  illshell demo
""",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, the reader in use, and Python's version.",
)
def command() -> None:
    """Detect web servers that start a shell (Tracee's TRC-1016).

    illshell reads event streams of Tracee and other sensors, and reports each web server that
    started a shell.
    """


@command.command(epilog=EXIT_CODES_HELP)
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH|-]...")
@event_option
@signature_option
@click.option(
    "-o",
    "--output",
    type=PATH,
    default="-",
    metavar="FILE",
    help="Write findings to FILE instead of stdout; it is overwritten.",
)
@click.option(
    "-f",
    "--format",
    "output_format",
    metavar="NAME",
    callback=_known_format,
    help="table: for terminals. jsonl: a JSON object a line. tracee: the finding event of Tracee "
    "v0.24. raw: the Data/Context/SigMetadata of tracee-rules.  "
    "[default: table on a terminal, else jsonl]",
)
@click.option(
    "--quarantine",
    type=PATH,
    metavar="FILE",
    help="Write each invalid line and each event that could not be judged there, unchanged.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Decode every line, reject duplicate keys, and exit with 3 if a line was invalid or an "
    "event could not be judged.",
)
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    metavar="NAME",
    callback=_known_dialects,
    help="The sensor's JSON form that lines are written in; may be given again.  "
    "[default: all known ones, detected line by line]",
)
@click.option(
    "--state",
    type=PATH,
    metavar="FILE",
    help="Load the state of signatures from FILE, and save it there at the end.",
)
@click.option("--fail-on-finding", is_flag=True, help="Exit with 1 if there are findings.")
@click.option(
    "-q", "--quiet", is_flag=True, help="No summary, no progress, no message for each invalid line."
)
@click.option("--no-progress", is_flag=True, help="No progress line, even on a terminal.")
@reader_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Scan N files at a time; the output is the same for any number.",
)
def scan(paths: tuple[str, ...], **given: Any) -> int:
    """Scan event streams for web servers that start a shell.

    PATH is a file, a FIFO, or - for stdin, which is the default in a pipe. A directory stands for
    all files below it but hidden ones, a quoted pattern such as 'logs/**/*.parquet' for what it
    matches. Files hold JSON lines, plain, gzip or zstd, or columns in Parquet or Arrow IPC,
    detected from the content. Findings come in the order of the input, each as soon as its line is
    complete.
    """
    from illshell.cli.scan import ScanOptions, run_scan
    from illshell.sources.registry import sources_of

    if not paths:
        if sys.stdin is not None and sys.stdin.isatty():
            raise click.UsageError("Nothing to scan: give a PATH, or pipe events in.")
        paths = ("-",)
    try:
        sources = sources_of(paths)
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from None
    options = ScanOptions(
        events=given["events"],
        output=given["output"],
        format=given["output_format"],
        quarantine=given["quarantine"],
        strict=given["strict"],
        fail_on_finding=given["fail_on_finding"],
        quiet=given["quiet"],
        progress=not given["no_progress"],
        native=native_reader(given["reader"]),
        threads=given["threads"],
        signatures=given["signatures"],
        state=given["state"],
        dialects=given["dialects"],
    )
    try:
        return run_scan(sources, options)
    except (StateError, UnknownNameError) as error:
        raise click.UsageError(str(error)) from None


@command.command()
@click.argument("signature_id", default=TRC_1016, metavar="[ID]")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    help="[default: text on a terminal, else json]",
)
def metadata(signature_id: str, output_format: str | None) -> None:
    """Show the metadata of a signature, TRC-1016's where no ID is given."""
    from illshell.cli.describe import describe
    from illshell.formats.parts import metadata_of
    from illshell.signatures.registry import SIGNATURES

    try:
        facts = SIGNATURES.get(signature_id)().get_metadata()
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from None
    if output_format is None:
        output_format = "text" if sys.stdout is not None and sys.stdout.isatty() else "json"
    if output_format == "json":
        click.echo(json.dumps(metadata_of(facts), indent=2))
    else:
        click.echo(describe(facts))


@command.command()
def signatures() -> None:
    """List the signatures for --signature: illshell's own, and those of other packages."""
    from illshell.signatures.registry import SIGNATURES

    for name in SIGNATURES.names():
        click.echo(f"{name}  {SIGNATURES.get(name)().get_metadata().name}")


@command.command()
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH|-]...")
def demo(paths: tuple[str, ...]) -> int:
    """Scan a packaged capture of real web servers, then each PATH.

    Exit codes are those of `illshell scan`.
    """
    from illshell.cli.demo import run_demo

    return run_demo(paths)


@command.command(epilog=COMPLETION_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "the choice above is click's own"
    click.echo(kind(command, {}, PROGRAM, COMPLETION_VARIABLE).source())


command.add_command(kafka)
