# %% [markdown]
# # 00 · A variational autoencoder on one page
#
# This is the whole thing in NumPy: the data, the encoder, the draw, the decoder,
# the loss, every gradient, Adam, the training, and new digits at the end. Nothing
# is hidden in a library. Read it once from top to bottom. You need not follow every
# line yet: the number of the lesson that derives it stands beside each.
#
# - **Run time:** half a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import digits, show, sized

rng = np.random.default_rng(0)
images = digits().train.take(slice(0, sized(50_000, quick=10_000)))  # (N, 784) bytes
n_x, n_h, n_z = 784, 400, 20  # numbers in an image, in a hidden layer, in a code
epochs, batch_size, lr = sized(6, quick=3), 128, 1e-3


def weights(n_in, n_out):  # 01
    limit = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out)).astype(np.float32)


p = {
    "W1": weights(n_x, n_h),  # the encoder: an image becomes mu and logvar ...
    "b1": np.zeros(n_h, np.float32),
    "W2": weights(n_h, 2 * n_z),
    "b2": np.zeros(2 * n_z, np.float32),
    "W3": weights(n_z, n_h),  # ... and the decoder: a code z becomes an image
    "b3": np.zeros(n_h, np.float32),
    "W4": weights(n_h, n_x),
    "b4": np.zeros(n_x, np.float32),
}


def decode(p, z):
    g = np.maximum(z @ p["W3"] + p["b3"], 0)  # 02
    return g, g @ p["W4"] + p["b4"]  # the logit of each pixel: 03


def loss_and_grad(p, x, eps):
    """Return -ELBO in nats per image, and its gradient with respect to each parameter."""
    B = len(x)
    # forward
    h = np.maximum(x @ p["W1"] + p["b1"], 0)
    mu, logvar = np.split(h @ p["W2"] + p["b2"], 2, axis=1)  # q(z | x) is a Gaussian: 09
    z = mu + np.exp(logvar / 2) * eps  # a draw of it, which can be differentiated: 11
    g, a = decode(p, z)
    reconstruction = (np.logaddexp(0, a) - x * a).sum() / B  # -log p(x | z): 03
    kl = (np.exp(logvar) - 1 - logvar + mu**2).sum() / (2 * B)  # from the prior N(0, I): 10
    # backward
    da = ((1 + np.tanh(a / 2)) / 2 - x) / B  # 03: the sigmoid of a, minus x
    dg = (da @ p["W4"].T) * (g > 0)  # 01, 02
    dz = dg @ p["W3"].T
    dmu = dz + mu / B  # 11, 10
    dlogvar = dz * eps * np.exp(logvar / 2) / 2 + (np.exp(logvar) - 1) / (2 * B)  # 11, 10
    dq = np.concatenate([dmu, dlogvar], axis=1)
    dh = (dq @ p["W2"].T) * (h > 0)
    grad = {"W1": x.T @ dh, "W2": h.T @ dq, "W3": z.T @ dg, "W4": g.T @ da}  # 01
    grad |= {"b1": dh.sum(0), "b2": dq.sum(0), "b3": dg.sum(0), "b4": da.sum(0)}
    return reconstruction + kl, grad  # the negative ELBO: 12


m = {name: np.zeros_like(values) for name, values in p.items()}
v = {name: np.zeros_like(values) for name, values in p.items()}


def adam(p, grad, t):  # 05
    for name, g in grad.items():
        m[name] = 0.9 * m[name] + 0.1 * g
        v[name] = 0.999 * v[name] + 0.001 * g**2
        m_hat, v_hat = m[name] / (1 - 0.9**t), v[name] / (1 - 0.999**t)
        p[name] -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)


# %%
t = 0
for epoch in range(1, epochs + 1):
    losses = []
    for chosen in np.array_split(rng.permutation(len(images)), len(images) // batch_size):
        grey = images[chosen] / np.float32(255)
        x = (rng.random(grey.shape, np.float32) < grey).astype(np.float32)  # black or white: 03
        eps = rng.standard_normal((len(x), n_z), np.float32)
        loss, grad = loss_and_grad(p, x, eps)
        adam(p, grad, t := t + 1)
        losses.append(loss)
    print(f"epoch {epoch}: {np.mean(losses):.1f} nats per image")

assert np.mean(losses[-20:]) < sized(112, quick=160), "it has learned"

# %% [markdown]
# Now the decoder alone makes digits that nobody wrote. Draw $z$ from the prior,
# $\mathcal N(0, I)$, and look at what it stands for:

# %%
_, a = decode(p, rng.standard_normal((40, n_z), np.float32))
rows = (1 / (1 + np.exp(-a))).reshape(4, 10, 28, 28)
figure, ax = plt.subplots(figsize=(7, 3))
ax.imshow(np.block([list(row) for row in rows]), cmap="gray")
ax.set_axis_off()
show(figure, "00-new-digits")
