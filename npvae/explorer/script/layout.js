// ---- what stands where: the head, the plane, what the code stands for, and the tabs -------------

const WIDE = 960; // pixels of a window that has room for two columns

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
    model.n_z === 1
      ? "planeLine"
      : model.axes.kind === "latents"
        ? "planeLatents"
        : "planePrincipal",
    model.n_z > 2 ? "planeDotsSlice" : "planeDots",
    model.is_vae ? (model.n_z === 1 ? "planePriorLine" : "planePrior") : "fromGaussianWhy",
  ];
  document.getElementById("axes").textContent = lines
    .map((key) => say(key, { n: model.n_z }))
    .join(" ");
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

/** The decoded example, the nearest test example, and the live numbers. */
function picturesPart(explorer) {
  const { model, plane } = explorer;
  const decoded = new Picture(model, say("decoded"));
  const nearest = new Picture(model, "");
  document.getElementById("pictures").append(decoded.element, nearest.element);
  const term = (key) => {
    const [value, why] = [h("dd", {}), h("dd", { className: "faint" })];
    document.getElementById("numbers").append(h("div", {}, h("dt", {}, say(key)), value, why));
    return (first, second) => ([value.textContent, why.textContent] = [first, second]);
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
    if (other !== (other = `${caption} ${epoch}`))
      nearest.show(model.points.example(pictured), caption);
    const said = {
      distance: fixed(near.distance, 2),
      half: short(plane.usual.half),
      most: short(plane.usual.most),
      example: name,
    };
    const empty = plane.emptiness(near.distance);
    const meaning = empty === 0 ? "distanceCrowd" : empty < 0.5 ? "distanceEdge" : "distanceEmpty";
    distance(said.distance, say(meaning, said));
    if (density) {
      const square = dot(z, z);
      said.percent = Math.round(100 * shareWithin(model.n_z, square));
      const logDensity = -(square + model.n_z * Math.log(2 * Math.PI)) / 2;
      density(say("densityHere", { density: fixed(logDensity, 2) }), say("densityShare", said));
    }
    explorer.spoken =
      shown === null ? say(density ? "livePrior" : "live", said) : say("livePointed", said);
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
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[
        event.key
      ];
      if (to === undefined) return;
      event.preventDefault();
      const next = shown[(to + shown.length) % shown.length];
      next.focus();
      next.click();
    });
  });
  return onChange(
    ({ view, hide }) => [view, ...hide],
    (state) => {
      const hidden = (view) =>
        view === "move"
          ? state.hide.has("sliders") &&
            (state.hide.has("directions") || !explorer.model.directions.length)
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
    },
  );
}
