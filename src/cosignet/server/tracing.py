"""Traces, for an operator who has installed `cosignet[otel]` and names a collector.

One span a request, below the caller's if it sent a `traceparent` (W3C Trace Context). It tells what
the log tells: the route's template, never the path. Spans wait in a bounded queue for a thread of
their own: a collector that refuses, hangs or is away costs spans and nothing else.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cosignet import __version__
from cosignet.server.web.told import NO_ROUTE, ROUTE

GOODBYE_SECONDS = 2.0
"""How long the last spans may take at the end; a collector that hangs does not keep a node."""
_PARENT = b"traceparent"
_propagator = TraceContextTextMapPropagator()


class Traced:
    """An application whose requests are traced."""

    def __init__(self, application: ASGIApp, tracer: Tracer) -> None:
        self._application = application
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, in a span of its own."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)  # of what starts an answer
            await send(message)

        span = self._tracer.start_span("HTTP", _parent(scope), SpanKind.SERVER)
        try:
            await self._application(scope, receive, noting)
        finally:
            route = scope.get(ROUTE, NO_ROUTE)
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            span.end()


@contextmanager
def traced(application: ASGIApp) -> Generator[ASGIApp]:
    """Trace an application while the block runs, as OTEL_* in the environment say.

    Enter it in the process that serves: its thread does not survive a fork.
    """
    resource = Resource.create({"service.name": "cosignet", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Traced(application, provider.get_tracer("cosignet", __version__))
    finally:
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(GOODBYE_SECONDS)


def _parent(scope: Scope) -> Context:
    """Return the caller's span, if it sent a well-formed one; its `tracestate` is left out."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == _PARENT]
    return _propagator.extract({"traceparent": found[0]} if len(found) == 1 else {}, Context())
