"""Runs: a run is a training together with the folder that holds everything it produces.

The path of `npvae train` through the files: `cli/train.py` asks `run` to begin or resume a run.
`run` completes the `settings` from the data and builds the model, optimiser and schedules
(`building`), puts them into a trainer (`fit`), makes the `folder` and writes its `config`. The loop
in `cli/train.py` then calls `Trainer.step`, and from time to time `Run.save`, which writes
`checkpoints`, `history` and `model_file`. At the end `finish` writes `metrics`, `pictures` and the
`report`.

settings, kinds    the settings, each declared once, and the kinds of value they can have
recipes            named settings, many of them from publications
building           completes the settings from the data, and builds what they describe
run, fit           an open run with its folder; a training without a folder
finish             the measurements and pictures at the end of a run
folder             where the files of a run are, and whether they belong together
config, history, metrics, model_file, checkpoints
                   the files themselves
provenance         checks that the data are still the same
environment        versions, threads and memory
summary            a run described in words
pictures, report   the pictures of a run, and the page that shows them
"""
