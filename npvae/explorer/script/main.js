// ---- the page: its parts, and the state that they share -----------------------------------------

const QUIET = 700; // milliseconds at rest until numbers are read out, and the address is written
const darkness = matchMedia("(prefers-color-scheme: dark)");

class Explorer {
  constructor(model) {
    this.model = model;
    this.state = stateOf(location.hash, model);
    this.random = generator(Date.now() % 1000);
    this.plane = new Plane(document.getElementById("plane"), model);
    this.useEpoch();
  }

  build() {
    const parts = [
      headPart,
      tabsPart,
      planePart,
      controlsPart,
      picturesPart,
      slidersPart,
      directionsPart,
      drawPart,
      mixPart,
      tasksPart,
    ];
    this.render = parts.map((part) => part(this));
    addEventListener("hashchange", () => this.read());
    const measure = () => {
      this.plane.measure();
      this.set({});
    };
    new ResizeObserver(measure).observe(this.plane.canvas);
    darkness.addEventListener("change", measure);
    this.plane.onShade = () => this.set({});
    this.drawFrame();
    const found = this.state.view === "draw" && this.encoded();
    if (found && !/[#&]z=/.test(location.hash)) this.move(found.mu);
  }

  /** Change the state; the next frame shows it. */
  set(changes) {
    const same = Object.keys(changes).every((name) => this.state[name] === changes[name]);
    if (same && Object.keys(changes).length) return;
    Object.assign(this.state, changes);
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.drawFrame());
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.settle(), QUIET);
  }

  drawFrame() {
    this.waiting = null;
    if (this.epochInUse !== this.state.epoch) this.useEpoch();
    for (const render of this.render) render(this.state);
  }

  useEpoch() {
    this.epochInUse = this.state.epoch;
    this.model.useEpoch(this.state.epoch);
  }

  /** Once nothing changes any more: write the address, and let a screen reader say the numbers. */
  settle() {
    const fragment = writeFragment(this.state, this.model);
    if (location.hash !== fragment) history.replaceState(null, "", fragment);
    document.getElementById("live").textContent = this.spoken ?? "";
  }

  /** Follow a link to another view of this page. */
  read() {
    this.set(stateOf(location.hash, this.model));
  }

  move(z) {
    this.set({ z });
  }

  stopWalk() {
    clearTimeout(this.walking);
    this.walking = null;
    this.set({});
  }

  /** Open a tab. In the one for mixing, z is the blend. */
  show(view) {
    this.set({ view });
    if (view === "mix") this.mix({});
  }

  /** Change what is mixed, and move z to the blend. */
  mix(changes) {
    const { a, b, t } = { ...this.state, ...changes };
    const { points } = this.model;
    this.set({ ...changes, z: blend(points.code(a), points.code(b), t) });
  }

  /** Take an example as A or B, whichever is next. */
  choose(i) {
    const { end } = this.state;
    this.mix({ [end]: i, end: end === "a" ? "b" : "a" });
  }

  // what is encoded: strokes, the row of a table or a test example; z moves to its code
  useDrawing(ink) {
    this.encode({ ink, example: null });
  }

  useRow(values) {
    this.encode({ values, example: null });
  }

  useExample(example) {
    const { labels } = this.model.points;
    const label = this.model.conditional ? { label: labels[example] } : {};
    this.encode({ example, ...label });
  }

  encode(changes) {
    this.set(changes);
    const found = this.encoded();
    if (found) this.move(found.mu);
  }
}

/** Return a function of the state that calls `act` only where a key has changed. */
function onChange(keyOf, act) {
  let last;
  return (state) => {
    const key = String(keyOf(state));
    if (key !== last) act(state);
    last = key;
  };
}

const explorer = new Explorer(new Model(JSON.parse(document.getElementById("model").textContent)));
explorer.build();

// for tests, and for who is curious in the console
window.npvae = {
  explorer,
  encode: (x, label) => explorer.model.encode(x, label),
  decode: (z, label) => Array.from(explorer.model.decode(z, label)),
  nats: (x, z, label) => Array.from(explorer.model.nats(x, z, label)),
  analyse: (x, label) => analyse(explorer.model, x, label),
};
