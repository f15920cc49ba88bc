"""The rules of identity; no clock, no database, no wire format."""
