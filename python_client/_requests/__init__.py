"""What is sent: images sorted into requests, checked against the contract, and made RPCs."""
