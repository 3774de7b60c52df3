"""``python -m python_client``: one JSON object a line."""
