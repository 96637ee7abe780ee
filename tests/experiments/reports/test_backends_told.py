"""A run's folder says which servers of others have decided, and their versions."""

from types import SimpleNamespace

from meterstorm.actors.wall.backends.process import version
from meterstorm.actors.wall.backends.registry import BACKENDS
from meterstorm.experiments.reports.summary import _backends

from support.walled import OWN, each_backend, real, world


def of(*layers):
    """Results of scenarios, as far as they are asked for here."""
    return SimpleNamespace(
        versions=[SimpleNamespace(version=SimpleNamespace(scenario=world(one))) for one in layers]
    )


@each_backend
def test_each_is_told_once(backend):
    one = BACKENDS[backend]
    assert _backends(of(real(backend), OWN, real(backend))) == {"backends": {one.name: version(one)}}


def test_the_models_own_servers_are_not():
    assert _backends(of(OWN)) == {}
