"""Recorded launches as a file has them: names are text, and nothing is dropped in silence."""

import re

import pyarrow as pa
import pytest
from meterstorm.actors.setup import traces
from meterstorm.experiments.scenario import Scenario, validate
from pyarrow import parquet

HEAD = "time_s,client,run_time_s,product\n"
COUNT = "count must be a whole number from 1 to 32767"
COUNTED = "time_s,client,run_time_s,product,count\n"
NAMES = [
    "0100",
    "0200",
    "1",
    "01",
    "1.0",
    "1e3",
    "1000",
    "true",
    "NA",
    "null",
    "nan",
    "2024-01-01",
    "Zoë, 日本",
    " x ",
]


def scenario(path, names=("a", "b"), tokens=1, sharing="none") -> Scenario:
    return validate(
        {
            "title": "a trace",
            "run": {"duration_s": 100.0, "warmup_s": 10.0},
            "clients": {"count": 5},
            "workload": {"arrivals": "trace", "trace": str(path)},
            "products": [{"name": name, "tokens": tokens, "sharing": sharing} for name in names],
        }
    )


def written(folder, text: str, encoding: str = "utf-8"):
    (folder / "trace").write_text(text, encoding=encoding)
    return folder / "trace"


@pytest.mark.parametrize(
    "names", [NAMES, [name for name in NAMES if name.isdigit()], ["true", "false"], ["NA", "x"]]
)
@pytest.mark.parametrize("quote", ["always", "if needed"])
def test_names_of_products_are_text(names, quote, tmp_path):
    cells = [f'"{name}"' if quote == "always" or "," in name else name for name in names]
    lines = [f"{k},{k % 5},1,{cell}\n" for k, cell in enumerate(cells)]
    rows = traces.read(scenario(written(tmp_path, HEAD + "".join(lines)), names))
    found = {round(int(row["time"]) / 1e9) - 10: names[row["product"]] for row in rows}
    assert found == dict(enumerate(names))


@pytest.mark.parametrize("name", ["trace.PARQUET", "trace.csv", "trace"])
def test_what_a_file_is_tells_its_content(name, tmp_path):
    columns = {"time_s": [1.0, 2.0], "client": [0, 1], "run_time_s": [10, 10], "product": ["b", "a"]}
    parquet.write_table(pa.table(columns), tmp_path / name)
    from_parquet = traces.read(scenario(tmp_path / name))
    (tmp_path / name).write_text(HEAD + "1,0,10,b\n2,1,10,a\n", encoding="utf-8-sig")
    assert from_parquet.tolist() == traces.read(scenario(tmp_path / name)).tolist()
    assert from_parquet["product"].tolist() == [1, 0]


def test_numbers_as_people_write_them(tmp_path):
    path = written(tmp_path, HEAD + "+1.5, 2 ,1e1,a\n-10,0.0,.5,b\r\n\n3.,1,0,a\n")
    assert traces.read(scenario(path)).tolist() == [
        (0, 500_000_000, 0, 1, 1),
        (13_000_000_000, 0, 1, 0, 1),
        (11_500_000_000, 10_000_000_000, 2, 0, 1),
    ]


WRONG = {
    "an unknown column": (
        "time_s,client,run_time_s,product,user\n",
        "unknown column 'user'; allowed: time_s, client",
    ),
    "one in another case": ("time_s,client,run_time_s,product,Product\n", "unknown column 'Product'"),
    "a column twice": ("time_s,client,time_s,run_time_s,product\n", "2 columns 'time_s'; there must be one"),
    "no product": ("time_s,client,run_time_s\n", "no column product; it has time_s, client, run_time_s"),
    "an unknown product": (f"{HEAD}1,0,1,a\n1,0,1,c\n", "unknown product 'c' in row 2; allowed: 'a', 'b'"),
    "an empty product": (f"{HEAD}1,0,1,\n", "unknown product '' in row 1"),
    "no number": (f"{HEAD}1,0,1,a\n1_0,0,1,a\n", "time_s must hold numbers; in row 2 it has '1_0'"),
    "an empty number": (f"{HEAD}1,,1,a\n", "client must hold numbers; in row 1 it has ''"),
    "true": (f"{HEAD}1,true,1,a\n", "client must hold numbers; in row 1 it has 'true'"),
    "nan": (f"{HEAD}1,0,nan,a\n", "run_time_s must hold numbers; in row 1 it has 'nan'"),
    "an infinite number": (f"{HEAD}1e999,0,1,a\n", "time_s in row 1 is inf; it must be from -10.0 to 1e9"),
    "before the warm-up": (f"{HEAD}-11,0,1,a\n", "time_s in row 1 is -11.0; it must be from -10.0 to 1e9"),
    "an unknown client": (f"{HEAD}1,5,1,a\n", "client must be a whole number below clients.count = 5; in row 1"),
    "half a client": (f"{HEAD}1,1.5,1,a\n", "client must be a whole number below clients.count = 5; in row 1"),
    "a count of half a license": (f"{COUNTED}1,0,1,a,1.5\n", f"{COUNT}; in row 1"),
    "a count of too many": (f"{COUNTED}1,0,1,a,32768\n", f"{COUNT}; in row 1 it is 32768"),
    "a count of none": (f"{COUNTED}1,0,1,a,0\n", "count in row 1 is 0.0; it must be from 1.0 to 1e9"),
    "too few cells": (f"{HEAD}1,0,1\n", "cannot be read"),
    "nothing": ("", "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file(name, tmp_path):
    text, words = WRONG[name]
    with pytest.raises(ValueError) as error:
        traces.read(scenario(written(tmp_path, text)))
    assert words in str(error.value)
    assert str(tmp_path / "trace") in str(error.value)


RIGHT = {"time_s": [1.0], "client": [0], "run_time_s": [10.0], "product": ["a"]}
WRONG_COLUMNS = {
    "product": ([1], "column product must hold text, not int64"),
    "client": ([True], "column client must hold numbers, not bool"),
    "run_time_s": (pa.array([None], pa.float64()), "run_time_s in row 1 is nan"),
}


@pytest.mark.parametrize("column", ["product", "client", "run_time_s"])
def test_a_wrong_parquet_file(column, tmp_path):
    values, words = WRONG_COLUMNS[column]
    parquet.write_table(pa.table(RIGHT | {column: values}), tmp_path / "trace")
    with pytest.raises(ValueError, match=words):
        traces.read(scenario(tmp_path / "trace"))


def test_a_parquet_file_may_number_its_names(tmp_path):
    names = pa.array(["b"], pa.string()).dictionary_encode()
    parquet.write_table(pa.table(RIGHT | {"product": names}), tmp_path / "trace")
    assert traces.read(scenario(tmp_path / "trace"))["product"].tolist() == [1]


def test_a_parquet_file_with_a_column_twice(tmp_path):
    table = pa.table([*RIGHT.values(), [2.0]], names=[*RIGHT, "time_s"])
    parquet.write_table(table, tmp_path / "trace")
    with pytest.raises(ValueError, match="2 columns 'time_s'; there must be one"):
        traces.read(scenario(tmp_path / "trace"))


def test_licenses_are_counted_or_left_to_the_product(tmp_path):
    assert traces.read(scenario(written(tmp_path, COUNTED + "1,0,1,a,7\n")))["count"].tolist() == [7]
    left = written(tmp_path, HEAD + "1,0,1,a\n")
    assert traces.read(scenario(left, tokens=3))["count"].tolist() == [3]
    assert traces.read(scenario(left, tokens=[[1, 1.0], [2, 1.0]]))["count"].tolist() == [0]  # drawn


def test_programs_that_share_licenses_want_as_many_each(tmp_path):
    path = written(tmp_path, COUNTED + "1,0,1,a,3\n2,0,1,b,2\n3,0,1,a,3\n")
    assert traces.read(scenario(path))["count"].tolist() == [3, 2, 3]
    message = 'count must be tokens = 3 of a product with sharing = "client"; in row 2 it is 2'
    with pytest.raises(ValueError, match=re.escape(message)):
        traces.read(scenario(path, tokens=3, sharing="client"))


def test_launches_after_the_end_are_counted(tmp_path):
    path = written(tmp_path, HEAD + "-10,0,1,a\n99.999,0,1,a\n100,0,1,a\n5000,0,1,a\n")
    assert traces.late(scenario(path)) == (2, 4)
