"""When the oldest batch of a head is due."""

# When the oldest batch is due: WhatsApp after a quiet moment ($3) but not later than $4 after its first message,
# mail and form at once. Who wrote more than $5 messages within a minute is due at once to be told so, and then when
# the minute is over: for the newest that are too many, or for the oldest that waits. A head that backs off after a
# failure keeps its time.
RECOMPUTE_DUE = """
    UPDATE agent.heads AS h
    SET due_time = CASE
            WHEN p.due IS NULL THEN NULL
            WHEN p.owner <> 'ai' OR coalesce(p.too_many, '-infinity') <= now() - interval '1 minute' THEN p.due
            WHEN coalesce(p.wait_notice_time, '-infinity') <= now() - interval '10 minutes' THEN least(p.due, now())
            ELSE greatest(p.due, least(p.too_many, p.first) + interval '1 minute') END
    FROM (
        SELECT k.customer_id, k.side, k.owner, k.wait_notice_time, w.due, w.first,
               (SELECT m.store_time FROM agent.messages AS m
                WHERE m.customer_id = k.customer_id AND m.side = k.side AND m.direction = 'inbound'
                ORDER BY m.store_time DESC OFFSET $5 LIMIT 1) AS too_many
        FROM unnest($1::uuid[], $2::text[]) AS g(customer_id, side)
        JOIN agent.heads AS k USING (customer_id, side)
        CROSS JOIN LATERAL (
            SELECT min(c.due) AS due, min(c.first) AS first FROM (
                SELECT CASE WHEN m.channel = 'whatsapp'
                            THEN least(max(m.store_time) + $3::interval, min(m.store_time) + $4::interval)
                            ELSE min(m.store_time) END AS due,
                       min(m.store_time) AS first
                FROM agent.messages AS m
                WHERE m.customer_id = k.customer_id AND m.side = k.side
                  AND m.direction = 'inbound' AND m.outcome IS NULL
                GROUP BY m.channel) AS c) AS w) AS p
    WHERE h.customer_id = p.customer_id AND h.side = p.side AND h.failure_count = 0
"""
