# %% [markdown]
# # 00 · A variational autoencoder on one page
#
# This page is a complete variational autoencoder in NumPy; no library hides the
# mathematics. The encoder turns an image $x$ into a Gaussian over codes: a mean
# $\mu$ (`mu`) and the logarithm of a variance $\sigma^2$ (`logvar`) for each of 20
# numbers. A code $z = \mu + \sigma\varepsilon$ is drawn from it with random noise
# $\varepsilon$ (`eps`), and the decoder turns $z$ into the probability that each pixel is
# white. The loss, in nats, is the cost of the image given its code (reconstruction)
# plus the cost of the code (KL). You need not follow every line yet: a number in
# brackets names the lesson that derives it.
#
# - **Run time:** half a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import digits, show, sized  # load images, save a picture, be smaller in quick mode

rng = np.random.default_rng(0)
images = digits().train.take(slice(0, sized(50_000, quick=10_000)))  # (N, 784) bytes
n_x, n_h, n_z = 784, 400, 20  # sizes of an image, of a hidden layer, of a code
epochs, batch_size, lr = sized(6, quick=3), 128, 1e-3


def weights(n_in, n_out):
    """Return initial weights as Glorot and Bengio draw them: signals keep their size [01]."""
    limit = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out)).astype(np.float32)


p = {
    "W1": weights(n_x, n_h),  # the encoder maps an image x to mu and logvar ...
    "b1": np.zeros(n_h, np.float32),
    "W2": weights(n_h, 2 * n_z),
    "b2": np.zeros(2 * n_z, np.float32),
    "W3": weights(n_z, n_h),  # ... and the decoder maps a code z to an image
    "b3": np.zeros(n_h, np.float32),
    "W4": weights(n_h, n_x),
    "b4": np.zeros(n_x, np.float32),
}


def sigmoid(a):
    """Return 1 / (1 + exp(-a)), written so that no exp overflows [02]."""
    return (1 + np.tanh(a / 2)) / 2


def decode(p, z):
    """Return the hidden layer h2, (B, n_h), and the logit a of each pixel, (B, n_x)."""
    h2 = np.maximum(z @ p["W3"] + p["b3"], 0)  # a dense layer [01] with ReLU [02]
    return h2, h2 @ p["W4"] + p["b4"]  # a pixel is white with probability sigmoid(a) [03]


def loss_and_grad(p, x, eps):
    """Return the loss, -ELBO in nats per image [12a], and its gradient for each parameter."""
    B = len(x)  # eps is an argument: once the noise is given, the loss is a function of p [11]
    # Forward: from x, (B, n_x), to the loss
    h1 = np.maximum(x @ p["W1"] + p["b1"], 0)
    mu, logvar = np.split(h1 @ p["W2"] + p["b2"], 2, axis=1)  # q(z | x) = N(mu, exp(logvar)) [09]
    z = mu + np.exp(logvar / 2) * eps  # a differentiable draw from q [11]
    h2, a = decode(p, z)
    reconstruction = (np.logaddexp(0, a) - x * a).sum() / B  # -log p(x | z) [03]
    kl = (np.exp(logvar) - 1 - logvar + mu**2).sum() / (2 * B)  # KL(q(z | x) || N(0, I)) [10]
    # Backward: da is d loss / d a, and so on
    da = (sigmoid(a) - x) / B  # [03]
    dh2 = (da @ p["W4"].T) * (h2 > 0)  # dense layer [01] and ReLU [02]
    dz = dh2 @ p["W3"].T
    dmu = dz + mu / B  # from z [11] and from kl [10]
    dlogvar = dz * eps * np.exp(logvar / 2) / 2 + (np.exp(logvar) - 1) / (2 * B)  # [11], [10]
    dq = np.concatenate([dmu, dlogvar], axis=1)
    dh1 = (dq @ p["W2"].T) * (h1 > 0)
    grad = {"W1": x.T @ dh1, "W2": h1.T @ dq, "W3": z.T @ dh2, "W4": h2.T @ da}  # [01]
    grad |= {"b1": dh1.sum(0), "b2": dq.sum(0), "b3": dh2.sum(0), "b4": da.sum(0)}
    return reconstruction + kl, grad


m = {name: np.zeros_like(values) for name, values in p.items()}  # Adam's average gradient
v = {name: np.zeros_like(values) for name, values in p.items()}  # and average squared gradient


def adam(p, grad, t):
    """Make step t of Adam, counted from 1: update p, and the running averages m and v [05]."""
    for name, dp in grad.items():
        m[name] = 0.9 * m[name] + 0.1 * dp
        v[name] = 0.999 * v[name] + 0.001 * dp**2
        m_hat, v_hat = m[name] / (1 - 0.9**t), v[name] / (1 - 0.999**t)  # they started at 0
        p[name] -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)


# %%
t = 0
for epoch in range(1, epochs + 1):
    losses = []
    for chosen in np.array_split(rng.permutation(len(images)), len(images) // batch_size):
        grey = images[chosen] / np.float32(255)
        x = (rng.random(grey.shape, np.float32) < grey).astype(np.float32)  # binary pixels [03]
        eps = rng.standard_normal((len(x), n_z), np.float32)  # the noise of each code
        loss, grad = loss_and_grad(p, x, eps)
        adam(p, grad, t := t + 1)
        losses.append(loss)
    print(f"epoch {epoch}: {np.mean(losses):.1f} nats per image")

assert np.mean(losses[-20:]) < sized(112, quick=160), "the loss did not fall as expected"

# %% [markdown]
# On MNIST, the last of the six epochs averages about 108 nats. If a VAE of yours ends
# far above that, it has a bug.
#
# Now the decoder alone makes digits that nobody wrote: draw $z$ from the prior,
# $\mathcal N(0, I)$, and decode it. Each picture shows the probability that a
# pixel is white.

# %%
_, a = decode(p, rng.standard_normal((40, n_z), np.float32))
rows = sigmoid(a).reshape(4, 10, 28, 28)
figure, ax = plt.subplots(figsize=(7, 3))
ax.imshow(np.block([list(row) for row in rows]), cmap="gray")
ax.set_axis_off()
show(figure, "00-new-digits")
