"""Chat templates as data, one module per vendor."""
