"""A Spark driver in a process of its own, to be watched and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.parquet as pq
import spark_driver
from spark_driver import environment

DEADLINE = 240.0


class Driver:
    """A driver in a process group of its own, and what it has written so far.

    ``script``: what it runs; it takes the arguments of ``spark_driver.py``.
    """

    script = spark_driver.__file__

    def __init__(self, incoming: Path, folder: Path, master: str, *archive: str, **env: str):
        self.out, self.checkpoint = folder / "out", folder / "checkpoint"
        self.log = folder / "driver.log"
        arguments = [incoming, self.out, self.checkpoint, master, *archive]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, self.script, *map(str, arguments)],
                env=os.environ | environment(folder, **env),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish(self) -> None:
        assert self.process.wait(DEADLINE) == 0, self.log.read_text()

    def batches(self, log: str) -> int:
        """Count the batches that the checkpoint knows as begun (offsets) or done (commits)."""
        folder = self.checkpoint / log
        return sum(path.name.isdigit() for path in folder.iterdir()) if folder.exists() else 0

    def executors(self) -> list[int]:
        """Give the processes of the executors that are up: all are the driver's descendants."""
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                if os.getpgid(int(process.name)) == self.process.pid and (
                    b"CoarseGrainedExecutorBackend" in (process / "cmdline").read_bytes()
                ):
                    found.append(int(process.name))
        return found

    def wait_for(self, condition: Callable[[], object]) -> bool:
        """Wait for it; False where the driver ended before it came."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return True

    def kill_executors(self, number: int, *, pause: Callable[[], float]) -> None:
        """Kill so many executors, each in the middle of a batch, after so many seconds of ``pause()``."""
        killed: set[int] = set()
        while len(killed) < number:
            done = self.batches("commits")
            assert self.wait_for(lambda done=done: self.batches("offsets") > done)
            assert self.wait_for(lambda: set(self.executors()) - killed)
            time.sleep(pause())
            for executor in set(self.executors()) - killed:
                os.kill(executor, signal.SIGKILL)
                killed.add(executor)
            # A batch has to go through between two kills, or the files are used up too soon or never.
            assert self.wait_for(lambda done=done: self.batches("commits") > done)

    def findings(self) -> Counter[str]:
        """Read the sink as Spark reads it: what its own log of files says, and nothing else."""
        files: set[Path] = set()
        logs = (self.out / "_spark_metadata").iterdir()
        for log in (path for path in logs if not path.name.startswith(".")):
            for line in log.read_text().splitlines()[1:]:
                entry = json.loads(line)
                assert entry["action"] == "add"
                files.add(self.out / entry["path"].rpartition("/")[2])
        found: Counter[str] = Counter()
        for path in files:
            found.update(pq.read_table(path, columns=["uid"]).column("uid").to_pylist())
        return found


@contextmanager
def driver(*arguments: object, kind: type[Driver] = Driver, **env: str) -> Iterator[Driver]:
    """Start a driver, and kill it in the end."""
    started = kind(*arguments, **env)  # type: ignore[arg-type]
    try:
        yield started
    finally:
        started.kill()
