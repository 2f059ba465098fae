"""The configuration file: librdkafka's properties, and which of its values are secrets."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from illshell.sources.kafka.failures import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES: Final = ("consumer", "producer")

RESERVED: Final = {
    "bootstrap.servers": "--brokers sets it",
    "metadata.broker.list": "--brokers sets it",
    "group.id": "--group sets it",
    "group.instance.id": "--instance sets it",
    "transactional.id": "--instance sets it",
    "enable.idempotence": "findings are always stored once",
    "acks": "findings are always acknowledged by all replicas",
    "request.required.acks": "findings are always acknowledged by all replicas",
    "enable.auto.commit": "offsets are committed together with the findings",
    "enable.auto.offset.store": "offsets are committed together with the findings",
    "isolation.level": "only committed events and offsets are read",
    "enable.partition.eof": "--exit-at-end sets it",
}
"""Properties that illshell's promises depend on, and why the file can't set them."""

HIDDEN: Final = "[hidden]"

MIN_PART: Final = 6
"""Characters of a secret that are not shown by themselves either: errors quote parts of values."""

_SECRET = re.compile(
    r"password|passphrase|secret|token|credential|jaas|kinit\.cmd|\.pem$|oauthbearer\.(config|ext)"
)
_NAME = re.compile(r"[a-z][a-z0-9._]*")


@dataclass(frozen=True, slots=True)
class Settings:
    """Properties for both roles, and for each role alone.

    ``secrets`` are never to be shown. ``is_exposed``: other users of the machine can read them.
    """

    both: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    is_exposed: bool = False

    def __repr__(self) -> str:
        return f"Settings({sorted(self.both)}, …)"

    def of(self, role: str) -> dict[str, str]:
        """Return the properties of a role, ``consumer`` or ``producer``."""
        return {**self.both, **self.own.get(role, {})}

    def hide(self, text: str) -> str:
        """Return a text without the secrets of the file, and without any longer part of one."""
        hidden = bytearray(len(text))
        for secret in self.secrets:
            for start, end in _shared(text, secret):
                hidden[start:end] = b"\1" * (end - start)
        shown = []
        for is_hidden, characters in groupby(zip(hidden, text, strict=True), itemgetter(0)):
            shown.append(HIDDEN if is_hidden else "".join(each for _, each in characters))
        return "".join(shown)


def _shared(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where a text has a secret, or a part of it of ``MIN_PART`` characters or more."""
    whole = min(len(secret), MIN_PART)
    start = 0
    while start + whole <= len(text):
        end = start + whole
        if text[start:end] in secret:
            while end < len(text) and text[start : end + 1] in secret:
                end += 1
            yield start, end
            start = end
        else:
            start += 1


def read_settings(path: str) -> Settings:
    """Return the settings of a file: TOML if its name ends so, else lines of ``key=value``.

    A key is a property of librdkafka, for the producer or the consumer alone with ``producer.`` or
    ``consumer.`` before it. SettingsError where something is wrong.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            others = bool(os.fstat(file.fileno()).st_mode & stat.S_IROTH)
            text = file.read()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte {error.start}: not UTF-8") from None
    given = _toml(path, text) if path.endswith(".toml") else _lines(path, text)
    settings = _settings(path, given)
    return replace(settings, is_exposed=others and bool(settings.secrets))


def _settings(path: str, given: Mapping[str, str]) -> Settings:
    both: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {role: {} for role in ROLES}
    for key, value in given.items():
        role, _, rest = key.partition(".")
        name, target = (rest, own[role]) if role in ROLES else (key, both)
        if name in RESERVED:
            raise SettingsError(f"{path}: {name} can't be set here: {RESERVED[name]}")
        target[name] = value
    secrets = {value for key, value in given.items() if value and _SECRET.search(key)}
    return Settings(both, own, frozenset(secrets))


def _lines(path: str, text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "!")):
            continue
        key, equals, value = (part.strip() for part in stripped.partition("="))
        # What is no key may be a secret: neither of the two messages shows any of the line.
        if not equals or not _NAME.fullmatch(key):
            raise SettingsError(f"{path}: line {number}: not of the form key=value")
        if key in given:
            raise SettingsError(f"{path}: line {number}: {key} is there already")
        given[key] = value
    return given


def _toml(path: str, text: str) -> dict[str, str]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at .*\)$", str(error))
        raise SettingsError(f"{path}: not TOML {at[0] if at else ''}".rstrip()) from None
    given: dict[str, str] = {}
    _flatten(path, "", tables, given)
    return given


def _flatten(path: str, prefix: str, table: Mapping[str, Any], given: dict[str, str]) -> None:
    for key, value in table.items():
        name = prefix + key
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{path}: a key is no property")
        if isinstance(value, Mapping):
            _flatten(path, f"{name}.", value, given)
        elif name in given:
            raise SettingsError(f"{path}: {name} is there twice")
        elif isinstance(value, bool):
            given[name] = str(value).lower()
        elif isinstance(value, (str, int, float)):
            given[name] = str(value)
        else:
            raise SettingsError(f"{path}: {name} is no string, number or boolean")
