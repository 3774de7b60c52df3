"""``python -m model_server.tune``: measure settings on this machine, pick and write them."""
