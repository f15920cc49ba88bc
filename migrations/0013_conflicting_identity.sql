-- Who is writing may be in doubt: a number with a user id that is not its customer's.
SET LOCAL ROLE fte_identity;

-- The user id that came last with a number; absent until one came.
ALTER TABLE identity.customer_identifiers ADD COLUMN seen_with text CHECK (length(seen_with) BETWEEN 1 AND 320);

SET LOCAL ROLE fte_agent;

-- What identity said of the sender when the message was stored.
ALTER TABLE agent.messages ADD COLUMN conflicting boolean NOT NULL DEFAULT false;
