"""Puts identity together and runs it."""

from functools import partial

from dapr.proto import appcallback_service_v1

from chassis import logs
from chassis.database import open_pool
from chassis.events import EventReceiver
from chassis.ledger import Ledger
from chassis.ledger_rows import PostgresLedgerRows
from chassis.serve import Process
from chassis.settings import load
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2
from fte.identity.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server
from services.identity.adapters import facts
from services.identity.adapters.servicer import IdentityServicer
from services.identity.adapters.store import CustomerStore
from services.identity.settings import Settings

NAME = "identity"


async def main() -> int:
    """Runs identity until it is told to stop and returns the exit code."""
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
    ledger = Ledger(
        PostgresLedgerRows(pool, facts.TABLE),
        facts.publisher(sidecar),
        silence_seconds=facts.SILENCE_SECONDS,
    )
    servicer = IdentityServicer(CustomerStore(pool, ledger.hint))
    events = EventReceiver(pool, NAME)
    events.on(facts.RECEIPTS_TOPIC, receipts_pb2.ReceiptsIssued, partial(facts.settle, ledger))

    async def database_answers() -> bool:
        return await pool.fetchval("SELECT true") is True

    async def publishes() -> bool:
        return not sidecar.publishing_is_dead()

    process = Process(NAME, settings)
    process.serve(
        partial(add_IdentityServiceServicer_to_server, servicer), "fte.identity.v1.IdentityService"
    )
    process.serve(partial(appcallback_service_v1.add_AppCallbackServicer_to_server, events))
    process.background("facts", ledger.run)
    process.check(
        ready={"database": database_answers, "sidecar": sidecar.is_healthy},
        live={"publishing": publishes},
    )
    process.on_stop(pool.close)
    process.on_stop(sidecar.close)
    return process
