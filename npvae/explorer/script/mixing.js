// ---- mixing A with B: in latent space, and beside it pixel by pixel -----------------------------

const STRIP = 9; // blends between A and B
const GALLERY = 24; // examples to choose from

function mixPart(explorer) {
  const { model } = explorer;
  const panel = document.getElementById("mix");
  const [a, b] = ["a", "b"].map((end) => endField(end, explorer));
  const t = slider(say("mixSlider"), { min: 0, max: 1 }, (value) => explorer.mix({ t: value }));
  const swap = h("button", { type: "button" }, say("swap"));
  swap.addEventListener("click", () => explorer.mix({ a: explorer.state.b, b: explorer.state.a }));
  const four = model.isImage ? fourPictures(model) : fourRows(model);
  const strips = model.isImage ? mixStrips(model) : null;
  const chooser = endChooser(explorer);
  panel.append(
    h("p", {}, say("mixIntro")),
    t.label,
    four.element,
    ...(strips ? [strips.element] : []),
    h("div", { className: "buttons" }, a.label, b.label, swap),
    chooser.element,
    ...(model.isImage ? [gallery(explorer)] : []),
  );
  const ends = (state) => [state.a, state.b];
  const showStrips = onChange(
    ({ label, epoch, ...state }) => [...ends(state), label, epoch],
    (state) => strips?.show(...ends(state), state.label),
  );
  return (state) => {
    if (state.view !== "mix") return;
    t.show(state.t);
    a.show(state.a);
    b.show(state.b);
    chooser.show(state.end);
    const codes = ends(state).map((i) => model.points.code(i));
    const [xA, xB] = ends(state).map((i) => model.points.example(i));
    const decoded = Array.from(model.decode(blend(...codes, state.t), state.label));
    four.show([xA, decoded, blend(xA, xB, state.t), xB], endNames(state, model));
    showStrips(state);
  };
}

function endNames({ a, b }, model) {
  return [`A: ${exampleName(a, model)}`, `B: ${exampleName(b, model)}`];
}

/** A, both blends and B, as pictures. */
function fourPictures(model) {
  const pictures = ["A", say("mixLatent"), say("mixPixels"), "B"].map(
    (name) => new Picture(model, name),
  );
  const show = ([xA, decoded, blended, xB], [nameA, nameB]) => {
    pictures[0].show(xA, nameA);
    pictures[1].show(decoded);
    pictures[2].show(blended);
    pictures[3].show(xB, nameB);
  };
  return { element: figures("pictures four", pictures), show };
}

/** The same as the columns of a table. */
function fourRows(model) {
  const { element, show, name } = comparison(model, [
    "A",
    say("mixLatent"),
    say("mixColumns"),
    "B",
  ]);
  return {
    element,
    show: (rows, [nameA, nameB]) => {
      name(0, nameA);
      name(3, nameB);
      show(rows);
    },
  };
}

/** A number field that chooses example A or B. */
function endField(end, explorer) {
  const { input, show } = exampleInput(explorer.model, (i) => explorer.mix({ [end]: i }));
  const label = h("label", {}, say("exampleNumber", { name: end.toUpperCase() }), " ", input);
  return { label, show };
}

/** Radio buttons: whether the next click on a point or a picture chooses A or B. */
function endChooser(explorer) {
  const inputs = ["a", "b"].map((end) => {
    const input = h("input", { type: "radio", name: "end", value: end });
    input.addEventListener("change", () => explorer.set({ end }));
    return input;
  });
  const labels = inputs.map((input) => h("label", {}, input, " ", input.value.toUpperCase()));
  return {
    element: h(
      "fieldset",
      { className: "choices" },
      h("legend", {}, say("clickChooses")),
      ...labels,
    ),
    show: (end) => inputs.forEach((input) => (input.checked = input.value === end)),
  };
}

/** Two rows of blends. */
function mixStrips(model) {
  const element = h("div", {});
  const [latent, pixels] = ["mixLatent", "mixPixels"].map((key) => {
    const row = Array.from({ length: STRIP }, () => new Pixels(model, ""));
    row.forEach((picture) => picture.element.setAttribute("aria-hidden", "true"));
    element.append(
      h("p", { className: "faint" }, say(key)),
      h(
        "div",
        { className: "strip", role: "img", "aria-label": say("strip", { how: say(key) }) },
        ...row.map((picture) => picture.element),
      ),
    );
    return row;
  });
  const show = (a, b, label) => {
    const [codeA, codeB] = [a, b].map((i) => model.points.code(i));
    const [xA, xB] = [a, b].map((i) => model.points.example(i));
    for (let i = 0; i < STRIP; i++) {
      const t = i / (STRIP - 1);
      latent[i].show(model.decode(blend(codeA, codeB, t), label));
      pixels[i].show(blend(xA, xB, t));
    }
  };
  return { element, show };
}

/** The first test examples as buttons: a click chooses A or B. */
function gallery(explorer) {
  const { model } = explorer;
  const n = Math.min(GALLERY, model.points.k);
  const buttons = Array.from({ length: n }, (_, i) => {
    const pixels = new Pixels(model, "");
    pixels.element.setAttribute("aria-hidden", "true");
    pixels.show(model.points.example(i));
    const button = h(
      "button",
      { type: "button", "aria-label": exampleName(i, model) },
      pixels.element,
    );
    button.addEventListener("click", () => explorer.choose(i));
    return button;
  });
  return h(
    "div",
    { className: "gallery", role: "group", "aria-label": say("gallery") },
    ...buttons,
  );
}

function exampleName(i, model) {
  const { labels } = model.points;
  return labels
    ? say("exampleLabelled", { i, label: className(labels[i], model) })
    : say("example", { i });
}

function className(label, model) {
  return model.classes[label] ?? String(label);
}
