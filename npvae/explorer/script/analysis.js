// ---- your own example: where it is encoded, what comes back, and what it costs ------------------

const DRAWS = 6; // draws of z that are shown
const AVERAGED = 16; // draws of z over which the ELBO is averaged

function drawPart(explorer) {
  const { model } = explorer;
  const panel = document.getElementById("draw");
  const input = model.isImage ? pad(explorer) : form(explorer);
  const results = analysisView(model);
  panel.append(
    h("p", {}, say(model.isImage ? "drawIntro" : "enterIntro")),
    h("div", { className: model.isImage ? "drawing" : "entering" }, input.element, results.element),
  );
  let key = null;
  explorer.encoded = () => {
    const { label, epoch, example, values, ink } = explorer.state;
    const now = [label, epoch, example, values?.join(), writeInk(ink), input.revision?.()].join(
      "|",
    );
    if (now !== key) {
      key = now;
      const x = example === null ? input.read() : binarized(model.points.example(example), model);
      explorer.analysis = x ? analyse(model, x, label) : null;
      results.show(explorer.analysis);
    }
    return explorer.analysis;
  };
  return (state) => {
    if (state.view !== "draw") return;
    input.show(state);
    explorer.showExample(state.example);
    explorer.encoded();
  };
}

/** A number field: encode a test example instead. */
function exampleField(explorer) {
  const { model } = explorer;
  const { input, show } = exampleInput(model, (example) => explorer.useExample(example));
  explorer.showExample = show;
  const last = model.points.k - 1;
  return h("label", { className: "stacked" }, say("useExample", { last }), " ", input);
}

/** A number field for a test example. A frame changes it only where the example is another one. */
function exampleInput({ points }, act) {
  const last = points.k - 1;
  const input = h("input", { type: "number", min: 0, max: last, step: 1, placeholder: "0" });
  let shown = null;
  const write = (example) => (input.value = shown = example);
  input.addEventListener("change", () => {
    if (input.value === "") return write(shown);
    write(Math.round(clamp(Number(input.value), 0, last)));
    act(shown);
  });
  return { input, show: (example) => example !== shown && write(example) };
}

// -- the numbers --

/** Return all that the model says of an x: the code, draws of it, and the cost in nats. */
function analyse(model, x, label) {
  const { mu, sigma, logvar } = model.encode(x, label);
  const random = generator(1); // the same noise for every drawing
  const count = sigma ? AVERAGED : 1;
  const codes = Array.from({ length: count }, () =>
    sigma ? reparameterize(mu, sigma, random) : mu,
  );
  const nats = new Float64Array(model.n_x);
  for (const z of codes) {
    model.nats(x, z, label).forEach((cost, i) => (nats[i] += cost / count));
  }
  const kl = sigma ? klPerLatent({ mu, logvar }) : null;
  const reconstruction = total(nats);
  const score = reconstruction + (kl ? total(kl) : 0);
  return {
    x,
    mu,
    sigma,
    codes,
    nats,
    kl,
    reconstruction,
    score,
    percent: percentBelow(model.points.scores, score),
    decoded: Array.from(model.decode(mu, label)),
    draws: codes.slice(0, DRAWS).map((z) => Array.from(model.decode(z, label))),
  };
}

/** z = mu + sigma eps */
function reparameterize(mu, sigma, random) {
  return normals(mu.length, random).map((eps, i) => mu[i] + sigma[i] * eps);
}

/** Draw grey pixels as 0 or 1, if the model was trained on such pixels: always in the same way. */
function binarized(x, model) {
  const { binarize } = model.scaling;
  if (model.standardized || binarize === "none") return x;
  const random = binarize === "dynamic" ? generator(2) : () => 0.5;
  return x.map((value) => (random() < value ? 1 : 0));
}

// -- what is shown of it --

function analysisView(model) {
  const examples = model.isImage ? comparedPictures(model) : comparedRows(model);
  const verdict = h("p", { className: "verdict" });
  const percent = h("p", {});
  const kl = h("table", { className: "kl" });
  const empty = h("p", { className: "faint" }, say("nothingDrawn"));
  const full = h("div", {}, verdict, percent, examples.element);
  if (model.is_vae) full.append(h("details", {}, h("summary", {}, say("klTitle")), kl));
  const show = (found) => {
    [empty.hidden, full.hidden] = [found !== null, found === null];
    if (!found) return;
    const numbers = {
      score: fixed(found.score, 1),
      reconstruction: fixed(found.reconstruction, 1),
      kl: found.kl && fixed(total(found.kl), 1),
      percent: found.percent,
    };
    verdict.textContent = say(model.is_vae ? "score" : "scoreWithoutKl", numbers);
    percent.textContent = say("scorePercent", numbers);
    examples.show(found);
    if (found.kl) kl.replaceChildren(...klRows(found));
  };
  return { element: h("div", { className: "analysis" }, empty, full), show };
}

/** What was drawn, what comes back, and the cost of each pixel; below them several draws of z. */
function comparedPictures(model) {
  const seen = new Picture(model, say("seen"));
  const decoded = new Picture(model, say(model.is_vae ? "reconstruction" : "reconstructionOfCode"));
  const costs = new Picture(model, say("natsPerPixel"));
  const draws = Array.from(
    { length: model.is_vae ? DRAWS : 0 },
    (_, i) => new Picture(model, say("draw", { i: i + 1 })),
  );
  const element = h("div", {}, figures("pictures", [seen, decoded, costs]));
  if (model.is_vae) {
    element.append(
      h("h3", {}, say("drawsTitle")),
      h("p", { className: "faint" }, say("drawsWhy")),
      figures("pictures small", draws),
    );
  }
  const show = (found) => {
    seen.show(found.x);
    decoded.show(found.decoded);
    costs.body.showNats(found.nats);
    draws.forEach((picture, i) => picture.show(found.draws[i]));
  };
  return { element, show };
}

function figures(className, pictures) {
  return h("div", { className }, ...pictures.map(({ element }) => element));
}

/** A table: what was entered, what comes back, some draws, and what each column costs. */
function comparedRows(model) {
  const draws = model.is_vae ? [0, 1, 2] : [];
  const { element, show } = comparison(
    model,
    [
      say("seen", {}, "Table"),
      say("reconstruction", {}, "Table"),
      ...draws.map((i) => say("draw", { i: i + 1 })),
    ],
    true,
  );
  return {
    element,
    show: (found) =>
      show([found.x, found.decoded, ...draws.map((i) => found.draws[i])], found.nats),
  };
}

function klRows({ mu, sigma, kl }) {
  const order = Array.from(kl.keys()).sort((i, j) => kl[j] - kl[i]);
  const most = kl[order[0]] || 1;
  const head = h(
    "tr",
    {},
    ...["klLatent", "klCost", "klCode"].map((key) => h("th", { scope: "col" }, say(key))),
  );
  return [
    h("thead", {}, head),
    h(
      "tbody",
      {},
      ...order.map((i) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, `z ${i}`),
          barCell(kl[i], kl[i] / most),
          h("td", {}, `${fixed(mu[i], 2)} ± ${fixed(sigma[i], 2)}`),
        ),
      ),
    ),
  ];
}
