-- Dapr's state store keeps its own tables here; it creates them itself.
CREATE SCHEMA state AUTHORIZATION fte_state;
