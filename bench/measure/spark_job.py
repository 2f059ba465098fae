"""A Spark session of its own that runs jobs on request, so that two can be timed in turn.

    python bench/run_module.py spark_job MASTER FILE FOLDER CORES

CORES is ``0,1``. Each line on stdin names a job; its seconds come back on stdout. Executors of a
local-cluster get a core each: else one of them would use the other's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import run_module
import spark_driver
from timing import seconds_of

PARTITION = 16 << 20
"""Bytes of a task; the file is to have many more of them than there are cores."""


class SparkJob:
    """The session, from the side that times it."""

    def __init__(self, master: str, file: Path, folder: Path, cores: set[int]) -> None:
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            run_module.command("spark_job", master, file, folder, ",".join(map(str, cores))),
            env=os.environ | spark_driver.environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def run(self, job: str) -> None:
        """Run one job to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(job, file=self._process.stdin, flush=True)
        if not self._process.stdout.readline():
            raise RuntimeError(Path(self._log.name).read_text()[-2000:])

    def close(self) -> None:
        """End the session."""
        self._process.communicate(timeout=60)
        self._log.close()


def jobs(spark: Any, path: str) -> dict[str, Callable[[], object]]:
    """Give the jobs by name; each reads the whole file and keeps nothing."""
    from illshell.spark import detect

    lines = spark.read.text(path)

    def hand_on(batches: Iterator[Any]) -> Iterator[Any]:
        yield from batches

    def drop(batches: Iterator[Any]) -> Iterator[Any]:
        for _ in batches:
            pass
        yield from ()

    def to_nowhere(df: Any) -> Callable[[], object]:
        return lambda: df.write.format("noop").mode("overwrite").save()

    return {
        "read": to_nowhere(lines),
        "hand on": to_nowhere(lines.mapInArrow(hand_on, lines.schema)),
        "drop": to_nowhere(lines.mapInArrow(drop, lines.schema)),
        "detect": to_nowhere(detect(lines)),
    }


def pin_executors(cores: list[int]) -> None:
    """Give each executor, with all its threads and its Python, a core of its own."""
    executors = []
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if os.getsid(int(process.name)) == os.getsid(0) and (
                b"CoarseGrainedExecutorBackend" in (process / "cmdline").read_bytes()
            ):
                executors.append(int(process.name))
    own = [pid for pid in executors if os.getpid() in ancestors(pid)]
    for executor, core in zip(sorted(own), cores, strict=False):
        family = [
            int(process.name)
            for process in Path("/proc").iterdir()
            if process.name.isdigit()
            and executor in (int(process.name), *ancestors(int(process.name)))
        ]
        for pid in family:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):
                    os.sched_setaffinity(int(thread.name), {core})


def ancestors(pid: int) -> Iterator[int]:
    """Give the parent, its parent, and so on."""
    with suppress(OSError):
        while pid > 1:
            stat = Path(f"/proc/{pid}/stat").read_text()
            pid = int(stat.rpartition(")")[2].split()[1])
            yield pid


def main() -> None:
    master, path, folder, cores = sys.argv[1:]
    wanted = [int(core) for core in cores.split(",")]
    os.sched_setaffinity(0, wanted)
    plain = {
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
        "spark.executor.extraJavaOptions": "-XX:+UseParallelGC",
        "spark.sql.codegen.wholeStage": "true",
        "spark.sql.files.maxPartitionBytes": str(PARTITION),
    }
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else prints must not be taken for an answer
    spark = spark_driver.session(master, Path(folder), **plain)
    by_name = jobs(spark, path)
    by_name["detect"]()  # starts the Python workers and warms the JVM
    if master.startswith("local-cluster"):
        pin_executors(wanted)
    for line in sys.stdin:
        print(seconds_of(by_name[line.strip()]), file=answers, flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
