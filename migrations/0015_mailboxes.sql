-- What is known of each mailbox beside its cursor: the watch, the newest mail seen, lost histories, the last look.
SET LOCAL ROLE fte_intake;

ALTER TABLE intake.mail_cursors
    ADD COLUMN watch_time     timestamptz,            -- the last renewal
    ADD COLUMN watch_try_time timestamptz,            -- the last attempt at one
    ADD COLUMN watch_error    text NOT NULL DEFAULT '',
    ADD COLUMN start_time     timestamptz,            -- since when we read; nothing older is ever taken in
    ADD COLUMN seen_time      timestamptz,            -- when the newest mail that we saw came, by Gmail's clock
    ADD COLUMN resyncs        integer NOT NULL DEFAULT 0,  -- histories lost in a row
    ADD COLUMN resync_time    timestamptz,
    ADD COLUMN look_time      timestamptz,            -- the last look that came to its end
    ADD COLUMN look_error     text NOT NULL DEFAULT '',
    ADD COLUMN push_time      timestamptz;            -- the last genuine push
UPDATE intake.mail_cursors SET start_time = now() WHERE history_id IS NOT NULL;

-- The Message-ID that Gmail gave each mail of ours, read back after sending; empty when it cannot be had.
SET LOCAL ROLE fte_delivery;

ALTER TABLE delivery.intents ADD COLUMN internet_message_id text;
CREATE INDEX intents_internet_message ON delivery.intents (internet_message_id)
    WHERE internet_message_id IS NOT NULL;
CREATE INDEX intents_unnamed ON delivery.intents (next_attempt_time)
    WHERE channel = 'email' AND state = 'SENT' AND internet_message_id IS NULL;

-- By what a mail of the same customer and side is recognised as going on with a matter. Another sender's mail finds
-- nothing here, whatever ids it carries.
SET LOCAL ROLE fte_agent;

CREATE TABLE agent.mail_threads (
    customer_id uuid NOT NULL,
    side        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('thread', 'message', 'token')),
    value       text NOT NULL CHECK (length(value) BETWEEN 1 AND 1400),
    ticket_id   uuid NOT NULL REFERENCES agent.tickets,
    topic       text NOT NULL,               -- the subject made comparable: another one is another matter
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (customer_id, side, kind, value),
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads
);
GRANT SELECT, INSERT, UPDATE ON agent.mail_threads TO fte_turn;
ALTER TABLE agent.mail_threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent.mail_threads FORCE ROW LEVEL SECURITY;
CREATE POLICY ledger ON agent.mail_threads TO fte_agent USING (true) WITH CHECK (true);
CREATE POLICY turn ON agent.mail_threads TO fte_turn USING (
    customer_id = nullif(current_setting('fte.customer_id', true), '')::uuid
    AND side = current_setting('fte.side', true));
