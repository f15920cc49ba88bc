"""Composition of delivery: settings, adapters, use cases, serve."""

from dapr.proto import appcallback_service_v1

from chassis import logs
from chassis.database import Pool, open_pool
from chassis.events import EventReceiver
from chassis.gathering import Gathering
from chassis.ledger_rows import PostgresLedgerRows
from chassis.serve import Process
from chassis.settings import load
from chassis.sidecar import Sidecar
from fte.agent.v1.agent_service_pb2_grpc import AgentServiceStub
from fte.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from fte.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from services.delivery.adapters.answers import ReceiptPublisher
from services.delivery.adapters.corrections import CORRECTIONS, correction_ledger
from services.delivery.adapters.gmail import Gmail
from services.delivery.adapters.grpc_service import SERVICE_NAME, DeliveryServicer
from services.delivery.adapters.intent_store import PostgresIntentStore
from services.delivery.adapters.metric_facts import metric_ledger
from services.delivery.adapters.peers import AgentContent, IntakeStatuses
from services.delivery.adapters.sent_mails import PostgresSentMails
from services.delivery.adapters.subscriptions import subscribe
from services.delivery.adapters.transport import BindingTransport
from services.delivery.adapters.twilio import Twilio
from services.delivery.adapters.web_form import WebForm
from services.delivery.application.ports import Provider
from services.delivery.application.read_back import ReadBack
from services.delivery.application.reconcile import Reconcile
from services.delivery.application.send_due import SendDue
from services.delivery.application.take_outbound import TakeOutbound
from services.delivery.application.take_statuses import TakeStatuses
from services.delivery.application.window_gate import WindowGate
from services.delivery.domain.intent import Channel
from services.delivery.domain.pace import Pace
from services.delivery.settings import Settings

READING_SECONDS = 15.0


async def main() -> int:
    """Runs the service until it is told to stop; returns the exit code."""
    settings = load(Settings)
    logs.configure("delivery", settings.log_level)
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        settings.database_pool_size,
        application="delivery",
    )
    sidecar = Sidecar(settings.dapr_grpc_port, settings.dapr_api_token.get_secret_value())
    return await build(settings, pool, sidecar).run()


def build(settings: Settings, pool: Pool, sidecar: Sidecar) -> Process:
    """Wires the service over an open pool and a sidecar."""
    process = Process("delivery", settings)
    store = PostgresIntentStore(pool, settings.follower_wait_seconds)
    answers = ReceiptPublisher(sidecar)
    facts = metric_ledger(pool, sidecar)
    agent = AgentServiceStub(sidecar.service("agent"))
    corrections = correction_ledger(PostgresLedgerRows(pool, CORRECTIONS), agent)
    twilio = _twilio(settings, sidecar)
    gmail = Gmail(BindingTransport(sidecar, "gmail"), settings.accesses())
    providers, policies = _providers(gmail, twilio), settings.policies()
    own = frozenset({*settings.mailboxes, settings.twilio_whatsapp_from})
    mails = PostgresSentMails(pool)
    read_back = ReadBack(mails, gmail, answers, settings.poll_seconds, READING_SECONDS)

    content = AgentContent(agent)
    send = SendDue(
        store, providers, policies, answers, settings.patience(), settings.instance,
        gates={Channel.WHATSAPP: WindowGate(content, settings.templates())},
        paces={Channel.WHATSAPP: Pace(settings.twilio_messages_per_second)},
    )  # fmt: skip
    outbound = TakeOutbound(store, content, answers, own, send.wake)
    reports = IntakeStatuses(IntakeServiceStub(sidecar.service("intake")))
    statuses = TakeStatuses(store, reports, answers, send.wake)
    reconcile = Reconcile(
        store, providers, policies, answers, statuses, send.wake,
        settings.poll_seconds, READING_SECONDS,
    )  # fmt: skip

    async def recover_and_send() -> None:
        # Only a predecessor's attempts carry this replica's name before the first claim.
        await reconcile.recover(settings.instance)
        await reconcile.repeat_receipts()
        await send.run()

    receiver = EventReceiver(pool, "delivery")
    arriving = Gathering("outbound", outbound)
    reported = Gathering("statuses", statuses)
    subscribe(receiver, arriving, reported, facts)
    process.serve(
        lambda server: appcallback_service_v1.add_AppCallbackServicer_to_server(  # type: ignore[no-untyped-call]
            receiver, server
        )
    )
    servicer = DeliveryServicer(store, answers, mails, twilio)
    process.serve(
        lambda server: delivery_grpc.add_DeliveryServiceServicer_to_server(servicer, server),
        SERVICE_NAME,
    )
    process.background("send", recover_and_send)
    process.background("reconcile", reconcile.run)
    process.background("read back", read_back.run)
    process.background("outbound", arriving.run)
    process.background("statuses", reported.run)
    process.background("receipts", answers.run)
    process.background("facts", facts.run)
    process.background("corrections", corrections.run)
    _add_checks(process, pool, sidecar)
    process.on_stop(pool.close)
    process.on_stop(sidecar.close)
    return process


def _twilio(settings: Settings, sidecar: Sidecar) -> Twilio:
    return Twilio(
        BindingTransport(sidecar, "twilio"),
        settings.twilio_account_sid,
        settings.twilio_auth_token.get_secret_value(),
        settings.twilio_whatsapp_from,
        settings.public_url,
    )


def _providers(gmail: Gmail, twilio: Twilio) -> dict[Channel, Provider]:
    return {
        Channel.EMAIL: gmail,
        Channel.WHATSAPP: twilio,
        Channel.WEB_FORM: WebForm(),
    }


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
