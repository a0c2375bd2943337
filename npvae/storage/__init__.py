"""Files: written atomically, arrays read safely, one process at a time in a folder."""
