"""Every message sent is lost on the way, handled once, or under way; and whoever asks is answered once."""

from collections import Counter
from typing import Any

import numpy as np
from meterstorm.actors.records import journal
from meterstorm.actors.state import counters, kinds
from meterstorm.actors.state.events import IN_SERVICE

from oracles.audit.tables import Tables, columns

ASKING = (kinds.REQUEST, kinds.HEARTBEAT, kinds.KEPT_RELEASE, kinds.PROBE)
SERVED = (kinds.GRANT, kinds.DENY, kinds.ACK, kinds.KEPT_ACK, kinds.PROBE_ACK)
ANSWERS = (*SERVED, kinds.OVERLOADED, kinds.REFUSED)


def check(tables: Tables) -> None:
    """The journal's messages agree with the counts, with each other and with what is under way."""
    rows = tables.world.journal[: tables.control.journaled].view(np.ndarray)
    rows = rows[(rows["kind"] <= kinds.RENEW) & (rows["flag"] & IN_SERVICE == 0)]
    sent, lost, handled = (rows[rows["what"] == what] for what in (journal.SENT, journal.LOST, journal.HANDLED))
    _are_counted(tables, sent, lost)
    _arrive_once(tables, sent, handled)
    said = np.concatenate([sent, lost])
    connecting = set(columns(_of(said, (kinds.CONNECT,)), "source", "attempt"))
    _are_answered_once(tables, said, handled, connecting)
    _are_connected_when_asked(tables, said, handled)


def _are_counted(tables: Tables, sent: Any, lost: Any) -> None:
    assert tables.total[counters.MESSAGES] == len(sent) + len(lost)
    assert tables.total[counters.MESSAGES_LOST] == len(lost)
    assert tables.total[counters.ATTEMPTS] == sum((some["kind"] == kinds.REQUEST).sum() for some in (sent, lost))


def _arrive_once(tables: Tables, sent: Any, handled: Any) -> None:
    left, arrived, under_way = (list(columns(some, "source", "serial")) for some in (sent, handled, tables.events))
    assert max(Counter(left + arrived).values(), default=0) <= 2
    assert set(arrived) <= set(left) <= set(arrived) | set(under_way)


def _are_answered_once(tables: Tables, said: Any, handled: Any, connecting: set[Any]) -> None:
    """A client's attempts and heartbeats, and its offers of what it kept, have numbers, which answers repeat.

    So has a CONNECT (`connecting`), but that may be sent, and refused, several times.

    Only a server that crashed may owe answers, no more than the messages that it dropped.
    """
    asked = Counter(columns(_of(handled, ASKING), "source", "attempt"))
    answered = Counter(columns(_of(said, ANSWERS), "target", "attempt"))
    answered = Counter({one: count for one, count in answered.items() if one not in connecting})
    waiting = set(columns(_of(tables.alive, ASKING), "source", "attempt"))
    assert max(asked.values(), default=0) <= 1
    assert max(answered.values(), default=0) <= 1
    assert answered.keys() <= asked.keys()
    assert len(asked.keys() - answered.keys() - waiting) <= tables.world.servers["dropped"].sum()


def _are_connected_when_asked(tables: Tables, said: Any, handled: Any) -> None:
    """Each CONNECT that reaches a server is dropped, refused or answered, and nothing else is."""
    asked = Counter(columns(_of(handled, (kinds.CONNECT,)), "source", "attempt"))
    answered = Counter(columns(_of(said, (kinds.CONNECTED, kinds.REFUSED)), "target", "attempt"))
    answers = Counter({one: count for one, count in answered.items() if one in asked})
    assert answers <= asked and set(columns(_of(said, (kinds.CONNECTED,)), "target", "attempt")) <= asked.keys()
    assert (asked - answers).total() == tables.total[counters.CONNECTS_DROPPED]


def _of(rows: Any, kinds_: tuple[int, ...]) -> Any:
    return rows[np.isin(rows["kind"], kinds_)]
