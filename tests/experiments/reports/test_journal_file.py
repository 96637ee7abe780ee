"""journal.parquet is written a part at a time, and is the file that all of it at once would be."""

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from meterstorm.experiments.reports import parquet as module
from meterstorm.experiments.reports.journal import FILE, WORDS
from meterstorm.experiments.runs.results import Results
from meterstorm.experiments.runs.run import run
from meterstorm.experiments.scenario import validate
from pyarrow import parquet

TWO_ARMS = {
    "title": "two arms",
    "run": {"duration_s": 900, "warmup_s": 60, "replications": 2},
    "clients": {"count": 9},
    "products": [{"name": "editor", "licenses": 3}],
    "arms": [{"name": "few"}, {"name": "many", "set": {"clients.count": 30}}],
}


@pytest.fixture(scope="module")
def results() -> Results:
    return run(validate(TWO_ARMS), workers=0, keep_journal=True)


def rows_of(results: Results) -> list[int]:
    return [len(row.journal) for version in results.versions for row in version.replications]


def write(results: Results, folder: Path, group: int, patch: pytest.MonkeyPatch) -> Path:
    patch.setattr(module, "ROW_GROUP", group)
    module.write_parquet(folder, results, "0" * 16)
    return folder / FILE


@pytest.mark.parametrize("which", range(5))  # rows of a part: few, a world, two, all but one, all
def test_parts_make_the_file_of_the_whole(results: Results, which: int, tmp_path, monkeypatch):
    counts = rows_of(results)
    group = (37, counts[0], sum(counts[:2]), sum(counts) - 1, sum(counts))[which]
    file = write(results, tmp_path, group, monkeypatch)
    metadata = parquet.read_metadata(file)
    sizes = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
    assert sum(sizes) == sum(counts)
    assert set(sizes[:-1]) <= {group}
    assert 0 < sizes[-1] <= group
    monkeypatch.setattr(module, "ROW_GROUP", 1 << 20)
    whole = pa.concat_tables(list(module._journal(results)))
    parquet.write_table(
        whole.replace_schema_metadata(parquet.read_schema(file).metadata), tmp_path / "whole", row_group_size=group
    )
    assert file.read_bytes() == (tmp_path / "whole").read_bytes()


def test_no_word_is_there_twice():
    assert all(word != after for word, after in pairwise(sorted(WORDS)))
