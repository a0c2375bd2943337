// ---- the plane: where codes are, where the prior expects them, and where nobody lives -----------

// as in npvae's figures: told apart by colour-blind readers, and visible on light and dark paper
const COLOURS =
  "#0fd2ff #b4000f #4b00ff #c3c32d #9600a5 #00a500 #f096a5 #9678ff #ff0fb4 #697878".split(" ");
const SHARES = [0.5, 0.9, 0.99]; // of the prior's draws, within a ring each
const REACH = 14; // CSS pixels from which a point is hit
const STEP = 0.1; // of an arrow key
const LONG_STEP = 0.5; // with Shift

function colourOf(label) {
  return COLOURS[label % COLOURS.length];
}

class Plane {
  constructor(canvas, model) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.model = model;
    this.flat = model.n_z === 1; // one latent: the second direction only keeps points apart
    this.shade = document.createElement("canvas");
    this.shade.width = this.shade.height = model.n_z > 2 ? 48 : 96;
    this.dots = document.createElement("canvas");
    this.usual = usualGaps(model);
    this.frame();
    this.measure();
  }

  /** Take note of the size and the colours of the page; call it when they may have changed. */
  measure() {
    const style = getComputedStyle(document.documentElement);
    const [ink, paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name).trim());
    this.colours = { ink, paper };
    this.unit = window.devicePixelRatio || 1; // canvas pixels in a CSS pixel
    this.size = Math.round(this.canvas.clientWidth * this.unit);
    this.canvas.width = this.canvas.height = this.size;
  }

  /** Choose the square that is shown: the codes and, around them, most of the prior. */
  frame() {
    const { points, is_vae } = this.model;
    const at = this.projected();
    const along = [0, 1].map((axis) => at.map((p) => p[axis]));
    const low = along.map((values) => quantile(values, 0.002));
    const high = along.map((values) => quantile(values, 0.998));
    const edge = is_vae ? 3.3 : -Infinity;
    const from = low.map((value) => Math.min(value, -edge));
    const to = high.map((value) => Math.max(value, edge));
    this.centre = [0, 1].map((axis) => (from[axis] + to[axis]) / 2);
    this.half = 0.54 * Math.max(to[0] - from[0], to[1] - from[1], 1e-6);
  }

  // -- between codes, coordinates in the plane and pixels --

  project(z) {
    const { origin, u, v } = this.model.axes;
    const away = z.map((value, i) => value - origin[i]);
    return [dot(away, u), this.flat ? 0 : dot(away, v)];
  }

  /** Return the code at coordinates p: what z is apart from the plane stays. */
  at(p, z) {
    const { u, v } = this.model.axes;
    const [du, dv] = this.project(z).map((value, i) => p[i] - value);
    return z.map((value, i) => value + du * u[i] + (this.flat ? 0 : dv * v[i]));
  }

  projected() {
    return this.model.points.codes().map((code, i) => {
      const [across, up] = this.project(code);
      return [across, this.flat ? ((i * 0.618) % 1) - 0.5 : up];
    });
  }

  toPixels([across, up]) {
    const scale = this.size / (2 * this.half);
    return [
      this.size / 2 + (across - this.centre[0]) * scale,
      this.size / 2 - (up - this.centre[1]) * scale,
    ];
  }

  fromEvent(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = (2 * this.half) / box.width;
    const across = this.centre[0] + (event.clientX - box.left - box.width / 2) * scale;
    const up = this.centre[1] - (event.clientY - box.top - box.height / 2) * scale;
    return [across, this.flat ? 0 : up];
  }

  /** Return the example with a picture under the pointer, or null. */
  exampleAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, found] = [REACH, null];
    for (let i = 0; i < this.model.points.k; i++) {
      const [px, py] = this.pixels[i].map((value) => (value * box.width) / this.size);
      const distance = Math.hypot(px - x, py - y);
      if (distance < best) [best, found] = [distance, i];
    }
    return found;
  }

  // -- drawing --

  /** Draw all; `marks` are the code z and what else a view shows in the plane. */
  draw(marks) {
    if (!this.size) return; // it is hidden
    this.drawShade(marks);
    this.drawDots(marks);
    const { context, size } = this;
    context.fillStyle = this.colours.paper;
    context.fillRect(0, 0, size, size);
    context.drawImage(this.shade, 0, 0, size, size);
    context.drawImage(this.dots, 0, 0);
    this.drawMarks(marks);
  }

  /** Shade the slice of latent space through z by the distance to the nearest code.
   *
   * It takes longer than a frame for many latents, so that it follows a slider at some distance.
   */
  drawShade({ z, epoch }) {
    const rest = this.at([0, 0], z); // z without its coordinates in the plane
    const key = [epoch, this.colours.ink, ...rest.map((value) => value.toFixed(3))].join();
    if (key === this.shadeKey) return;
    const start = performance.now();
    if (start < this.shadeNext) {
      this.later ??= setTimeout(() => {
        this.later = null;
        this.onShade();
      }, this.shadeNext - start);
      return;
    }
    this.shadeKey = key;
    this.paintShade(this.distances(rest, epoch));
    const took = performance.now() - start;
    this.shadeNext = took > 5 ? start + 8 * took : 0;
  }

  /** Return the squared distance to the nearest code for each cell of the shade. */
  distances(rest, epoch) {
    if (this.partsOf !== epoch) {
      [this.partsOf, this.parts] = [epoch, this.split()];
      this.usual = usualGaps(this.model);
    }
    const n = this.shade.width;
    const squares = new Float32Array(n * n).fill(Infinity);
    const cell = (2 * this.half) / n;
    const across = Float64Array.from(
      { length: n },
      (_, i) => this.centre[0] - this.half + (i + 0.5) * cell,
    );
    const step = this.model.n_z > 2 ? Math.ceil(this.model.points.n / 1000) : 1; // enough to see it
    for (let k = 0; k < this.parts.length; k += step) {
      const { apart, u, v } = this.parts[k];
      let square = 0;
      for (let j = 0; j < rest.length; j++) square += (apart[j] - rest[j]) ** 2;
      for (let row = 0, at = 0; row < n; row++) {
        const dv = this.flat ? 0 : this.centre[1] + this.half - (row + 0.5) * cell - v;
        const high = square + dv * dv;
        for (let column = 0; column < n; column++, at++) {
          const du = across[column] - u;
          const found = high + du * du;
          if (found < squares[at]) squares[at] = found;
        }
      }
    }
    return squares;
  }

  /** Return each code as its coordinates in the plane, and what it is apart from them. */
  split() {
    return this.model.points.codes().map((code) => {
      const [u, v] = this.project(code);
      return { u, v, apart: this.at([0, 0], code) };
    });
  }

  paintShade(squares) {
    const context = this.shade.getContext("2d");
    const image = context.createImageData(this.shade.width, this.shade.height);
    const dark = parseInt(this.colours.paper.slice(1, 3), 16) < 128;
    const grey = dark ? 255 : 0;
    for (let i = 0; i < squares.length; i++) {
      image.data.fill(grey, 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 90 * this.emptiness(Math.sqrt(squares[i]));
    }
    context.putImageData(image, 0, 0);
  }

  /** Return 0 where codes usually have a neighbour, rising to 1 at three times that distance. */
  emptiness(distance) {
    return clamp((distance / this.usual.most - 1) / 2, 0, 1);
  }

  drawDots({ epoch, highlight }) {
    const key = [epoch, highlight, this.size, this.colours.ink].join();
    if (key === this.dotsKey) return;
    this.dotsKey = key;
    this.dots.width = this.dots.height = this.size;
    this.pixels = this.projected().map((p) => this.toPixels(p));
    const context = this.dots.getContext("2d");
    const { labels, k } = this.model.points;
    // backwards, so that those with pictures come last, on top
    for (let i = this.pixels.length - 1; i >= 0; i--) {
      const label = labels ? labels[i] : 0;
      context.globalAlpha = highlight === null || highlight === label ? 0.9 : 0.12;
      context.fillStyle = colourOf(label);
      const radius = (i < k ? 3 : 1.6) * this.unit;
      context.beginPath();
      if (label < COLOURS.length) context.arc(...this.pixels[i], radius, 0, 2 * Math.PI);
      else context.rect(...this.pixels[i].map((at) => at - radius), 2 * radius, 2 * radius);
      context.fill();
    }
    context.globalAlpha = 1;
    if (this.model.is_vae) this.drawPrior(context);
  }

  /** Rings within which half, 90 and 99 of 100 draws from N(0, I) lie, as seen in this plane. */
  drawPrior(context) {
    context.strokeStyle = context.fillStyle = this.colours.ink;
    context.font = `${11 * this.unit}px system-ui, sans-serif`;
    context.textAlign = "center";
    const middle = this.toPixels(this.project(this.model.axes.origin.map(() => 0)));
    for (const share of SHARES) {
      const length = this.flat
        ? { 0.5: 0.674, 0.9: 1.645, 0.99: 2.576 }[share]
        : Math.sqrt(-2 * Math.log(1 - share));
      const radius = (length * this.size) / (2 * this.half);
      context.globalAlpha = 0.6;
      context.lineWidth = this.unit;
      context.setLineDash([4 * this.unit, 4 * this.unit]);
      context.beginPath();
      if (this.flat)
        for (const side of [-1, 1]) {
          context.moveTo(middle[0] + side * radius, 0);
          context.lineTo(middle[0] + side * radius, this.size);
        }
      else context.arc(...middle, radius, 0, 2 * Math.PI);
      context.stroke();
      context.globalAlpha = 1;
      const [x, y] = this.flat
        ? [middle[0] + radius, 14 * this.unit]
        : [middle[0], middle[1] - radius - 3 * this.unit];
      this.write(context, say("percent", { percent: 100 * share }), x, y);
    }
    context.setLineDash([]);
  }

  write(context, text, x, y) {
    context.lineWidth = 3 * this.unit;
    context.strokeStyle = this.colours.paper;
    context.setLineDash([]);
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
    context.strokeStyle = this.colours.ink;
  }

  drawMarks({ z, shown, line, posterior, draws }) {
    const { context, unit } = this;
    if (line) {
      const ends = line.map((code) => this.toPixels(this.project(code)));
      this.outlined(3, () => {
        context.moveTo(...ends[0]);
        context.lineTo(...ends[1]);
      });
      ["A", "B"].forEach((name, i) => {
        context.fillStyle = this.colours.ink;
        context.font = `bold ${14 * unit}px system-ui, sans-serif`;
        this.write(context, name, ends[i][0], ends[i][1] - 8 * unit);
      });
    }
    if (posterior) this.drawEllipse(posterior);
    for (const draw of draws ?? []) this.ring(draw, 3, 1.5);
    if (shown !== null)
      this.outlined(2, () => {
        context.arc(...this.pixels[shown], 7 * unit, 0, 2 * Math.PI);
      });
    this.ring(z, 8, 3);
  }

  ring(code, radius, width) {
    const [x, y] = this.toPixels(this.project(code)).map((at) => clamp(at, 0, this.size));
    this.outlined(width, () => this.context.arc(x, y, radius * this.unit, 0, 2 * Math.PI));
  }

  /** The points of q(z | x) at 2 standard deviations, seen in the plane. */
  drawEllipse({ mu, sigma }) {
    const { u, v } = this.model.axes;
    const [x, y] = this.toPixels(this.project(mu));
    const covariance = (a, b) => total(a.map((value, i) => value * b[i] * sigma[i] ** 2));
    const [a, c] = [covariance(u, u), this.flat ? 1e-9 : covariance(v, v)];
    const b = this.flat ? 0 : covariance(u, v);
    const spread = Math.hypot((a - c) / 2, b);
    const axes = [(a + c) / 2 + spread, (a + c) / 2 - spread].map(
      (variance) => (2 * Math.sqrt(Math.max(variance, 0)) * this.size) / (2 * this.half),
    );
    this.outlined(2, () =>
      this.context.ellipse(x, y, ...axes, -Math.atan2(2 * b, a - c) / 2, 0, 2 * Math.PI),
    );
  }

  /** Stroke a path in ink, on a broader one in paper. */
  outlined(width, path) {
    const { context, unit } = this;
    for (const [colour, more] of [
      [this.colours.paper, 3],
      [this.colours.ink, 0],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = (width + more) * unit;
      context.beginPath();
      path();
      context.stroke();
    }
  }
}

/** Return how near the nearest other code is: for half of the codes, and for 95 of 100. */
function usualGaps(model) {
  const gaps = model.points.gaps();
  return { half: quantile(gaps, 0.5), most: Math.max(quantile(gaps, 0.95), 1e-9) };
}

/** Let the pointer and the keyboard move z in the plane, and point at examples. */
function steerPlane(plane, explorer) {
  const { canvas } = plane;
  let dragged = false;
  const follow = (event) => {
    explorer.move(plane.at(plane.fromEvent(event), explorer.state.z));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    explorer.stopWalk();
    const found = plane.exampleAt(event);
    explorer.set({ shown: found });
    dragged = found === null || explorer.state.view !== "mix";
    if (dragged) follow(event);
    else explorer.choose(found);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) {
      explorer.set({ shown: plane.exampleAt(event) });
    } else if (dragged) {
      explorer.set({ shown: null });
      follow(event);
    }
  });
  canvas.addEventListener("pointerleave", () => explorer.set({ shown: null }));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (keyInPlane(event, plane, explorer)) event.preventDefault();
  });
}

function keyInPlane({ key, shiftKey }, plane, explorer) {
  const { state, model } = explorer;
  const directions = {
    ArrowRight: [1, 0],
    ArrowLeft: [-1, 0],
    ArrowUp: [0, 1],
    ArrowDown: [0, -1],
  };
  const scale = model.is_vae ? 1 : plane.half / 3;
  if (directions[key]) {
    const length = scale * (shiftKey ? LONG_STEP : STEP);
    const [across, up] = plane.project(state.z);
    const [du, dv] = directions[key];
    explorer.move(plane.at([across + du * length, up + dv * length], state.z));
  } else if (key === "n" || key === "p") {
    const next = (state.shown ?? -1) + (key === "n" ? 1 : -1);
    explorer.set({ shown: (next + model.points.k) % model.points.k });
  } else if (key === "Enter" && state.shown !== null) {
    if (state.view === "mix") explorer.choose(state.shown);
    else explorer.move(model.points.code(state.shown));
  } else if (key === "Home") {
    explorer.move(model.middle);
  } else {
    return false;
  }
  return true;
}
