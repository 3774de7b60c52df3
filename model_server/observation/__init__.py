"""What becomes of each finished call: metrics, a line in the log, a span."""
