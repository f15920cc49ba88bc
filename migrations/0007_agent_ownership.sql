-- Agent: who may speak, and dead letters that can be tried again.
SET LOCAL ROLE fte_agent;

-- Fences that delivery must raise before a takeover is told; a ledger whose far end is a call.
CREATE TABLE agent.fences (
    fence_id        uuid PRIMARY KEY,
    customer_id     uuid NOT NULL,
    side            text NOT NULL,
    conversation_id uuid NOT NULL,
    min_epoch       bigint NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '1 second',
    stored_time     timestamptz,
    settle_time     timestamptz,
    UNIQUE (conversation_id, min_epoch),
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads
);
CREATE INDEX fences_drive ON agent.fences (next_drive_time) WHERE state <> 'settled';

ALTER TABLE agent.dead_letters
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'dropped')),
    ADD COLUMN close_time timestamptz;
CREATE INDEX dead_letters_open ON agent.dead_letters (create_time, dead_letter_id) WHERE state = 'open';

GRANT SELECT, INSERT, UPDATE ON agent.fences TO fte_turn;
ALTER TABLE agent.fences ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent.fences FORCE ROW LEVEL SECURITY;
CREATE POLICY ledger ON agent.fences TO fte_agent USING (true) WITH CHECK (true);
CREATE POLICY turn ON agent.fences TO fte_turn USING (
    customer_id = nullif(current_setting('fte.customer_id', true), '')::uuid
    AND side = current_setting('fte.side', true));
