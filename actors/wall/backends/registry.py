"""The backends by name, as `servers.backend` has them."""

from collections.abc import Mapping

from ...setup.scenario import Scenario
from . import etcd, postgres, redis
from .backend import ALWAYS, NOTHING, Backend
from .process import ServiceProcess

BACKENDS: Mapping[str, Backend] = {"redis": redis.BACKEND, "etcd": etcd.BACKEND, "postgres": postgres.BACKEND}


def backend_of(scenario: Scenario) -> Backend | None:
    """Return what decides in place of the model's servers; None: they decide."""
    return BACKENDS.get(scenario.servers.backend)


def processes(scenario: Scenario, folder: str) -> list[ServiceProcess]:
    """Return the service of each server of a run, not started; raises Missing."""
    backend, keeps = backend_of(scenario), ALWAYS if scenario.servers.durable else NOTHING
    servers = range(scenario.servers.count if backend else 0)
    return [ServiceProcess(backend, folder, server, keeps) for server in servers if backend]
