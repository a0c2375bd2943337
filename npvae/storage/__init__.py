"""Files: written atomically, read safely, one process at a time in a folder.

`atomic` writes a file completely or not at all; `reading` opens regular files only, bounds their
size, and turns whatever is wrong with one into a message; `arrays` and `json_files` are the two
formats that datasets and runs share; `lock` keeps a second process out of a folder.
"""
