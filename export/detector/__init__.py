"""Train, publish and evaluate a YOLO detector for the user's own classes."""
