"""`/metrics`: every metric of the gateway, in the text formats of Prometheus and OpenMetrics.

It is asked by anybody who reaches the control listener, unless a token is set for it.
"""

import hmac
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import PlainTextResponse, Response

from exeat.admin.services import Services
from exeat.telemetry.metrics import METRICS, Metric, Sample

router = APIRouter(include_in_schema=False)


@router.api_route("/metrics", methods=["GET", "HEAD"])
def get_metrics(request: Request) -> Response:
    """All samples of now."""
    services: Services = request.app.state.services
    token = services.metrics_token
    if token is not None:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), token.octets):
            challenge = {"WWW-Authenticate": "Bearer"}
            return PlainTextResponse("The metrics want the token of EXEAT_METRICS_TOKEN.\n", 401, challenge)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Samples(services.samples()))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=content_type)


class _Samples(Collector):
    """Samples as the library takes them."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_metric: dict[str, list[Sample]] = {}
        for sample in samples:
            self._by_metric.setdefault(sample.metric, []).append(sample)

    def collect(self) -> Iterator[Family]:
        """Every declared metric, whether or not there is a sample of it yet."""
        for metric in METRICS:
            yield _family(metric, self._by_metric.get(metric.name, ()))


def _family(metric: Metric, samples: Iterable[Sample]) -> Family:
    text = metric.help
    match metric.kind:
        case "counter":
            counter = CounterMetricFamily(metric.name, text, labels=metric.labels)
            for sample in samples:
                counter.add_metric(sample.labels, _number(sample))
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(metric.name, text, labels=metric.labels)
            for sample in samples:
                gauge.add_metric(sample.labels, _number(sample))
            return gauge
        case "histogram":
            histogram = HistogramMetricFamily(metric.name, text, labels=metric.labels)
            for sample in samples:
                if isinstance(sample.value, list):
                    histogram.add_metric(sample.labels, _buckets(metric, sample.value), sample.value[-1])
            return histogram


def _buckets(metric: Metric, value: list[float]) -> list[tuple[str, float]]:
    """The buckets as they are shown: each counts all that is in the ones before it, too."""
    bounds = [*map(str, metric.buckets), "+Inf"]
    below, shown = 0.0, []
    for bound, count in zip(bounds, value[:-1], strict=True):
        below += count
        shown.append((bound, below))
    return shown


def _number(sample: Sample) -> float:
    return 0.0 if isinstance(sample.value, list) else sample.value
