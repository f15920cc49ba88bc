"""When the oldest batch of a head is due."""

# When the oldest batch is due: WhatsApp after a quiet moment ($3) but not later than $4 after its first message,
# mail and form at once. A head that backs off after a failure keeps its time.
RECOMPUTE_DUE = """
    UPDATE agent.heads AS h
    SET due_time = (
        SELECT min(waiting.due) FROM (
            SELECT CASE WHEN m.channel = 'whatsapp'
                        THEN least(max(m.store_time) + $3::interval, min(m.store_time) + $4::interval)
                        ELSE min(m.store_time) END AS due
            FROM agent.messages AS m
            WHERE m.customer_id = h.customer_id AND m.side = h.side
              AND m.direction = 'inbound' AND m.outcome IS NULL
            GROUP BY m.channel) AS waiting)
    WHERE (h.customer_id, h.side) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))
      AND h.failure_count = 0
"""
