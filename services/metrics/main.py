"""Puts metrics together and runs it."""

from functools import partial

from dapr.proto import appcallback_service_v1

from chassis import logs
from chassis.database import open_pool
from chassis.events import EventReceiver
from chassis.serve import Process
from chassis.settings import load
from chassis.sidecar import Sidecar
from fte.metrics.v1 import metrics_events_pb2
from fte.metrics.v1.metrics_service_pb2_grpc import add_MetricsServiceServicer_to_server
from services.metrics.adapters import fact_table
from services.metrics.adapters.fact_buffer import FactBuffer
from services.metrics.adapters.reports import ReportServicer
from services.metrics.settings import Settings

NAME = "metrics"
FACTS_TOPIC = "fte.metrics"


async def main() -> int:
    """Runs metrics until it is told to stop and returns the exit code."""
    settings = load(Settings)
    logs.configure(NAME, settings.log_level)
    process = await build(settings)
    return await process.run()


async def build(settings: Settings) -> Process:
    """Connects the parts; the process that comes back is ready to run."""
    pool = await open_pool(
        settings.database_url.get_secret_value(), settings.database_pool_size, application=NAME
    )
    sidecar = Sidecar(settings.dapr_grpc_port, settings.dapr_api_token.get_secret_value())
    buffer = FactBuffer(
        partial(fact_table.write, sidecar),
        partial(fact_table.answer, sidecar),
        seconds=settings.flush_seconds,
        facts=settings.flush_facts,
    )
    events = EventReceiver(pool, NAME)
    events.on(FACTS_TOPIC, metrics_events_pb2.FactsRecorded, buffer.take)

    async def database_answers() -> bool:
        return await pool.fetchval("SELECT true") is True

    async def publishes() -> bool:
        return not sidecar.publishing_is_dead()

    process = Process(NAME, settings)
    process.serve(
        partial(add_MetricsServiceServicer_to_server, ReportServicer(pool)),
        "fte.metrics.v1.MetricsService",
    )
    process.serve(partial(appcallback_service_v1.add_AppCallbackServicer_to_server, events))
    process.background("facts", buffer.run)
    process.check(
        ready={"database": database_answers, "sidecar": sidecar.is_healthy},
        live={"publishing": publishes},
    )
    process.on_stop(pool.close)
    process.on_stop(sidecar.close)
    process.on_stop(buffer.flush)
    return process
