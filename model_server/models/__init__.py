"""Which versions of which models exist, are wanted, load, take calls and go."""
