"""The API over gRPC: services, admission, TLS, health and reflection."""
