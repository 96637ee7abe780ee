"""Every metric of summary.json once more, recounted from the event record of a run.

`recount(scenario, rows, faults)` reads a journal row by row and keeps its own books: what each user's slots do,
what each server queues and leases, what the observer knows. Nothing is drawn and no policy is asked: what was
sent, lost, decided and when is in the record, as is when drawn faults held; who must be granted a license, what
a denial's cause is, and how long anything took is worked out here from the contract (`actors/README.md`;
`experiments/README.md` has the metrics).
A record that contradicts the contract, such as a denial while a license is free, raises `Contradiction`.

Of the engine only the journal's vocabulary is imported: the fields of its rows, kinds, flags and policy actions.

Readings, where the contract leaves room:

- The observer sees the servers as they are and learns of a client's facts one constant latency later: after
  everything else of that instant, since it comes last in the total order. A RELEASE needs no such word: the lease
  is seen to be given back when the RELEASE arrives.
- Each launch has at most one waiting time, from launch to the first grant, or to the denial that ends it. A
  program that runs unmetered meanwhile has none.
- Who was called back in vain is denied again in that cycle, but for a program that was followed by a later one:
  its user no longer waits.
- Queueing delays are those of requests, and areas are kept between whole microseconds, like the engine's.
"""

from typing import Any, NamedTuple

from oracles.recount.books import Books
from oracles.recount.metrics import Metrics, metrics, of_groups
from oracles.recount.record import Row, groups


class Recounted(NamedTuple):
    """The metrics of a world, and those of each of its groups of clients."""

    metrics: Metrics
    groups: dict[str, Metrics]
    connected: list[list[int]]  # to each server how many clients, at the end of each sample


def recount(scenario: Any, rows: Any, faults: Any) -> Recounted:
    """Return every metric of METRICS for a scenario, the journal of one run of it, and when its faults held."""
    books = Books(scenario, faults.tolist())
    for event, outcome in groups(map(Row._make, rows.tolist())):
        books.handle(event, outcome)
    books.close()
    return Recounted(metrics(books), of_groups(books), books.connected())
