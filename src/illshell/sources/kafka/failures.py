"""What ends a run before its time."""

from __future__ import annotations

from illshell.model.errors import IllshellError


class SettingsError(IllshellError, ValueError):
    """An option or the configuration file can't be used; never with a value in the text."""


class KafkaInputError(IllshellError):
    """Events or states could not be read (brokers, topics, permissions, the group's membership)."""


class KafkaOutputError(IllshellError):
    """Findings or offsets can't be stored; the next run reads again what was not committed."""
