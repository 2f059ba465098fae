"""The broker that these tests share, and topics for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kafka_broker import Broker
    from kafka_topics import Topics


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker."""
    from kafka_broker import Broker, missing

    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    node = Broker(tmp_path_factory.mktemp("broker"))
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def topics(broker: Broker, request: pytest.FixtureRequest) -> Topics:
    """Create new topics, named after the test."""
    from kafka_topics import Topics

    return Topics.make(broker.address, re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:80])


@pytest.fixture(scope="session")
def exec_counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for PYTHONPATH: the signature of exec_counter.py, with its entry point."""
    from exec_counter import install

    folder = tmp_path_factory.mktemp("exec_counter")
    install(folder)
    return folder


@pytest.fixture
def fast_failover(tmp_path: Path) -> str:
    """Return an option: a consumer that died is noticed after two seconds, not after 45."""
    path = tmp_path / "kafka.properties"
    path.write_text(
        "consumer.session.timeout.ms=2000\n"
        "consumer.heartbeat.interval.ms=500\n"
        "producer.transaction.timeout.ms=4000\n"
    )
    return f"--config={path}"
