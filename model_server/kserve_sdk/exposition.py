"""The models' metrics on KServe's `/metrics`: the server's own families, with the label `model`."""

from collections.abc import Iterable

from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from model_server.metrics import Metrics


class _Models(Collector):
    """The metrics of the models in this process, as one set of families."""

    def __init__(self) -> None:
        self.shown: dict[str, Metrics] = {}

    def describe(self) -> Iterable[Metric]:
        return ()  # or registering it would collect them

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for model, metrics in list(self.shown.items()):
            for family in metrics.registry.collect():
                if not family.name.startswith("ml_"):  # KServe's registry has those of the process and Python
                    continue
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [
                    sample._replace(labels={**sample.labels, "model": model}) for sample in family.samples
                ]
        return families.values()


_MODELS = _Models()
REGISTRY.register(_MODELS)


def show(model: str, metrics: Metrics) -> None:
    """Show a model's metrics from now on, and no longer those of a former model with its name."""
    _MODELS.shown[model] = metrics
