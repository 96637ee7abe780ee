"""Tables that users supply: CSV or Parquet, told apart by content; columns of numbers, checked."""

from pathlib import Path
from typing import Any

import numpy as np

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
PARQUET = b"PAR1"  # how such a file begins


def read(key: str, path: Path, names: tuple[str, ...]) -> Any:
    """Return the table of a file that a key names; columns of these names are text if the file is CSV.

    Raises ValueError with a finished message when it is missing or cannot be read.
    """
    import pyarrow as pa

    if not path.is_file():
        raise ValueError(f"{key}: there is no file {str(path)!r}")
    try:
        return _parquet(path) if _is_parquet(path) else _csv(path, names)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{key}: {str(path)!r} cannot be read: {error}") from error


def check(path: Path, table: Any, needed: tuple[str, ...]) -> None:
    """Raise ValueError unless a table has these columns, and no name of them twice."""
    found = table.column_names
    for name in needed:
        if name not in found:
            raise ValueError(f"{path}: there is no column {name}; it has {', '.join(found)}")
    for name in found:
        if found.count(name) > 1:
            raise ValueError(f"{path}: there are {found.count(name)} columns {name!r}; there must be one")


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET)) == PARQUET


def _parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path).read()  # takes columns of the same name, unlike read_table


def _csv(path: Path, names: tuple[str, ...]) -> Any:
    """Return a table whose columns of these names are text, whatever they look like."""
    import pyarrow as pa
    from pyarrow import csv

    as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=as_text)


def numbers(path: Path, table: Any, column: str, least: float) -> Any:
    """Return the numbers of a column, from `least` to 1e9; raises ValueError."""
    import pyarrow as pa

    cells = table[column]
    kind = cells.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        cells = _parsed(path, cells, column)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ValueError(f"{path}: column {column} must hold numbers, not {kind}")
    values = cells.cast(pa.float64(), safe=False).to_numpy()
    bad = ~(np.isfinite(values) & (values >= least) & (values <= 1e9))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"{path}: {column} in row {row + 1} is {values[row]}; it must be from {least} to 1e9")
    return values


def _parsed(path: Path, cells: Any, column: str) -> Any:
    """Return the numbers that cells of text write."""
    import pyarrow as pa
    from pyarrow import compute

    cells = compute.utf8_trim_whitespace(cells)
    is_number = compute.match_substring_regex(cells, NUMBER).fill_null(False).to_numpy(zero_copy_only=False)
    if not is_number.all():
        row = int(np.flatnonzero(~is_number)[0])
        text = cells[row].as_py()
        raise ValueError(f"{path}: column {column} must hold numbers; in row {row + 1} it has {text!r}")
    return pa.chunked_array([cells.to_numpy(zero_copy_only=False).astype(np.float64)])
