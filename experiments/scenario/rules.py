"""What must hold between the values of a scenario."""

import math
from collections import Counter
from collections.abc import Callable, Iterator

from meterstorm.policies.balancing import report_patience_s, takes_over

from .backend_rules import backend_can_decide
from .choices import Resolve, Resolved
from .connection_rules import connections_are_kept
from .facts import Facts, ItemRule, UnknownError
from .fault_rules import FAULT_RULES
from .group_rules import GROUP_RULES, groups_are_bounded, groups_have_room
from .metric_rules import compared_metrics_exist, expected_metric_exists, metric_of_case_exists
from .product_rules import PRODUCT_RULES
from .rivals import rivals
from .values import OBSERVED
from .wall_rules import wall_clock_can_run, wall_clock_moves_no_licenses
from .wording import a_name_of, refuse, show

SAMPLES_MAX = 1_000_000
SERVER_SAMPLES_MAX = 20_000_000  # 960 MB


def broken_rules(facts: Facts, resolve: Resolve) -> Iterator[str]:
    """Yield an error for every rule that is broken, as far as the facts are known."""
    facts = Facts(facts | _policies(facts, resolve))
    for rule in RULES:
        yield from _lines(rule, facts)
    for name, item_rules in ITEM_RULES.items():
        for index, item in enumerate(facts.get(name, ())):
            for item_rule in item_rules:
                yield from _lines(item_rule, f"{name}[{index}]", item, facts)


def _policies(facts: Facts, resolve: Resolve) -> dict[str, Resolved]:
    """Return each chosen policy by its kind, so that no rule has to look it up."""
    choices = {key.removeprefix("policies."): value for key, value in facts.items() if key.startswith("policies.")}
    return {f"resolved.{kind}": resolve(kind, choice.name, choice.parameters) for kind, choice in choices.items()}


def _lines(rule: Callable[..., Iterator[str]], *arguments: object) -> Iterator[str]:
    try:
        yield from rule(*arguments)
    except UnknownError:
        return


def _shards_need_latency(facts: Facts) -> Iterator[str]:
    # The latency is the lookahead of the parallel engine: without it, windows would be empty.
    shards, latency_ms = facts["run.shards"], facts["network.latency_ms"]
    if shards not in (1, "auto") and latency_ms == 0:
        yield refuse("run.shards", shards, f'1 or "auto" while network.latency_ms = {show(latency_ms)} (or > 0)')


def _every_shard_has_a_client(facts: Facts) -> Iterator[str]:
    shards, clients = facts["run.shards"], facts["clients.count"]
    if shards != "auto" and shards > clients:
        yield refuse("run.shards", shards, f"at most clients.count = {clients}: each shard is a process")


def _samples_are_bounded(facts: Facts) -> Iterator[str]:
    sample_s, duration_s = facts["run.sample_s"], facts["run.duration_s"]
    if duration_s / sample_s > SAMPLES_MAX:
        words = f"at least run.duration_s / {SAMPLES_MAX} (run.duration_s = {show(duration_s)})"
        yield refuse("run.sample_s", sample_s, words)


def _server_samples_are_bounded(facts: Facts) -> Iterator[str]:
    sample_s, duration_s, servers = facts["run.sample_s"], facts["run.duration_s"], facts["servers.count"]
    if servers > 1 and duration_s / sample_s * servers > SERVER_SAMPLES_MAX:
        words = (
            f"at least {duration_s * servers / SERVER_SAMPLES_MAX:g}: each sample has a row for each of"
            f" {servers} servers, {SERVER_SAMPLES_MAX} rows at most"
        )
        yield refuse("run.sample_s", sample_s, words)


def _sites_are_alike(facts: Facts) -> Iterator[str]:
    sites, count = facts["servers.sites"], facts["servers.count"]
    if count % sites:
        yield refuse("servers.count", count, f"a multiple of servers.sites = {sites}")


def _wan_is_slower(facts: Facts) -> Iterator[str]:
    sites, wan_ms, lan_ms = facts["servers.sites"], facts["network.wan_latency_ms"], facts["network.latency_ms"]
    if sites > 1 and wan_ms < lan_ms:
        yield refuse("network.wan_latency_ms", wan_ms, f"at least network.latency_ms = {show(lan_ms)}")


def _split_fits(facts: Facts) -> Iterator[str]:
    yield from _weights_fit("servers.split", '"even"', facts)


def _assignment_fits(facts: Facts) -> Iterator[str]:
    yield from _weights_fit("clients.assignment", '"round-robin", "random"', facts)
    weights, count, sites = facts["clients.assignment"], facts["servers.count"], facts["servers.sites"]
    if isinstance(weights, str) or len(weights) != count or count % sites or not sum(weights) > 0:
        return
    members = count // sites
    for site in range(sites):
        if not any(weights[site * members : (site + 1) * members]):
            servers = f"servers {site * members} to {(site + 1) * members - 1}"
            yield refuse("clients.assignment", weights, f"> 0 for a server of every site ({servers} are one)")


def _weights_fit(path: str, names: str, facts: Facts) -> Iterator[str]:
    weights, count = facts[path], facts["servers.count"]
    if not isinstance(weights, str) and (len(weights) != count or not sum(weights) > 0):
        words = f"{names} or a list of {count} weights (servers.count = {count}) with a sum > 0"
        yield refuse(path, weights, words)


def _a_product_is_popular(facts: Facts) -> Iterator[str]:
    popularities = [product["popularity"] for product in facts["products"]]
    if popularities and not any(popularities):
        yield refuse("products[0].popularity", popularities[0], "> 0 for at least one product")


def _profile_is_a_day(facts: Facts) -> Iterator[str]:
    profile = facts["workload.profile"]
    for index in range(1, len(profile)):
        before = profile[index - 1][0]
        if profile[index][0] <= before:
            words = f"later than the hour before it ({show(before)}): hours increase"
            yield refuse(f"workload.profile[{index}]", profile[index], words)
    if profile and not any(factor for _, factor in profile):
        yield refuse("workload.profile", profile, "a list with at least one factor > 0")


def _trace_if_asked(facts: Facts) -> Iterator[str]:
    arrivals, trace = facts["workload.arrivals"], facts["workload.trace"]
    if arrivals == "trace" and not trace:
        words = 'the path of a CSV or Parquet file, since workload.arrivals = "trace"'
        yield refuse("workload.trace", trace, words)
    if arrivals != "trace" and trace:
        words = f'"" (absent), since workload.arrivals = {show(arrivals)}, or arrivals must be "trace"'
        yield refuse("workload.trace", trace, words)


def _observations_if_asked(facts: Facts) -> Iterator[str]:
    for key, file in OBSERVED.items():
        distribution, path = facts[f"workload.{key}"], facts[f"workload.{file}"]
        if distribution == "empirical" and not path:
            words = f'the path of a CSV or Parquet file, since workload.{key} = "empirical"'
            yield refuse(f"workload.{file}", path, words)
        if distribution != "empirical" and path:
            words = f'"" (absent), since workload.{key} = {show(distribution)}, or {key} must be "empirical"'
            yield refuse(f"workload.{file}", path, words)


def _policies_resolve(facts: Facts) -> Iterator[str]:
    for key, found in facts.items():
        if isinstance(found, Resolved) and found.error:
            yield f"policies.{key.removeprefix('resolved.')}{found.error}"


def _next_servers_can_be_asked(facts: Facts) -> Iterator[str]:
    asked = getattr(facts["resolved.denial"].policy, "servers", 1)
    sites = facts["servers.sites"] if facts["clients.failover_to"] == "own-site" else 1
    servers, latency_ms, programs = facts["servers.count"], facts["network.latency_ms"], facts["clients.programs"]
    if servers // sites < asked < math.inf:
        yield refuse("policies.denial.servers", asked, f"at most {servers // sites}, which there are, or inf: all")
    if asked > 1 and programs > 1 and latency_ms == 0:
        # In an instant a license could be left behind and taken up again.
        words = f"> 0 while policies.denial.servers = {show(asked)} and clients.programs = {programs}"
        yield refuse("network.latency_ms", latency_ms, words)


def _intersite_has_reports(facts: Facts) -> Iterator[str]:
    among, inside = facts["resolved.intersite"].policy, facts["resolved.balancing"].policy
    if among is None or inside is None or among.interval_s == 0:  # already reported, or it never acts
        return
    between, within = facts["policies.intersite"], facts["policies.balancing"]
    if facts["servers.sites"] == 1:
        yield refuse("policies.intersite.name", between.name, '"none" while servers.sites = 1')
    if inside.interval_s == 0:
        why = ", which gives site servers no reports"
    elif getattr(inside, "keeps_until_ack", False):
        why = ": copies cannot move between sites"
    else:
        return
    allowed = f'"none" while policies.balancing.name = {show(within.name)}{why}'
    yield refuse("policies.intersite.name", between.name, allowed)


def _a_site_has_its_quorum(facts: Facts) -> Iterator[str]:
    quorum, count, sites = facts["servers.quorum"], facts["servers.count"], facts["servers.sites"]
    if quorum > count // sites:
        yield refuse("servers.quorum", quorum, f"at most {count // sites}, the servers of a site")


def _tenures_are_renewed(facts: Facts) -> Iterator[str]:
    tenure_s, inside = facts["servers.tenure_s"], facts["resolved.balancing"].policy
    if tenure_s == 0 or inside is None:
        return
    interval_s, latency_s = float(inside.interval_s), facts["network.latency_ms"] / 1000
    name = f"policies.balancing.name = {show(facts['policies.balancing'].name)}"
    if getattr(inside, "is_shared", False):
        yield refuse("servers.tenure_s", tenure_s, f"0 while {name}: one pool is not any server's")
    elif interval_s == 0:
        yield refuse("servers.tenure_s", tenure_s, f"0 while {name}: no cycle by time renews it")
    elif getattr(inside, "keeps_until_ack", False):
        yield refuse("servers.tenure_s", tenure_s, f"0 while {name}: a license that is in two pools ends in none")
    elif tenure_s < 2 * interval_s:
        words = (
            f"0 or at least {show(2 * interval_s)}, twice the interval_s of {name}: a cycle's reports may be late"
        )
        yield refuse("servers.tenure_s", tenure_s, words)
    elif 2 * latency_s >= (patience_s := report_patience_s(inside)):
        words = f"0 while network.latency_ms = {show(1000 * latency_s)}: reports would take longer than "
        yield refuse("servers.tenure_s", tenure_s, f"{words}the {show(patience_s)} s for which they are awaited")


def _what_is_kept_is_not_taken_back(facts: Facts) -> Iterator[str]:
    tenure_s, choice = facts["servers.tenure_s"], facts["policies.balancing"]
    if tenure_s == 0 and not takes_over(facts["resolved.balancing"].policy):
        return
    key, value, allowed = "servers.tenure_s", tenure_s, "0"
    if tenure_s == 0:
        key, value, allowed = "policies.balancing.name", choice.name, "one that does not take over"
    for index, product in enumerate(facts["products"]):
        if product["reserve"] is not None:
            words = (
                f"{allowed} while products[{index}].reserve is given: what is kept for some stays at its server"
            )
            yield refuse(key, value, words)


def _failback_has_a_way(facts: Facts) -> Iterator[str]:
    name, moves = facts["policies.failback"].name, facts["clients.failback_moves"]
    if name == "none":
        if moves == "all":
            yield refuse("clients.failback_moves", moves, '"new" while policies.failback.name = "none"')
        return
    sites, servers, reach = facts["servers.sites"], facts["servers.count"], facts["clients.failover_to"]
    drain_share = getattr(facts["resolved.failback"].policy, "drain_share", 0.0)
    if servers // (sites if reach == "own-site" else 1) == 1:
        where = " at its site" if servers > 1 else ""
        words = f'"none" while a client has one server to choose from{where} (servers.count = {servers})'
        yield refuse("policies.failback.name", name, words)
    elif drain_share > 1:
        yield refuse("policies.failback.drain_share", drain_share, "in [0, 1]")
    elif drain_share > 0 and sites > 1 and reach == "any-site":
        words = f'one that does not drain, as servers.sites = {sites}, or clients.failover_to must be "own-site"'
        yield refuse("policies.failback.name", name, words)


def _what_is_spared_is_reclaimed_else(facts: Facts) -> Iterator[str]:
    ttl_s = facts["servers.failover_ttl_s"]
    if ttl_s > 0 and not facts["servers.durable"]:
        yield refuse("servers.failover_ttl_s", ttl_s, "0 while servers.durable = false: no lease survives a crash")
    elif ttl_s > 0 and facts["servers.reclaim_after_s"] == 0:
        yield refuse("servers.failover_ttl_s", ttl_s, "0 while servers.reclaim_after_s = 0: none is reclaimed")


def _lost_leases_are_heard_of(facts: Facts) -> Iterator[str]:
    way, names, heartbeat_s = (
        facts[f"clients.{key}"] for key in ("on_lost_lease", "heartbeat_names_leases", "heartbeat_s")
    )
    if way == "run-on" or (names and heartbeat_s > 0):
        return
    why = f"clients.heartbeat_s = {show(heartbeat_s)}" if names else "clients.heartbeat_names_leases = false"
    yield refuse("clients.on_lost_lease", way, f'"run-on" while {why}: clients hear of it by such heartbeats')


def _heartbeats_are_spread(facts: Facts) -> Iterator[str]:
    spread, heartbeat_s = facts["clients.heartbeat_spread"], facts["clients.heartbeat_s"]
    if spread > 0 and heartbeat_s == 0:
        yield refuse(
            "clients.heartbeat_spread", spread, "0 while clients.heartbeat_s = 0: there are no heartbeats"
        )


def _names_differ(facts: Facts) -> Iterator[str]:
    for table in ("products", "groups", "cases", "arms", "expect"):
        seen: Counter[str] = Counter()
        for index, item in enumerate(facts.get(table, ())):
            name = item.get("name")
            if name in seen:
                yield refuse(f"{table}[{index}].name", name, "a name that no other of the list has")
            elif name is not None:
                seen[name] += 1


def _case_shows_all_or_nothing(path: str, case: Facts, _: Facts) -> Iterator[str]:
    keys = ("symptom", "metric", "baseline")
    given = {key: case[key] is not None for key in keys}
    if any(given.values()) and not all(given.values()):
        missing = " and ".join(key for key in keys if not given[key])
        yield f"{path}: {missing} missing; symptom, metric and baseline are given together or not at all"


def _case_baseline_exists(path: str, case: Facts, facts: Facts) -> Iterator[str]:
    baseline, name = case["baseline"], case["name"]
    others = [other["name"] for other in facts["cases"] if other["name"] != name]
    if baseline is not None and baseline not in others:
        yield refuse(f"{path}.baseline", baseline, a_name_of("another case", baseline, others))


def _compared_baseline_exists(facts: Facts) -> Iterator[str]:
    baseline, (word, names, _) = facts["compare.baseline"], rivals(facts)
    if baseline is not None and baseline not in names:
        what = "an arm" if word == "arm" else "a case without a symptom, as there are no arms"
        yield refuse("compare.baseline", baseline, a_name_of(what, baseline, names))


def _expected_versions_exist(path: str, expect: Facts, facts: Facts) -> Iterator[str]:
    for key, what in (("arm", "an arm"), ("case", "a case")):
        name, names = expect[key], [item["name"] for item in facts[f"{key}s"]]
        if name is not None and name not in names:
            yield refuse(f"{path}.{key}", name, a_name_of(what, name, names))


def _expected_difference_exists(path: str, expect: Facts, facts: Facts) -> Iterator[str]:
    word, names, baseline = rivals(facts)
    others = [name for name in names if name != baseline]
    if expect["on"] != "difference":
        return
    if not others:
        words = '"mean" or "interval", as there are neither two arms to compare nor, without arms, two cases'
        yield refuse(f"{path}.on", "difference", words)
    elif expect[word] in {item["name"] for item in facts[f"{word}s"]} - {*others}:
        words = f"the name of one that is compared with {show(baseline)}: {', '.join(map(show, others))}"
        yield refuse(f"{path}.{word}", expect[word], words)


def _expected_interval_is_no_point(path: str, expect: Facts, _: Facts) -> Iterator[str]:
    if expect["op"] == "==" and expect["on"] != "mean":
        words = f'"<", "<=", ">", ">=" or "!=" with on = {show(expect["on"])}: an interval is no single number'
        yield refuse(f"{path}.op", "==", words)


RULES: tuple[Callable[[Facts], Iterator[str]], ...] = (
    _shards_need_latency,
    _every_shard_has_a_client,
    _samples_are_bounded,
    _server_samples_are_bounded,
    _sites_are_alike,
    _wan_is_slower,
    _split_fits,
    _a_product_is_popular,
    _assignment_fits,
    _profile_is_a_day,
    _trace_if_asked,
    _observations_if_asked,
    _policies_resolve,
    _next_servers_can_be_asked,
    _intersite_has_reports,
    _a_site_has_its_quorum,
    _tenures_are_renewed,
    _what_is_kept_is_not_taken_back,
    _failback_has_a_way,
    _lost_leases_are_heard_of,
    _what_is_spared_is_reclaimed_else,
    _heartbeats_are_spread,
    connections_are_kept,
    wall_clock_can_run,
    wall_clock_moves_no_licenses,
    backend_can_decide,
    _names_differ,
    groups_are_bounded,
    groups_have_room,
    compared_metrics_exist,
    _compared_baseline_exists,
)

ITEM_RULES: dict[str, tuple[ItemRule, ...]] = {
    "products": PRODUCT_RULES,
    "groups": GROUP_RULES,
    "faults": FAULT_RULES,
    "cases": (_case_shows_all_or_nothing, metric_of_case_exists, _case_baseline_exists),
    "expect": (
        expected_metric_exists,
        _expected_versions_exist,
        _expected_difference_exists,
        _expected_interval_is_no_point,
    ),
}
