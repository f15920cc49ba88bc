-- Who wrote to a mailbox within the last two days, without words and addresses: how loops of machines are seen.
SET LOCAL ROLE fte_intake;

CREATE TABLE intake.mail_arrivals (
    mailbox     text NOT NULL,
    provider_id text NOT NULL,
    sender      bytea NOT NULL,             -- SHA-256 of the address
    domain      bytea,                      -- SHA-256 of the domain; absent where anybody can have an address
    thread_id   text NOT NULL,
    answers     boolean NOT NULL,           -- it seems to answer a mail of ours
    stranger    boolean NOT NULL,           -- it answers, and its address had never written before
    print_of    bigint[] NOT NULL,          -- MinHash of its words; empty for a short text
    arrive_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (mailbox, provider_id)
);
CREATE INDEX mail_arrivals_recent ON intake.mail_arrivals (mailbox, arrive_time);
CREATE INDEX mail_arrivals_sender ON intake.mail_arrivals (mailbox, sender, arrive_time);
