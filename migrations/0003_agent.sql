-- Agent: conversations, turns, tickets and what is to be sent.
CREATE SCHEMA agent AUTHORIZATION fte_agent;
SET LOCAL ROLE fte_agent;

-- The fence: one row for each customer and side. A commit counts only if version, turn_no and epoch are still these.
CREATE TABLE agent.heads (
    customer_id     uuid NOT NULL,
    side            text NOT NULL CHECK (side IN ('verified', 'claimed')),
    version         bigint NOT NULL DEFAULT 0,
    turn_no         bigint NOT NULL DEFAULT 0,
    epoch           bigint NOT NULL DEFAULT 0,
    owner           text NOT NULL DEFAULT 'ai' CHECK (owner IN ('ai', 'human')),
    owner_name      text NOT NULL DEFAULT '',
    failure_count   integer NOT NULL DEFAULT 0,   -- turns of the waiting batch that returned an error
    begin_count     integer NOT NULL DEFAULT 0,   -- turns of the waiting batch that were begun
    conversation_id uuid,
    conversation_version bigint NOT NULL DEFAULT 0, -- the version at which the active conversation started
    due_time        timestamptz,                  -- absent: nothing waits
    lease_time      timestamptz,                  -- until when a runner is believed alive; absent: no open turn
    merged_into     uuid,
    create_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, side)
);
CREATE INDEX heads_due ON agent.heads (due_time) WHERE due_time IS NOT NULL;

CREATE TABLE agent.turns (
    turn_id         uuid PRIMARY KEY,
    customer_id     uuid NOT NULL,
    side            text NOT NULL,
    turn_no         bigint NOT NULL,
    conversation_id uuid NOT NULL,
    runner          text NOT NULL,
    message_ids     uuid[] NOT NULL,
    due_time        timestamptz NOT NULL,
    begin_time      timestamptz NOT NULL DEFAULT now(),
    cap_time        timestamptz NOT NULL,         -- no lease is renewed past this
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'committed', 'failed', 'void')),
    end_time        timestamptz,
    error           text,
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads
);
CREATE UNIQUE INDEX turns_one_open ON agent.turns (customer_id, side) WHERE state = 'open';
CREATE INDEX turns_end ON agent.turns (end_time) WHERE end_time IS NOT NULL;
CREATE INDEX turns_runner ON agent.turns (runner) WHERE state = 'open';

-- How far each handle's sequence is stored here.
CREATE TABLE agent.handle_cursors (
    handle_id   uuid PRIMARY KEY,
    last_seq    bigint NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent.conversations (
    conversation_id   uuid PRIMARY KEY,
    customer_id       uuid NOT NULL,
    side              text NOT NULL,
    initial_channel   text NOT NULL,
    current_channel   text NOT NULL,
    status            text NOT NULL CHECK (status IN ('active', 'escalated', 'resolved', 'closed')),
    escalated_to      text NOT NULL DEFAULT '',
    sentiment         double precision,           -- running mean over the customer's messages, in [-1, 1]
    metadata          jsonb NOT NULL DEFAULT '{"channel_switches": []}',
    start_time        timestamptz NOT NULL,
    last_message_time timestamptz NOT NULL,
    end_time          timestamptz,
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads
);
CREATE INDEX conversations_customer ON agent.conversations (customer_id, side, last_message_time DESC);

CREATE TABLE agent.messages (
    message_id          uuid PRIMARY KEY,         -- inbound: intake's inbox_id
    customer_id         uuid NOT NULL,
    side                text NOT NULL,
    conversation_id     uuid REFERENCES agent.conversations,  -- absent until the message's turn is committed
    turn_id             uuid,                     -- absent while unbatched
    direction           text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    role                text NOT NULL CHECK (role IN ('customer', 'ai', 'human', 'system')),
    speaker             text NOT NULL DEFAULT '',
    channel             text NOT NULL CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    subject             text NOT NULL DEFAULT '',
    content             text NOT NULL,
    ticket_id           uuid,                     -- a form's from the start, another's from the commit
    handle_id           uuid,
    inbox_seq           bigint,
    source              bytea,                    -- fte.intake.v1.InboundMessage of an inbound message
    sentiment           double precision,
    tokens_used         bigint,
    latency_ms          bigint,
    tool_calls          jsonb,
    model               text,
    sources             jsonb,                    -- knowledge sections that an answer rests on, with their hashes
    delivery_status     text CHECK (delivery_status IN
                            ('pending', 'sent', 'delivered', 'read', 'failed', 'cancelled', 'parked')),
    provider_message_id text,
    outcome             text,                     -- inbound: answered, escalated, with_human or failed; absent while open
    create_time         timestamptz NOT NULL,     -- inbound: accept time
    store_time          timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads,
    UNIQUE (handle_id, inbox_seq)
);
CREATE INDEX messages_waiting ON agent.messages (customer_id, side, create_time)
    WHERE direction = 'inbound' AND outcome IS NULL;
CREATE INDEX messages_ticket ON agent.messages (ticket_id, create_time);
CREATE INDEX messages_conversation ON agent.messages (conversation_id, create_time);
CREATE INDEX messages_customer ON agent.messages (customer_id, side, create_time DESC);

CREATE TABLE agent.tickets (
    ticket_id         uuid PRIMARY KEY,
    reference         text NOT NULL,            -- 40 bits for people to read out; the id is what is unique
    customer_id       uuid NOT NULL,
    side              text NOT NULL,
    conversation_id   uuid NOT NULL REFERENCES agent.conversations,
    channel           text NOT NULL,
    status            text NOT NULL CHECK (status IN ('open', 'in_progress', 'escalated', 'resolved', 'closed')),
    priority          text NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    category          text NOT NULL CHECK (category IN ('general', 'technical', 'billing', 'feedback', 'bug_report')),
    subject           text NOT NULL,
    resolution_notes  text NOT NULL DEFAULT '',
    escalation_reason text NOT NULL DEFAULT '',
    create_time       timestamptz NOT NULL,
    update_time       timestamptz NOT NULL,
    resolve_time      timestamptz,
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads
);
CREATE INDEX tickets_reference ON agent.tickets (reference);
CREATE INDEX tickets_conversation ON agent.tickets (conversation_id);
CREATE INDEX tickets_status ON agent.tickets (status, create_time);

CREATE TABLE agent.escalations (
    escalation_id   uuid PRIMARY KEY,
    ticket_id       uuid NOT NULL REFERENCES agent.tickets,
    conversation_id uuid NOT NULL REFERENCES agent.conversations,
    customer_id     uuid NOT NULL,
    side            text NOT NULL,
    channel         text NOT NULL,
    reason          text NOT NULL,
    urgency         text NOT NULL CHECK (urgency IN ('low', 'normal', 'high', 'critical')),
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'claimed', 'resolved')),
    create_time     timestamptz NOT NULL,
    update_time     timestamptz NOT NULL
);
CREATE INDEX escalations_open ON agent.escalations (create_time) WHERE status <> 'resolved';

CREATE TABLE agent.knowledge_base (
    section_id   text PRIMARY KEY,                -- document path and heading anchors
    document     text NOT NULL,
    title        text NOT NULL,
    content      text NOT NULL,
    category     text NOT NULL DEFAULT '',
    audience     text NOT NULL DEFAULT 'customer',
    position     integer NOT NULL,
    content_hash text NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    embedding    public.vector(384),
    search       tsvector GENERATED ALWAYS AS
                     (setweight(to_tsvector('english', title), 'A') || to_tsvector('english', content)) STORED,
    update_time  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX knowledge_base_search ON agent.knowledge_base USING gin (search);

-- Everything that happened to a customer's side; the tables above can be rebuilt from it.
CREATE TABLE agent.events (
    customer_id uuid NOT NULL,
    side        text NOT NULL,
    version     bigint NOT NULL,
    ordinal     integer NOT NULL,
    type        text NOT NULL,
    payload     jsonb NOT NULL,
    occur_time  timestamptz NOT NULL,
    PRIMARY KEY (customer_id, side, version, ordinal)
);

CREATE TABLE agent.send_counters (
    conversation_id uuid NOT NULL REFERENCES agent.conversations,
    channel         text NOT NULL,
    customer_id     uuid NOT NULL,
    side            text NOT NULL,
    last_seq        bigint NOT NULL,
    PRIMARY KEY (conversation_id, channel)
);

-- What is to be sent; the far end is delivery.
CREATE TABLE agent.outbox (
    outbox_id       uuid PRIMARY KEY,
    message_id      uuid NOT NULL REFERENCES agent.messages,
    conversation_id uuid NOT NULL,
    customer_id     uuid NOT NULL,
    side            text NOT NULL,
    channel         text NOT NULL,
    send_seq        bigint NOT NULL,
    epoch           bigint NOT NULL,
    content         bytea NOT NULL,               -- fte.agent.v1.OutboundMessage
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '1 second',
    stored_time     timestamptz,
    settle_time     timestamptz,
    UNIQUE (conversation_id, channel, send_seq)
);
CREATE INDEX outbox_drive ON agent.outbox (next_drive_time) WHERE state <> 'settled';
CREATE INDEX outbox_message ON agent.outbox (message_id);

CREATE TABLE agent.dead_letters (
    dead_letter_id uuid PRIMARY KEY,
    message_ids    uuid[] NOT NULL,
    ticket_id      uuid NOT NULL,
    customer_id    uuid NOT NULL,
    side           text NOT NULL,
    channel        text NOT NULL,
    error          text NOT NULL,
    attempts       integer NOT NULL,
    create_time    timestamptz NOT NULL
);

-- Events without a far end (escalations, dead letters); a row closes when the broker has it.
CREATE TABLE agent.announcements (
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
CREATE INDEX announcements_drive ON agent.announcements (next_drive_time) WHERE state <> 'settled';

CREATE TABLE agent.metric_facts (
    fact_id         uuid PRIMARY KEY DEFAULT uuidv7(),
    payload         bytea NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    -- Metrics answers within ten seconds, after its next batch.
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '15 seconds',
    stored_time     timestamptz,
    settle_time     timestamptz
);
CREATE INDEX metric_facts_drive ON agent.metric_facts (next_drive_time) WHERE state <> 'settled';

CREATE TABLE agent.undecodable_events (
    body_hash   bytea PRIMARY KEY,
    topic       text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('envelope', 'not_protobuf', 'invalid_fields', 'unknown_topic')),
    body        bytea NOT NULL,
    seen_count  bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);

-- The turn role sees one side of one customer, named by SET LOCAL; without the settings it sees nothing.
GRANT USAGE ON SCHEMA agent TO fte_turn;
GRANT SELECT ON agent.knowledge_base TO fte_turn;
GRANT INSERT ON agent.announcements, agent.metric_facts TO fte_turn;
GRANT SELECT, INSERT, UPDATE ON
    agent.turns, agent.conversations, agent.messages, agent.tickets, agent.escalations, agent.events, agent.send_counters, agent.outbox, agent.dead_letters TO fte_turn;
GRANT SELECT, UPDATE ON agent.heads TO fte_turn;

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['heads', 'turns', 'conversations', 'messages', 'tickets', 'escalations',
                                    'events', 'send_counters', 'outbox', 'dead_letters'] LOOP
        EXECUTE format('ALTER TABLE agent.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE agent.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY ledger ON agent.%I TO fte_agent USING (true) WITH CHECK (true)', relation);
        EXECUTE format(
            'CREATE POLICY turn ON agent.%I TO fte_turn USING ('
            'customer_id = nullif(current_setting(''fte.customer_id'', true), '''')::uuid '
            'AND side = current_setting(''fte.side'', true))', relation);
    END LOOP;
END
$$;
