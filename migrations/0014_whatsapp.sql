-- WhatsApp: who wants nothing more, how often a customer may write, and why a message did not arrive.
SET LOCAL ROLE fte_delivery;

-- The newest wish of each recipient: between STOP and START nothing is sent. wish_time is when intake accepted it,
-- so that two wishes that arrive in the wrong order still leave the newer one.
CREATE TABLE delivery.opt_outs (
    channel      text NOT NULL CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    address_hash bytea NOT NULL,
    stopped      boolean NOT NULL,
    wish_time    timestamptz NOT NULL,
    PRIMARY KEY (channel, address_hash)
);

ALTER TABLE delivery.intents ADD COLUMN address_hash bytea;
ALTER TABLE delivery.intents DROP CONSTRAINT intents_kind_check;
ALTER TABLE delivery.intents ADD CONSTRAINT intents_kind_check CHECK
    (kind IN ('answer', 'escalation_notice', 'apology', 'human_reply', 'web_notice', 'wait_notice'));
ALTER TABLE delivery.corrections ADD COLUMN detail text NOT NULL DEFAULT '';

RESET ROLE;
SET LOCAL ROLE fte_agent;

-- When the customer was last told that many messages are worked on together; absent: never.
ALTER TABLE agent.heads ADD COLUMN wait_notice_time timestamptz;
-- What a person should know of the task beside its reason, in plain words; nothing of a message.
ALTER TABLE agent.escalations ADD COLUMN note text NOT NULL DEFAULT '';
-- How many messages of the last minute a customer's side has.
CREATE INDEX messages_pace ON agent.messages (customer_id, side, store_time) WHERE direction = 'inbound';
-- Until when WhatsApp takes free text for a handle.
CREATE INDEX messages_window ON agent.messages (handle_id, create_time DESC)
    WHERE direction = 'inbound' AND channel = 'whatsapp';
