-- Identity: which handles belong to one customer.
CREATE SCHEMA identity AUTHORIZATION fte_identity;
SET LOCAL ROLE fte_identity;

CREATE TABLE identity.customers (
    customer_id  uuid PRIMARY KEY DEFAULT uuidv7(),
    display_name text NOT NULL DEFAULT '',
    generation   bigint NOT NULL DEFAULT 1,
    create_time  timestamptz NOT NULL DEFAULT now(),
    update_time  timestamptz NOT NULL DEFAULT now()
);

-- The primary key is what makes one customer of concurrent first contacts.
CREATE TABLE identity.customer_identifiers (
    type        text NOT NULL CHECK (type IN ('email', 'phone', 'whatsapp_user')),
    value       text NOT NULL CHECK (length(value) BETWEEN 1 AND 320),
    customer_id uuid NOT NULL REFERENCES identity.customers DEFERRABLE INITIALLY DEFERRED,
    verified    boolean NOT NULL DEFAULT false,
    evidence    text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (type, value)
);
CREATE INDEX customer_identifiers_customer ON identity.customer_identifiers (customer_id);

-- First answers of changes by request id: a repeat gets the same.
CREATE TABLE identity.requests (
    request_id   uuid PRIMARY KEY,
    request_hash bytea NOT NULL,
    customer_id  uuid,                       -- whose handles the answer holds; set with the response
    response     bytea,                      -- NULL only inside the transaction that makes it
    create_time  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX requests_customer ON identity.requests (customer_id);

CREATE TABLE identity.metric_facts (
    fact_id         uuid PRIMARY KEY DEFAULT uuidv7(),
    payload         bytea NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'stored', 'settled')),
    outcome         text,
    attempts        integer NOT NULL DEFAULT 0,
    -- The first publish is the hint after the commit. Metrics answers after its next batch, 10 s at most.
    next_drive_time timestamptz NOT NULL DEFAULT now() + interval '15 seconds',
    stored_time     timestamptz,
    settle_time     timestamptz
);
CREATE INDEX metric_facts_drive ON identity.metric_facts (next_drive_time) WHERE state <> 'settled';

CREATE TABLE identity.undecodable_events (
    body_hash   bytea PRIMARY KEY,
    topic       text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('envelope', 'not_protobuf', 'invalid_fields', 'unknown_topic')),
    body        bytea NOT NULL,
    seen_count  bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);
