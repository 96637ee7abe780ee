"""Every kind of event is of one sort: by these sorts messages are routed, lost and shared."""

import pytest
from meterstorm.actors.messaging import protocol
from meterstorm.actors.state import kinds

KINDS = {name: number for name, number in vars(kinds).items() if name.isupper() and number != kinds.FREE}
MESSAGES = {
    protocol.is_for_service: {"REQUEST", "RELEASE", "HEARTBEAT", "KEPT_RELEASE", "PROBE", "CONNECT"},
    protocol.is_for_host: {"DISCONNECT"},
    protocol.is_answer: {
        "GRANT",
        "DENY",
        "OVERLOADED",
        "REFUSED",
        "ACK",
        "KEPT_ACK",
        "CALLBACK",
        "PROBE_ACK",
        "MOVE_ON",
        "CONNECTED",
    },
    protocol.is_balancing: {"ASK_REPORT", "REPORT", "TAKE", "TAKEN", "GIVE", "GIVEN", "DROP", "SHORT", "RENEW"},
    protocol.is_notice: {"NOTICE", "NOT_TAKEN", "ORPHANED"},
}
TIMERS = {
    *("LAUNCH", "END", "LINK_TIMER", "HEARTBEAT_TICK", "ASK_AGAIN", "OFFER_RELEASES", "PLAN_DUE"),
    *("CLIENT_CRASH", "CLIENT_BACK", "RELAUNCH", "CONNECT_AGAIN", "CONNECTION_RESET", "CONNECTION_SILENT"),
    *("SCAN", "CRASH", "GRACE_END", "CALLBACK_CYCLE", "DRAIN", "STALL_END"),
    *("PEER_LOST", "PEER_GRACE_END", "CRASH_GRACE_END"),
    *("BALANCE", "REPORTS_DUE", "BALANCE_SITES", "SETTLE", "LAPSE"),
}


def of(sort) -> set[str]:
    return {name for name, number in KINDS.items() if sort(number)}


def test_numbers_differ():
    assert len(set(KINDS.values())) == len(KINDS)


@pytest.mark.parametrize("sort", MESSAGES, ids=lambda sort: sort.__name__)
def test_each_sort_has_its_kinds(sort):
    assert of(sort) == MESSAGES[sort]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_is_of_one_sort_or_a_timer(name: str):
    assert sum(name in of(sort) for sort in MESSAGES) + (name in TIMERS) == 1


def test_slots_timers():
    assert of(protocol.is_slot_timer) == {"LAUNCH", "END", "ASK_AGAIN", "RELAUNCH"}


def test_answers_that_do_not_serve():
    assert of(protocol.is_failure_answer) == {"OVERLOADED", "REFUSED"}


def test_messages_that_may_be_answered():
    messages = set().union(*MESSAGES.values())
    assert of(protocol.may_be_answered) & messages == messages - {
        "RELEASE",
        "DISCONNECT",
        *MESSAGES[protocol.is_notice],
    }
