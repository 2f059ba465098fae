import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illshell.signatures.exceptions import (
    ExceptionFileError,
    Exceptions,
    Execution,
    KnownExecution,
    as_toml,
    normalized,
    suggest,
)

HEAD = '[[exception]]\nreason = "piped log"\nserver = "apache2"\nprogram = "/bin/dash"\n'
ARGV = 'argv = ["sh", "-c", "cat >> log"]\n'
RUN = Execution("apache2", "/bin/dash", ["sh", "-c", "cat >> log"], "httpd:2", 33, time=1)


def test_what_holds_is_excused_and_counted():
    exceptions = Exceptions.parse(HEAD + ARGV + 'image = "httpd:2"\nuser = 33\n')
    assert len(exceptions) == 1
    assert exceptions.match(RUN).reason == "piped log"
    assert exceptions.match(RUN._replace(argv=["sh", "-c", "--", "cat >> log"]))
    ((entry, count),) = exceptions.summary()
    assert (entry.server, count) == ("apache2", 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"server": "apache"},
        {"server": "apache2x"},
        {"program": "/bin/sh"},
        {"program": "/tmp/bin/dash"},
        {"argv": ["sh", "-c", "cat >> log; id"]},
        {"argv": ["sh", "-c", "cat >> log", "x"]},
        {"argv": ["sh", "-c"]},
        {"argv": ["/bin/sh", "-c", "cat >> log"]},
        {"argv": None},
        {"image": "httpd:2.4"},
        {"image": ""},
        {"user": 0},
        {"user": -1},
    ],
)
def test_nothing_else_is_excused(changed):
    exceptions = Exceptions.parse(HEAD + ARGV + 'image = "httpd:2"\nuser = 33\n')
    assert exceptions.match(RUN._replace(**changed)) is None
    assert exceptions.summary()[0][1] == 0


@pytest.mark.parametrize(
    ("since_start", "excused"),
    [(-1, False), (0, True), (1_500_000_000, True), (1_500_000_001, False)],
)
def test_within_start(since_start, excused):
    exceptions = Exceptions.parse(HEAD + "within_start = 1.5")
    assert bool(exceptions.match(RUN._replace(since_start=since_start))) is excused


@pytest.mark.parametrize(
    ("expires", "last"),
    [
        ("2027-06-30", datetime(2027, 6, 30, tzinfo=UTC)),
        ("2027-06-30T12:00:00", datetime(2027, 6, 30, 12, tzinfo=UTC)),
        ("2027-06-30T12:00:00+02:00", datetime(2027, 6, 30, 10, tzinfo=UTC)),
    ],
)
def test_expiry(expires, last):
    exceptions = Exceptions.parse(HEAD + ARGV + f"expires = {expires}")
    nanoseconds = int(last.timestamp()) * 1_000_000_000
    assert exceptions.match(RUN._replace(time=nanoseconds - 1))
    assert exceptions.match(RUN._replace(time=nanoseconds)) is None


def test_without_a_time_the_clock_counts():
    assert (
        Exceptions.parse(HEAD + ARGV + "expires = 2001-01-01").match(RUN._replace(time=0)) is None
    )
    assert Exceptions.parse(HEAD + ARGV + "expires = 2999-01-01").match(RUN._replace(time=0))


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (HEAD + "argv = [", (5, 9), "Invalid value"),
        (HEAD + 'argv = ["a"]\nargv = ["b"]\n', (6, 13), "overwrite"),
        ("x = = 1", (1, 5), "Invalid value"),
        (HEAD, (1, 1), "argv or within_start is required"),
        (
            "\n" + HEAD + ARGV + '[[exception]]\nreason = "r"\n',
            (7, 1),
            "exception 2: server is required",
        ),
        (HEAD + ARGV + "  foo = 1\n", (6, 3), "exception 1: unknown key 'foo'; expected reason"),
        (HEAD + ARGV + "reason = 'x'\n", (6, 13), "overwrite"),
        (HEAD.replace('"piped log"', '" "') + ARGV, (2, 1), "reason is required"),
        (HEAD.replace('"/bin/dash"', "7") + ARGV, (4, 1), "program is required"),
        (HEAD + "argv = []\n", (5, 1), "argv must be a list of strings"),
        (HEAD + 'argv = "sh -c x"\n', (5, 1), "argv must be a list of strings"),
        (HEAD + ARGV + 'user = "root"\n', (6, 1), "user must be a user id"),
        (HEAD + ARGV + "user = -1\n", (6, 1), "user must be a user id"),
        (HEAD + ARGV + "image = ''\n", (6, 1), "image must be a string"),
        (HEAD + "within_start = 0\n", (5, 1), "within_start must be seconds"),
        (HEAD + ARGV + 'expires = "2027-01-01"\n', (6, 1), "expires must be a date or a time"),
        ("[[exceptions]]\nreason = 'x'\n", (1, 1), "unknown table 'exceptions'"),
        ("[exception]\nreason = 'x'\n", (1, 1), r"write \[\[exception\]\]"),
        ("exception = [1]\n", (1, 1), r"write \[\[exception\]\]"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path, text, place, problem):
    path = tmp_path / "e.toml"
    path.write_text(text)
    with pytest.raises(ExceptionFileError, match=problem) as raised:
        Exceptions.load(path)
    error = raised.value
    assert str(error).startswith(f"{path}:{error.line}:{error.column}: ")
    assert error.line == place[0]
    if problem not in {"overwrite", "Invalid value"}:  # tomllib's own columns differ by version
        assert error.column == place[1]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ExceptionFileError, match="No such file"):
        Exceptions.load(tmp_path / "none.toml")


def test_an_empty_file_excuses_nothing():
    assert len(Exceptions.parse("")) == 0
    assert Exceptions.parse("").match(RUN) is None


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["sh", "-c", "--", "id"], ("sh", "-c", "id")),
        (["sh", "-c", "id"], ("sh", "-c", "id")),
        (["sh", "-c", "--"], ("sh", "-c", "--")),
        (["sh", "-c", "--", "--", "x"], ("sh", "-c", "--", "x")),
        (["sh", "--", "-c", "id"], ("sh", "--", "-c", "id")),
        ([], ()),
    ],
)
def test_normalized(argv, expected):
    assert normalized(argv) == expected


def test_suggest():
    other = RUN._replace(argv=["sh", "-c", "id"])
    executions = [
        RUN,
        other,
        RUN._replace(argv=["sh", "-c", "--", "cat >> log"]),
        RUN._replace(argv=None),
    ]
    ((entry, count),) = suggest(executions)
    assert count == 2
    assert entry == KnownExecution(
        "", "apache2", "/bin/dash", ("sh", "-c", "cat >> log"), "httpd:2", 33
    )
    assert len(suggest(executions, at_least=1)) == 2


words = st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4)


@given(words, st.text(st.characters(codec="utf-8"), min_size=1))
def test_what_is_written_reads_back_and_excuses_what_it_was_made_of(argv, server):
    run = RUN._replace(argv=argv, server="s" + server)
    ((entry, _),) = suggest([run], at_least=1)
    text = as_toml(
        KnownExecution("why", entry.server, entry.program, entry.argv, entry.image, entry.user)
    )
    tomllib.loads(text)
    assert Exceptions.parse(text).match(run)
