"""The rule in Polars: expressions and lazy frames, in memory and streaming."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from random import Random

import polars as pl
import pytest
from rule_columns import REFERENCE, columns

import illshell.polars
from illshell import ColumnError
from illshell.signatures.illegitimate_shell.names import EVENTS

BPRM, EXEC = EVENTS
COLUMNS = ("event_name", "comm", "pathname", "prev_comm")


def frame(rows: int = 5000) -> pl.DataFrame:
    random = Random(rows)
    return pl.DataFrame(
        {
            "event_name": random.choices([BPRM, EXEC, "open", None], k=rows),
            "comm": random.choices(["nginx", "sh", "cat", None], k=rows),
            "pathname": random.choices(["/bin/sh", "/bin/cat", None], k=rows),
            "prev_comm": random.choices(["nginx", "cron", None], k=rows),
            "pid": range(rows),
        }
    )


def expected(data: pl.DataFrame) -> list[bool | None]:
    hits, errors = REFERENCE.match(
        columns(
            data["event_name"].to_list(),
            data["comm"].to_list(),
            data["pathname"].to_list(),
            data["prev_comm"].to_list(),
        )
    )
    return [None if row in errors else row in hits for row in range(len(data))]


def sets(values: list[bool | None]) -> list[int]:
    return [row for row, value in enumerate(values) if value]


def is_hit(**options: object) -> pl.Expr:
    return pl.struct(*COLUMNS).illshell.is_hit(**options)  # type: ignore[attr-defined,no-any-return]


def test_the_expression() -> None:
    data = frame(500)
    verdicts = data.select(hit=is_hit())["hit"]
    assert verdicts.dtype == pl.Boolean
    assert verdicts.to_list() == expected(data)
    assert data.filter(is_hit())["pid"].to_list() == sets(expected(data))
    assert data.filter(is_hit().is_null())["pid"].len() == expected(data).count(None)
    assert data.select(pl.struct(pl.all()).illshell.is_hit())[:, 0].to_list() == expected(data)  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_lazy_frames(engine: str) -> None:
    data = frame(100_000)
    found = data.lazy().filter(is_hit()).select("pid").collect(engine=engine)  # type: ignore[call-overload]
    mapped = data.lazy().map_batches(illshell.polars.hits).collect(engine=engine)  # type: ignore[call-overload]
    hits, _ = REFERENCE.match(columns(*(data[name].to_list() for name in COLUMNS)))
    assert found["pid"].to_list() == hits
    assert mapped["pid"].to_list() == hits
    assert mapped.columns == data.columns


def test_only_the_columns_of_the_struct_are_read() -> None:
    plan = frame(5).lazy().select(is_hit()).explain(optimized=True)
    assert "4/5 COLUMNS" in plan


def test_groups_and_empty_frames() -> None:
    data = frame(300)
    grouped = data.group_by("comm", maintain_order=True).agg(hits=is_hit().sum())
    assert grouped["hits"].sum() == len(sets(expected(data)))
    assert data[:0].filter(is_hit()).shape == (0, 5)
    assert illshell.polars.hits(data[:0]).shape == (0, 5)


def test_categories_and_chunks() -> None:
    data = pl.concat([frame(100), frame(200)], rechunk=False)
    coded = data.cast({"event_name": pl.Enum([*EVENTS, "open"]), "comm": pl.Categorical})
    assert coded.select(is_hit())[:, 0].to_list() == expected(data)
    assert coded[17:140].select(is_hit())[:, 0].to_list() == expected(data[17:140])


def test_options() -> None:
    data = frame(300).drop("event_name").rename({"comm": "task"})
    columns = {"comm": "task"}
    hits = partial(illshell.polars.hits, event_name=BPRM, columns=columns, threads=2)
    found = data.lazy().map_batches(hits).collect()
    shown = data.filter(
        pl.struct("task", "pathname").illshell.is_hit(event_name=BPRM, columns=columns)  # type: ignore[attr-defined]
    )
    wanted = (data["task"] == "nginx") & (data["pathname"] == "/bin/sh")
    assert found["pid"].to_list() == shown["pid"].to_list() == data.filter(wanted)["pid"].to_list()
    own = frame(300).filter(is_hit(web_servers=["cron"], shells=["cat"], events=[EXEC]))
    assert set(own["prev_comm"]) == {"cron"}


def test_what_is_no_struct_of_events() -> None:
    data = frame(3)
    with pytest.raises(ColumnError, match=r"column comm: Polars type String, where pl\.struct"):
        data.select(pl.col("comm").illshell.is_hit())  # type: ignore[attr-defined]
    with pytest.raises(
        ColumnError, match="column comm: missing: no column is called comm or processName"
    ):
        data.select(pl.struct("event_name").illshell.is_hit())  # type: ignore[attr-defined]


def test_without_polars_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['polars'] = None; import illshell.polars"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.endswith(
        "MissingExtraError: polars is not installed: pip install 'illshell[polars]'\n"
    )
