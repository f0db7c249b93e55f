"""Adapters into their base: full weights that need no peft."""
