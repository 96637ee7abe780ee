"""Selection policies in plain Python, against their formulas."""

from collections import Counter
from itertools import pairwise

import pytest
from meterstorm.policies import Choice
from meterstorm.policies.selection import POLICIES, Rendezvous, Ring, StickyRandom
from scipy.stats import chisquare


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
            found = POLICIES[name]().next_server(choice(server, servers), u)
            assert 0 <= found < servers
            assert servers == 1 or found != server
