// ---- the page: its parts, and the state that they share -----------------------------------------

const QUIET = 700; // milliseconds without a change until numbers are read out, and the address changes
const WIDE = 960; // pixels of a window that has room for two columns
const LEG = 2000; // milliseconds of a walk from one code to the next
const calm = matchMedia("(prefers-reduced-motion: reduce)");
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
    const parts = [headPart, tabsPart, planePart, controlsPart, picturesPart, slidersPart,
      directionsPart, drawPart, mixPart, tasksPart];
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

/** Return a new code: a draw from the prior or, without one, from a Gaussian fitted to the codes. */
function randomCode(model, random = Math.random) {
  const eps = normals(model.n_z, random);
  if (model.is_vae) return eps;
  return eps.map((value, j) => model.mean[j] + value * Math.sqrt(model.variance[j]));
}

function headPart({ model }) {
  const put = (id, text) => (document.getElementById(id).textContent = text);
  document.querySelectorAll("[data-say]").forEach((node) => {
    node.textContent = say(node.dataset.say, {}, model.isImage ? "" : "Table");
  });
  put("title", say("title", model));
  put("trained", model.trained);
  document.getElementById("no-prior").hidden = model.is_vae;
  document.getElementById("plane-how").open = innerWidth >= WIDE;
  put("how-many", say("points", model.points));
  put("link-why", say("linkWhy", { parts: PARTS.join(", ") }));
  return () => {};
}

function planePart(explorer) {
  const { model, plane } = explorer;
  const lines = [
    model.n_z === 1 ? "planeLine" : model.axes.kind === "latents" ? "planeLatents" : "planePrincipal",
    model.n_z > 2 ? "planeDotsSlice" : "planeDots",
    model.is_vae ? (model.n_z === 1 ? "planePriorLine" : "planePrior") : "fromGaussianWhy",
  ];
  document.getElementById("axes").textContent =
    lines.map((key) => say(key, { n: model.n_z })).join(" ");
  plane.canvas.setAttribute("aria-label", say("planeLabel"));
  steerPlane(plane, explorer);
  const showLegend = legend(explorer);
  return (state) => {
    showLegend(state);
    const drawn = state.view === "draw" ? explorer.encoded() : null;
    const codes = [state.a, state.b].map((i) => model.points.code(i));
    plane.draw({
      ...state,
      line: state.view === "mix" ? codes : null,
      posterior: drawn?.sigma ? drawn : null,
      draws: drawn?.sigma ? drawn.codes.slice(0, DRAWS) : null,
    });
  };
}

function legend(explorer) {
  const { model } = explorer;
  if (!model.points.labels) return () => {};
  const present = Array.from(new Set(model.points.labels)).sort((a, b) => a - b);
  const buttons = new Map(present.map((label) => {
    const swatch = h("span", { className: label < COLOURS.length ? "dot" : "dot square" });
    swatch.style.background = colourOf(label);
    const button = h("button", { type: "button" }, swatch, className(label, model));
    button.addEventListener("click", () => {
      explorer.set({ highlight: explorer.state.highlight === label ? null : label });
    });
    return [label, button];
  }));
  const part = document.getElementById("legend");
  part.setAttribute("aria-label", say("legend"));
  part.append(...buttons.values());
  return onChange(({ highlight }) => highlight, ({ highlight }) => {
    buttons.forEach((button, label) => button.setAttribute("aria-pressed", highlight === label));
  });
}

/** Reset, draw, walk; and where the model has them, its label and its epochs. */
function controlsPart(explorer) {
  const { model } = explorer;
  const button = (text, act) => {
    const made = h("button", { type: "button" }, text);
    made.addEventListener("click", act);
    return made;
  };
  const walk = button(say("walk"), () => toggleWalk(explorer, walk));
  document.getElementById("moves").append(
    button(say("reset"), () => explorer.move(model.middle)),
    button(say(model.is_vae ? "fromPrior" : "fromGaussian"), () =>
      explorer.move(randomCode(model, explorer.random))),
    walk);
  const shows = [labelControl(explorer), epochControl(explorer)];
  return (state) => shows.forEach((show) => show?.(state));
}

function labelControl(explorer) {
  const { model } = explorer;
  const part = document.getElementById("label");
  part.hidden = !model.conditional;
  if (!model.conditional) return null;
  const names = Array.from({ length: model.n_y }, (_, i) => h("option", { value: i }, className(i, model)));
  const select = h("select", {}, ...names);
  select.addEventListener("change", () => explorer.set({ label: Number(select.value) }));
  part.append(h("label", {}, say("label"), " ", select), h("p", { className: "faint" }, say("labelWhy")));
  return ({ label }) => (select.value = label);
}

function epochControl(explorer) {
  const { epochs, kept } = explorer.model;
  const part = document.getElementById("epochs");
  part.hidden = epochs.length < 2;
  if (part.hidden) return null;
  const last = epochs.length - 1;
  const trained = epochs.findIndex(({ weights }) => !weights);
  const write = (i) => say("epochs", { epoch: epochs[i].epoch, last: epochs[last].epoch });
  const { label, show } = slider(say("epoch"), { min: 0, max: last, step: 1, write }, (epoch) =>
    explorer.set({ epoch }));
  const play = h("button", { type: "button" }, say("playEpochs"));
  play.addEventListener("click", () => {
    let i = 0;
    clearInterval(explorer.playing);
    explorer.playing = setInterval(() => {
      explorer.set({ epoch: i });
      if (++i > last) clearInterval(explorer.playing);
    }, 600);
  });
  part.append(label, play);
  if (kept > epochs.length - 1) {
    part.append(h("p", { className: "faint" }, say("someEpochs", { n: epochs.length - 1, kept })));
  }
  return ({ epoch }) => show(epoch ?? trained);
}

/** Walk from code to code until it is stopped; in steps where motion should be reduced. */
function toggleWalk(explorer, button) {
  if (explorer.walking) {
    clearTimeout(explorer.walking);
    explorer.walking = null;
    button.textContent = say("walk");
    return;
  }
  button.textContent = say("stop");
  const { model, random } = explorer;
  const next = () => (model.is_vae ? randomCode(model, random)
    : model.points.code(Math.floor(random() * model.points.n)));
  let [from, to, start] = [explorer.state.z, next(), performance.now()];
  const step = () => {
    const now = performance.now();
    if (now - start > LEG) [from, to, start] = [to, next(), now];
    const t = clamp((now - start) / LEG, 0, 1);
    explorer.move(blend(from, to, calm.matches ? Math.round(2 * t) / 2 : t * t * (3 - 2 * t)));
    explorer.walking = setTimeout(step, calm.matches ? 1000 : 16);
  };
  step();
}

/** The decoded example, the nearest test example, and the live numbers. */
function picturesPart(explorer) {
  const { model, plane } = explorer;
  const decoded = new Picture(model, say("decoded"), { wide: true });
  const nearest = new Picture(model, "", { wide: true });
  document.getElementById("pictures").append(decoded.element, nearest.element);
  const term = (key) => {
    const [value, why] = [h("dd", {}), h("dd", { className: "faint" })];
    document.getElementById("numbers").append(h("div", {}, h("dt", {}, say(key)), value, why));
    return (first, second) => [value.textContent, why.textContent] = [first, second];
  };
  const distance = term("distance");
  const density = model.is_vae ? term("density") : null;
  let other = null;
  return ({ z, label, shown, epoch }) => {
    decoded.show(model.decode(z, label));
    const near = model.points.nearest(z);
    const pictured = shown ?? model.points.nearest(z, model.points.k).index;
    const name = exampleName(pictured, model);
    const caption = say(shown === null ? "nearest" : "pointed", { example: name });
    if (other !== (other = `${caption} ${epoch}`)) nearest.show(model.points.example(pictured), caption);
    const said = { distance: fixed(near.distance, 2), half: short(plane.usual.half), most: short(plane.usual.most),
      example: name };
    const empty = plane.emptiness(near.distance);
    distance(said.distance, say(empty === 0 ? "distanceCrowd" : empty < 0.5 ? "distanceEdge" : "distanceEmpty", said));
    if (density) {
      const square = dot(z, z);
      said.percent = Math.round(100 * shareWithin(model.n_z, square));
      const logDensity = -(square + model.n_z * Math.log(2 * Math.PI)) / 2;
      density(say("densityHere", { density: fixed(logDensity, 2) }), say("densityShare", said));
    }
    explorer.spoken = shown === null ? say(density ? "livePrior" : "live", said)
      : say("livePointed", said);
  };
}

/** Tabs, of which one is open; and what `hide` leaves out. */
function tabsPart(explorer) {
  const tabs = VIEWS.map((view) => document.getElementById(`tab-${view}`));
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => explorer.show(VIEWS[i]));
    tab.addEventListener("keydown", (event) => {
      const shown = tabs.filter((other) => !other.hidden);
      const at = shown.indexOf(tab);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = shown[(to + shown.length) % shown.length];
      next.focus();
      next.click();
    });
  });
  return onChange(({ view, hide }) => [view, ...hide], (state) => {
    const hidden = (view) => view === "move"
      ? state.hide.has("sliders") && (state.hide.has("directions") || !explorer.model.directions.length)
      : state.hide.has(view);
    const open = hidden(state.view) ? VIEWS.find((view) => !hidden(view)) : state.view;
    document.querySelectorAll("[data-part]").forEach((part) => {
      const { part: name } = part.dataset;
      part.classList.toggle("left-out", state.hide.has(name));
    });
    document.getElementById("tools").hidden = open === undefined;
    tabs.forEach((tab, i) => {
      tab.hidden = hidden(VIEWS[i]);
      tab.setAttribute("aria-selected", VIEWS[i] === open);
      tab.tabIndex = VIEWS[i] === open ? 0 : -1;
      document.getElementById(VIEWS[i]).hidden = VIEWS[i] !== open;
    });
    explorer.plane.measure();
  });
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
