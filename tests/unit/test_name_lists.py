import pickle

import pytest

from illshell.signatures.illegitimate_shell.names import SHELLS, WEB_SERVERS
from illshell.signatures.name_classes import (
    BY_START,
    HELPER,
    LOADER,
    MULTI_CALL,
    RUNTIME,
    SERVER,
    SHELL,
    VARIANT,
    NameClasses,
)
from illshell.signatures.name_lists import Name, NameListError, NameLists

LISTS = NameLists.default()
CLASSES = NameClasses(LISTS)


@pytest.mark.parametrize(
    ("comm", "bits"),
    [
        ("nginx", SERVER),
        ("nginxx", 0),
        ("ngin", 0),
        ("php-fpm8.2", SERVER),
        ("php-fpm", SERVER),
        ("php8.2", RUNTIME | BY_START),
        ("php-cgi.cagefs", SERVER),
        ("gunicorn: worke", SERVER),
        ("http-nio-8080-e", SERVER),
        ("http-nio-127.0.", SERVER),
        ("http-ni..exec-1", SERVER),
        ("http-nio", SERVER),
        ("qtp1234567-25", SERVER),
        ("default task-12", SERVER),
        ("[ACTIVE] Execut", SERVER),
        ("puma srv tp 001", SERVER),
        ("uwsgi-core", SERVER),
        ("java", RUNTIME | BY_START),
        ("javac", 0),
        ("MainThread", RUNTIME),
        ("node", RUNTIME | BY_START),
        ("python3.11", RUNTIME | BY_START),
        ("busybox", RUNTIME | MULTI_CALL),
        ("jspawnhelper", HELPER),
        ("sh", SHELL),
        ("bash5", SHELL | VARIANT),
        ("bash-5.2", SHELL | VARIANT),
        ("zsh-5.9", SHELL | VARIANT),
        ("ksh93", SHELL | VARIANT),
        ("rksh93", SHELL | VARIANT),
        ("rbash", SHELL),
        ("bash-static", SHELL),
        ("5", 0),
        ("-", 0),
        ("", 0),
        ("t.sh", 0),
        ("ssh", 0),
        ("sshd", 0),
        ("flush", 0),
        ("Bash", 0),
        ("ld-linux-x86-64", LOADER),
        ("ld-musl-x86_64.", LOADER),
        ("id", 0),
    ],
)
def test_what_a_comm_is(comm, bits):
    assert CLASSES.of(comm.encode()) == bits


def test_what_tracee_lists_is_listed():
    for name in WEB_SERVERS:
        assert CLASSES.of(name.encode()) & SERVER, name
    for name in SHELLS:
        assert CLASSES.of(name.encode()) & SHELL, name


def test_each_name_has_a_reason_and_known_peers():
    named = [*LISTS.web_servers, *LISTS.helpers, *LISTS.shells, *LISTS.multi_calls, *LISTS.loaders]
    named += [runtime.name for runtime in LISTS.runtimes]
    assert len(named) > 150
    for name in named:
        assert name.why
        assert set(name.peers) <= set("TFfEeSD")
    for names in (LISTS.web_servers, LISTS.shells):
        assert len({str(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("comm", "argv", "runs_server"),
    [
        ("php8.2", ["php", "-S", "0.0.0.0:80"], True),
        ("php8.2", ["php", "-S0.0.0.0:80"], True),
        ("php8.2", ["php", "-d", "x=1", "artisan", "serve"], True),
        ("php8.2", ["php", "/srv/app/artisan", "serve"], True),
        ("php8.2", ["php", "artisan", "migrate"], False),
        ("php8.2", ["php", "cron.php", "-S"], False),
        ("python3", ["python3", "-m", "flask", "run"], True),
        ("python3", ["/opt/venv/bin/python3", "/opt/venv/bin/gunicorn", "app:app"], True),
        ("python3", ["python3", "manage.py", "runserver"], True),
        ("python3", ["python3", "manage.py", "migrate"], False),
        ("python3", ["python3", "deploy.py", "--restart", "gunicorn"], False),
        ("python3", ["python3", "-W", "ignore", "wsgi.py"], True),
        ("python3", ["python3"], False),
        ("python3", [], False),
        ("node", ["node", "/srv/app/server.js"], True),
        ("node", ["node", "-r", "server.js", "job.js"], False),
        ("node", ["node", "/srv/app/dist/main.js"], True),
        ("node", ["node", "build.js"], False),
        ("java", ["java", "-cp", "a.jar:b.jar", "org.apache.catalina.startup.Bootstrap"], True),
        ("java", ["java", "-Dcatalina.base=/srv", "-jar", "x.jar"], True),
        ("java", ["java", "-jar", "/srv/app.war"], True),
        ("java", ["java", "-jar", "kafka.jar"], False),
        ("busybox", ["busybox", "httpd", "-f"], True),
        ("busybox", ["busybox", "sh"], False),
        ("ruby3.1", ["ruby", "/usr/bin/puma"], True),
    ],
)
def test_what_a_runtime_runs(comm, argv, runs_server):
    assert LISTS.runtime_of(comm).runs_server(argv) is runs_server


def test_changes():
    changed = LISTS.with_changes(
        [
            ("web_server", "mysrv*"),
            ("web_server", "other"),
            ("shell", "+dune"),
            ("shell", "-dash"),
        ]
    )
    classes = NameClasses(changed)
    assert [str(name) for name in changed.web_servers] == ["mysrv*", "other"]
    assert classes.of(b"mysrv-1") == SERVER
    assert classes.of(b"nginx") == 0
    assert classes.of(b"dune") == SHELL
    assert classes.of(b"dash") == 0
    assert classes.of(b"sh") == SHELL
    assert CLASSES.of(b"nginx") == SERVER
    assert pickle.loads(pickle.dumps(changed)) == changed


def test_adding_to_servers_makes_a_runtime_one():
    classes = NameClasses(LISTS.with_changes([("web_server", "+node")]))
    assert classes.of(b"node") == SERVER
    assert classes.of(b"nginx") == SERVER


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("shell", "-nothing"), "shell '-nothing': 'nothing' is not in the list"),
        (("shell", "+"), "shell '\\+': '' has 0 bytes; a comm holds 1 to 15"),
        (("shell", "+" + "x" * 16), "has 16 bytes; a comm holds 1 to 15"),
        (("web_server", "*"), "'' has 0 bytes"),
        (("loader", "+x"), "names of kind 'loader' can't be changed"),
    ],
)
def test_changes_that_can_not_be(change, message):
    with pytest.raises(NameListError, match=message):
        LISTS.with_changes([change])


def test_a_list_is_never_emptied():
    only = LISTS.with_changes([("shell", "sh")])
    with pytest.raises(NameListError, match="no name would be left"):
        only.with_changes([("shell", "-sh")])


def test_a_file_replaces_the_kinds_that_it_holds(tmp_path):
    path = tmp_path / "names.toml"
    path.write_text('[[web_server]]\nprefix = "mysrv"\nwhy = "ours"\n')
    lists = NameLists.load(path)
    assert lists.web_servers == (Name("mysrv", True, "ours"),)
    assert lists.shells == LISTS.shells
    assert lists.source == str(path)


ENTRY = '[[shell]]\nname = "sh"\nwhy = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[shell]\n", r"line 1, column 8"),
        (ENTRY + '[[shell]]\nname = "a"\n', r"shell entry 2: 'a' needs a why"),
        (
            '[[shell]]\nname = "a"\nprefix = "b"\nwhy = "x"',
            "shell entry 1: it needs either name or",
        ),
        ('[[shell]]\nwhy = "x"', "shell entry 1: it needs either name or prefix"),
        ('[[shell]]\nname = 3\nwhy = "x"', "shell entry 1: name must be a string"),
        ('[[shell]]\nname = ""\nwhy = "x"', "shell entry 1: '' has 0 bytes; a comm holds 1 to 15"),
        ('[[shell]]\nname = "a\\u0000"\nwhy = "x"', "NUL"),
        ('[[shell]]\nname = "a"\nwhy = "x"\nhot = 1', "unknown key 'hot'; expected hotspot, name"),
        ('[[shell]]\nname = "a"\nwhy = "x"\nhotspot = true', "hotspot is for a prefix"),
        ('[[shell]]\nname = "a"\nwhy = "x"\npeers = "T"', "peers must be a list of strings"),
        (
            '[[shells]]\nname = "a"\nwhy = "x"',
            "unknown kind 'shells'; expected web_server, runtime",
        ),
        ("shell = 3", r"shell must be a list: \[\[shell\]\]"),
        ("shell = [3]", "shell entry 1: it is no table"),
        ('[[runtime]]\nname = "a"\nwhy = "x"\nby_start = 1', "by_start must be true or false"),
    ],
)
def test_files_that_can_not_be_used(tmp_path, text, message):
    path = tmp_path / "names.toml"
    path.write_text(text)
    with pytest.raises(NameListError, match=message) as raised:
        NameLists.load(path)
    assert str(raised.value).startswith(str(path))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NameListError, match="No such file"):
        NameLists.load(tmp_path / "none.toml")
