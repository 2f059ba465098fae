"""The options of ``illshell kafka``."""

from __future__ import annotations

from typing import Any, Final

import click

from illshell.cli.shared_options import (
    event_option,
    native_reader,
    reader_option,
    signature_option,
)

EPILOG: Final = """\
\b
Example of a FILE for --config, librdkafka's properties a line each, or TOML:
  security.protocol=SASL_SSL
  sasl.mechanism=SCRAM-SHA-512
  sasl.username=illshell
  sasl.password=...
  ssl.ca.location=/etc/ssl/certs/ca-certificates.crt
  producer.compression.type=zstd

\b
Exit codes:
  0    the end of all partitions was reached, with --exit-at-end
  2    wrong usage, a wrong FILE, or confluent-kafka is not installed
  3    events or states could not be read (brokers, topics, permissions)
  4    findings, states or offsets could not be stored
  70   a fault of illshell itself
  129, 130, 143   ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM: the batch
       under way is committed and the group is left
"""


@click.command(epilog=EPILOG)
@click.option(
    "--brokers", required=True, metavar="HOST:PORT,...", help="The cluster's bootstrap servers."
)
@click.option(
    "--topic",
    "topics",
    required=True,
    multiple=True,
    metavar="TOPIC",
    help="A topic of events; may be given again. A name that begins with ^ is a pattern.",
)
@click.option("--group", required=True, help="The consumer group to join.")
@click.option(
    "--findings-topic",
    required=True,
    metavar="TOPIC",
    help="The topic that findings are written to.",
)
@click.option(
    "--dead-letter-topic",
    metavar="TOPIC",
    help="The topic for messages with an invalid line, or an event that could not be judged. "
    "Without it they are reported and skipped.",
)
@click.option(
    "--state-topic",
    metavar="TOPIC",
    help="The topic for the state of signatures that keep one; it must be compacted.",
)
@click.option(
    "--at-least-once",
    is_flag=True,
    help="No transactions: after a failure findings may come twice, with the same uid.",
)
@click.option(
    "--instance",
    metavar="NAME",
    help="A name that is stable across restarts and that no other consumer of the group has: a "
    "restart takes its partitions over at once.",
)
@click.option(
    "--config", metavar="FILE", help="More settings: TLS, SASL, anything that librdkafka knows."
)
@event_option
@signature_option
@click.option("--exit-at-end", is_flag=True, help="End when all partitions are read to their end.")
@click.option(
    "--stats",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Print statistics every N seconds.  [default: 10 on a terminal, else at the end only]",
)
@click.option(
    "-q", "--quiet", is_flag=True, help="No statistics, no message for each event that is invalid."
)
@reader_option
def kafka(**given: Any) -> int:
    """Judge the events of Kafka topics; findings go into a topic, each exactly once.

    A message is an event's JSON, or several on a line each. Findings, the states of signatures and
    the group's offsets are committed in one transaction, so that readers with
    isolation.level=read_committed (librdkafka's default) see each finding once, whatever fails.
    Needs illshell[kafka].
    """
    from illshell.model.extras import import_extra

    import_extra("confluent_kafka", "kafka")
    from illshell.cli.kafka import run_kafka
    from illshell.detect.spec import DetectorSpec
    from illshell.model.errors import UnknownNameError
    from illshell.sources.kafka.failures import SettingsError
    from illshell.sources.kafka.options import KafkaOptions
    from illshell.sources.kafka.settings import Settings, read_settings

    config = given["config"]
    try:
        options = KafkaOptions(
            brokers=given["brokers"],
            topics=given["topics"],
            group=given["group"],
            findings_topic=given["findings_topic"],
            detector=DetectorSpec.of(
                given["signatures"] or None,
                events=given["events"],
            ),
            dead_letter_topic=given["dead_letter_topic"],
            state_topic=given["state_topic"],
            at_least_once=given["at_least_once"],
            instance=given["instance"],
            exit_at_end=given["exit_at_end"],
            native=native_reader(given["reader"]),
            config=config,
            settings=read_settings(config) if config else Settings(),
        )
        return run_kafka(options, quiet=given["quiet"], every=given["stats"])
    except (SettingsError, UnknownNameError) as error:
        raise click.UsageError(str(error)) from None
