-- Intake: the durable inbox. A webhook is answered 2xx only after its row is committed here.
CREATE SCHEMA intake AUTHORIZATION fte_intake;
SET LOCAL ROLE fte_intake;

-- One row for each address that ever wrote; handle_id is random so that events can carry it.
CREATE TABLE intake.handles (
    handle_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    type        text NOT NULL CHECK (type IN ('email', 'phone', 'whatsapp_user')),
    value       text NOT NULL CHECK (length(value) BETWEEN 1 AND 320),
    last_seq    bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT now(),
    UNIQUE (type, value)
);

-- Messages and provider statuses, one row for each event of the outside world.
CREATE TABLE intake.inbox (
    inbox_id        uuid PRIMARY KEY DEFAULT uuidv7(),
    kind            text NOT NULL CHECK (kind IN ('message', 'status')),
    channel         text NOT NULL CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    account         text NOT NULL,
    provider_id     text NOT NULL,
    handle_id       uuid REFERENCES intake.handles,
    assurance       text CHECK (assurance IN ('verified', 'claimed')),
    content         bytea NOT NULL,          -- fte.intake.v1.InboundMessage or ProviderStatus, without the ids
    raw             bytea NOT NULL,          -- the event as it came
    request_hash    bytea,                   -- of a form's fields, to tell a repeat from another body under one key
    suppress_reason text,                    -- why no turn is made of it
    accept_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '1 second',
    stored_time     timestamptz,
    settle_time     timestamptz,
    UNIQUE (channel, account, provider_id)
);
CREATE INDEX inbox_drive ON intake.inbox (next_drive_time) WHERE state <> 'settled';

-- The gapless sequence of each handle, in a table of its own: the number is taken only if the inbox row is new.
CREATE TABLE intake.inbox_order (
    handle_id uuid NOT NULL REFERENCES intake.handles,
    inbox_seq bigint NOT NULL,
    inbox_id  uuid NOT NULL UNIQUE REFERENCES intake.inbox,
    PRIMARY KEY (handle_id, inbox_seq)
);

-- Where each mailbox was read up to, until when Gmail notifies us, and which replica reads it now.
CREATE TABLE intake.mail_cursors (
    mailbox           text PRIMARY KEY,
    history_id        bigint,               -- absent until the first watch
    watch_expire_time timestamptz,
    lease_holder      text,
    lease_time        timestamptz,          -- until when the holder reads; absent: nobody does
    update_time       timestamptz NOT NULL DEFAULT now()
);

-- Limits and switches for each channel; services ask intake for them.
CREATE TABLE intake.channel_configs (
    channel             text PRIMARY KEY CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    enabled             boolean NOT NULL DEFAULT true,
    max_response_length integer NOT NULL CHECK (max_response_length > 0),  -- characters
    max_response_words  integer CHECK (max_response_words > 0),            -- absent: no limit in words
    update_time         timestamptz NOT NULL DEFAULT now()
);
INSERT INTO intake.channel_configs (channel, max_response_length, max_response_words) VALUES
    ('email', 2000, 500), ('whatsapp', 1600, NULL), ('web_form', 1000, 300);

-- Events without a far end (the raw feed); a row closes when the broker has it.
CREATE TABLE intake.announcements (
    announcement_id uuid PRIMARY KEY DEFAULT uuidv7(),
    topic           text NOT NULL,
    payload         bytea NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '1 second',
    stored_time     timestamptz,
    settle_time     timestamptz
);
CREATE INDEX announcements_drive ON intake.announcements (next_drive_time) WHERE state <> 'settled';

CREATE TABLE intake.undecodable_events (
    body_hash   bytea PRIMARY KEY,
    topic       text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('envelope', 'not_protobuf', 'invalid_fields', 'unknown_topic')),
    body        bytea NOT NULL,
    seen_count  bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);
