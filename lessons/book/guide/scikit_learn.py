# %% [markdown]
# # Use npvae with scikit-learn
#
# `npvae.estimators` has two estimators for DataFrames, pipelines and grid searches.
# `VAETransformer` encodes rows as a few numbers, decodes them, scores rows and draws new ones.
# `VAEOutlierDetector` finds rows that are unlike the others. This page is a notebook: what stands
# below a cell was printed and drawn by that cell. It takes a minute, and needs scikit-learn and
# pandas:
#
# ```sh
# pip install -e '.[sklearn]' pandas
# ```
#
# ## Codes of a DataFrame
#
# scikit-learn's wine data has 13 measurements of 178 wines. Two latents can be drawn:

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from npvae import figures
from npvae.estimators import VAEOutlierDetector, VAETransformer

wine = load_wine(as_frame=True)
vae = VAETransformer(n_components=2, random_state=0, verbose=True)
vae.set_output(transform="pandas")
codes = vae.fit_transform(wine.data)
codes.head(3)

# %% [markdown]
# `fit` has standardised the columns and chosen a Gaussian likelihood, because the numbers are
# floats. Arrays of uint8 and bool are pixels, with a Bernoulli likelihood. A parameter that you
# leave out has the default of `npvae train`, and `settings_` says what it has become. The
# parameters have the names of its options, except where scikit-learn has a word of its own:
# `n_components` is `--latent`, and `random_state` is `--seed`. With `verbose=True`, `fit` shows a
# progress bar, which is a widget where ipywidgets is installed.

# %%
settings = vae.settings_
print(settings.likelihood, settings.sigma, settings.batch_size, settings.epochs)
print(vae.records_[-1])

# %% [markdown]
# The codes are the means of $q(z \mid x)$. The model has not seen the cultivars, by which the
# points are coloured:

# %%
cultivars = [f"cultivar {i}" for i in (1, 2, 3)]
_, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
told = "Codes of the wines"
figures.latent_scatter(codes.to_numpy(), wine.target.to_numpy(), cultivars, told=told, ax=ax)
plt.show()

# %% [markdown]
# `inverse_transform` decodes, in the units of the data. `sample` draws new rows: with `draw=True`
# from $p(x \mid z)$ instead of its mean, so that they vary nearly as much as the data.

# %%
columns = ["alcohol", "malic_acid", "color_intensity", "proline"]
decoded = pd.DataFrame(vae.inverse_transform(codes), columns=wine.data.columns)
new = pd.DataFrame(vae.sample(1000, random_state=0, draw=True), columns=wine.data.columns)
frames = {"data": wine.data, "decoded": decoded, "new": new}
about = {name: frame[columns].agg(["mean", "std"]).T for name, frame in frames.items()}
pd.concat(about, axis=1).round(1)

# %% [markdown]
# ## In a pipeline and a grid search
#
# scikit-learn's digits have 8 x 8 pixels with values from 0 to 16. As bytes from 0 to 255 they are
# pixels for npvae. Here a logistic regression reads the digit from its code. The grid search
# chooses the number of latents and the weight of the KL divergence:

# %%
digits = load_digits()
pixels = (digits.data * (255 / 16)).round().astype(np.uint8)
train, test, y_train, y_test = train_test_split(pixels, digits.target, random_state=0)

pipeline = make_pipeline(
    VAETransformer(epochs=30, random_state=0), StandardScaler(), LogisticRegression(max_iter=1000)
)
grid = {"vaetransformer__n_components": [8, 16], "vaetransformer__beta": [0.1, 1.0]}
search = GridSearchCV(pipeline, grid, cv=3).fit(train, y_train)
found = pd.DataFrame(search.cv_results_["params"])
found.columns = [name.removeprefix("vaetransformer__") for name in found.columns]
found.assign(accuracy=search.cv_results_["mean_test_score"]).round(3)

# %% [markdown]
# On the test digits, beside the same regression on as many principal components and on the pixels
# themselves:

# %%
n = search.best_params_["vaetransformer__n_components"]
accuracy = {f"VAE, {n} latents": search.score(test, y_test)}
for name, steps in {f"PCA, {n} components": [PCA(n, random_state=0)], "64 pixels": []}.items():
    other = make_pipeline(*steps, StandardScaler(), LogisticRegression(max_iter=1000))
    accuracy[name] = other.fit(train, y_train).score(test, y_test)
pd.DataFrame({"accuracy": accuracy}).round(3)

# %% [markdown]
# The codes are nearly as good here as principal components. Without a classifier behind it, a grid
# search maximises `score`, the mean ELBO of the rows that were held back, in nats. Compare only
# models with the same likelihood and sigma in this way, and with beta = 1.
#
# The classifier prefers a small beta, since a code may then say more about its row. New rows need
# beta = 1: only then do codes of the prior look like codes of the data.

# %%
vae = VAETransformer(16, epochs=100, random_state=0).fit(train)
_, ax = plt.subplots(figsize=(7, 3.1), layout="constrained")
new = vae.sample(40, random_state=0)
figures.samples(new, (8, 8), across=10, told="New digits, not chosen", ax=ax)
plt.show()

# %% [markdown]
# ## Odd rows
#
# `VAEOutlierDetector` calls a row an outlier if its ELBO is below a threshold, which a share
# `contamination` of the training rows do not reach. `decision_function` says by how many nats a row
# is above it. Here the detector is trained on 70 % of the benign tumours in the breast cancer data;
# all other rows are held back:

# %%
tumours = load_breast_cancer(as_frame=True)
benign, malignant = (tumours.data[tumours.target == label] for label in (1, 0))
train, test = train_test_split(benign, test_size=0.3, random_state=0)
detector = VAEOutlierDetector(contamination=0.05, random_state=0).fit(train)
shares = {
    name: (detector.predict(rows) == -1).mean()
    for name, rows in {"train": train, "benign": test, "malignant": malignant}.items()
}
pd.DataFrame({"called outliers": shares}).round(2)

# %% [markdown]
# More of the new benign rows than of the training rows are called outliers, because the model has
# learnt the latter. Where it matters, choose a threshold from the scores of rows that were held
# back.
#
# The area under the ROC curve, AUROC, needs no threshold: it is the probability that a random odd
# row has a lower score than a random ordinary one. The next cell compares the detector with an
# isolation forest and with the reconstruction error of PCA, on rows that none of them has seen,
# over five splits:


# %%
def pca_scores(train, rows, n):
    """Return minus the squared error with which n principal components reconstruct each row."""
    scaler = StandardScaler().fit(train)
    pca = PCA(n, random_state=0).fit(scaler.transform(train))
    x = scaler.transform(rows)
    return -((x - pca.inverse_transform(pca.transform(x))) ** 2).sum(axis=1)


def compare(train, ordinary, odd, n, **parameters):
    """Return the AUROC of each method."""
    train, rows = np.asarray(train), np.concatenate([ordinary, odd])
    is_ordinary = np.arange(len(rows)) < len(ordinary)
    vae = VAEOutlierDetector(n, random_state=0, **parameters)
    scores = {
        "VAE, ELBO": vae.fit(train).score_samples(rows),
        "VAE, log p(x)": vae.set_params(n_draws=20).score_samples(rows),
        "isolation forest": IsolationForest(random_state=0).fit(train).score_samples(rows),
        f"PCA, {n} components": pca_scores(train, rows, n),
    }
    return {name: roc_auc_score(is_ordinary, score) for name, score in scores.items()}


splits = [train_test_split(benign, test_size=0.3, random_state=seed) for seed in range(5)]
found = pd.DataFrame([compare(train, test, malignant, 15) for train, test in splits])
found.agg(["mean", "min", "max"]).T.round(3)

# %% [markdown]
# `n_draws=20` replaces the ELBO by an estimate of log p(x) from 20 draws of z per row, which is
# less noisy. The isolation forest is still a little better on this table, and it trains faster. Try
# the simple methods first.
#
# Pixels depend on each other much more than these columns do. In the next cell each digit in turn
# is left out of the training data, and has to be found among the test digits. With a Bernoulli
# likelihood, the score would be that of a black-and-white version of the image, drawn at random. A
# Gaussian likelihood sees the grey levels, and is the better choice here.

# %%
train, test, y_train, y_test = train_test_split(pixels, digits.target, random_state=0)
gaussian = {"likelihood": "gaussian", "epochs": 30}
found = {}
for digit in range(10):
    odd = y_test == digit
    found[digit] = compare(train[y_train != digit], test[~odd], test[odd], 20, **gaussian)
found = pd.DataFrame(found)
found.assign(mean=found.mean(axis=1)).round(2)

# %% [markdown]
# The VAE finds every digit better than the other two do. Trained on all digits but 4, it gives
# these test images the lowest scores:

# %%
detector = VAEOutlierDetector(20, random_state=0, **gaussian).fit(train[y_train != 4])
oddest = np.argsort(detector.score_samples(test))[:20]
print("digits:", *y_test[oddest])
_, ax = plt.subplots(figsize=(7, 1.7), layout="constrained")
figures.samples(test[oddest] / 255, (8, 8), across=10, told="The 20 oddest test images", ax=ax)
plt.show()

# %% [markdown]
# ## Text, missing values and images
#
# The estimators take flat rows of finite numbers, as most of scikit-learn does. Put a
# `OneHotEncoder` in front of text, and a `SimpleImputer` in front of missing values. An image is
# the row of its pixels, `images.reshape(len(images), -1)`.

# %%
people = pd.DataFrame({"height": [1.7, 1.8] * 20, "city": ["Bern", "Rome", "Oslo", "Bern"] * 10})
prepare = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
pipeline = make_pipeline(prepare, VAETransformer(2, random_state=0))
print(pipeline.fit_transform(people).shape)

# %% [markdown]
# ## Between npvae and scikit-learn
#
# - `vae.model_` and `vae.scaling_` are what [the rest of npvae](python.md) works with:
#   `save_model("digits.npz", vae.model_, vae.scaling_, vae.shape_)` writes them to a file.
# - `VAETransformer.from_run("runs/mnist-001")` makes an estimator of the model of a
#   [run](runs.md). A text column of the run's table is one column for each text here, such as
#   `colour=blue`: `pd.get_dummies(table, columns=["colour"], prefix_sep="=")` makes them, and
#   `.reindex(columns=vae.feature_names_in_, fill_value=0)` puts them in order.
# - `partial_fit` trains for one epoch on the rows that it is given. The first rows decide how
#   columns are standardised.
# - The noise in the score of a row comes from `random_state` and from the content of the row.
#   Its score is therefore the same in every call, and does not depend on the rows beside it.
