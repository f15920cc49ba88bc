"""What intake does with a message, whatever the wire and the database look like."""
