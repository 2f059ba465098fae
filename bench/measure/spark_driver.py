"""Spark for the tests: where it runs, how small it is kept, and a driver to be run and killed.

    python spark_driver.py IN OUT CHECKPOINT MASTER [ARCHIVE]

Reads JSON lines as they come in files, one file a batch, and writes findings as Parquet.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CLUSTER = "local-cluster[2,1,1024]"
"""Two executors, each a JVM of its own with one core."""

STATE_STORE = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def why_no_spark() -> str:
    """Say what Spark lacks here; "" where it can run."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "needs PySpark: pip install 'illshell[spark]'"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "needs Java 17 or later: apt-get install openjdk-17-jre-headless"
    return ""


needs_spark = pytest.mark.skipif(bool(why_no_spark()), reason=why_no_spark() or "it is here")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Give an environment in which Spark stays on the loopback, and its work folder in ours."""
    import pyspark

    home = folder / "spark"
    if not home.exists():
        home.mkdir(parents=True)
        for part in Path(pyspark.__file__).parent.iterdir():
            (home / part.name).symlink_to(part)
    return {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        **more,
    }


def session(master: str, folder: Path, **more: Any) -> Any:
    """Start a small session."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        # Short runs: what is compiled well, or garbage collected in parallel, comes too late.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.wholeStage": "false",
        # A killed executor costs a task each time; the tests kill many.
        "spark.task.maxFailures": "100",
        **more,
    }
    builder = SparkSession.builder.master(master).appName("illshell")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


@contextmanager
def local_session(folder: Path, *, modules: Path | None = None, **settings: Any) -> Iterator[Any]:
    """Start a session in this process, and leave nothing of it behind.

    ``modules``: a folder of modules that its Python processes can import.
    """
    before = dict(os.environ)
    os.environ.update(environment(folder, **({"PYTHONPATH": str(modules)} if modules else {})))
    spark = session("local[2]", folder, **settings)
    yield spark
    spark.stop()
    gateway = spark.sparkContext._gateway
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(30)
    type(spark.sparkContext)._gateway = type(spark.sparkContext)._jvm = None
    os.environ.clear()
    os.environ.update(before)
    with warnings.catch_warnings(action="ignore"):
        gc.collect()


def start_stream(spark: Any, folder: Path, out: Path, checkpoint: Path, **options: Any) -> Any:
    """Start the query: what is in the folder now, file by file; ``options`` are ``detect``'s."""
    from illshell.spark import detect

    lines = spark.readStream.option("maxFilesPerTrigger", 1).text(str(folder))
    return (
        detect(lines, **options)
        .writeStream.format("parquet")
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start(str(out))
    )


def main(**options: Any) -> None:
    """Run the query to its end; ``options`` are ``detect``'s."""
    folder, out, checkpoint = map(Path, sys.argv[1:4])
    master, *archive = sys.argv[4:]
    more = {"spark.archives": f"{archive[0]}#environment"} if archive else {}
    more[STATE_STORE] = ROCKSDB
    spark = session(master, checkpoint.parent, **more)
    start_stream(spark, folder, out, checkpoint, **options).awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main()
