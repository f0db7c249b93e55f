"""The serve component."""
