"""A scenario file in a folder of its own."""

from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a scenario file and gives its path."""

    def _write(text: str, name: str = "scenario.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write
