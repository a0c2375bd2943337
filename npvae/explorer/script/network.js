// ---- the model: layers, likelihoods and the way from stored numbers to x ------------------------

function sigmoid(a) {
  return 1 / (1 + Math.exp(-a));
}

function softplus(a) {
  return Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
}

const ACTIVATIONS = {
  relu: (a) => (a > 0 ? a : 0),
  "leaky-relu": (a, layer) => (a > 0 ? a : (layer.slope ?? 0.01) * a),
  tanh: Math.tanh,
  sigmoid,
  softplus,
};

/** y = x W + b
 *
 * Inputs that are zero, as half of those after a ReLU, are left out. Four rows of W at a time are
 * several times as fast as one, since y is read and written a quarter as often.
 */
function dense(x, W, b, y) {
  const n_out = b.length;
  y.set(b);
  const rows = [];
  for (let i = 0; i < x.length; i++) if (x[i] !== 0) rows.push(i);
  for (let k = 0; k < rows.length; k += 4) {
    const [i0, i1 = 0, i2 = 0, i3 = 0] = rows.slice(k, k + 4);
    const left = rows.length - k; // fewer than four at the end: the others count zero times
    const x0 = x[i0],
      x1 = left > 1 ? x[i1] : 0,
      x2 = left > 2 ? x[i2] : 0,
      x3 = left > 3 ? x[i3] : 0;
    const at0 = i0 * n_out,
      at1 = i1 * n_out,
      at2 = i2 * n_out,
      at3 = i3 * n_out;
    for (let j = 0; j < n_out; j++) {
      y[j] += x0 * W[at0 + j] + x1 * W[at1 + j] + x2 * W[at2 + j] + x3 * W[at3 + j];
    }
  }
}

/** Layers with their weights, and memory for what each returns. */
class Network {
  constructor(layers, weights, n_in) {
    let width = n_in;
    this.steps = layers.map((layer) => {
      const wide = { dense: layer.out, gated: 2 * layer.out }[layer.name]; // columns of W
      width = layer.out ?? width;
      return {
        layer,
        y: new Float64Array(width),
        hg: layer.name === "gated" ? new Float64Array(wide) : null,
        W: wide && weights.subarray(layer.W, layer.W + layer.in * wide),
        b: wide && weights.subarray(layer.b, layer.b + wide),
      };
    });
  }

  /** Return the outputs for one example x; the next call overwrites them. */
  forward(x) {
    for (const { layer, y, hg, W, b } of this.steps) {
      if (layer.name === "dense") {
        dense(x, W, b, y);
      } else if (layer.name === "gated") {
        dense(x, W, b, hg);
        for (let j = 0; j < y.length; j++) y[j] = hg[j] * sigmoid(hg[y.length + j]);
      } else if (layer.name === "clip-logvar") {
        const n_z = y.length / 2;
        y.set(x);
        for (let j = n_z; j < 2 * n_z; j++) y[j] = clamp(x[j], layer.low, layer.high);
      } else {
        const f = ACTIVATIONS[layer.name];
        for (let j = 0; j < y.length; j++) y[j] = f(x[j], layer);
      }
      x = y;
    }
    return x;
  }
}

/** For each likelihood: the mean of one pixel, and -log p(x | z) of one pixel in nats. */
const LIKELIHOODS = {
  bernoulli: {
    mean: sigmoid,
    nats: (a, x) => softplus(a) - x * a,
  },
  gaussian: {
    mean: (a) => a,
    nats: (a, x, sigma) => ((x - a) / sigma) ** 2 / 2 + Math.log(2 * Math.PI * sigma ** 2) / 2,
  },
  laplace: {
    mean: (a) => a,
    nats: (a, x, sigma) => (Math.SQRT2 * Math.abs(x - a)) / sigma + Math.log(Math.SQRT2 * sigma),
  },
  categorical: {
    mean: Math.exp, // of log p
    nats: (logP, x) => -x * logP,
  },
};

/** Return the likelihood of each feature; in a mixed one, a group of 0 is a Gaussian number. */
function byFeature({ name, groups }, n_x) {
  if (name !== "mixed") return Array(n_x).fill(LIKELIHOODS[name]);
  return groups.flatMap((size) =>
    Array(Math.max(1, size)).fill(size ? LIKELIHOODS.categorical : LIKELIHOODS.gaussian),
  );
}

/** Turn the logits of each group into log p, in place; a group of 0 is a number that stays. */
function logSoftmax(logits, groups) {
  let start = 0;
  for (const size of groups) {
    const group = logits.subarray(start, start + size);
    start += Math.max(1, size);
    if (size === 0) continue;
    const most = Math.max(...group);
    const sum = group.reduce((total, a) => total + Math.exp(a - most), 0);
    for (let i = 0; i < size; i++) group[i] -= most + Math.log(sum);
  }
}

/** All that the page knows: what the JSON holds, with its numbers unpacked. */
class Model {
  constructor(json) {
    for (const name of [
      "name",
      "trained",
      "kind",
      "is_vae",
      "shape",
      "columns",
      "n_x",
      "n_z",
      "n_y",
      "likelihood",
      "axes",
      "lessons",
      "kept",
    ])
      this[name] = json[name];
    this.features = byFeature(this.likelihood, this.n_x);
    this.layers = { encoder: json.encoder, decoder: json.decoder };
    this.classes = json.classes;
    this.categories = json.categories;
    this.directions = json.directions;
    this.epochs = [...json.epochs, { epoch: json.epoch }].sort((a, b) => a.epoch - b.epoch);
    this.isImage = this.shape.length > 1;
    [this.height, this.width, this.channels = 1] = this.isImage ? this.shape : [this.n_x, 1];
    this.conditional = this.n_y > 0;
    this.standardized = json.scaling.name === "standardized";
    this.scaling = json.scaling;
    this.constant = new Set(json.scaling.constant);
    this.points = new Points(json.points, this);
    this.weights = float16s(json.weights);
    this.useEpoch(null);
    this.importance = json.kl ?? json.variance;
    this.variance = json.variance;
    this.active = json.active;
    this.mean = this.points.mean(); // of all codes
    this.middle = this.is_vae ? this.mean.map(() => 0) : this.mean;
  }

  /** Use the weights and codes of a kept epoch or, with null, those of the trained model. */
  useEpoch(index) {
    const kept = this.epochs[index];
    const { weights, mu, sigma } = kept?.weights
      ? unpacked(kept)
      : { weights: this.weights, mu: this.points.trained, sigma: this.likelihood.sigma };
    this.points.mu = mu;
    this.sigma = sigma;
    this.encoder = new Network(this.layers.encoder, weights, this.n_x + this.n_y);
    this.decoder = new Network(this.layers.decoder, weights, this.n_z + this.n_y);
    this.decoded = new Float64Array(this.n_x);
  }

  /** Return a network's input: v, with the label as one-hot numbers behind it. */
  beside(v, label) {
    if (!this.conditional) return v;
    const input = new Float64Array(v.length + this.n_y);
    input.set(v);
    input[v.length + label] = 1;
    return input;
  }

  /** Return mu and sigma of q(z | x); sigma is null for an autoencoder, whose code is mu. */
  encode(x, label = 0) {
    const outputs = this.encoder.forward(this.beside(x, label));
    const mu = Array.from(outputs.subarray(0, this.n_z));
    if (!this.is_vae) return { mu, sigma: null, logvar: null };
    const logvar = Array.from(outputs.subarray(this.n_z));
    return { mu, logvar, sigma: logvar.map((value) => Math.exp(value / 2)) };
  }

  /** Return the decoder's outputs, or log p of each category; the next call overwrites them. */
  outputs(z, label) {
    const outputs = this.decoder.forward(this.beside(z, label));
    logSoftmax(outputs, this.likelihood.groups ?? []);
    return outputs;
  }

  /** Return the mean of p(x | z), in the units of x; the next call overwrites it. */
  decode(z, label = 0) {
    const outputs = this.outputs(z, label);
    for (let i = 0; i < outputs.length; i++) this.decoded[i] = this.features[i].mean(outputs[i]);
    return this.decoded;
  }

  /** Return -log p(x | z) of each pixel or column, in nats. */
  nats(x, z, label = 0) {
    const outputs = this.outputs(z, label);
    return Float64Array.from(outputs, (a, i) => this.features[i].nats(a, x[i], this.sigma));
  }

  /** Return numbers of x in the user's units. */
  inUnits(x) {
    if (!this.standardized) return x;
    const { mean, std } = this.scaling;
    return Float64Array.from(
      x,
      (value, i) => mean[i] + (this.constant.has(i) ? 0 : value * std[i]),
    );
  }

  /** Return numbers in the user's units as those of x. */
  fromUnits(values) {
    const { mean, std } = this.scaling;
    return Float64Array.from(values, (value, i) => (value - mean[i]) / std[i]);
  }
}

/** Return the weights and codes of a kept epoch, unpacked once. */
function unpacked(kept) {
  return (kept.unpacked ??= {
    weights: float16s(kept.weights),
    mu: float16s(kept.mu),
    sigma: kept.sigma,
  });
}

/** KL(N(mu, sigma²) ‖ N(0, 1)) of each latent, in nats. */
function klPerLatent({ mu, logvar }) {
  return mu.map((m, i) => (Math.expm1(logvar[i]) - logvar[i] + m * m) / 2);
}

/** The encoded test examples, of which the first k come with their picture or their row. */
class Points {
  constructor(json, model) {
    Object.assign(this, json);
    this.n_z = model.n_z;
    this.n_x = model.n_x;
    this.trained = float16s(json.mu);
    this.mu = this.trained;
    this.stored = model.standardized ? float16s(json.images) : bytes(json.images);
    this.unit = model.standardized ? 1 : 1 / 255;
  }

  code(i) {
    return Array.from(this.mu.subarray(i * this.n_z, (i + 1) * this.n_z));
  }

  codes() {
    return Array.from({ length: this.n }, (_, i) => this.code(i));
  }

  mean() {
    return Array.from({ length: this.n_z }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < this.n; i++) sum += this.mu[i * this.n_z + j];
      return sum / this.n;
    });
  }

  /** Return the x of example i, one of the first k. */
  example(i) {
    const row = this.stored.subarray(i * this.n_x, (i + 1) * this.n_x);
    return Float64Array.from(row, (value) => value * this.unit);
  }

  /** Return the smallest and the largest number of the examples, in the user's units. */
  range(model) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < this.k; i++) {
      for (const value of model.inUnits(this.example(i))) {
        [low, high] = [Math.min(low, value), Math.max(high, value)];
      }
    }
    return low < high ? [low, high] : [0, 1];
  }

  /** Return the nearest of the first n codes, and its distance; `not` is left out. */
  nearest(z, n = this.n, not = -1) {
    let best = Infinity,
      index = 0;
    for (let i = 0, at = 0; i < n; i++) {
      let square = 0;
      for (let j = 0; j < this.n_z; j++, at++) square += (this.mu[at] - z[j]) ** 2;
      if (square < best && i !== not) [best, index] = [square, i];
    }
    return { index, distance: Math.sqrt(best) };
  }

  /** Return which of the first n codes is farthest from code i. */
  farthest(i, n) {
    const distances = Array.from({ length: n }, (_, j) =>
      Math.hypot(...this.code(j).map((value, l) => value - this.mu[i * this.n_z + l])),
    );
    return largest(distances);
  }

  /** Return the distances from a few hundred codes to the nearest other one. */
  gaps() {
    const n = Math.min(this.n, 300);
    return Array.from({ length: n }, (_, i) => this.nearest(this.code(i), this.n, i).distance);
  }
}
