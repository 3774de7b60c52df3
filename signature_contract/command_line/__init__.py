"""The command ``vision-contract``."""
