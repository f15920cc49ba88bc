"""Composition of the agent: settings, adapters, use cases, serve."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import structlog
from dapr.proto import appcallback_service_v1

from chassis import logs
from chassis.database import AWAY, Pool, open_pool
from chassis.events import EventReceiver
from chassis.gathering import Gathering
from chassis.ledger import Ledger, Receipt, Row
from chassis.ledger_rows import PostgresLedgerRows
from chassis.serve import Process
from chassis.settings import load
from chassis.sidecar import Sidecar
from fte.agent.v1 import agent_service_pb2, agent_service_pb2_grpc
from fte.conversation.v1 import receipts_pb2
from fte.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from fte.identity.v1 import identity_service_pb2_grpc
from fte.intake.v1 import intake_service_pb2_grpc
from services.agent.adapters import delivered, incoming
from services.agent.adapters.actor_hosting import host_actors
from services.agent.adapters.channel_limits import ChannelLimits
from services.agent.adapters.corrections import SendCorrections
from services.agent.adapters.customer_client import ActorClient
from services.agent.adapters.delivery_fences import FENCES, Fences, fence_ledger
from services.agent.adapters.due_heads import PostgresDueHeads
from services.agent.adapters.embedder_bundled import bundled_embedder
from services.agent.adapters.embedder_openai import OpenAiEmbedder
from services.agent.adapters.grpc_service import AgentService
from services.agent.adapters.head_store import PostgresHeads
from services.agent.adapters.history import TurnHistory
from services.agent.adapters.inbound import InboundStore
from services.agent.adapters.judge_watch import WatchedJudge, watched_judge
from services.agent.adapters.knowledge_base import PostgresKnowledgeBase
from services.agent.adapters.knowledge_queries import QueryVectors
from services.agent.adapters.knowledge_sync import embed_missing, sync
from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.adapters.language_model_openai import OpenAiModel
from services.agent.adapters.mail_threads import SentThreads
from services.agent.adapters.model_prices import load_prices
from services.agent.adapters.model_usage import ModelUsage
from services.agent.adapters.phrase_book import load_phrases
from services.agent.adapters.publishing import (
    ANNOUNCEMENTS,
    FACTS,
    OUTBOX,
    announcement_ledger,
    fact_ledger,
    outbox_ledger,
)
from services.agent.adapters.receipts import ReceiptPublisher
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.application.customer import Desk
from services.agent.application.heads import LedgerName
from services.agent.application.metering import Metering
from services.agent.application.ownership import Ownership
from services.agent.application.ports import Embedder, LookupUnavailable
from services.agent.application.prompting import load_prompts
from services.agent.application.runner import Runner
from services.agent.application.takeover import TakeOvers
from services.agent.application.think import Thinker
from services.agent.application.turns import Commit, Turns
from services.agent.domain.phrases import PhraseBook
from services.agent.settings import AgentSettings

log = structlog.get_logger(__name__)

_VECTORS_SECONDS = 60.0
_NO_VECTORS: tuple[type[BaseException], ...] = (LookupUnavailable, asyncpg.PostgresError, *AWAY)


async def main() -> int:
    """Runs the agent until it is told to stop; returns the exit code."""
    settings = load(AgentSettings)
    logs.configure("agent", settings.log_level)
    pool = await open_pool(
        settings.database_url.get_secret_value(), settings.database_pool_size, application="agent"
    )
    turn_pool = await open_pool(
        settings.turn_database_url.get_secret_value(),
        settings.turn_pool_size,
        application="agent-turn",
    )
    sidecar = Sidecar(settings.dapr_grpc_port, settings.dapr_api_token.get_secret_value())
    process = build(settings, pool, turn_pool, sidecar)
    process.on_stop(pool.close)
    process.on_stop(turn_pool.close)
    process.on_stop(sidecar.close)
    report = await sync(pool, settings.context_dir)
    log.info("knowledge base synced", **report.counts())
    for problem in report.problems:
        log.warning("knowledge base problem", problem=problem)
    return await process.run()


def build(settings: AgentSettings, pool: Pool, turn_pool: Pool, sidecar: Sidecar) -> Process:
    """Wires everything by hand; nothing is started."""
    process = Process("agent", settings)
    embedder = _embedder(settings, process)
    judge = watched_judge(settings.context_dir)
    outbox = outbox_ledger(PostgresLedgerRows(pool, OUTBOX), sidecar)
    announcements = announcement_ledger(PostgresLedgerRows(pool, ANNOUNCEMENTS), sidecar)
    facts = fact_ledger(PostgresLedgerRows(pool, FACTS), sidecar)
    ledgers = {
        LedgerName.OUTBOX: outbox,
        LedgerName.ANNOUNCEMENTS: announcements,
        LedgerName.FACTS: facts,
    }
    receipts = ReceiptPublisher(sidecar)

    def committed(commit: Commit) -> None:
        for hint in commit.hints:
            row = Row(hint.row_id, hint.topic, hint.group_id, hint.payload)
            ledgers[hint.ledger].hint([row])
        receipts.send(
            Receipt(message_id, settled=True, outcome=outcome)
            for message_id, outcome in commit.settled
        )

    intake = intake_service_pb2_grpc.IntakeServiceStub(sidecar.service("intake"))
    identity = identity_service_pb2_grpc.IdentityServiceStub(sidecar.service("identity"))
    limits = ChannelLimits(intake)
    outcomes = SendOutcomes(pool, turn_pool)
    heads, times = PostgresHeads(turn_pool), settings.times()
    phrases = load_phrases(settings.context_dir)
    ownership = Ownership(heads, times, limits.of, phrases)
    desk = Desk(Turns(heads, times, phrases), ownership, limits.of, committed)
    customers = ActorClient(sidecar)
    fences = Fences(DeliveryServiceStub(sidecar.service("delivery")))
    corrections = SendCorrections(outcomes, customers)
    take_overs = TakeOvers(customers, fences, settings.takeover_seconds)
    inbound = InboundStore(
        pool, settings.quiet, settings.burst, settings.customer_messages_per_minute
    )
    runner = Runner(
        # A fresh start of the same slot voids what its predecessor left open.
        f"{settings.instance}/{uuid4()}",
        PostgresDueHeads(pool, inbound),
        customers,
        _thinker(settings, turn_pool, process, phrases, embedder, judge),
        settings.runner_capacity,
    )

    taking = incoming.Incoming(inbound, intake, identity, receipts, runner)
    delivering = delivered.Delivered(outbox, outcomes, customers, SentThreads(pool))
    arriving = Gathering("incoming", taking.take)
    events = _events(pool, arriving, delivering, facts)

    name = agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"].full_name
    process.serve(
        lambda server: agent_service_pb2_grpc.add_AgentServiceServicer_to_server(
            AgentService(pool, customers, take_overs, corrections), server
        ),
        name,
    )
    process.serve(
        lambda server: appcallback_service_v1.add_AppCallbackServicer_to_server(  # type: ignore[no-untyped-call]
            events, server
        )
    )
    for task_name, ledger in (
        ("outbox", outbox),
        ("announcements", announcements),
        ("facts", facts),
        ("fences", fence_ledger(PostgresLedgerRows(pool, FENCES), fences)),
    ):
        process.background(task_name, ledger.run)

    async def take_over() -> None:
        receipts.send(await inbound.recent_receipts())
        await arriving.run()

    process.background("incoming", take_over)
    process.background("receipts", receipts.run)
    process.background("limits", limits.run)
    process.background("vectors", lambda: _keep_vectors(pool, embedder))
    port, token = settings.dapr_grpc_port, settings.dapr_api_token.get_secret_value()
    process.background("actors", lambda: host_actors(port, token, desk, outcomes))
    process.background("runner", runner.run)
    process.check(parts={"judge": judge.works})
    _add_checks(process, pool, sidecar)
    return process


def _events(
    pool: Pool,
    arriving: Gathering[incoming.Asked],
    delivering: delivered.Delivered,
    facts: Ledger,
) -> EventReceiver:
    async def arrived(event: receipts_pb2.RowsDriven) -> None:
        arriving.put(incoming.asked(event))

    async def counted(event: receipts_pb2.ReceiptsIssued) -> None:
        await facts.receive([Receipt(UUID(r.row_id), settled=True) for r in event.rows])

    events = EventReceiver(pool, "agent")
    events.on(incoming.TOPIC, receipts_pb2.RowsDriven, arrived)
    events.on(delivered.TOPIC, receipts_pb2.ReceiptsIssued, delivering.take)
    events.on("fte.metrics.settled", receipts_pb2.ReceiptsIssued, counted)
    return events


def _add_checks(process: Process, pool: Pool, sidecar: Sidecar) -> None:
    async def database() -> bool:
        return bool(await pool.fetchval("SELECT true"))

    async def publishing() -> bool:
        return not sidecar.publishing_is_dead()

    process.check(
        ready={
            "database": database,
            "sidecar": sidecar.is_healthy,
            "broker": sidecar.check_broker,
        },
        live={"publishing": publishing},
    )


def _embedder(settings: AgentSettings, process: Process) -> Embedder:
    if settings.embedder == "bundled":
        return bundled_embedder()
    key, url = settings.openai_api_key.get_secret_value(), settings.openai_base_url
    asked = OpenAiEmbedder(key, url)
    process.on_stop(asked.close)
    return asked


async def _keep_vectors(pool: Pool, embedder: Embedder) -> None:
    """Makes the vectors that are lacking, beside the work: until they are there, searches go by words."""
    while True:
        try:
            made = await embed_missing(pool, embedder)
        except _NO_VECTORS as error:
            log.warning("vectors are lacking", error=type(error).__name__)
        else:
            if made:
                log.info("knowledge base embedded", chunks=made, model=embedder.model)
        # A sync from the command line makes its own; this mends one that was stopped.
        await asyncio.sleep(_VECTORS_SECONDS)


def _thinker(
    settings: AgentSettings,
    turn_pool: Pool,
    process: Process,
    phrases: PhraseBook,
    embedder: Embedder,
    judge: WatchedJudge,
) -> Thinker:
    offline = OfflinePolicy()
    key = settings.openai_api_key.get_secret_value()
    model = OpenAiModel(key, settings.openai_base_url, settings.openai_model) if key else None
    if model is not None:
        process.on_stop(model.close)
    return Thinker(
        model=model or offline,
        fallback=offline if model else None,
        knowledge=PostgresKnowledgeBase(turn_pool, QueryVectors(embedder)),
        history=TurnHistory(turn_pool),
        judge=judge,
        phrases=phrases,
        metering=Metering(
            settings.budgets(), load_prices(), ModelUsage(turn_pool) if key else None
        ),
        prompts=load_prompts(settings.context_dir),
        chat_cap_seconds=settings.chat_cap_seconds,
        mail_cap_seconds=settings.mail_cap_seconds,
    )
