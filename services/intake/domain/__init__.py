"""What a mail says, in pure functions: its parts, its text, its quotation, its kind."""
