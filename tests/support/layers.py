"""Scenarios as layers."""

from typing import Any


def layered(*layers: dict[str, Any]) -> dict[str, Any]:
    """The raw data of one scenario; a section of a later layer adds to that of an earlier one."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for section, value in layer.items():
            merged[section] = merged.get(section, {}) | value if isinstance(value, dict) else value
    return merged
