"""Identity: which handles belong to one customer, and on what evidence."""
