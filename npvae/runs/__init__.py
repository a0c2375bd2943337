"""A run: its settings, its folder, its checkpoints, and what is drawn of it."""
