"""How a call travels: channels, retries, hedging, deadlines, and gRPC statuses as errors."""
