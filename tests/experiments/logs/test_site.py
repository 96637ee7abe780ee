"""A site is read as it was written, and a folder that is none is refused in words."""

import json
from pathlib import Path

import pytest
from meterstorm.experiments.logs.site import TABLES, VERSION, Site, is_of_capacity, read_site, table, write_site

ROW = {
    "events": (1.5, "denied", "daemon", "editor", "u1", "h1", 2, "-4,342", None, "debug.log", 7),
    "sessions": (0.25, None, "daemon", "editor", "u1", "h1", 1, "open"),
    "outages": (1.0, 2.0, "daemon", "lines 3 and 4"),
    "capacity": ("daemon", "editor", 0.0, None, "never denied", 0),
    "trace": (1.5, 0, "editor", 30.25, 2),
}


def site() -> Site:
    tables = {
        name: table(name, {column: [cell] for column, cell in zip(columns, ROW[name], strict=True)})
        for name, columns in TABLES.items()
    }
    facts = {"version": VERSION, "origin": "2024-01-01T00:00:00"}
    return Site(facts, **tables, scenario='title = "ä"\n', page="# ä\n")


def test_a_site_is_read_as_it_was_written(tmp_path: Path):
    write_site(tmp_path / "site", site())
    assert read_site(tmp_path / "site") == site()


def test_a_folder_that_is_no_site_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"is no site: there is no site.json"):
        read_site(tmp_path)


@pytest.mark.parametrize("text", ['{"version": 0}', "[]"])
def test_another_version_is_refused(tmp_path: Path, text: str):
    write_site(tmp_path / "site", site())
    (tmp_path / "site" / "site.json").write_text(text)
    with pytest.raises(ValueError, match=f"allowed: {VERSION}"):
        read_site(tmp_path / "site")


def test_what_cannot_be_read_is_told(tmp_path: Path):
    write_site(tmp_path / "site", site())
    (tmp_path / "site" / "events.parquet").write_text("no table")
    with pytest.raises(ValueError, match="cannot be read"):
        read_site(tmp_path / "site")


def test_a_table_with_other_columns_is_refused(tmp_path: Path):
    write_site(tmp_path / "site", site()._replace(outages=site().trace))
    with pytest.raises(ValueError, match="it must have"):
        read_site(tmp_path / "site")


def test_facts_are_plain_json(tmp_path: Path):
    write_site(tmp_path / "site", site())
    assert json.loads((tmp_path / "site" / "site.json").read_text()) == site().facts


@pytest.mark.parametrize(
    ("detail", "expected"),
    [("-4,342", True), ("-22", True), (None, True), ("-22 again", False), ("-42,1", False), ("-18,327", False)],
)
def test_denials_of_capacity_are_told_by_their_codes(detail: str | None, expected: bool):
    assert is_of_capacity(detail) is expected
