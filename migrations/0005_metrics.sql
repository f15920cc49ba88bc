-- Metrics: facts as the other services reported them. Written through Dapr's Postgres binding.
CREATE SCHEMA metrics AUTHORIZATION fte_metrics;
SET LOCAL ROLE fte_metrics;

CREATE TABLE metrics.agent_metrics (
    fact_id     uuid PRIMARY KEY,
    service     text NOT NULL,
    type        text NOT NULL,
    channel     text,
    latency_ms  double precision,
    sentiment   double precision,
    outcome     text NOT NULL DEFAULT '',
    tokens      bigint,
    tool_calls  integer,
    occur_time  timestamptz NOT NULL,
    record_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_metrics_window ON metrics.agent_metrics (occur_time);

CREATE TABLE metrics.undecodable_events (
    body_hash   bytea PRIMARY KEY,
    topic       text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('envelope', 'not_protobuf', 'invalid_fields', 'unknown_topic')),
    body        bytea NOT NULL,
    seen_count  bigint NOT NULL DEFAULT 1,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);
