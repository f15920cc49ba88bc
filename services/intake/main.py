"""Composition: every part of the service is made here, by hand, once."""

import time
from collections.abc import Mapping

from dapr.proto import appcallback_service_v1
from starlette.routing import Route

from chassis import logs, settings
from chassis.database import Pool, open_pool
from chassis.events import EventReceiver
from chassis.serve import Check, Process
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2
from fte.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from services.intake.adapters import events, inbox, push_token
from services.intake.adapters.agent_tickets import AgentTickets
from services.intake.adapters.api_keys import PostgresApiKeys
from services.intake.adapters.contact_cards import ContactCards
from services.intake.adapters.customer_lookup import CustomerLookup
from services.intake.adapters.gmail import GmailMailbox
from services.intake.adapters.grpc_service import FULL_NAME, IntakeServicer
from services.intake.adapters.http.access import KeyGate
from services.intake.adapters.http.built_pages import BuiltPages
from services.intake.adapters.http.connections import Patience
from services.intake.adapters.http.description import Description
from services.intake.adapters.http.health import HealthPage, service_checks
from services.intake.adapters.http.mailbox_health import MailboxHealth
from services.intake.adapters.http.pages import Pages
from services.intake.adapters.http.problems import Problem
from services.intake.adapters.http.rest import Rest
from services.intake.adapters.http.server import HttpServer, Limits, application
from services.intake.adapters.http.support import Assets, Problems, Support
from services.intake.adapters.http.ticket_access import TicketAccess
from services.intake.adapters.http.ticket_events import TicketEvents
from services.intake.adapters.http.ticket_page import TicketPage
from services.intake.adapters.http.webhooks import GmailPush, TwilioWebhooks
from services.intake.adapters.mail_cursors import PostgresMailCursors
from services.intake.adapters.mail_loop import MailLoop, MailLoops
from services.intake.adapters.mail_reader import ProcessMailReader
from services.intake.adapters.mail_traffic import PostgresMailTraffic
from services.intake.adapters.neighbours import Neighbours
from services.intake.adapters.sent_mail import DeliverySentMail
from services.intake.adapters.ticket_reading import TicketReading
from services.intake.adapters.ticket_watching import TicketWatching
from services.intake.application.api_keys import Scope
from services.intake.application.form_limit import FormLimit
from services.intake.application.mail_reading import MailReading
from services.intake.application.mail_taking import MailTaking
from services.intake.application.rate_limits import RateLimit
from services.intake.application.submissions import Submissions
from services.intake.application.tickets import TicketLinks
from services.intake.settings import IntakeSettings

NAME = "intake"
LOCAL_KEY = "local"


async def main() -> int:
    """Runs the service and returns its exit code."""
    config = settings.load(IntakeSettings)
    logs.configure(NAME, config.log_level)
    process = await build(config)
    return await process.run()


async def build(config: IntakeSettings) -> Process:
    """Makes the process with all its parts; nothing runs yet."""
    pool = await open_pool(
        config.database_url.get_secret_value(), config.database_pool_size, application=NAME
    )
    keys = PostgresApiKeys(pool)
    if local := config.local_api_key.get_secret_value():
        await keys.ensure(LOCAL_KEY, local, tuple(Scope))
    sidecar = Sidecar(config.dapr_grpc_port, config.dapr_api_token.get_secret_value())
    publisher = events.Publisher(sidecar)
    drive = inbox.ledgers(pool, publisher.drive, publisher.announce)
    store = inbox.PostgresInbox(pool, drive)
    reader = ProcessMailReader()
    mail = _mail(config, pool, sidecar, store, reader)
    mailboxes = MailboxHealth(pool, config.mailboxes)
    checks = _own_checks(pool, sidecar)

    process = Process(NAME, config)
    process.on_stop(pool.close)
    process.on_stop(sidecar.close)
    process.on_stop(reader.close)
    cards = ContactCards(DeliveryServiceStub(sidecar.service("delivery")))
    process.serve(IntakeServicer(inbox.InboxReader(pool), cards).register, FULL_NAME)
    receiver = _receiver(pool, drive)
    add_receiver = appcallback_service_v1.add_AppCallbackServicer_to_server
    process.serve(lambda server: add_receiver(receiver, server))  # type: ignore[no-untyped-call]
    process.background("inbox ledger", drive.inbox.run)
    process.background("announcements ledger", drive.announcements.run)
    process.background("mail", mail.run)
    process.background("http", _http(config, keys, store, sidecar, mail, checks, mailboxes).run)
    process.check(
        ready={"database": checks["database"], "sidecar": checks["sidecar"]},
        live={"publishing": _publishing(sidecar)},
    )
    return process


def _receiver(pool: Pool, drive: inbox.Ledgers) -> EventReceiver:
    receiver = EventReceiver(pool, "intake")
    receipts = events.ReceiptsHandler(drive.inbox)
    receiver.on(events.SETTLED, receipts_pb2.ReceiptsIssued, receipts.handle)
    receiver.on(events.STATUS_SETTLED, receipts_pb2.ReceiptsIssued, receipts.handle)
    return receiver


def _mail(
    config: IntakeSettings,
    pool: Pool,
    sidecar: Sidecar,
    store: inbox.PostgresInbox,
    reader: ProcessMailReader,
) -> MailLoops:
    sent = DeliverySentMail(sidecar)
    traffic = PostgresMailTraffic(pool)
    loops: dict[str, MailLoop] = {}
    for address, access in config.accesses().items():
        cursors = PostgresMailCursors(pool, address, config.instance)
        mailbox = GmailMailbox(sidecar, access, config.gmail_topic)
        taking = MailTaking(address, reader, traffic)
        reading = MailReading(address, mailbox, cursors, store, sent, taking)
        loops[address] = MailLoop(reading, config.mail_poll_interval, address, cursors.pushed)
    return MailLoops(loops)


def _http(
    config: IntakeSettings,
    keys: PostgresApiKeys,
    store: inbox.PostgresInbox,
    sidecar: Sidecar,
    mail: MailLoops,
    checks: Mapping[str, Check],
    mailboxes: MailboxHealth,
) -> HttpServer:
    built = BuiltPages(config.web_dir)
    pages = Pages(built)
    twilio = TwilioWebhooks(
        store,
        public_url=config.public_url,
        account_sid=config.twilio_account_sid,
        auth_token=config.twilio_auth_token.get_secret_value(),
        our_number=config.twilio_whatsapp_from,
        body_seconds=config.body_seconds,
    )
    verifier = push_token.PushVerifier(
        push_token.key_fetcher(config.pubsub_keys_url),
        issuer=config.pubsub_issuer,
        audience=config.pubsub_audience,
        service_account=config.pubsub_service_account,
    )
    push = GmailPush(
        verifier, mail, subscriptions=config.subscriptions, body_seconds=config.body_seconds
    )
    neighbours = Neighbours(sidecar)
    health = HealthPage(
        {**checks, **service_checks(sidecar)},
        neighbours.channel_states,
        {"mailboxes": mailboxes.report},
    )
    gate = KeyGate(keys, _limit(config.requests_per_key))
    rest = Rest(gate, neighbours, CustomerLookup(neighbours, time.monotonic))
    described = Description(config.public_url)
    parts = (Assets(built), twilio, push, health, rest, described)
    routes = [*_web(config, store, sidecar, pages), *(r for part in parts for r in part.routes())]
    app = application(
        routes,
        config.allowed_origins,
        {Problem: Problems(pages)},
        limits=Limits(_limit(config.requests_per_address), config.trusted_proxies),
    )
    # The app ends a slow body itself, and says so; what it never reads is ended here.
    patience = Patience(config.header_seconds, config.body_seconds + 2, config.reader_seconds)
    return HttpServer(app, config.bind_address, config.http_port, patience)


def _limit(per_minute: int) -> RateLimit:
    return RateLimit(per_minute, max(1, per_minute // 6), time.monotonic)


def _web(
    config: IntakeSettings, store: inbox.PostgresInbox, sidecar: Sidecar, pages: Pages
) -> list[Route]:
    links = TicketLinks(config.public_url, config.link_secret.get_secret_value())
    access = TicketAccess(links, config.public_url)
    submissions = Submissions(store, links)
    reading = TicketReading(AgentTickets(sidecar), submissions)
    support = Support(
        submissions,
        access,
        pages,
        FormLimit(config.form_posts_per_minute, time.monotonic),
        expected_reply=config.expected_reply,
        body_seconds=config.body_seconds,
    )
    ticket = TicketPage(
        submissions,
        access,
        reading,
        TicketEvents(TicketWatching(reading)),
        pages,
        body_seconds=config.body_seconds,
    )
    return [*support.routes(), *ticket.routes()]


def _own_checks(pool: Pool, sidecar: Sidecar) -> dict[str, Check]:
    async def database() -> bool:
        return bool(await pool.fetchval("SELECT true"))

    return {
        "database": database,
        "sidecar": sidecar.is_healthy,
        "broker": sidecar.check_broker,
    }


def _publishing(sidecar: Sidecar) -> Check:
    async def check() -> bool:
        return not sidecar.publishing_is_dead()

    return check
