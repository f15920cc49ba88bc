-- Agent: what models cost, so that budgets hold over restarts and over all runners.
SET LOCAL ROLE fte_agent;

CREATE TABLE agent.model_usage (
    day                 date NOT NULL,             -- UTC
    customer_id         uuid NOT NULL,
    side                text NOT NULL,
    model               text NOT NULL,
    turns               bigint NOT NULL DEFAULT 0, -- turns that asked this model, or would have
    stops               bigint NOT NULL DEFAULT 0, -- of these, turns that a spent budget kept from asking, or from asking on
    calls               bigint NOT NULL DEFAULT 0,
    retries             bigint NOT NULL DEFAULT 0, -- requests beyond the first of a call
    input_tokens        bigint NOT NULL DEFAULT 0,
    cached_input_tokens bigint NOT NULL DEFAULT 0, -- a part of the input
    output_tokens       bigint NOT NULL DEFAULT 0,
    cost                bigint NOT NULL DEFAULT 0, -- millionths of a US dollar; 0 for a model without a price
    PRIMARY KEY (day, customer_id, side, model),
    FOREIGN KEY (customer_id, side) REFERENCES agent.heads
);
CREATE INDEX model_usage_customer ON agent.model_usage (customer_id, side, day);

-- The same summed over all customers: the turn role may read this and still sees one customer only.
CREATE TABLE agent.model_usage_days (
    day                 date NOT NULL,
    model               text NOT NULL,
    turns               bigint NOT NULL DEFAULT 0,
    stops               bigint NOT NULL DEFAULT 0,
    calls               bigint NOT NULL DEFAULT 0,
    retries             bigint NOT NULL DEFAULT 0,
    input_tokens        bigint NOT NULL DEFAULT 0,
    cached_input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens       bigint NOT NULL DEFAULT 0,
    cost                bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, model)
);

GRANT SELECT, INSERT, UPDATE ON agent.model_usage, agent.model_usage_days TO fte_turn;
ALTER TABLE agent.model_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent.model_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY ledger ON agent.model_usage TO fte_agent USING (true) WITH CHECK (true);
CREATE POLICY turn ON agent.model_usage TO fte_turn USING (
    customer_id = nullif(current_setting('fte.customer_id', true), '')::uuid
    AND side = current_setting('fte.side', true));
