"""Pure rules of conversations: no clock, no I/O, no wire format."""
