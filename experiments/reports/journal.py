"""A run's `journal.parquet`: rows of a journal in words, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from meterstorm.actors.records import journal
from meterstorm.actors.setup.scenario import ns
from meterstorm.actors.state.events import JOURNAL
from pyarrow import parquet

from ..scenario import Scenario, one_of

SECOND = 1_000_000_000
FILE = "journal.parquet"
# Each word once: for a second one Arrow puts bytes into the file that nobody has set.
WORDS = list(dict.fromkeys([*journal.KIND_WORDS.values(), *journal.ACTION_WORDS.values()]))


def columns(rows: Any, scenario: Scenario) -> dict[str, Any]:
    """Return a world's journal as columns: times on both clocks, kinds of events and agents in words."""
    decided = rows["what"] == journal.DECIDED
    kind = np.where(decided, _codes(journal.ACTION_WORDS)[rows["kind"]], _codes(journal.KIND_WORDS)[rows["kind"]])
    time_s = (rows["time"] - ns(scenario.run.warmup_s)) / SECOND
    numbers = {name: rows[name] for name in rows.dtype.names if name not in {"kind", "what"}}
    return {
        "time_s": time_s,
        "what": _words(rows["what"], journal.WHAT),
        "kind": _words(kind, WORDS),
        "source_kind": _words(_agents(rows["source"], scenario), journal.AGENT_WORDS),
        "target_kind": _words(_agents(rows["target"], scenario), journal.AGENT_WORDS),
        **numbers,
    }


def _codes(words: Mapping[int, str]) -> Any:
    """Return for each number of a kind or an action where its word is in WORDS."""
    codes = np.zeros(max(journal.KIND_WORDS) + 1, np.int64)
    for number, word in words.items():
        codes[number] = WORDS.index(word)
    return codes


def _agents(numbers: Any, scenario: Scenario) -> Any:
    """Return the kinds of agents, as places in AGENT_WORDS."""
    counts = (scenario.clients.count, scenario.servers.count, scenario.servers.sites)
    return np.searchsorted(np.cumsum(counts), numbers, side="right")


def _words(codes: Any, words: Any) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8)), pa.array(words))


def read(folder: Path, case: str | None, arm: str | None, replication: int) -> Any:
    """Return the rows of JOURNAL of one world; raises FileNotFoundError when the run kept none."""
    keys = [("case", "==", case), ("arm", "==", arm), ("replication", "==", replication)]
    table = parquet.read_table(folder / FILE, filters=[key for key in keys if key[2] is not None])
    rows = np.empty(table.num_rows, JOURNAL)
    for name in JOURNAL.names or ():
        rows[name] = _numbers(table[name], name) if name in {"what", "kind"} else table[name].to_numpy()
    return rows


def _numbers(column: Any, name: str) -> Any:
    """Return the numbers that the words of a column stand for."""
    tables = (dict(enumerate(journal.WHAT)),) if name == "what" else (journal.KIND_WORDS, journal.ACTION_WORDS)
    number = {word: number for table in tables for number, word in table.items()}
    return np.array([number[word] for word in column.to_pylist()], np.int8)


class Wanted(NamedTuple):
    """Which rows are asked for; None: whichever. Times are in s from the end of the warm-up."""

    what: str | None = None
    kind: str | None = None
    agent: str | None = None
    begin_s: float | None = None
    end_s: float | None = None


def mask(rows: Any, wanted: Wanted, scenario: Scenario) -> Any:
    """Return for each row of a world whether it is asked for; raises ValueError for a word that there is not."""
    known = columns(rows, scenario)
    found = np.ones(len(rows), bool)
    for name, word, words in (("what", wanted.what, list(journal.WHAT)), ("kind", wanted.kind, WORDS)):
        if word is not None:
            found &= known[name].indices.to_numpy() == _place(name, word, words)
    if wanted.agent is not None:
        number = _number_of(wanted.agent, scenario)
        found &= (rows["source"] == number) | (rows["target"] == number)
    found &= known["time_s"] >= (-np.inf if wanted.begin_s is None else wanted.begin_s)
    return found & (known["time_s"] < (np.inf if wanted.end_s is None else wanted.end_s))


def _place(name: str, word: str, words: list[str]) -> int:
    if word not in words:
        raise ValueError(f"--{name} {word}: is not allowed; it must be {one_of(words)}")
    return words.index(word)


def _number_of(words: str, scenario: Scenario) -> int:
    """Return the number of the agent that is called so: `client 5`; the only one of a kind needs no number."""
    clients, servers, sites = scenario.clients.count, scenario.servers.count, scenario.servers.sites
    counts = dict(zip(journal.AGENT_WORDS, (clients, servers, sites, sites), strict=True))
    kind, _, number = words.rpartition(" ") if words[-1:].isdecimal() else (words, "", "0")
    if kind not in counts or int(number) >= counts[kind] or (words == kind and counts[kind] > 1):
        allowed = [name if count == 1 else f"{name} 0 to {count - 1}" for name, count in counts.items()]
        raise ValueError(f"--agent {words}: is not allowed; it must be one of {', '.join(allowed)}")
    return int(number) + sum(list(counts.values())[: journal.AGENT_WORDS.index(kind)])


def describe(row: Any, scenario: Scenario) -> str:
    """Return a row in words, with its time since the end of the warm-up."""
    servers = scenario.servers
    origin = ns(scenario.run.warmup_s)
    return journal.describe(row, scenario.clients.count, servers.count, servers.sites, origin)
