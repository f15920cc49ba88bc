"""The rules of sending, pure: no clock, no database, no provider."""
