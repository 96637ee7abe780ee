"""Rows to columns: as Arrow's own conversion has them, without pandas, which that would import."""

import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from meterstorm.experiments.runs.table import Row, batch, kind_of, schema


def column(values: list[Any]) -> pa.Array:
    """The column of a key that takes these values; None: it does not apply."""
    known = [value for value in values if value is not None]
    rows = [Row(k, {} if value is None else {"key": value}, None, None, k, 1) for k, value in enumerate(values)]
    made = batch(rows, schema({"key": kind_of(known)}))
    made.validate(full=True)
    return made["key"]


@pytest.mark.parametrize(
    "values",
    [
        [1, -(2**62), None, 3],
        [1.5, None, float("inf"), 2],
        [True, False, None, True, False, True, True, True, False, True],
        ["plain", None, "", "Zürich ½", "x" * 1000],
        [None, None],
        [],
    ],
    ids=["integers", "floats", "marks", "texts", "nothing", "no rows"],
)
def test_a_column_is_as_arrow_would_have_it(values: list[Any]):
    made = column(values)
    assert made.equals(pa.array(values, made.type))
    assert made.null_count == values.count(None)


def test_values_of_several_types_are_texts():
    assert column([1, "auto", True, [1.5, 2], None]).to_pylist() == ["1", "auto", "true", "[1.5, 2]", None]


def test_a_count_is_not_cut_off():
    row = Row(0, {}, None, None, 0, 1, metrics={"launches": 1.5})
    with pytest.raises(TypeError, match="Cannot cast"):
        batch([row], schema({}))


PROGRAM = """
import sys
from meterstorm.experiments.runs.table import Row, batch, schema

class Watch:
    def find_spec(self, name, *rest):
        assert name != "pandas"

sys.meta_path.insert(0, Watch())
batch([Row(0, {"key": "x"}, "case", None, 0, 1, metrics={"launches": 1})], schema({"key": "string"}))
"""


def test_pandas_is_not_asked_for():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
