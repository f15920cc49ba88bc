"""Who wrote to the mailbox lately, in Postgres; addresses and domains only as hashes, rows for two days."""

import hashlib

from chassis.database import Pool
from services.intake.domain.loops import COMPARED, LONG, SHORT, Arrival, Traffic

_NOTE = """
    WITH old AS (
        DELETE FROM intake.mail_arrivals WHERE mailbox = $1 AND arrive_time < now() - interval '2 days'
    )
    INSERT INTO intake.mail_arrivals (mailbox, provider_id, sender, domain, thread_id, answers, stranger, print_of)
    SELECT $1, $2, $3, $4, $5, $6,
           $6 AND NOT EXISTS (SELECT 1 FROM intake.mail_arrivals WHERE mailbox = $1 AND sender = $3), $7
    ON CONFLICT (mailbox, provider_id) DO NOTHING
"""
# What came before the row itself, so that a repeat gets the same answer.
_BEFORE = """
    WITH own AS (
        SELECT * FROM intake.mail_arrivals WHERE mailbox = $1 AND provider_id = $2
    ), past AS (
        SELECT p.print_of, p.arrive_time, p.answers,
               p.arrive_time > o.arrive_time - $3::interval AS recent,
               p.sender = o.sender AS same_sender,
               p.thread_id = o.thread_id AND o.thread_id <> '' AS same_thread,
               coalesce(p.domain = o.domain, false) AS same_domain,
               p.stranger, o.answers AS answering
        FROM own AS o JOIN intake.mail_arrivals AS p
          ON p.mailbox = o.mailbox AND p.provider_id <> o.provider_id
         AND p.arrive_time <= o.arrive_time AND p.arrive_time > o.arrive_time - $4::interval
    )
    SELECT count(*) FILTER (WHERE same_sender AND recent) AS sender_short,
           count(*) FILTER (WHERE same_sender) AS sender_long,
           count(*) FILTER (WHERE same_thread AND recent) AS thread_short,
           count(*) FILTER (WHERE same_thread) AS thread_long,
           count(*) FILTER (WHERE same_domain AND stranger AND recent) AS strangers_short,
           count(*) FILTER (WHERE same_domain AND stranger) AS strangers_long,
           (array_agg(print_of::text ORDER BY arrive_time DESC) FILTER (
                WHERE print_of <> '{}' AND (same_sender OR same_thread
                      OR same_domain AND answers AND answering)))[1:$5] AS near,
           (array_agg(print_of::text ORDER BY arrive_time DESC) FILTER (
                WHERE print_of <> '{}' AND answers AND answering AND recent))[1:$5] AS anywhere
    FROM past
"""


class PostgresMailTraffic:
    """The table intake.mail_arrivals."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, arrival: Arrival) -> Traffic:
        """Records a mail once and returns what came before it; a repeat changes nothing."""
        await self._pool.execute(
            _NOTE,
            arrival.mailbox,
            arrival.provider_id,
            _hash(arrival.sender),
            _hash(arrival.domain) if arrival.domain else None,
            arrival.thread_id,
            arrival.answers,
            list(arrival.print_of),
        )
        row = await self._pool.fetchrow(
            _BEFORE, arrival.mailbox, arrival.provider_id, SHORT, LONG, COMPARED
        )
        if row is None:
            return Traffic()
        return Traffic(
            sender=(row["sender_short"], row["sender_long"]),
            thread=(row["thread_short"], row["thread_long"]),
            strangers=(row["strangers_short"], row["strangers_long"]),
            near=_prints(row["near"]),
            anywhere=_prints(row["anywhere"]),
        )


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _prints(texts: list[str] | None) -> list[tuple[int, ...]]:
    return [tuple(int(number) for number in text.strip("{}").split(",")) for text in texts or ()]
