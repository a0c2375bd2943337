"""Files: atomic writes, safe reads, and one process at a time per folder.

`atomic` writes a file completely or not at all. `reading` opens only regular files, limits their
size, and turns every failure into a message. `arrays` and `json_files` are the two formats that
datasets and runs share. `lock` keeps a second process out of a folder.
"""
