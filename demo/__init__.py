"""The toolkit's main job shown once, end to end, on real photographs."""
