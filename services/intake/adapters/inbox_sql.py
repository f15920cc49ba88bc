"""The statements of the inbox."""

ENSURE_HANDLE = """
    WITH inserted AS (
        INSERT INTO intake.handles (type, value) VALUES ($1, $2)
        ON CONFLICT (type, value) DO NOTHING RETURNING handle_id)
    SELECT handle_id FROM inserted
    UNION ALL
    SELECT handle_id FROM intake.handles WHERE type = $1 AND value = $2
    LIMIT 1
"""

# Writes a row whether or not there is one: a known address costs what an unknown one does.
ENSURE_CLAIMED = """
    INSERT INTO intake.handles (type, value) VALUES ($1, $2)
    ON CONFLICT (type, value) DO UPDATE SET value = excluded.value RETURNING handle_id
"""

# Insert first, count after: a repeat takes no number, so the numbers of a handle have no gaps. The
# announcement is the JSON form of fte.intake.v1.AcceptedMessage, because only the database knows the number.
ACCEPT = """
    WITH inserted AS (
        INSERT INTO intake.inbox (kind, channel, account, provider_id, handle_id, assurance, content,
                                  raw, request_hash, suppress_reason, state, outcome, settle_time)
        VALUES ('message', $1, $2, $3, $4, $5, $6, $7, $8, $9,
                CASE WHEN $9::text IS NULL THEN 'open' ELSE 'settled' END,
                CASE WHEN $9::text IS NULL THEN NULL ELSE 'suppressed' END,
                CASE WHEN $9::text IS NULL THEN NULL ELSE now() END)
        ON CONFLICT (channel, account, provider_id) DO NOTHING
        RETURNING inbox_id, handle_id, accept_time, suppress_reason
    ), counted AS (
        UPDATE intake.handles AS h SET last_seq = h.last_seq + 1
        FROM inserted AS i
        WHERE h.handle_id = i.handle_id AND i.suppress_reason IS NULL
        RETURNING h.last_seq
    ), placed AS (
        INSERT INTO intake.inbox_order (handle_id, inbox_seq, inbox_id)
        SELECT i.handle_id, c.last_seq, i.inbox_id FROM inserted AS i, counted AS c
        RETURNING inbox_seq
    ), announced AS (
        INSERT INTO intake.announcements (topic, payload)
        SELECT 'fte.channels.' || $1 || '.inbound',
               convert_to(jsonb_build_object(
                   'messageId', i.inbox_id, 'handleId', i.handle_id,
                   'inboxSeq', coalesce((SELECT inbox_seq FROM placed), 0),
                   'acceptTime', i.accept_time)::text, 'UTF8')
        FROM inserted AS i WHERE i.handle_id IS NOT NULL
        RETURNING announcement_id, topic, payload
    )
    SELECT i.inbox_id, i.accept_time, coalesce(p.inbox_seq, 0) AS inbox_seq,
           a.announcement_id, a.topic, a.payload
    FROM inserted AS i LEFT JOIN placed AS p ON true LEFT JOIN announced AS a ON true
"""

ACCEPT_STATUS = """
    INSERT INTO intake.inbox (kind, channel, account, provider_id, content, raw)
    VALUES ('status', $1, $2, $3, $4, $5)
    ON CONFLICT (channel, account, provider_id) DO NOTHING
    RETURNING inbox_id, accept_time
"""

# After a conflict the first row is committed, which only a later statement is sure to see.
FIRST_ROW = """
    SELECT i.inbox_id, i.accept_time, coalesce(o.inbox_seq, 0) AS inbox_seq
    FROM intake.inbox AS i LEFT JOIN intake.inbox_order AS o USING (inbox_id)
    WHERE i.channel = $1 AND i.account = $2 AND i.provider_id = $3
"""

KNOWN = """
    SELECT provider_id FROM intake.inbox
    WHERE channel = $1 AND account = $2 AND provider_id = ANY ($3::text[])
"""

FORM = """
    SELECT inbox_id, content, request_hash, accept_time FROM intake.inbox
    WHERE channel = 'web_form' AND account = $1 AND provider_id = $2 AND kind = 'message'
"""

# A range instead of LIKE: it uses the unique key's index.
REPLIES = """
    SELECT inbox_id, content, request_hash, accept_time FROM intake.inbox
    WHERE channel = 'web_form' AND account = $1 AND provider_id >= $2 AND provider_id < $3
    ORDER BY accept_time, inbox_id LIMIT 200
"""

# At most so many bytes of content go into one answer; gRPC's limit is 4 MiB.
FETCH_MESSAGES = """
    WITH wanted AS (
        SELECT m.handle_id, m.inbox_seq, m.inbox_id, m.place
        FROM unnest($1::uuid[], $2::bigint[]) AS c(handle_id, after_seq)
        CROSS JOIN LATERAL (
            SELECT o.handle_id, o.inbox_seq, o.inbox_id,
                   row_number() OVER (ORDER BY o.inbox_seq) AS place
            FROM intake.inbox_order AS o
            WHERE o.handle_id = c.handle_id AND o.inbox_seq > c.after_seq
            ORDER BY o.inbox_seq LIMIT $3 + 1) AS m
    ), measured AS (
        SELECT w.handle_id, w.inbox_seq, w.inbox_id, w.place, i.accept_time, i.content,
               sum(octet_length(i.content)) OVER before AS bytes,
               row_number() OVER before AS number
        FROM wanted AS w JOIN intake.inbox AS i USING (inbox_id)
        WINDOW before AS (ORDER BY w.handle_id, w.inbox_seq)
    )
    SELECT handle_id, inbox_seq, inbox_id, accept_time, content,
           (SELECT count(*) FROM measured) AS found
    FROM measured
    WHERE place <= $3 AND (bytes <= $4 OR number = 1)
    ORDER BY handle_id, inbox_seq
"""

FETCH_STATUSES = """
    SELECT inbox_id, accept_time, content FROM intake.inbox
    WHERE inbox_id = ANY ($1::uuid[]) AND kind = 'status'
"""

CHANNEL_CONFIGS = """
    SELECT channel, enabled, max_response_length, coalesce(max_response_words, 0) AS max_response_words
    FROM intake.channel_configs
"""
