"""Balancing policies at work: they are plain Python, so the loop returns whenever one must be asked."""

from contextlib import nullcontext
from typing import Any

import numpy as np
from meterstorm.policies import errors
from meterstorm.policies.balancing import Report

from ..agents.site import intersite, site
from ..compiled.time_limit import NoAnswer, answer_in_time
from ..engine.invariants import InvariantViolation
from ..messaging.addresses import ALL_SITES
from ..setup.policies import PolicySet
from ..state.world import World


def balance(world: World, policies: PolicySet) -> None:
    """Ask a balancing policy for targets, check them, and order the moves: at a site, or between sites."""
    k = int(world.control[0].balancing)
    if k == ALL_SITES:
        products = world.products.reshape(-1, int(world.config[0].products))
        products["target"] = targets_of(policies.intersite, "intersite", _report_of_sites(products))
        intersite.carry_out(world)
    else:
        pools = _pools(world, k)
        pools["target"] = targets_of(policies.balancing, "balancing", _report_of_servers(world, k, pools))
        site.carry_out(world, k)


def _report_of_sites(products: Any) -> Report:
    return Report(
        np.ones(len(products), bool),
        products["reported_owned"].copy(),
        products["reported_leased"].copy(),
        products["reported_requests"].copy(),
        np.zeros(products.shape[1], np.int64),
    )


def _report_of_servers(world: World, k: int, pools: Any) -> Report:
    members, count = int(world.config[0].members), int(world.config[0].products)
    return Report(
        world.servers["reported"][k * members : (k + 1) * members].astype(bool),
        pools["reported_allocated"].copy(),
        pools["reported_leased"].copy(),
        pools["reported_requests"].copy(),
        world.products["reserve"][k * count : (k + 1) * count].copy(),
    )


def _pools(world: World, k: int) -> Any:
    """Return the pools of a site's servers, shape (servers, products)."""
    members, count = int(world.config[0].members), int(world.config[0].products)
    return world.pools.reshape(-1, count)[k * members : (k + 1) * members]


def targets_of(policy: Any, kind: str, report: Report) -> Any:
    """Return a policy's targets; raises PolicyError when it fails, or they are impossible."""
    try:
        with answer_in_time() if errors.is_own(type(policy)) else nullcontext():
            targets = np.asarray(policy.targets(report))
    except (Exception, SystemExit, NoAnswer) as error:
        raise _own(policy, errors.raised(kind, type(policy), "targets", error)) from error
    if targets.shape != report.allocated.shape or not np.issubdtype(targets.dtype, np.integer):
        text = f"must return integers of shape {report.allocated.shape}, not {targets.dtype} of {targets.shape}"
        raise _own(policy, errors.wrong(kind, type(policy), "targets", text))
    here = report.answered
    available = report.allocated[here].sum(axis=0) + report.reserve
    if (targets < 0).any() or (targets[here].sum(axis=0) > available).any():
        text = f"returned {targets[here].tolist()}, which must be >= 0 and add up to at most {available.tolist()}"
        raise _own(policy, errors.wrong(kind, type(policy), "targets", f"{text} over those that answered"))
    return targets


def _own(policy: Any, error: errors.PolicyError) -> Exception:
    """Return an error of a user's own policy as it is; of a built-in one it is a defect."""
    return error if errors.is_own(type(policy)) else InvariantViolation(str(error))
