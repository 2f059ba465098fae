"""A real Apache Kafka broker in KRaft mode, of the version in tests/engines/kafka/pom.xml.

Maven fetches its jars once into build/kafka. It listens on free ports of the loopback only, without
TLS and with TLS and SASL/PLAIN, and ends with who started it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

ROOT: Final = Path(__file__).resolve().parents[2]
POM: Final = ROOT / "tests" / "engines" / "kafka" / "pom.xml"

USER: Final = "illshell"
PASSWORD: Final = "correct-horse-battery"

MISSING: Final = (
    "needs Java 17 or later and Maven, which fetches Apache Kafka: "
    "apt-get install default-jre-headless maven"
)

SECONDS_TO_START: Final = 90


def missing() -> str | None:
    """Return what is missing to start a broker, and how to get it."""
    return None if shutil.which("java") and shutil.which("mvn") else MISSING


def jars() -> Path:
    """Return the folder of Kafka's jars, fetched when it is not there."""
    mark = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    folder = ROOT / "build" / "kafka" / mark
    if not folder.exists():
        unfinished = folder.with_name(f"{mark}.unfinished")
        subprocess.run(
            [
                "mvn",
                "--batch-mode",
                "--quiet",
                f"--file={POM}",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={unfinished}",
            ],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        unfinished.rename(folder)
    return folder


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Broker:
    """One node: broker and controller. ``folder`` holds all that it writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jars = jars()
        self._process: subprocess.Popen[bytes] | None = None
        plain, tls, controller = free_ports(3)
        self.address = f"127.0.0.1:{plain}"
        self.tls_address = f"127.0.0.1:{tls}"
        self.certificate = folder / "broker.pem"
        self._properties = folder / "server.properties"
        self._make_certificate()
        self._properties.write_text(self._settings(plain, tls, controller))
        format_ = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c"]
        self._java(*format_, str(self._properties)).check_returncode()

    def start(self) -> None:
        """Start and wait until it answers."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            assert self._process.poll() is None, (self._folder / "broker.log").read_text()
            try:
                admin.list_topics(timeout=1)
            except KafkaException:
                assert time.monotonic() < deadline, "the broker does not answer"
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, in good order or at once."""
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(60)
            finally:
                self._process.kill()
                self._process.wait()
            self._process = None

    def pin(self, cores: set[int]) -> None:
        """Keep it on these cores only."""
        assert self._process is not None
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cores)

    def _command(self, *arguments: str) -> list[str]:
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{self._jars}/*", *arguments]

    def _java(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self._command(*arguments), capture_output=True, check=False)

    def _make_certificate(self) -> None:
        common = ["-alias", "broker", "-keystore", str(self._folder / "keys.p12")]
        common += ["-storepass", PASSWORD, "-storetype", "PKCS12"]
        made = [
            "-genkeypair",
            "-keyalg",
            "EC",
            "-dname",
            "CN=127.0.0.1",
            "-ext",
            "SAN=ip:127.0.0.1",
        ]
        for arguments in (made, ["-exportcert", "-rfc", "-file", str(self.certificate)]):
            subprocess.run(["keytool", *arguments, *common], check=True, capture_output=True)

    def _settings(self, plain: int, tls: int, controller: int) -> str:
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        listeners = f"PLAIN://127.0.0.1:{plain},TLS://127.0.0.1:{tls}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAIN",
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAIN:PLAINTEXT,TLS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.tls.plain.sasl.jaas.config": f'{login} user_{USER}="{PASSWORD}";',
            "ssl.keystore.location": str(self._folder / "keys.p12"),
            "ssl.keystore.password": PASSWORD,
            "ssl.keystore.type": "PKCS12",
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            # One node keeps one copy of everything.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "2",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "2",
            # So that the tests need not wait for what takes a minute in a real cluster.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())
