"""Rows in, tokens out: reading, normalising and checking rows, and the token dataset artifact."""
