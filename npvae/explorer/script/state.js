// ---- the state, and how it is written in the address: #z=0.1,-2&view=mix&a=3&b=7&hide=draw ------

const VIEWS = ["move", "draw", "mix", "tasks"];
const PARTS = [
  "plane",
  "pictures",
  "numbers",
  "label",
  "epochs",
  "sliders",
  "directions",
  ...VIEWS.slice(1),
]; // what `hide` can name

/** Return the state in which a page opens.
 *
 * z          the code; at first that of an example which costs less than half of all others
 * label      the condition of a conditional model
 * view       the open tab
 * example    the test example that is encoded; null for what was drawn or entered:
 * ink        the strokes of a drawing
 * values     the x of a table's row, or null
 * a, b, t    the examples that are mixed, and how far from A to B
 * end        which of them a click chooses next
 * epoch      the index of a kept epoch; null for the trained model
 * shown      the example that is pointed at, or null
 * highlight  the label whose dots stand out, or null
 * hide       the parts of the page that are left out
 */
function firstState(model) {
  const { points } = model;
  const usual = quantile(points.scores, 0.5);
  const a = Math.max(
    0,
    points.scores.findIndex((score, i) => i < points.k && score < usual),
  );
  const apart = points.farthest(a, Math.min(GALLERY, points.k));
  return {
    z: points.code(a),
    label: model.conditional ? points.labels[a] : 0,
    view: "move",
    example: null,
    ink: [],
    values: null,
    a,
    b: apart,
    t: 0.5,
    end: "a",
    epoch: null,
    shown: null,
    highlight: null,
    hide: new Set(),
  };
}

/** Return the state that a fragment describes. */
function stateOf(fragment, model) {
  const state = { ...firstState(model), ...readFragment(fragment, model) };
  const { view, a, b, t } = state;
  if (view === "mix" && !/[#&]z=/.test(fragment)) {
    state.z = blend(model.points.code(a), model.points.code(b), t);
  }
  return state;
}

/** Return what a fragment says of the state; what it does not say, or says wrongly, is left out. */
function readFragment(fragment, model) {
  const said = new URLSearchParams(fragment.replace(/^#/, ""));
  const read = {};
  const keep = (name, value, isRight) => {
    if (isRight) read[name] = value;
  };
  const whole = (name, n) => {
    const value = Number(said.get(name));
    keep(
      name === "y" ? "label" : name,
      value,
      said.has(name) && Number.isInteger(value) && value >= 0 && value < n,
    );
  };
  const list = (name) => (said.get(name) ?? "").split(",").map(Number);
  const finite = (numbers, n) => numbers.length === n && numbers.every(Number.isFinite);
  keep("z", list("z"), said.has("z") && finite(list("z"), model.n_z));
  keep("view", said.get("view"), VIEWS.includes(said.get("view")));
  keep("t", Number(said.get("t")), said.has("t") && said.get("t") >= 0 && said.get("t") <= 1);
  for (const name of ["a", "b", "example"]) whole(name, model.points.k);
  whole("y", model.n_y);
  whole("highlight", model.classes.length);
  const epoch = model.epochs.findIndex((kept) => String(kept.epoch) === said.get("epoch"));
  keep("epoch", epoch, epoch >= 0);
  keep(
    "hide",
    new Set((said.get("hide") ?? "").split(",").filter((name) => PARTS.includes(name))),
    said.has("hide"),
  );
  keep("ink", readInk(said.get("ink") ?? ""), model.isImage && said.has("ink"));
  if (!model.isImage && finite(list("x"), model.n_x)) read.values = model.fromUnits(list("x"));
  return read;
}

/** Return the fragment of a state: only what differs from the first state, and always z. */
function writeFragment(state, model) {
  const first = firstState(model);
  const said = [["z", state.z.map((value) => Number(value.toFixed(3))).join(",")]];
  const add = (name, value, usual) => {
    if (value !== usual) said.push([name, value]);
  };
  add("view", state.view, "move");
  add("y", state.label, first.label);
  add("example", state.example, null);
  add("a", state.a, first.a);
  add("b", state.b, first.b);
  add("t", Number(state.t.toFixed(3)), 0.5);
  add("highlight", state.highlight, null);
  if (state.epoch !== null) said.push(["epoch", model.epochs[state.epoch].epoch]);
  if (state.values) said.push(["x", roundedRow(state.values, model).join(",")]);
  add("ink", writeInk(state.ink), "");
  add("hide", [...state.hide].join(","), "");
  return `#${said.map(([name, value]) => `${name}=${value}`).join("&")}`;
}

/** Return numbers in the user's units, to about a thousandth of the standard deviation. */
function roundedRow(x, model) {
  const { std } = model.scaling;
  return Array.from(model.inUnits(x), (value, i) =>
    Number(value.toFixed(clamp(Math.ceil(3 - Math.log10(std[i])), 0, 100))),
  );
}

// a stroke is "colour:x,y;x,y;..." in percent of the pad, without the colour for grey images
function writeInk(strokes) {
  return strokes
    .map(
      ({ colour, points }) =>
        (colour ? `${colour}:` : "") + points.map((point) => point.join(",")).join(";"),
    )
    .join("_");
}

function readInk(text) {
  return text
    .split("_")
    .map((stroke) => {
      const [, colour, points] = stroke.match(/^(?:([0-9a-f]{6}):)?(.*)$/s);
      const pairs = points.split(";").filter((pair) => /^\d+,\d+$/.test(pair));
      return {
        colour,
        points: pairs.map((pair) => pair.split(",").map((value) => clamp(value, 0, 100))),
      };
    })
    .filter(({ points }) => points.length);
}
