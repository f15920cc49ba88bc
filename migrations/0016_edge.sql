-- The edge: keys of its callers, and the channels' switches where they are needed without intake.
SET LOCAL ROLE fte_intake;

-- Who may call the REST interface. A key is 256 random bits, so that its plain SHA-256 cannot be turned back.
CREATE TABLE intake.api_keys (
    key_id         uuid PRIMARY KEY DEFAULT uuidv7(),
    name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    key_hash       bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    hint           text NOT NULL,            -- the first characters, for people to tell keys apart
    scopes         text[] NOT NULL CHECK (cardinality(scopes) > 0),
    create_time    timestamptz NOT NULL DEFAULT now(),
    expire_time    timestamptz,              -- absent: never
    revoke_time    timestamptz,
    last_used_time timestamptz               -- to the minute
);

SET LOCAL ROLE fte_delivery;

-- What intake said last of each channel's switch: a channel that is off stays off while intake is away.
CREATE TABLE delivery.channel_switches (
    channel     text PRIMARY KEY CHECK (channel IN ('email', 'whatsapp', 'web_form')),
    enabled     boolean NOT NULL,
    update_time timestamptz NOT NULL DEFAULT now()
);
