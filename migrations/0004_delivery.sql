-- Delivery: the intent ledger. ATTEMPTING is committed before the first byte leaves; every outcome is recorded.
CREATE SCHEMA delivery AUTHORIZATION fte_delivery;
SET LOCAL ROLE fte_delivery;

CREATE TABLE delivery.intents (
    intent_id         uuid PRIMARY KEY,           -- the agent's outbox_id, or derived from it for a notice
    kind              text NOT NULL CHECK (kind IN ('answer', 'escalation_notice', 'apology', 'human_reply', 'web_notice')),
    message_id        uuid NOT NULL,
    conversation_id   uuid NOT NULL,
    customer_id       uuid NOT NULL,
    channel           text NOT NULL CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    send_seq          bigint,                     -- absent for a notice, which keeps no order
    epoch             bigint NOT NULL,
    last_part         boolean NOT NULL,
    content           bytea NOT NULL,             -- fte.agent.v1.OutboundMessage, frozen
    state             text NOT NULL DEFAULT 'PENDING' CHECK (state IN
                          ('PENDING', 'ATTEMPTING', 'UNKNOWN', 'SENT', 'REJECTED', 'NEEDS_HUMAN', 'CANCELLED', 'PARKED')),
    attempts          integer NOT NULL DEFAULT 0,
    resends           integer NOT NULL DEFAULT 0, -- after an unknown outcome; at most one
    next_attempt_time timestamptz NOT NULL DEFAULT now(),
    deadline_time     timestamptz,                -- of the attempt under way
    worker            text,                       -- who attempts
    draft_id          text,                       -- Gmail: the saved step before the send; its thread is provider_thread_id
    witness_readings  integer NOT NULL DEFAULT 0, -- separate negative readings since the outcome became unknown
    unknown_time      timestamptz,
    provider_id       text,
    provider_thread_id text,
    provider_status   text,
    error             text,
    create_time       timestamptz NOT NULL DEFAULT now(),
    final_time        timestamptz,
    status_time       timestamptz,                -- when the provider last told us about it
    UNIQUE (conversation_id, channel, send_seq)
);
CREATE INDEX intents_work ON delivery.intents (next_attempt_time) WHERE state IN ('PENDING', 'ATTEMPTING', 'UNKNOWN');
-- Whether an earlier part of the same answer failed.
CREATE INDEX intents_message ON delivery.intents (message_id, send_seq);
CREATE INDEX intents_final ON delivery.intents (final_time) WHERE final_time IS NOT NULL;
CREATE UNIQUE INDEX intents_provider ON delivery.intents (channel, provider_id) WHERE provider_id IS NOT NULL;

-- One row for each attempt, for the audit and for `fte trace`.
CREATE TABLE delivery.attempts (
    intent_id   uuid NOT NULL REFERENCES delivery.intents,
    attempt     integer NOT NULL,
    start_time  timestamptz NOT NULL DEFAULT now(),
    end_time    timestamptz,
    outcome     text CHECK (outcome IN ('sent', 'rejected', 'not_sent', 'refused', 'unknown')),
                                                  -- refused by an open breaker is no attempt; absent if its worker died
    detail      text,
    PRIMARY KEY (intent_id, attempt)
);

-- The ownership fence of each conversation: below min_epoch nothing is sent.
CREATE TABLE delivery.fences (
    conversation_id uuid PRIMARY KEY,
    min_epoch       bigint NOT NULL DEFAULT 0,
    update_time     timestamptz NOT NULL DEFAULT now()
);

-- Provider statuses that were taken over from intake's inbox; the key makes a repeat harmless.
CREATE TABLE delivery.statuses (
    row_id      uuid PRIMARY KEY,
    channel     text NOT NULL,
    provider_id text NOT NULL,
    intent_id   uuid,
    status      text NOT NULL,
    error_code  text NOT NULL DEFAULT '',
    applied     boolean NOT NULL DEFAULT false,   -- false while no intent is known for it
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX statuses_waiting ON delivery.statuses (channel, provider_id) WHERE NOT applied;

-- At most one notice mail a day for each address.
CREATE TABLE delivery.notices (
    address_hash bytea NOT NULL,
    day          date NOT NULL,
    intent_id    uuid NOT NULL,
    PRIMARY KEY (address_hash, day)
);

CREATE TABLE delivery.metric_facts (
    fact_id         uuid PRIMARY KEY DEFAULT uuidv7(),
    payload         bytea NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '1 second',
    stored_time     timestamptz,
    settle_time     timestamptz
);
CREATE INDEX metric_facts_drive ON delivery.metric_facts (next_drive_time) WHERE state <> 'settled';

CREATE TABLE delivery.undecodable_events (
    body_hash   bytea PRIMARY KEY,
    topic       text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('envelope', 'not_protobuf', 'invalid_fields', 'unknown_topic')),
    body        bytea NOT NULL,
    seen_count  bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);
