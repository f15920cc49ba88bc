"""A stand-in for one Gmail mailbox: its API, token endpoint, key set and Pub/Sub push."""
