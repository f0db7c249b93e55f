"""The embedded demo: a base model that can only copy learns, with LoRA, to pick the second word."""
