"""Identity's edges: gRPC in, Postgres and events out."""
