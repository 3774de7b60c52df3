"""What callers receive: small frozen values."""
