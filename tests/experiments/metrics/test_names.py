"""Every metric has a name and a meaning."""

from meterstorm.experiments.metrics import names as metrics_names

# Metrics


def test_every_metric_has_a_meaning():
    assert metrics_names.METRICS[0] == "launches" and metrics_names.METRICS[-1] == "time_to_last_client_s"
    assert set(metrics_names.METRICS) | set(metrics_names.WALL_METRICS) == set(metrics_names.MEANINGS)
    assert not set(metrics_names.METRICS) & set(metrics_names.WALL_METRICS)
    assert all(metrics_names.MEANINGS.values())
