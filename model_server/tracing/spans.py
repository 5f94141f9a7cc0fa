"""The span of a request, its phases as children, and the way to the collector."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract, get_global_textmap
from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context

from model_server.about import version
from model_server.phases import Phases

FLUSH_SECONDS = 5.0


def exporting() -> TracerProvider:
    """Return a provider that sends spans in batches from its own thread, as the variables `OTEL_*` configure."""
    named = {SERVICE_NAME: "sentiment-server", SERVICE_VERSION: version(), SERVICE_INSTANCE_ID: socket.gethostname()}
    ours = Resource.create(named)
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Tracing:
    """Traces of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("model_server", version())
        self._fields = frozenset(get_global_textmap().fields)

    @contextmanager
    def request(
        self, name: str, headers: Iterable[tuple[str, str]], attributes: Mapping[str, str], phases: Phases
    ) -> Iterator[Span]:
        """Yield the span of the request that this block answers; it continues the trace that its headers name.

        Args:
            headers: names in lower case.
            phases: a list that the block fills; each phase becomes a child of the span.
        """
        carrier: dict[str, list[str]] = {}
        for key, value in headers:
            if key in self._fields:
                carrier.setdefault(key, []).append(value)
        epoch = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(name, extract(carrier), SpanKind.SERVER, attributes)
        try:
            yield span
        finally:
            if span.is_recording():
                self._children(span, phases, epoch)
            span.end()

    @staticmethod
    def failed(span: Span, kind: str) -> None:
        """Mark a request as failed through the server's fault, without its message, which may quote a client's text."""
        span.set_attribute(ERROR_TYPE, kind)
        span.set_status(StatusCode.ERROR)

    def _children(self, span: Span, phases: Phases, epoch: int) -> None:
        """Add a span for each phase; `epoch` is the wall clock at monotonic 0, in nanoseconds."""
        context = set_span_in_context(span)
        for name, began, ended in phases:
            start, end = (epoch + int(seconds * 1e9) for seconds in (began, ended))
            self._tracer.start_span(name, context, start_time=start).end(end)

    def close(self) -> None:
        """Send the remaining spans, for at most `FLUSH_SECONDS`: a collector that is down must not delay the exit."""
        flushing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)
