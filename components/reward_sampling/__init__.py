"""The reward_sampling component."""
