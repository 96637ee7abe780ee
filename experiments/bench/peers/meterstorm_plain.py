"""The model as a scenario of this package, without time-outs: none is due before the end, so none is set."""

from . import Sample, meterstorm_timeouts


def simulate(clients: int, seconds: float, seed: int) -> Sample:
    """Simulate for `seconds`."""
    return meterstorm_timeouts.simulate(clients, seconds, seed, timeout_s=seconds)
