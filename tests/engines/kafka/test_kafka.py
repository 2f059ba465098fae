"""`illshell kafka` against a real broker: what goes in, what comes out, how it ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import READERS, Result, environment, finish, illshell, json_lines, started
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from kafka_broker import PASSWORD, USER, Broker
from kafka_topics import Feeder, Topics, Truth, read, small_lines
from tracee_events import bprm_check, process_exec

from illshell.detect.spec import DetectorSpec
from illshell.readers.json_lines.definition import BOM
from illshell.sources.kafka import runner
from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.options import KafkaOptions
from illshell.sources.kafka.output import MAX_REASONS
from illshell.sources.stop_flag import StopFlag

CHECK = bprm_check("nginx", "/bin/sh", hostName="h", timestamp=1, hostThreadId=2)
EXEC = process_exec("nginx", "sh", hostName="h", timestamp=1, hostThreadId=2)
BARE = bprm_check("httpd", "/bin/bash")


def produce(topics: Topics, *values: bytes | None, **more: Any) -> None:
    settings = {"bootstrap.servers": topics.address, "message.max.bytes": 4_000_000}
    # Idempotent: without it a retry may put a message behind the next one.
    producer = Producer({**settings, "enable.idempotence": True})
    for value in values:
        producer.produce(topics.events, value, partition=0, **more)
    assert producer.flush(30) == 0


def set_topic(topics: Topics, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": topics.address})
    admin.incremental_alter_configs([resource])[resource].result()


def options(topics: Topics, **more: Any) -> KafkaOptions:
    given: dict[str, Any] = {"dead_letter_topic": topics.dead, "exit_at_end": True} | more
    return KafkaOptions(
        topics.address,
        (topics.events,),
        topics.group,
        topics.findings,
        DetectorSpec.of(),
        **given,
    )


def run(topics: Topics, *more: str, code: int = 0) -> Result:
    return illshell(*topics.arguments("--exit-at-end", *more), code=code)


@pytest.mark.parametrize("mode", ["exactly-once", "at-least-once"])
@pytest.mark.parametrize("reader", READERS)
def test_the_findings_are_the_oracles(topics: Topics, reader: str, mode: str) -> None:
    lines = small_lines(20_000)
    Feeder(topics, lines).feed()
    result = run(
        topics, "--reader", reader, *(["--at-least-once"] if mode == "at-least-once" else [])
    )
    truth = Truth.of(lines)
    truth.check_findings(read(topics.address, topics.findings))
    truth.check_dead_letters(read(topics.address, topics.dead))
    assert topics.committed() == Feeder(topics, lines).ends()
    assert result.summary.startswith(
        "illshell: 20,000 messages (0 empty), 19,986 events (806 judged, 19,180 skipped), "
        "400 findings, 14 invalid lines, 6 events that could not be judged, 20 dead letters; "
    )
    assert f"… and {20 - 10} more that are invalid or could not be judged" in result.err
    again = run(topics)
    assert again.summary.startswith("illshell: 0 messages")
    assert len(read(topics.address, topics.findings)) == len(truth.findings)


@pytest.mark.parametrize("reader", READERS)
def test_the_shape_of_what_comes_out(topics: Topics, reader: str) -> None:
    produce(
        topics,
        json_lines(CHECK, EXEC),
        None,
        b"",
        BOM + b" \r\n" + json_lines(BARE) + b"\r\n" + BOM + json_lines(BARE),
    )
    bad = b"no\n" + json_lines(BARE) + b'{"eventName":"security_bprm_check","processName":1}'
    produce(topics, bad, key=b"\xff", headers=[("mine", b"1"), ("mine", None)])
    result = run(topics, "--reader", reader)
    assert "5 messages (2 empty), 6 events (6 judged, 0 skipped), 5 findings, " in result.summary
    assert "1 invalid line, 1 event that could not be judged, 1 dead letter; " in result.summary

    findings = read(topics.address, topics.findings)
    records = sorted(
        (json.loads(each.value() or b"") for each in findings),
        key=lambda record: list(record["position"].values()),
    )
    assert list(records[0]) == ["uid", "sig_metadata", "event", "data", "position"]
    assert [each["event"] for each in records] == [CHECK, EXEC, BARE, BARE, BARE]
    assert [each["position"] for each in records] == [
        {"topic": topics.events, "partition": 0, "offset": offset, "line": line}
        for offset, line in [(0, 0), (0, 1), (3, 0), (3, 1), (4, 1)]
    ]
    assert len({each["uid"] for each in records}) == 5
    assert sorted(record["uid"] for record in records) == sorted(
        (each.key() or b"").decode() for each in findings
    )
    assert all(
        dict(each.headers() or [])
        == {
            "content-type": b"application/json",
            "illshell.signature": b"TRC-1016",
            "illshell.topic": topics.events.encode(),
            "illshell.partition": b"0",
            "illshell.offset": str(json.loads(each.value() or b"")["position"]["offset"]).encode(),
        }
        for each in findings
    )

    (letter,) = read(topics.address, topics.dead)
    assert (letter.key(), letter.value()) == (b"\xff", bad)
    assert letter.headers() == [
        ("mine", b"1"),
        ("mine", None),
        ("illshell.topic", topics.events.encode()),
        ("illshell.partition", b"0"),
        ("illshell.offset", b"4"),
        ("illshell.reason", b"not a JSON object"),
        ("illshell.line", b"0"),
        ("illshell.reason", b"invalid event: processName is of type number, not string"),
        ("illshell.line", b"2"),
        ("illshell.reasons", b"2"),
    ]
    assert f"illshell: {topics.events}, partition 0, offset 4: not a JSON object\n" in result.err
    assert f"{topics.events}, partition 0, offset 4, line 2: invalid event: proc" in result.err


def test_without_a_dead_letter_topic_bad_ones_are_told_of(topics: Topics) -> None:
    produce(topics, b"no")
    arguments = [
        each for each in topics.arguments("--exit-at-end") if not each.startswith("--dead")
    ]
    result = illshell(*arguments)
    assert f"{topics.events}, partition 0, offset 0: not a JSON object" in result.err
    assert topics.committed()[0] == 1
    assert read(topics.address, topics.dead) == []


def test_one_event_only(topics: Topics) -> None:
    produce(topics, json_lines(CHECK, EXEC))
    run(topics, "--event=sched_process_exec")
    (finding,) = read(topics.address, topics.findings)
    assert json.loads(finding.value() or b"")["event"] == EXEC


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(topics: Topics, number: signal.Signals) -> None:
    with started(*topics.arguments("--stats=0.2")) as process:
        for offset in range(1, 3):
            produce(topics, json_lines(CHECK | {"timestamp": offset}))
            topics.wait_until_committed({0: offset, 1: 0, 2: 0, 3: 0})
        process.send_signal(number)
        result = finish(process)
    assert result.code == 128 + number
    assert result.summary.startswith(f"illshell: stopped by {number.name}: 2 messages ")
    assert len(result.messages) > 1
    assert all(" messages (0 empty), " in each or "1 message " in each for each in result.messages)
    assert len(read(topics.address, topics.findings)) == 2
    began = time.monotonic()
    run(topics)
    assert time.monotonic() - began < 10, "it had not left the group"


def test_quiet(topics: Topics) -> None:
    produce(topics, b"no", json_lines(CHECK))
    assert run(topics, "-q").err == ""


@pytest.mark.parametrize("form", ["kafka.properties", "kafka.toml"])
def test_tls_and_sasl(broker: Broker, topics: Topics, tmp_path: Path, form: str) -> None:
    produce(topics, json_lines(CHECK))
    config = tmp_path / form
    quote = '"' if form.endswith("toml") else ""
    settings = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(broker.certificate),
        "producer.compression.type": "zstd",
        "debug": "security,conf",
    }
    text = "".join(f"{key} = {quote}{value}{quote}\n" for key, value in settings.items())
    config.write_text(text)
    arguments = [*topics.arguments("--exit-at-end"), f"--brokers={broker.tls_address}"]
    result = illshell(*arguments, "--config", config)
    assert len(read(topics.address, topics.findings)) == 1
    assert len(result.err) > 1000
    assert PASSWORD not in result.err

    wrong = "not-the-secret-that-it-is"
    text = text.replace(PASSWORD, wrong).replace(f"debug = {quote}security,conf{quote}\n", "")
    config.write_text(text)
    result = illshell(*arguments, "--config", config, code=3)
    assert "Authentication failed" in result.err
    assert wrong not in result.err


def test_what_the_brokers_do_not_have(topics: Topics) -> None:
    missing = "--topic=not-there"
    arguments = [each for each in topics.arguments() if not each.startswith("--topic=")]
    result = illshell(*arguments, missing, code=3)
    assert "topic not-there: Broker: Unknown topic or partition" in result.err
    result = illshell(*topics.arguments("--findings-topic=not-there"), code=4)
    assert "topic not-there: Broker: Unknown topic or partition" in result.err


def test_no_broker(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "START_TIMEOUT", 4.0)
    told: list[str] = []
    nowhere = KafkaOptions("127.0.0.1:1", ("a",), "g", "b", DetectorSpec.of())
    job = runner.KafkaRun(nowhere, StopFlag(), report=told.append, on_problem=print)
    with pytest.raises(KafkaInputError, match=r"topic a: broker 127.0.0.1:1: .*refused"):
        job.run()
    (once,) = told
    assert re.fullmatch("broker 127.0.0.1:1: Connect to .* refused; trying again", once)


def test_a_second_one_of_the_same_name_takes_over(topics: Topics) -> None:
    with started(*topics.arguments("--instance=one")) as first:
        produce(topics, json_lines(CHECK))
        topics.wait_until_committed({0: 1, 1: 0, 2: 0, 3: 0})
        with started(*topics.arguments("--instance=one")) as second:
            produce(topics, json_lines(EXEC))
            topics.wait_until_committed({0: 2, 1: 0, 2: 0, 3: 0})
            result = Result(first.wait(60), b"", first.stderr.read().decode())  # type: ignore[union-attr]
            assert result.code in (3, 4)
            assert "fenced" in result.err.lower()
            assert "Traceback" not in result.err
            second.terminate()
            assert finish(second).code == 143
    assert len(read(topics.address, topics.findings)) == 2


class Failing:
    """A producer whose transactions fail a few times."""

    def __init__(self, producer: Producer, times: int, **kind: bool) -> None:
        self._producer = producer
        self._times = times
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        self._producer.send_offsets_to_transaction(*arguments)
        if self._times:
            self._times -= 1
            raise KafkaException(KafkaError(KafkaError._FAIL, "on purpose", **self._kind))


def failing(
    monkeypatch: pytest.MonkeyPatch, topics: Topics, times: int, **kind: bool
) -> tuple[runner.KafkaRun, list[str]]:
    make = runner.make_producer
    monkeypatch.setattr(
        runner, "make_producer", lambda *given: Failing(make(*given), times, **kind)
    )
    told: list[str] = []
    job = runner.KafkaRun(
        options(topics), StopFlag(), report=told.append, on_problem=lambda _: told.append("bad")
    )
    return job, told


def test_a_batch_that_was_given_up_is_read_again(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = small_lines(5000)
    Feeder(topics, lines).feed()
    job, told = failing(monkeypatch, topics, 3, txn_requires_abort=True)
    job.run()
    truth = Truth.of(lines)
    truth.check_findings(read(topics.address, topics.findings))
    truth.check_dead_letters(read(topics.address, topics.dead))
    assert told.count("a batch was given up and is read again: on purpose") == 3
    assert told.count("bad") == len(truth.bad)
    assert job.counts.given_up == 3
    assert job.counts.messages == 5000


def test_a_call_that_may_be_repeated_is(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    produce(topics, json_lines(CHECK))
    job, told = failing(monkeypatch, topics, 3, retriable=True)
    job.run()
    assert told == []
    assert len(read(topics.address, topics.findings)) == 1


def test_a_batch_that_always_fails_is_an_error(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_ABORTS", 2)
    produce(topics, json_lines(CHECK))
    job, _ = failing(monkeypatch, topics, 100, txn_requires_abort=True)
    with pytest.raises(KafkaOutputError, match="given up 3 times: on purpose"):
        job.run()
    assert read(topics.address, topics.findings) == []
    assert topics.committed()[0] == 0


def test_a_finding_that_is_too_large_loses_the_larger_parts_of_its_event(topics: Topics) -> None:
    large = BARE | {"padding": "x" * 999_600, "hostName": "h"}
    produce(topics, json_lines(large)[:-1], json_lines(BARE))
    run(topics)
    assert topics.committed()[0] == 2
    findings = {
        json.loads(each.value() or b"")["position"]["offset"]: each
        for each in read(topics.address, topics.findings)
    }
    assert json.loads(findings[1].value() or b"")["event"] == BARE
    record = json.loads(findings[0].value() or b"")
    assert record["event"] == BARE | {"hostName": "h"}
    assert record["truncated"] is True
    headers = dict(findings[0].headers() or [])
    assert re.fullmatch(rb"finding of 1000\d{3} bytes", headers["illshell.truncated"])


@pytest.mark.parametrize("mode", [[], ["--at-least-once"]])
def test_no_message_stops_the_consumer(topics: Topics, mode: list[str]) -> None:
    values = [
        b"x\n" * 30_000,
        b"j" * 999_700,
        b"k" * 1_040_000,
        b"\0" * 3_000_000,
        json_lines(BARE | {"padding": "x" * 1_040_000})[:-1],
        json_lines(BARE | {"args": [{"name": "pathname", "value": "/bin/sh"}] * 40_000}),
    ]
    set_topic(topics, topics.events, "max.message.bytes", "4000000")
    produce(topics, values[0], json_lines(BARE), *values[1:4], json_lines(BARE), *values[4:])
    produce(topics, b"no", key=b"k" * 400_000, headers=[("mine", b"h" * 700_000)])
    result = run(topics, *mode)
    assert topics.committed()[0] == 9
    assert "… and 29,994 more that are invalid or could not be judged" in result.err
    assert len(read(topics.address, topics.findings)) == 4

    letters = {}
    for each in read(topics.address, topics.dead):
        headers = dict(each.headers() or [])
        letters[int(headers["illshell.offset"])] = each, headers
    assert letters.keys() == {0, 2, 3, 4, 8}
    first, headers = letters[0]
    assert first.value() == values[0]
    assert headers["illshell.reasons"] == b"30000"
    assert [name for name, _ in first.headers() or []].count("illshell.reason") == MAX_REASONS
    for offset, value in ((2, values[1]), (3, values[2]), (4, values[3])):
        letter, headers = letters[offset]
        assert headers["illshell.truncated"] == b"value of %d bytes" % len(value)
        assert len(letter.value() or b"") > 990_000
        assert value.startswith(letter.value() or b"-")
    letter, _ = letters[8]
    told = [value for name, value in letter.headers() or [] if name == "illshell.truncated"]
    assert told == [b"headers of 700124 bytes", b"key of 400000 bytes"]
    assert letter.value() == b"no"


def test_a_topic_that_takes_less_than_the_others(topics: Topics) -> None:
    set_topic(topics, topics.dead, "max.message.bytes", "20000")
    produce(topics, *[b"no" * 9_000 for _ in range(20)], b"j" * 50_000)
    run(topics)
    letters = read(topics.address, topics.dead)
    assert [len(each.value() or b"") for each in letters][:20] == [18_000] * 20
    assert 17_000 < len(letters[20].value() or b"") < 20_000


def test_a_value_over_several_lines_is_one_event(topics: Topics) -> None:
    pretty = json.dumps(CHECK, indent=1).encode()
    produce(topics, pretty, BOM + pretty.replace(b"\n", b"\r\n"), json_lines(CHECK, EXEC) * 2)
    result = run(topics)
    assert "3 messages (0 empty), 6 events (6 judged, 0 skipped), 6 findings, 0 inv" in result.err
    records = [json.loads(each.value() or b"") for each in read(topics.address, topics.findings)]
    positions = sorted((each["position"]["offset"], each["position"]["line"]) for each in records)
    assert positions == [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert [each["event"] for each in records].count(CHECK) == 4


def test_memory_does_not_depend_on_how_many_lines_are_invalid(topics: Topics) -> None:
    def peak(*values: bytes) -> int:
        produce(topics, *values)
        code = "import resource, sys; from illshell.cli import run; code = run(sys.argv[1:]); "
        code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
        done = subprocess.run(
            [sys.executable, "-c", code, *topics.arguments("--exit-at-end")],
            capture_output=True,
            check=True,
            env=environment(),
        )
        return int(done.stdout) << 10

    usual = peak(json_lines(BARE))
    assert peak(b"x\n" * 300_000) - usual < 48 << 20


def test_a_signature_that_is_not_registered() -> None:
    arguments = ["kafka", "--brokers=x", "--topic=a", "--group=g", "--findings-topic=b"]
    result = illshell(*arguments, "--signature=TRC-1061", code=2)
    assert "unknown signature 'TRC-1061' (did you mean TRC-1016?)" in " ".join(result.err.split())


def test_without_the_extra() -> None:
    arguments = ["kafka", "--brokers=x", "--topic=a", "--group=g", "--findings-topic=b"]
    code = f"import sys; sys.modules['confluent_kafka'] = None; from illshell.cli import main; main({arguments})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, env=environment()
    )
    assert run.returncode == 2
    assert (
        run.stderr == b"illshell: confluent_kafka is not installed: pip install 'illshell[kafka]'\n"
    )
