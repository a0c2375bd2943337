"""Damaged files: seeded changes of a valid file's bytes, and crafted ones with right checksums."""
