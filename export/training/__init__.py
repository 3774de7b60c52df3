"""What both models' training shares: rules, guards, checkpoints, provenance."""
