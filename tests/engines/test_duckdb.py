"""The rule as a function in DuckDB's SQL, and DuckDB's relations as data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from rule_columns import REFERENCE, columns

import illshell.duckdb
from illshell import match

MAKE = """
create table events as select
    case hash(r) % 4 when 0 then 'security_bprm_check' when 1 then 'sched_process_exec'
        when 2 then 'open' end as event_name,
    case hash(r + 1) % 4 when 0 then 'nginx' when 1 then 'sh' when 2 then 'cat' end as comm,
    case hash(r + 2) % 3 when 0 then '/bin/sh' when 1 then '/bin/cat' end as pathname,
    case hash(r + 3) % 3 when 0 then 'nginx' when 1 then 'cron' end as prev_comm,
    r as row
from range(20000) as t(r)
"""
CALL = "illshell_match(event_name, comm, pathname, prev_comm)"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(MAKE)
        illshell.duckdb.register(connection)
        yield connection


def expected(connection: duckdb.DuckDBPyConnection) -> tuple[list[int], list[int]]:
    rows = connection.execute("select * exclude row from events order by row").fetchall()
    return REFERENCE.match(columns(*zip(*rows, strict=True)))


def rows_where(connection: duckdb.DuckDBPyConnection, condition: str) -> list[int]:
    query = f"select row from events where {condition} order by row"
    return [row for (row,) in connection.execute(query).fetchall()]


@pytest.mark.parametrize("threads", [1, 4])
def test_the_function(connection: duckdb.DuckDBPyConnection, threads: int) -> None:
    connection.execute(f"set threads to {threads}")
    hits, errors = expected(connection)
    assert rows_where(connection, CALL) == hits
    assert rows_where(connection, f"{CALL} is null") == errors
    assert len(rows_where(connection, f"not {CALL}")) == 20000 - len(hits) - len(errors)


def test_constants_and_no_rows(connection: duckdb.DuckDBPyConnection) -> None:
    def one(arguments: str) -> object:
        return connection.execute(f"select illshell_match({arguments})").fetchall()[0][0]

    assert one("'sched_process_exec', 'sh', null, 'nginx'") is True
    assert one("'sched_process_exec', 'sh', null, null") is None
    assert one("'security_bprm_check', 'nginx', '/sh', null") is True
    assert one("null, null, null, null") is False
    constant = CALL.replace("event_name", "'security_bprm_check'")
    assert set(rows_where(connection, f"event_name = 'security_bprm_check' and {constant}")) <= set(
        expected(connection)[0]
    )
    assert rows_where(connection, f"row < 0 and {CALL}") == []


def test_names_of_its_own(connection: duckdb.DuckDBPyConnection) -> None:
    illshell.duckdb.register(
        connection, "cron_cat", events=["sched_process_exec"], web_servers=["cron"], shells=["cat"]
    )
    condition = "event_name = 'sched_process_exec' and comm = 'cat' and prev_comm = 'cron'"
    call = CALL.replace("illshell_match", "cron_cat")
    assert rows_where(connection, call) == rows_where(connection, condition)


def test_relations_are_data(connection: duckdb.DuckDBPyConnection) -> None:
    relation = connection.sql("select * from events order by row")
    for threads in (1, 3):
        matches = match(relation, threads=threads)
        assert (matches.rows.tolist(), matches.errors.tolist()) == expected(connection)
    coded = "create type e as enum ('security_bprm_check', 'sched_process_exec', 'open')"
    connection.execute(coded)
    relation = connection.sql(
        "select * replace (event_name::e as event_name) from events order by row"
    )
    assert match(relation).rows.tolist() == expected(connection)[0]


def test_a_mask_filters(connection: duckdb.DuckDBPyConnection) -> None:
    relation = connection.sql("select * from events order by row")
    mask = pa.table({"hit": pa.array(match(relation).mask())})
    connection.register("mask", mask)
    events = connection.sql("select * from events order by row")
    found = connection.sql("select row from events positional join mask where hit order by row")
    assert [row for (row,) in found.fetchall()] == expected(connection)[0]
    assert events is not None


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow"])
def test_without_its_libraries_it_says_what_to_install(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; "
        "import illshell.duckdb; illshell.duckdb.register(None)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.endswith(
        f"MissingExtraError: {missing} is not installed: pip install 'illshell[duckdb]'\n"
    )
