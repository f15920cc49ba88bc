-- Delivery: what a provider took back after the agent had closed the row as sent. A ledger whose far end is a call.
SET LOCAL ROLE fte_delivery;

CREATE TABLE delivery.corrections (
    intent_id       uuid PRIMARY KEY REFERENCES delivery.intents,
    correction      text NOT NULL CHECK (correction IN ('rejected')),
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '1 second',
    stored_time     timestamptz,
    settle_time     timestamptz
);
CREATE INDEX corrections_drive ON delivery.corrections (next_drive_time) WHERE state <> 'settled';

-- When the provider, asked because no status came, last answered for a sent message: then the next part may go.
ALTER TABLE delivery.intents ADD COLUMN fetch_time timestamptz;
