"""A run: a training with its folder, and what is made of it.

What happens in `npvae train`, file by file: `cli/train.py` asks `run` to begin or resume a run.
That completes the `settings` by the data and builds the model, the optimiser and the schedules
(`building`), puts them into a trainer (`fit`), makes the `folder` and writes its `config`. Then the
loop in `cli/train.py` calls `Trainer.step`, and now and then `Run.save`: `checkpoints`, `history`,
`model_file`. In the end come `metrics`, `pictures` and the `report`.

settings, kinds  each setting, declared once, and the kinds of value that there are
recipes          named settings, those of published results among them
building         settings completed by the data, and what they build
run, fit         a run that is begun or resumed; a training without a folder
folder           the files of a run, and whether they belong together
config, history, metrics, model_file, checkpoints
                 each file of it
provenance       whether the data are still the same
environment      versions and memory
summary          a run in words
pictures, report what is drawn of it
"""
