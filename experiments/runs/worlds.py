"""What results of runs and of sweeps have in common: they are a table of worlds."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .differences import differences

if TYPE_CHECKING:
    import pyarrow as pa


class Worlds(ABC):
    """Worlds that were run."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The keys that were varied, each a column of the table."""
        return ()

    @abstractmethod
    def to_arrow(self) -> "pa.Table":
        """Return a row for each world, with the columns of metrics.parquet."""

    def to_pandas(self) -> Any:
        """Return the same as a pandas.DataFrame; raises ImportError where pandas is not installed."""
        try:
            import_module("pandas")
        except ImportError as error:
            ways = "install it (pip install pandas), or take to_arrow()"
            raise ImportError(f"to_pandas() needs pandas, which is not installed: {ways}") from error
        return self.to_arrow().to_pandas()

    def differences(
        self,
        baseline: Any = None,
        metrics: Sequence[str] | None = None,
        confidence: float = 0.95,
        *,
        by: str = "arm",
    ) -> "pa.Table":
        """Return how metrics differ from a baseline at the same other settings, paired by replication.

        `by` is what is compared: "arm", "case" or a key that was varied. `baseline` is its value that all others
        are held against; None: the first. `metrics` are names; None: all.

        A row for each other value, at each combination of the other settings, and for each metric, as `paired`
        (metrics/paired.py) compares the `n` pairs to which it applies: `mean_difference` (value - baseline) and
        `half_width` of its Student-t interval (null of one pair), both null where a value is infinite; then
        `median_difference` of the finite pairs, and how many values are `infinite` and `baseline_infinite`;
        `test` ("t" or "sign") and its two-sided `p`. `missing` counts pairs without the metric: it does not apply,
        or a world failed or was not run.

        Raises ValueError for what there is not.
        """
        return differences(self.to_arrow(), self.axes, by, baseline, metrics, confidence)
