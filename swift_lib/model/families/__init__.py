"""Model types as data, one module per vendor."""
