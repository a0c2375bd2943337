// ---- moving z: a slider for each latent, and one for each direction -----------------------------

/** Return a labelled range input with its value beside it, and a function that sets both. */
function slider(
  name,
  { min, max, step = 0.01, note = "", write = (value) => fixed(value, 2) },
  act,
) {
  const input = h("input", { type: "range", min, max, step });
  const output = h("output", {});
  const small = note ? [h("small", {}, note)] : [];
  const label = h(
    "label",
    { className: "slider" },
    h("span", {}, name, " ", ...small),
    input,
    output,
  );
  let shown = null;
  const show = (value) => {
    if (value === shown) return;
    input.value = shown = value;
    output.textContent = write(value);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => act(Number(input.value)));
  return { label, input, show };
}

/** The latents, those that say most first; what carries next to nothing is folded away. */
function slidersPart(explorer) {
  const { model } = explorer;
  const order = Array.from(model.importance.keys()).sort(
    (i, j) => model.importance[j] - model.importance[i],
  );
  const made = order.map((i) => {
    const reach = latentRange(model, i);
    const note = model.is_vae ? say("nats", { nats: fixed(model.importance[i], 2) }) : "";
    const { label, show } = slider(`z ${i}`, { ...reach, note }, (value) => {
      explorer.move(explorer.state.z.map((old, j) => (j === i ? value : old)));
    });
    return { i, label, show };
  });
  const [on, off] = [true, false].map((active) =>
    made.filter(({ i }) => model.active[i] === active).map(({ label }) => label),
  );
  const part = document.getElementById("sliders");
  part.append(
    h("p", { className: "faint" }, say(model.is_vae ? "slidersByKl" : "slidersByVariance")),
    h("div", { className: "sliders" }, ...on),
  );
  if (off.length) {
    part.append(
      h(
        "details",
        {},
        h("summary", {}, say("inactive", { n: off.length })),
        h("p", { className: "faint" }, say("inactiveWhy")),
        h("div", { className: "sliders" }, ...off),
      ),
    );
  }
  return ({ z, view }) => view === "move" && made.forEach(({ i, show }) => show(z[i]));
}

function latentRange(model, i) {
  const { mu, n, n_z } = model.points;
  const values = Array.from({ length: n }, (_, row) => mu[row * n_z + i]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return model.is_vae
    ? { min: Math.floor(Math.min(low, -4)), max: Math.ceil(Math.max(high, 4)) }
    : { min: Math.floor(low - 0.1 * (high - low)), max: Math.ceil(high + 0.1 * (high - low)) };
}

const DIRECTIONS = {
  label: { name: "directionLabel", why: "directionsWhy" },
  factor: { name: "directionFactor", why: "directionFactorWhy" },
};

/** A direction's slider shows how far z is along it; 0 is level with the mean of all codes. */
function directionsPart(explorer) {
  const { model } = explorer;
  const part = document.getElementById("directions");
  const along = (z, d) =>
    dot(
      z.map((value, i) => value - model.mean[i]),
      d,
    ) / dot(d, d);
  const known = model.directions.filter(({ z }) => dot(z, z) > 0);
  part.hidden = known.length === 0;
  for (const kind of ["label", "factor"]) {
    if (known.some((direction) => direction.kind === kind)) {
      part.append(h("p", { className: "faint" }, say(DIRECTIONS[kind].why)));
    }
  }
  const made = known.map(({ kind, name, z: d }) => {
    const reach = Math.ceil(Math.max(2, ...model.points.codes().map((z) => Math.abs(along(z, d)))));
    const range = { min: -reach, max: reach };
    const { label, show } = slider(say(DIRECTIONS[kind].name, { name }), range, (value) => {
      const { z } = explorer.state;
      const missing = value - along(z, d);
      explorer.move(z.map((old, i) => old + missing * d[i]));
    });
    return { label, show, d };
  });
  part.append(h("div", { className: "sliders" }, ...made.map(({ label }) => label)));
  return ({ z, view }) => view === "move" && made.forEach(({ show, d }) => show(along(z, d)));
}
