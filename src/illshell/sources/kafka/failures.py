"""What ends a run before its time."""

from __future__ import annotations

from illshell.model.errors import IllshellError


class SettingsError(IllshellError, ValueError):
    """The configuration file says something that can't be; never with a value in the text."""


class KafkaInputError(IllshellError):
    """Events can't be had: brokers, topics, permissions, the place in the group."""


class KafkaOutputError(IllshellError):
    """Findings or offsets can't be stored; what was not committed is read again by the next run."""
