"""How rows reach the processes that train on them."""
