"""Hands answers to the providers: once, in order, with every outcome recorded."""
