"""How a version runs: what the other rooms know of it, and one room for each way to run it."""
