"""The type names that error texts use: JSON's own, and Go's as Tracee prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Tracee's types of an argument in both vocabularies (C names to v0.23, Go names from v0.24) to
# the Go type that its error text names. Source: aquasecurity/tracee, types/trace/trace.go.
_GO_TYPES = {
    "int": "int32",
    "unsigned int": "uint32",
    "u32": "uint32",
    "mode_t": "uint32",
    "dev_t": "uint32",
    "long": "int64",
    "unsigned long": "uint64",
    "u64": "uint64",
    "off_t": "uint64",
    "size_t": "uint64",
    "umode_t": "uint16",
    "u16": "uint16",
    "u8": "uint8",
    "float": "float32",
}


def go_type_of(arg: Mapping[str, Any]) -> str:
    """Name the Go type that Tracee would report for the value of a decoded argument."""
    value = arg.get("value")
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        declared = arg.get("type")
        if not isinstance(declared, str):
            return "float64"
        return _GO_TYPES.get(declared, declared)
    if isinstance(value, list):
        return "[]interface {}"
    return "map[string]interface {}"


def json_type_of(value: Any) -> str:
    """Name the JSON type of a decoded value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "array"
    return "object" if isinstance(value, Mapping) else type(value).__name__
