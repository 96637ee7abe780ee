"""Mutations of groups of clients: who is in which, what they have set, and what is counted for them."""

from tools.mutations.mutation import Mutation

KEYS = "evidence/keys/test_group_keys.py"

MUTATIONS = [
    Mutation("groups: they are clients in a row", "actors/setup/groups.py",
     "np.argsort(numbers * GOLDEN)", "np.argsort(numbers)",
     "evidence/agreement/test_groups_agree.py::test_every_site_and_every_server_has_its_share_of_a_group"),
    Mutation("groups: each share is rounded by itself", "actors/setup/group_sizes.py",
     "_part(shares, clients) - _part(before, clients)", "_part(shares - before, clients)",
     f"{KEYS}::test_shares_add_up_and_are_then_rounded[wanted2-7-expected2]"),
    Mutation("groups: all launch like the rest", "actors/agents/client/slots.py",
     "    time = workload.next_launch(world, own, ", "    time = workload.next_launch(world, world.config[0], ",
     f"{KEYS}::test_users_of_a_group_launch_as_it_says"),
    Mutation("groups: all time-outs go into the ring", "actors/agents/client/link.py",
     "config.timeouts_differ == 0 or own.request_timeout == config.request_timeout", "True",
     f"{KEYS}::test_requests_of_a_group_time_out_when_it_says[timeouts0]"),
    Mutation("groups: the policy of the rest is asked", "actors/agents/client/decisions.py",
     "world.failover[settings.row_of_client(world, i)]", "world.failover[0]",
     f"{KEYS}::test_a_group_may_have_policies_of_its_own"),
    Mutation("groups: policies have the parameters of the first", "actors/setup/policies.py",
     "{f\"{kind}_at\": end - length,", "{f\"{kind}_at\": 0,",
     f"{KEYS}::test_denied_users_of_a_group_do_as_its_policy_says"),
    Mutation("groups: servers hear all heartbeats alike", "actors/agents/server/service.py",
     "settings.of_agent(world, world.events[n].source)", "world.config[0]",
     f"{KEYS}::test_heartbeats_of_a_group_name_leases_if_it_says_so[True]"),
    Mutation("groups: what is served from a queue is counted for another", "actors/agents/server/service.py",
     "        ledger.count_for(world, world.events[n].source)\n", "",
     f"{KEYS}::test_denials_of_what_waited_in_a_queue_are_those_of_their_clients"),
    Mutation("groups: a callback is counted for who freed the license", "actors/agents/server/callbacks.py",
     "                ledger.count_for(world, event.source)\n", "",
     f"{KEYS}::test_messages_and_waits_are_those_of_a_groups_own_clients"),
    Mutation("groups: waits are those of the rest", "actors/records/ledger.py",
     "control.row * words.SUMS + words.WAITS", "words.WAITS",
     f"{KEYS}::test_messages_and_waits_are_those_of_a_groups_own_clients"),
    Mutation("groups: an error names the policy of another group", "actors/shards/blame.py",
     "if world.groups.size and kind in OF_CLIENTS else 0", "if False else 0",
     "experiments/cli/test_group_policies.py::test_an_error_names_the_policy_of_the_group[True-Backwards-words0]"),
]  # fmt: skip
