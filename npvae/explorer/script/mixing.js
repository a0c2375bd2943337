// ---- mixing A with B: in latent space, and beside it pixel by pixel -----------------------------

const STRIP = 9; // blends between A and B
const GALLERY = 24; // examples to choose from

function mixPart(explorer) {
  const { model } = explorer;
  const panel = document.getElementById("mix");
  const ends = { a: endPicker("a", explorer), b: endPicker("b", explorer) };
  const t = slider(say("mixSlider"), { min: 0, max: 1, step: 0.01 }, (value) => explorer.mix({ t: value }));
  const swap = h("button", { type: "button" }, say("swap"));
  swap.addEventListener("click", () => {
    const { a, b } = explorer.state;
    explorer.mix({ a: b, b: a });
  });
  const inLatents = new Picture(model, say("mixLatent"));
  const inPixels = new Picture(model, say(model.isImage ? "mixPixels" : "mixColumns"));
  panel.append(
    h("p", {}, say("mixIntro")),
    h("div", { className: "pictures" }, ends.a.picture.element, inLatents.element, inPixels.element,
      ends.b.picture.element),
    t.label);
  const strips = model.isImage ? mixStrips(panel, model) : null;
  const chooser = endChooser(explorer);
  panel.append(h("div", { className: "buttons" }, ends.a.label, ends.b.label, swap), chooser);
  if (model.isImage) panel.append(gallery(explorer));
  const showEnds = onChange(({ a, b, label, epoch }) => [a, b, label, epoch], ({ a, b, label }) => {
    const [codeA, codeB] = [a, b].map((i) => model.points.code(i));
    const [xA, xB] = [a, b].map((i) => model.points.example(i));
    ends.a.show(a, xA);
    ends.b.show(b, xB);
    strips?.(codeA, codeB, xA, xB, label);
  });
  return (state) => {
    if (state.view !== "mix") return;
    showEnds(state);
    const { a, b, label } = state;
    t.show(state.t);
    chooser.querySelectorAll("input").forEach((input) => (input.checked = input.value === state.end));
    const [codeA, codeB] = [a, b].map((i) => model.points.code(i));
    const [xA, xB] = [a, b].map((i) => model.points.example(i));
    inLatents.show(model.decode(blend(codeA, codeB, state.t), label));
    inPixels.show(blend(xA, xB, state.t));
  };
}

/** A number field that chooses example A or B, and its picture. */
function endPicker(end, explorer) {
  const { points } = explorer.model;
  const name = end.toUpperCase();
  const input = h("input", { type: "number", min: 0, max: points.k - 1, step: 1 });
  input.addEventListener("change", () => {
    const i = Math.round(clamp(Number(input.value) || 0, 0, points.k - 1));
    explorer.mix({ [end]: i });
  });
  const picture = new Picture(explorer.model, name);
  const show = (i, x) => {
    input.value = i;
    picture.show(x, `${name}: ${exampleName(i, explorer.model)}`);
  };
  return { label: h("label", {}, say("exampleNumber", { name }), " ", input), picture, show };
}

/** Radio buttons: whether the next click on a point or a picture chooses A or B. */
function endChooser(explorer) {
  const choices = ["a", "b"].map((end) => {
    const input = h("input", { type: "radio", name: "end", value: end });
    input.addEventListener("change", () => explorer.set({ end }));
    return h("label", {}, input, " ", end.toUpperCase());
  });
  return h("fieldset", { className: "choices" }, h("legend", {}, say("clickChooses")), ...choices);
}

/** Two rows of blends; returns the function that draws them. */
function mixStrips(panel, model) {
  const rows = ["mixLatent", "mixPixels"].map((key) => {
    const pictures = Array.from({ length: STRIP }, () => new Pixels(model, ""));
    pictures.forEach(({ element }) => element.setAttribute("aria-hidden", "true"));
    const row = h("div", { className: "strip", role: "img", "aria-label": say("strip", { how: say(key) }) },
      ...pictures.map(({ element }) => element));
    panel.append(h("p", { className: "faint" }, say(key)), row);
    return pictures;
  });
  return (codeA, codeB, xA, xB, label) => {
    for (let i = 0; i < STRIP; i++) {
      const t = i / (STRIP - 1);
      rows[0][i].show(model.decode(blend(codeA, codeB, t), label));
      rows[1][i].show(blend(xA, xB, t));
    }
  };
}

/** The first test examples as buttons: a click chooses A or B. */
function gallery(explorer) {
  const { model } = explorer;
  const n = Math.min(GALLERY, model.points.k);
  const buttons = Array.from({ length: n }, (_, i) => {
    const pixels = new Pixels(model, "");
    pixels.element.setAttribute("aria-hidden", "true");
    pixels.show(model.points.example(i));
    const button = h("button", { type: "button", "aria-label": exampleName(i, model) }, pixels.element);
    button.addEventListener("click", () => explorer.choose(i));
    return button;
  });
  return h("div", { className: "gallery", role: "group", "aria-label": say("gallery") }, ...buttons);
}

function exampleName(i, model) {
  const { labels } = model.points;
  return labels ? say("exampleLabelled", { i, label: className(labels[i], model) })
    : say("example", { i });
}

function className(label, model) {
  return model.classes[label] ?? String(label);
}
