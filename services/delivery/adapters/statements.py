"""Every SQL statement of the intent ledger.

Lock order, so that nothing deadlocks: fences before intents, intents by their id.
"""

# $1 is a list of row ids.
RECEIPTS = """
    SELECT intent_id, state, provider_id, provider_thread_id, internet_message_id, error
    FROM delivery.intents WHERE intent_id = ANY ($1)
"""

RECENT_RECEIPTS = """
    SELECT intent_id, state, provider_id, provider_thread_id, internet_message_id, error
    FROM delivery.intents
    WHERE final_time > now() - $1 * interval '1 second' AND kind <> 'web_notice'
    ORDER BY final_time DESC LIMIT 1000
"""

# A claim locks this row, so it must exist before the intent can be claimed.
ENSURE_FENCES = """
    INSERT INTO delivery.fences (conversation_id)
    SELECT DISTINCT c FROM unnest($1::uuid[]) AS c ORDER BY c
    ON CONFLICT DO NOTHING
"""

INSERT_INTENT = """
    INSERT INTO delivery.intents
        (intent_id, kind, message_id, conversation_id, customer_id, channel, send_seq, epoch,
         last_part, content, state, error, final_time, address_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
            CASE WHEN $11 = 'CANCELLED' THEN now() END, $13)
    ON CONFLICT DO NOTHING
    RETURNING intent_id
"""

# What was cancelled never was on its way, so order counts from the last row before it that was.
_PREDECESSOR = """
    SELECT q.intent_id FROM delivery.intents q
    WHERE q.conversation_id = {follower}.conversation_id AND q.channel = {follower}.channel
      AND q.send_seq < {follower}.send_seq AND q.state <> 'CANCELLED'
    ORDER BY q.send_seq DESC LIMIT 1
"""

_NUMBER_BEFORE = """
    EXISTS (
        SELECT 1 FROM delivery.intents n
        WHERE n.conversation_id = {follower}.conversation_id AND n.channel = {follower}.channel
          AND n.send_seq = {follower}.send_seq - 1)
"""

# An intent may go when its predecessor is final and no number before it is missing. A WhatsApp predecessor must also
# have left Twilio, or Twilio, asked, must have shown that it has it in its queue; an unknown one from below the
# fence holds nobody.
_IN_ORDER = f"""
    i.state = 'PENDING' AND i.next_attempt_time <= now() AND (
        i.send_seq IS NULL OR i.send_seq = 1
        OR {_NUMBER_BEFORE.format(follower="i")}
        AND NOT EXISTS (
            SELECT 1 FROM delivery.intents p
            WHERE p.intent_id = ({_PREDECESSOR.format(follower="i")})
              AND NOT (
                  p.state IN ('REJECTED', 'PARKED', 'NEEDS_HUMAN')
                  OR p.state = 'SENT' AND (
                      p.channel <> 'whatsapp'
                      OR coalesce(p.provider_status, '') IN ('sent', 'delivered', 'read')
                      OR p.fetch_time IS NOT NULL)
                  OR p.state = 'UNKNOWN' AND p.epoch < (
                      SELECT f.min_epoch FROM delivery.fences f
                      WHERE f.conversation_id = p.conversation_id))))
"""  # noqa: S608 - the parts are constants of this module

# $1 are channels, $2 the room in each.
CANDIDATES = f"""
    SELECT w.intent_id, w.conversation_id
    FROM unnest($1::text[], $2::integer[]) AS c(channel, room)
    CROSS JOIN LATERAL (
        SELECT i.intent_id, i.conversation_id FROM delivery.intents i
        WHERE i.channel = c.channel
          AND {_IN_ORDER}
        ORDER BY i.next_attempt_time LIMIT c.room) AS w
"""  # noqa: S608 - the parts are constants of this module

# $1 is a channel, $2 an age in seconds, $3 the most rows.
OVERDUE = f"""
    SELECT i.intent_id FROM delivery.intents i
    WHERE i.channel = $1 AND i.create_time <= now() - make_interval(secs => $2) AND {_IN_ORDER}
    ORDER BY i.create_time LIMIT $3
"""  # noqa: S608 - the parts are constants of this module

# Held to the end of the claim: a fence that is raised meanwhile waits, and then sees the attempt.
HOLD_FENCES = """
    SELECT 1 FROM delivery.fences WHERE conversation_id = ANY ($1)
    ORDER BY conversation_id FOR SHARE
"""

# $1 are candidates, $2 the worker, $3 the seconds of an attempt. What stands below the fence, or follows a failed
# part of the same answer, is cancelled instead. So is what waited when its recipient asked for nothing more; what
# was made after that, or by a person, is parked: somebody must see that it does not arrive.
CLAIM = f"""
    WITH mine AS (
        SELECT i.intent_id,
               o.stopped AND (i.create_time > o.wish_time OR i.kind = 'human_reply') AS parked,
               CASE WHEN i.epoch < f.min_epoch THEN 'below_fence'
                    WHEN o.stopped THEN 'recipient_stopped'
                    WHEN EXISTS (
                        SELECT 1 FROM delivery.intents e
                        WHERE e.message_id = i.message_id AND e.channel = i.channel
                          AND e.send_seq < i.send_seq
                          AND e.state IN ('REJECTED', 'CANCELLED', 'PARKED', 'NEEDS_HUMAN'))
                    THEN 'earlier_part_failed' END AS refusal
        FROM delivery.intents i JOIN delivery.fences f USING (conversation_id)
        LEFT JOIN delivery.opt_outs o ON o.channel = i.channel AND o.address_hash = i.address_hash
        WHERE i.intent_id = ANY ($1)
          AND {_IN_ORDER}
        ORDER BY i.intent_id
        FOR UPDATE OF i SKIP LOCKED
    ), moved AS (
        UPDATE delivery.intents i
        SET state = CASE WHEN m.refusal IS NULL THEN 'ATTEMPTING'
                         WHEN m.refusal = 'recipient_stopped' AND m.parked THEN 'PARKED'
                         ELSE 'CANCELLED' END,
            attempts = i.attempts + CASE WHEN m.refusal IS NULL THEN 1 ELSE 0 END,
            worker = CASE WHEN m.refusal IS NULL THEN $2 END,
            deadline_time = CASE WHEN m.refusal IS NULL THEN now() + make_interval(secs => $3) END,
            next_attempt_time = now() + make_interval(secs => $3),
            error = coalesce(m.refusal, i.error),
            final_time = CASE WHEN m.refusal IS NOT NULL THEN now() END
        FROM mine m WHERE i.intent_id = m.intent_id
        RETURNING i.intent_id, i.kind, i.channel, i.content, i.state, i.attempts, i.draft_id, i.error,
                  now() AS claim_time
    ), noted AS (
        INSERT INTO delivery.attempts (intent_id, attempt)
        SELECT intent_id, attempts FROM moved WHERE state = 'ATTEMPTING'
    )
    SELECT * FROM moved
"""  # noqa: S608 - the parts are constants of this module

SAVE_PREPARATION = """
    UPDATE delivery.intents
    SET draft_id = nullif($3, ''), provider_thread_id = nullif($4, '')
    WHERE intent_id = $1 AND attempts = $2 AND state = 'ATTEMPTING' AND deadline_time > now()
    RETURNING intent_id
"""

LOCK = """
    SELECT intent_id, kind, channel, content, state, attempts, resends, witness_readings, draft_id,
           provider_id, provider_status, provider_thread_id,
           coalesce(now() - unknown_time, interval '0') AS unknown_for, now() - create_time AS age,
           now() AS now,
           (SELECT a.start_time FROM delivery.attempts a
            WHERE a.intent_id = i.intent_id ORDER BY a.attempt DESC LIMIT 1) AS attempt_time
    FROM delivery.intents i WHERE intent_id = $1 FOR NO KEY UPDATE
"""

# $3 is the wait in seconds; a tenth of it either way keeps many intents from moving in step.
STEP = """
    UPDATE delivery.intents
    SET state = $2,
        next_attempt_time = now() + (0.9 + random() * 0.2) * make_interval(secs => $3),
        resends = $4,
        witness_readings = $5,
        provider_id = nullif($6, ''),
        provider_thread_id = coalesce(nullif($7, ''), provider_thread_id),
        provider_status = nullif($8, ''),
        status_time = CASE WHEN nullif($8, '') IS DISTINCT FROM provider_status THEN now() ELSE status_time END,
        error = CASE WHEN $2 = 'SENT' THEN NULL ELSE coalesce(nullif($9, ''), error) END,
        unknown_time = CASE WHEN $2 <> 'UNKNOWN' THEN NULL
                            WHEN state = 'UNKNOWN' THEN unknown_time ELSE now() END,
        deadline_time = CASE WHEN $2 = 'ATTEMPTING' THEN deadline_time END,
        worker = CASE WHEN $2 = 'ATTEMPTING' THEN worker END,
        final_time = CASE WHEN $10 THEN coalesce(final_time, now()) END,
        fetch_time = CASE WHEN $11 THEN now() ELSE fetch_time END
    WHERE intent_id = $1
"""

END_ATTEMPT = """
    UPDATE delivery.attempts SET end_time = now(), outcome = $3, detail = nullif($4, '')
    WHERE intent_id = $1 AND attempt = $2
"""

ADD_FACT = """
    INSERT INTO delivery.metric_facts (fact_id, payload) VALUES ($1, $2)
"""

# $1 is the hash of the address; its first notice of a day (UTC) wins.
ADD_NOTICE = """
    INSERT INTO delivery.notices (address_hash, day, intent_id)
    VALUES ($1, (now() AT TIME ZONE 'UTC')::date, $2)
    ON CONFLICT DO NOTHING RETURNING intent_id
"""

# $1 is the most rows, $2 the seconds until another process may read the same witness.
DOUBTS = """
    WITH due AS (
        SELECT intent_id FROM delivery.intents
        WHERE state = 'UNKNOWN' AND next_attempt_time <= now()
        ORDER BY next_attempt_time LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE delivery.intents i SET next_attempt_time = now() + make_interval(secs => $2)
    FROM due WHERE i.intent_id = due.intent_id
    RETURNING i.kind, i.content, i.draft_id, i.provider_thread_id,
              (SELECT min(a.start_time) FROM delivery.attempts a WHERE a.intent_id = i.intent_id)
                  AS first_attempt_time
"""

# $1 is the most rows, $2 the seconds until another process may ask for the same one, $3 how long a status may
# take before it is asked for.
UNCONFIRMED = f"""
    WITH due AS MATERIALIZED (
        SELECT p.intent_id, f.intent_id AS follower_id
        FROM delivery.intents f
        JOIN delivery.intents p ON p.intent_id = ({_PREDECESSOR.format(follower="f")})
        WHERE f.channel = 'whatsapp' AND f.state = 'PENDING' AND p.state = 'SENT'
          AND {_NUMBER_BEFORE.format(follower="f")}
          AND coalesce(p.provider_status, '') NOT IN ('sent', 'delivered', 'read')
          AND p.fetch_time IS NULL AND p.final_time <= now() - make_interval(secs => $3)
          AND p.next_attempt_time <= now()
        ORDER BY p.next_attempt_time LIMIT $1 FOR NO KEY UPDATE OF p SKIP LOCKED
    )
    UPDATE delivery.intents i SET next_attempt_time = now() + make_interval(secs => $2)
    FROM due WHERE i.intent_id = due.intent_id
    RETURNING i.kind, i.content, i.provider_id, due.follower_id
"""  # noqa: S608 - the parts are constants of this module

# A provider takes a message back once: a second failure finds the row.
ADD_CORRECTION = """
    INSERT INTO delivery.corrections (intent_id, correction, detail) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING
"""

KNOWN = """
    SELECT provider_id FROM delivery.intents WHERE channel = $1 AND provider_id = ANY ($2)
"""

# $1 is a worker whose attempts are all dead, or NULL.
ORPHANS = """
    SELECT intent_id, channel FROM delivery.intents
    WHERE state = 'ATTEMPTING' AND (deadline_time <= now() OR worker = $1)
    ORDER BY intent_id LIMIT 100
"""

ADD_STATUSES = """
    INSERT INTO delivery.statuses (row_id, channel, provider_id, intent_id, status, error_code)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[])
        AS s(row_id, channel, provider_id, intent_id, status, error_code)
    ORDER BY s.row_id
    ON CONFLICT DO NOTHING
"""

# One row for each recipient of the list. The newer wish counts, in whatever order they come.
NOTE_WISHES = """
    INSERT INTO delivery.opt_outs AS o (channel, address_hash, stopped, wish_time)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::boolean[], $4::timestamptz[])
        AS w(channel, address_hash, stopped, wish_time)
    ORDER BY w.channel, w.address_hash
    ON CONFLICT (channel, address_hash) DO UPDATE
    SET stopped = excluded.stopped, wish_time = excluded.wish_time
    WHERE excluded.wish_time > o.wish_time
"""

# A week is the longest that a status waits for an intent it may belong to.
WAITING_STATUSES = """
    SELECT s.row_id, s.channel, s.provider_id, s.status, s.error_code,
           s.intent_id AS named_intent, i.intent_id
    FROM delivery.statuses s
    CROSS JOIN LATERAL (
        SELECT n.intent_id FROM delivery.intents n WHERE n.intent_id = s.intent_id
        UNION ALL
        SELECT k.intent_id FROM delivery.intents k
        WHERE s.intent_id IS NULL AND k.channel = s.channel AND k.provider_id = s.provider_id) AS i
    WHERE NOT s.applied AND s.create_time > now() - interval '7 days'
    ORDER BY i.intent_id, s.create_time, s.row_id LIMIT $1
    FOR UPDATE OF s SKIP LOCKED
"""

MARK_APPLIED = """
    UPDATE delivery.statuses SET applied = true WHERE row_id = ANY ($1)
"""

RAISE_FENCE = """
    INSERT INTO delivery.fences (conversation_id, min_epoch) VALUES ($1, $2)
    ON CONFLICT (conversation_id) DO UPDATE
    SET min_epoch = greatest(fences.min_epoch, excluded.min_epoch), update_time = now()
"""

# After RAISE_FENCE, never with it: only a later statement sees the claims that it waited for.
CANCEL_BELOW = """
    WITH below AS MATERIALIZED (
        SELECT i.intent_id FROM delivery.intents i JOIN delivery.fences f USING (conversation_id)
        WHERE i.conversation_id = $1 AND i.state = 'PENDING' AND i.epoch < f.min_epoch
        ORDER BY i.intent_id FOR NO KEY UPDATE OF i
    )
    UPDATE delivery.intents i
    SET state = 'CANCELLED', error = 'below_fence', final_time = now()
    FROM below b WHERE i.intent_id = b.intent_id
    RETURNING i.intent_id, i.kind, i.channel, i.state, i.error
"""

COUNT_BELOW = """
    SELECT count(*) FROM delivery.intents i JOIN delivery.fences f USING (conversation_id)
    WHERE i.conversation_id = $1 AND i.state = 'ATTEMPTING' AND i.epoch < f.min_epoch
      AND i.deadline_time > now()
"""
