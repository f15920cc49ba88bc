"""Traces: every call and event has a span whose id travels with gRPC metadata and stands in the log lines.

Spans leave the process only when an OTLP endpoint is configured.
"""

import asyncio
from collections.abc import Awaitable, Callable

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider


def configure(service: str, endpoint: str) -> Callable[[], Awaitable[None]]:
    """Sets the process's tracer up; `endpoint` is an OTLP/gRPC address, empty for none. Returns what flushes it."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if endpoint:
        # Slow to import, and most processes on a laptop export nothing.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http:"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    async def flush() -> None:
        await asyncio.to_thread(provider.shutdown)

    return flush


def current_trace_id() -> str:
    """Returns the running span's trace id in hex, empty outside of one."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""
