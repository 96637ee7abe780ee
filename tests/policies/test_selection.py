"""Selection policies in plain Python, against their formulas."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from meterstorm.policies import ANSWERED, Choice
from meterstorm.policies.selection import (
    POLICIES,
    LeastLoaded,
    Rendezvous,
    Ring,
    StickyRandom,
    TwoChoices,
    ask,
    memory_size,
)
from scipy.stats import chisquare, t


def choice(server, servers):
    return Choice(client=7, server=server, home=0, servers_tried=0, servers=servers)


def test_ring_walks_round():
    assert [Ring().next_server(choice(s, 4), 0.9) for s in range(4)] == [1, 2, 3, 0]


def test_sticky_random_takes_each_other_server_alike():
    draws = [(k + 0.5) / 300 for k in range(300)]
    found = [StickyRandom().next_server(choice(2, 4), u) for u in draws]
    assert {server: found.count(server) for server in range(4)} == {0: 100, 1: 100, 2: 0, 3: 100}


@pytest.mark.parametrize("servers", [2, 3, 7])
def test_rendezvous_goes_through_all_servers_in_an_order_of_each_client(servers):
    """Who leaves one server is spread evenly over the others: a chi-square test."""
    followers: dict[int, Counter[int]] = {server: Counter() for server in range(servers)}
    for client in range(6000):
        found = [0]
        for _ in range(servers):
            found.append(Rendezvous().next_server(Choice(client, found[-1], 0, 0, servers), 0.5))
        assert sorted(found[:-1]) == list(range(servers)) and found[-1] == 0
        for server, following in pairwise(found):
            followers[server][following] += 1
    for server, counts in followers.items():
        assert sorted(counts) == [other for other in range(servers) if other != server]
        assert servers == 2 or chisquare(list(counts.values())).pvalue > 0.001


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("servers", [1, 2, 5])
def test_the_server_exists_and_is_another_one_if_there_is_one(name, servers):
    for server in range(servers):
        for u in (0.0, 0.5, 1 - 2**-53):
            policy = POLICIES[name]()
            found = ask(policy, choice(server, servers), np.zeros(memory_size(policy, servers)), u)
            assert 0 <= found < servers
            assert servers == 1 or found != server


def told(policy, servers, *answers):
    """What a policy remembers after answers: pairs of server and requests that wait; one comes each second."""
    memory = np.zeros(memory_size(policy, servers))
    for now_s, (server, waiting) in enumerate(answers, 1):
        answer = choice(server, servers)._replace(kind=ANSWERED, now_s=float(now_s), waiting=waiting)
        assert ask(policy, answer, memory, 0.5) == 0
    return memory


def test_one_draw_of_two_choices_is_sticky_random():
    policy = TwoChoices(draws=1)
    memory = told(policy, 4, (0, 5), (2, 3), (3, 9))
    for server in range(4):
        for u in np.linspace(0.0, 1.0, 97, endpoint=False):
            named = policy.next_server(choice(server, 4), memory, u)
            assert named == StickyRandom().next_server(choice(server, 4), u)


def of_each_pair(policy, memory, now_s):
    """Server 0 of four is left; u = (3a + b + 0.5) / 9 draws server a + 1, then server b + 1."""
    leaving = choice(0, 4)._replace(now_s=now_s)
    return [[policy.next_server(leaving, memory, (3 * a + b + 0.5) / 9) for b in range(3)] for a in range(3)]


def test_two_choices_takes_the_shorter_told_queue_of_the_two_that_it_draws():
    memory = told(TwoChoices(), 4, (1, 7), (1, 4), (2, 2), (3, 2))  # of 1, the second counts
    assert of_each_pair(TwoChoices(), memory, now_s=5.0) == [[1, 2, 3], [2, 2, 2], [3, 3, 3]]


def test_what_is_too_old_counts_as_no_queue():
    """At 5.5 s only what the third and fourth second told is younger than 3 s: that of servers 2 and 3."""
    policy = TwoChoices(max_age_s=3.0)
    memory = told(policy, 4, (1, 7), (0, 4), (2, 2), (3, 1))
    assert of_each_pair(policy, memory, now_s=5.5) == [[1, 1, 1], [1, 2, 3], [1, 3, 3]]
    assert of_each_pair(policy, memory, now_s=3.9) == [[1, 2, 3], [2, 2, 3], [3, 3, 3]]


@pytest.mark.parametrize("max_age_s", [math.inf, 4.0])
def test_of_equals_that_are_least_loaded_each_has_the_same_chance(max_age_s):
    """Against numpy's minimum, whatever was told and when; u = (k + 0.5) / n for each k names n servers once."""
    numbers, policy = np.random.default_rng(3), LeastLoaded(max_age_s)
    for _ in range(200):
        servers = int(numbers.integers(2, 8))
        answers = numbers.integers(0, [servers, 4], size=(6, 2)).tolist()
        memory = told(policy, servers, *answers)
        counts = [0] * servers
        for now_s, (server, waiting) in enumerate(answers, 1):
            counts[server] = waiting if 7.5 - now_s <= max_age_s else 0
        left = int(numbers.integers(servers))
        others = [server for server in range(servers) if server != left]
        best = [server for server in others if counts[server] == min(counts[other] for other in others)]
        leaving = choice(left, servers)._replace(now_s=7.5)
        draws = [(k + 0.5) / len(best) for k in range(len(best))]
        assert sorted(policy.next_server(leaving, memory, u) for u in draws) == best


def test_who_was_told_nothing_finds_all_alike():
    """It is `sticky-random` then, draw by draw."""
    for server in range(4):
        for u in [*np.linspace(0.0, 1.0, 97, endpoint=False), 1 - 2**-53]:
            named = LeastLoaded().next_server(choice(server, 4), np.zeros(8), u)
            assert named == StickyRandom().next_server(choice(server, 4), u)


def queues(policy, rho, steps, seed, servers=500):
    """Yield the queues of servers after each arrival or departure, at load rho; told queues are fresh.

    One server more, which all leave, has none.
    """
    numbers = np.random.default_rng(seed)
    memory, leaving = np.zeros(2 * servers + 2), choice(servers, servers + 1)
    found = memory[: 2 * servers : 2]
    happens, draw = numbers.random(steps) * (1.0 + rho), numbers.random(steps)
    for step in range(steps):
        if happens[step] < rho:
            found[policy.next_server(leaving, memory, draw[step])] += 1
        else:
            served = int(draw[step] * servers)
            found[served] = max(0.0, found[served] - 1)
        yield found


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_queues_under_fresh_choices_are_as_short_as_mitzenmacher_says(draws):
    """The share of servers with k requests or more is rho^((d^k - 1) / (d - 1)), at load rho with d draws."""
    rho, shares, seen = 0.8, np.zeros(4), 0
    for step, found in enumerate(queues(TwoChoices(draws), rho, steps=300_000, seed=7)):
        if step >= 100_000 and step % 200 == 0:
            shares += [np.mean(found >= k) for k in (1, 2, 3, 4)]
            seen += 1
    law = [rho ** sum(draws**j for j in range(k)) for k in (1, 2, 3, 4)]
    assert shares / seen == pytest.approx(law, abs=0.02)


@pytest.mark.parametrize(("fewer", "more"), [(TwoChoices(1), TwoChoices(2)), (TwoChoices(2), LeastLoaded())])
def test_who_compares_more_servers_has_a_shorter_longest_queue(fewer, more):
    """Pairs of worlds with the same draws; a t interval of 99.9 % of their differences."""
    less = [
        max(found.max() for found in queues(fewer, 0.9, 4_000, seed, servers=50))
        - max(found.max() for found in queues(more, 0.9, 4_000, seed, servers=50))
        for seed in range(12)
    ]
    half = t.ppf(0.9995, len(less) - 1) * np.std(less, ddof=1) / len(less) ** 0.5
    assert np.mean(less) > half


def shortest_of_two(rho, most=60):
    """Stationary chances of two queues whose arrivals join the shorter one: a chain of pairs, cut off at `most`.

    Services take 1, and 2 rho arrive; by powers of the chain of its events.
    """
    chances = np.zeros((most + 1, most + 1))
    chances[0, 0] = 1.0
    first, second = np.indices(chances.shape)
    joins = np.where(first < second, 1.0, np.where(first == second, 0.5, 0.0))
    for _ in range(4000):
        ends = np.zeros_like(chances)
        ends[:-1] += chances[1:]
        ends[0] += chances[0]
        ends[:, :-1] += chances[:, 1:]
        ends[:, 0] += chances[:, 0]
        comes = np.zeros_like(chances)
        comes[1:] += (joins * chances)[:-1]
        comes[:, 1:] += ((1 - joins) * chances)[:, :-1]
        chances = (ends + 2 * rho * comes) / (2 + 2 * rho)
    assert chances.sum() == pytest.approx(1.0, abs=1e-9), "the chain is cut off too early"
    return chances


def test_two_queues_under_fresh_choices_are_those_of_the_chain():
    """How many requests both have: of independent runs, a t interval of 99.9 %, no wider than it must be."""
    chances = shortest_of_two(0.7)
    both = np.add(*np.indices(chances.shape))
    law = [float(chances[both >= k].sum()) for k in (1, 2, 4, 8)]
    seen = []
    for seed in range(10):
        totals = [found.sum() for found in queues(LeastLoaded(), 0.7, 12_000, seed, servers=2)][1000:]
        seen.append([np.mean(np.array(totals) >= k) for k in (1, 2, 4, 8)])
    half = t.ppf(0.9995, len(seen) - 1) * np.std(seen, axis=0, ddof=1) / len(seen) ** 0.5
    assert (np.abs(np.mean(seen, axis=0) - law) <= half).all()
    assert (half < 0.05).all()
