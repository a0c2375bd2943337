# %% [markdown]
# # The published table
#
# Papers compare models by -log p(x) on MNIST. This page compares npvae with two of them, with the
# same networks and the same evaluation. The page is a notebook. It reads what the trainings have
# left in `benchmarks/published`. The commands and the seeds stand there, too, and what was declared
# before its test part was evaluated. Where a training missed the published figure, another was
# declared and added, up to five with 50 draws; all of them are below. To run the page yourself,
# install npvae from a clone with `pip install -e .`.
#
# **The evaluation.** All 10,000 test images. Each pixel is drawn black or white by its brightness,
# once. log p(x) is estimated by importance weighting with 5,000 draws of z for each image. Lower is
# better.
#
# **The networks.** `tanh`: two layers of 200 in encoder and decoder and 50 latents, as in the IWAE
# paper (Burda, Grosse and Salakhutdinov 2015), which trained on all of the 60,000 training images;
# here 400 of them are held out. `gated`: two gated layers of 300 and 40 latents, as in the baseline
# of Norouzi, Fleet and Norouzi (2020), trained on 50,000 images, with 10,000 for validation.
#
# **The schedules are ours**: Adam, batches of 100, a learning rate that falls from 0.001 to zero as
# half a cosine, and a warm-up of beta over 50 epochs, chosen on validation images. The `longer`
# runs and those with several draws start from the weights of another run, without a warm-up. Those
# with 50 draws have batches of 20, with which an epoch takes less time, and learning rates that
# begin between 0.0002 and 0.0005. The `dreg` runs maximise the bound of the IWAE by the estimator
# of its gradient that lesson 23a derives. The IWAE paper used batches of 20 and 3,280 epochs. The
# code behind the gated figure divides the gradient of each parameter by its norm before Adam sees
# it; npvae does not.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import npvae
from npvae.runs.history import history_columns
from npvae.runs.recipes import RECIPES

folder = Path(npvae.__file__).parents[1] / "benchmarks" / "published"
runs = {path.parent.name: path.parent for path in sorted(folder.glob("*/metrics.json"))}


def recipe_of(name):
    return name.rpartition("-")[0]  # a run is called after its recipe and its seed


def published(name):
    """Return the published -log p(x) of a run's recipe; for DReG, that of IWAE."""
    return float(RECIPES[recipe_of(name)].published.split()[0])


def nll(name):
    """Return the numbers of draws, -log p(x) with each, and its standard error."""
    measured = json.loads((runs[name] / "metrics.json").read_text("utf-8"))["test"]
    found = measured["log_likelihood"].values()
    return np.array(sorted((one["k"], -one["log_px"], one["standard_error"]) for one in found)).T


print("run                     epochs   s/epoch    -log p(x)   published")
for name, run in runs.items():
    history = history_columns(run / "history.csv")
    seconds = np.median(history["seconds"])
    _, values, errors = nll(name)
    figure = f"{values[-1]:.2f} +- {errors[-1]:.2f}"
    print(f"{name:22} {len(history['epoch']):7} {seconds:9.1f}   {figure}   {published(name):9.2f}")

for recipe in ("gated", "gated-longer"):
    seeds = [nll(name)[1][-1] for name in runs if recipe_of(name) == recipe]
    if len(seeds) > 1:
        mean, spread = np.mean(seeds), np.std(seeds, ddof=1)
        print(f"{recipe}, {len(seeds)} seeds: {mean:.2f} +- {spread:.2f}")

# %% [markdown]
# The error of each run is the standard error over the test images. These are the same for all runs,
# so that two runs can be compared more closely than it says. For three seeds the error is their
# standard deviation, about 0.1; a smaller difference between two single runs means little. The
# seconds are those of the median epoch on one core, on two for the runs `tanh-iwae-50-longest` and
# `tanh-dreg-50-longer`. The machines did other work as well, and the runs `gated-100`, `gated-101`,
# `tanh-vae-1`, `tanh-vae-longer-1`, `tanh-iwae-5-1` and `tanh-dreg-5-1` had a slower one.
#
# ## The trainings
#
# The bound that was maximised, on the training images and on those held out. Most trainings that
# start from another one lose a little at first, because the learning rate is high again, and gain
# while it falls.

# %%
columns = 2
rows = -(-len(runs) // columns)
figure, axes = plt.subplots(rows, columns, figsize=(8, 2.6 * rows), squeeze=False)
for axis, (name, run) in zip(axes.flat, runs.items(), strict=False):
    history = history_columns(run / "history.csv")
    held_out = np.array(history["validation_bound"])
    weighted = RECIPES[recipe_of(name)].settings.get("k", 1) > 1
    training = -np.array(history["train_loss"]) if weighted else history["train_elbo"]
    axis.plot(history["epoch"], training, label="training")
    axis.plot(history["epoch"], held_out, label="held out")
    axis.set(title=name, xlabel="epoch", ylabel="bound (nats)")
    axis.set_ylim(held_out.max() - 12, held_out.max() + 3)
axes.flat[0].legend()
for axis in axes.flat[len(runs) :]:
    axis.remove()
figure.tight_layout()
plt.show()

# %% [markdown]
# ## The number of draws
#
# An estimate with few draws is too high on average, and falls towards -log p(x). The dashed lines
# are the published figures, with 5,000 draws. Runs of the same recipe have the same colour.

# %%
recipes = dict.fromkeys(map(recipe_of, runs))
colors = dict(zip(recipes, plt.get_cmap("tab20").colors, strict=False))
figure, axis = plt.subplots(figsize=(8, 4.5))
for name in runs:
    k, values, errors = nll(name)
    color = colors[recipe_of(name)]
    axis.errorbar(k, values, errors, marker="o", capsize=3, color=color, label=name)
    axis.axhline(published(name), color=color, linestyle="--", linewidth=0.8)
axis.set(xscale="log", xlabel="draws of z per image, k", ylabel="-log p(x) (nats)")
axis.legend(loc="upper left", bbox_to_anchor=(1, 1))  # beside the lines
figure.tight_layout()
plt.show()
