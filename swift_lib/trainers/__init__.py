"""Training loops: transformers' Trainer with our data, losses, checkpoints and reports."""
