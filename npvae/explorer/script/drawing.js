// ---- your own example: where it is encoded, what comes back, and what it costs ------------------

const DRAWS = 6; // draws of z that are shown
const AVERAGED = 16; // draws of z over which the ELBO is averaged
const PEN = 8; // width of the pen, in percent of the pad
const PAD = 280; // pixels of the pad, about
const INK = 0.15; // brightness from which a pixel counts as drawn

function drawPart(explorer) {
  const { model } = explorer;
  const panel = document.getElementById("draw");
  const input = model.isImage ? pad(explorer) : form(explorer);
  const results = analysisView(model);
  panel.append(h("p", {}, say(model.isImage ? "drawIntro" : "enterIntro")),
    h("div", { className: model.isImage ? "drawing" : "entering" }, input.element, results.element));
  let key = null;
  explorer.encoded = () => {
    const { label, epoch, example, values, ink } = explorer.state;
    const now = [label, epoch, example, values?.join(), writeInk(ink), input.revision?.()].join("|");
    if (now !== key) {
      key = now;
      const x = example === null ? input.read() : model.points.example(example);
      explorer.analysis = x ? analyse(model, x, label) : null;
      results.show(explorer.analysis);
    }
    return explorer.analysis;
  };
  return (state) => {
    if (state.view !== "draw") return;
    input.show(state);
    explorer.encoded();
  };
}

/** Return all that the model says of an x: the code, draws of it, and the cost in nats. */
function analyse(model, x, label) {
  const { mu, sigma, logvar } = model.encode(x, label);
  const random = generator(1); // the same noise for every drawing
  const count = sigma ? AVERAGED : 1;
  const codes = Array.from({ length: count }, () => (sigma ? reparameterize(mu, sigma, random) : mu));
  const nats = new Float64Array(model.n_x);
  for (const z of codes) {
    model.nats(x, z, label).forEach((cost, i) => (nats[i] += cost / count));
  }
  const kl = sigma ? klPerLatent({ mu, logvar }) : null;
  const reconstruction = total(nats);
  const score = reconstruction + (kl ? total(kl) : 0);
  return {
    x, mu, sigma, codes, nats, kl, reconstruction, score,
    percent: percentBelow(model.points.scores, score),
    decoded: Array.from(model.decode(mu, label)),
    draws: codes.slice(0, DRAWS).map((z) => Array.from(model.decode(z, label))),
  };
}

/** z = mu + sigma eps */
function reparameterize(mu, sigma, random) {
  return normals(mu.length, random).map((eps, i) => mu[i] + sigma[i] * eps);
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
    const numbers = { score: fixed(found.score, 1), reconstruction: fixed(found.reconstruction, 1),
      kl: found.kl && fixed(total(found.kl), 1), percent: found.percent };
    verdict.textContent = say(model.is_vae ? "score" : "scoreWithoutKl", numbers);
    percent.textContent = say("scorePercent", numbers);
    examples.show(found);
    if (found.kl) kl.replaceChildren(...klRows(found, model));
  };
  return { element: h("div", { className: "analysis" }, empty, full), show };
}

/** What was drawn, what comes back, and the cost of each pixel; below them several draws of z. */
function comparedPictures(model) {
  const seen = new Picture(model, say("seen"));
  const decoded = new Picture(model, say("reconstruction"));
  const costs = new Picture(model, say("natsPerPixel"));
  const draws = Array.from({ length: model.is_vae ? DRAWS : 0 }, (_, i) =>
    new Picture(model, say("draw", { i: i + 1 })));
  const element = h("div", {}, figures("pictures", [seen, decoded, costs]));
  if (model.is_vae) {
    element.append(h("h3", {}, say("drawsTitle")), h("p", { className: "faint" }, say("drawsWhy")),
      figures("pictures small", draws));
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
  const { element, show } = comparison(model, [say("seen", {}, "Table"),
    say("reconstruction", {}, "Table"), ...draws.map((i) => say("draw", { i: i + 1 }))], true);
  return { element, show: (found) =>
    show([found.x, found.decoded, ...draws.map((i) => found.draws[i])], found.nats) };
}

function klRows({ mu, sigma, kl }, model) {
  const order = Array.from(kl.keys()).sort((i, j) => kl[j] - kl[i]);
  const most = kl[order[0]] || 1;
  const head = h("tr", {}, ...["klLatent", "klCost", "klCode"].map(
    (key) => h("th", { scope: "col" }, say(key))));
  return [h("thead", {}, head), h("tbody", {}, ...order.map((i) => h("tr", {},
    h("th", { scope: "row" }, `z ${i}`), barCell(kl[i], kl[i] / most),
    h("td", {}, `${fixed(mu[i], 2)} ± ${fixed(sigma[i], 2)}`))))];
}

// -- a pad to draw on --

function pad(explorer) {
  const { model } = explorer;
  const scale = Math.max(1, Math.round(PAD / Math.max(model.width, model.height)));
  const canvas = h("canvas", { className: "pad", width: model.width * scale, height: model.height * scale,
    tabIndex: 0, role: "application", "aria-label": say("pad") });
  const sheet = new Sheet(canvas, model, scale);
  const clear = h("button", { type: "button" }, say("clear"));
  clear.addEventListener("click", () => {
    sheet.dropped = null;
    sheet.revision++;
    explorer.set({ ink: [], example: null });
  });
  const file = h("input", { type: "file", accept: "image/*" });
  const use = async (blob) => {
    if (!blob) return;
    try {
      sheet.dropped = await createImageBitmap(blob);
    } catch {
      message.textContent = say("notAnImage");
      return;
    }
    message.textContent = "";
    sheet.revision++;
    explorer.useDrawing([]);
  };
  file.addEventListener("change", () => use(file.files[0]));
  const message = h("p", { role: "status" });
  const fit = h("input", { type: "checkbox", checked: model.channels === 1 });
  fit.addEventListener("change", () => {
    sheet.fit = fit.checked;
    sheet.revision++;
    explorer.useDrawing(explorer.state.ink);
  });
  sheet.fit = fit.checked;
  const colour = model.channels === 3 ? h("input", { type: "color", value: "#ff3020" }) : null;
  const element = h("div", {}, canvas,
    h("p", { className: "faint" }, say("padKeys")),
    h("div", { className: "buttons" }, clear,
      ...(colour ? [h("label", {}, say("colour"), " ", colour)] : [])),
    ...(model.channels === 1 ? [h("label", { className: "check" }, fit, " ", say("fit"))] : []),
    h("label", { className: "stacked" }, say("file"), " ", file), message,
    exampleField(explorer));
  acceptDrops(canvas, use);
  steerPen(sheet, explorer, () => colour?.value.slice(1));
  return {
    element,
    revision: () => sheet.revision,
    read: () => sheet.read(explorer.state.ink),
    show: ({ ink }) => sheet.paint(ink),
  };
}

/** The sheet: strokes, a dropped image, and how they become an x. */
class Sheet {
  constructor(canvas, model, scale) {
    Object.assign(this, { canvas, model, scale, dropped: null, fit: false, revision: 0, pen: null });
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    [this.paper, this.ink] = lightPaper(model) ? ["#ffffff", "#000000"] : ["#000000", "#ffffff"];
  }

  paint(strokes) {
    this.paintClean(strokes);
    const { canvas, context } = this;
    if (!strokes.length && !this.dropped && !this.pen) {
      context.fillStyle = "#8a8a8a";
      context.font = `${canvas.width / 14}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.fillText(say("drawHere"), canvas.width / 2, canvas.height / 2);
    }
    if (!this.pen) return; // a frame where the pen of the keyboard is
    context.strokeStyle = "#ff3020";
    context.lineWidth = 2;
    const [x, y] = this.toPixels(this.pen.at);
    context.strokeRect(x - 5, y - 5, 10, 10);
  }

  paintClean(strokes) {
    const { canvas, context, dropped } = this;
    context.fillStyle = this.paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (dropped) this.paintDropped();
    context.lineWidth = (PEN / 100) * canvas.width;
    context.lineCap = context.lineJoin = "round";
    for (const { colour, points } of strokes) {
      context.strokeStyle = colour ? `#${colour}` : this.ink;
      context.beginPath();
      context.moveTo(...this.toPixels(points[0]));
      for (const point of points) context.lineTo(...this.toPixels(point));
      context.stroke();
    }
  }

  /** Paint a dropped image as large as fits; dark ink on light paper becomes light on dark. */
  paintDropped() {
    const { canvas, context, dropped } = this;
    const scale = Math.min(canvas.width / dropped.width, canvas.height / dropped.height);
    const [wide, high] = [dropped.width * scale, dropped.height * scale];
    const place = [(canvas.width - wide) / 2, (canvas.height - high) / 2, wide, high];
    context.drawImage(dropped, ...place);
    if (this.model.channels === 3) return;
    const corners = [[0, 0], [wide - 1, 0], [0, high - 1], [wide - 1, high - 1]].map(([x, y]) =>
      context.getImageData(place[0] + x, place[1] + y, 1, 1).data[0]);
    if (total(corners) / 4 > 127 === (this.paper === "#ffffff")) return;
    context.globalCompositeOperation = "difference";
    context.fillStyle = "#ffffff";
    context.fillRect(...place);
    context.globalCompositeOperation = "source-over";
  }

  toPixels([x, y]) {
    return [(x / 100) * this.canvas.width, (y / 100) * this.canvas.height];
  }

  toPercent(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(
      (share) => Math.round(100 * clamp(share, 0, 1)));
  }

  /** Return the drawing as an x, or null while there is none. */
  read(strokes) {
    if (!strokes.length && !this.dropped) return null;
    this.paintClean(strokes);
    const fitted = this.fit ? fittedLikeDigits(this) : this.canvas;
    return asInput(shrunk(fitted, this.model, this.scale), this.model);
  }
}

/** Return whether the edges of the test pictures are light. */
function lightPaper({ points, width, height, channels }) {
  let [sum, n] = [0, 0];
  for (let i = 0; i < Math.min(points.k, 50); i++) {
    const x = points.example(i);
    for (let c = 0; c < width * channels; c++, n += 2) sum += x[c] + x[(height - 1) * width * channels + c];
  }
  return sum / n > 0.5;
}

/** Return the drawing scaled and centred as MNIST's digits are: 20 of 28 pixels, by its mass. */
function fittedLikeDigits(sheet) {
  const { canvas, context } = sheet;
  const { width, height } = canvas;
  const { data } = context.getImageData(0, 0, width, height);
  const flip = sheet.paper === "#ffffff";
  let [left, right, top, bottom, mass, x, y] = [width, 0, height, 0, 0, 0, 0];
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 4) {
      const ink = Math.abs((flip ? 255 : 0) - data[at]) / 255;
      if (ink < INK) continue;
      [left, right] = [Math.min(left, column), Math.max(right, column + 1)];
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row + 1)];
      [mass, x, y] = [mass + ink, x + ink * column, y + ink * row];
    }
  }
  if (!mass) return canvas;
  const scale = ((20 / 28) * Math.min(width, height)) / Math.max(right - left, bottom - top);
  const fitted = h("canvas", { width, height });
  const paper = fitted.getContext("2d");
  paper.fillStyle = sheet.paper;
  paper.fillRect(0, 0, width, height);
  paper.drawImage(canvas, left, top, right - left, bottom - top,
    width / 2 - (x / mass - left) * scale, height / 2 - (y / mass - top) * scale,
    (right - left) * scale, (bottom - top) * scale);
  return fitted;
}

/** Return the means of scale x scale pixels, in [0, 1]. */
function shrunk(canvas, { width, height, channels }, scale) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const means = new Float64Array(width * height * channels);
  for (let row = 0, at = 0; row < canvas.height; row++) {
    for (let column = 0; column < canvas.width; column++, at += 4) {
      const pixel = Math.floor(row / scale) * width + Math.floor(column / scale);
      for (let c = 0; c < channels; c++) {
        means[pixel * channels + c] += data[at + c] / (255 * scale * scale);
      }
    }
  }
  return means;
}

/** Return brightness in [0, 1] as the model takes it; grey pixels are drawn as 0 or 1 if its are. */
function asInput(brightness, model) {
  if (model.standardized) {
    const [low, high] = model.points.range(model);
    return model.fromUnits(brightness.map((value) => low + value * (high - low)));
  }
  if (model.scaling.binarize === "none") return brightness;
  const random = model.scaling.binarize === "dynamic" ? generator(2) : () => 0.5;
  return brightness.map((value) => (random() < value ? 1 : 0));
}

function acceptDrops(canvas, use) {
  canvas.addEventListener("dragover", (event) => event.preventDefault());
  canvas.addEventListener("drop", (event) => {
    event.preventDefault();
    use(event.dataTransfer.files[0]);
  });
}

/** Draw with the pointer; or with the keyboard: arrows move the pen, the space bar lowers it. */
function steerPen(sheet, explorer, colour) {
  const { canvas } = sheet;
  const extend = (point, fresh) => {
    const ink = explorer.state.example === null ? explorer.state.ink : [];
    const last = ink[ink.length - 1];
    if (fresh || !last) explorer.useDrawing([...ink, { colour: colour(), points: [point] }]);
    else explorer.useDrawing([...ink.slice(0, -1), { ...last, points: [...last.points, point] }]);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    sheet.pen = null;
    extend(sheet.toPercent(event), true);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const point = sheet.toPercent(event);
    const { points } = explorer.state.ink[explorer.state.ink.length - 1];
    if (points[points.length - 1].join() !== point.join()) extend(point, false);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    sheet.pen ??= { at: [50, 50], down: false };
    if (event.key === " ") {
      sheet.pen.down = !sheet.pen.down;
      if (sheet.pen.down) extend(sheet.pen.at, true);
    } else {
      const length = event.shiftKey ? 10 : 3;
      sheet.pen.at = sheet.pen.at.map((value, i) => clamp(value + way[i] * length, 0, 100));
      if (sheet.pen.down) extend(sheet.pen.at, false);
    }
    explorer.set({});
  });
  canvas.addEventListener("blur", () => {
    sheet.pen = null;
    explorer.set({});
  });
}

// -- a form for a row of a table --

function form(explorer) {
  const { model } = explorer;
  const fields = tableFields(model).map((field) =>
    field.categories ? categoryField(field, explorer) : numberField(field, explorer));
  return {
    element: h("div", {}, exampleField(explorer),
      h("div", { className: "sliders" }, ...fields.map(({ element }) => element))),
    read: () => explorer.state.values,
    show: (state) => {
      const x = currentRow(state, model);
      fields.forEach((field) => field.show(x));
    },
  };
}

/** Return the row that the form shows: what was entered, else a test example. */
function currentRow({ example, values }, model) {
  return example === null && values ? values : model.points.example(example ?? 0);
}

function numberField({ name, columns: [i] }, explorer) {
  const { model } = explorer;
  const { mean, std } = model.scaling;
  const [low, high] = [mean[i] - 3.5 * std[i], mean[i] + 3.5 * std[i]];
  const range = { min: low, max: high, step: (high - low) / 200, write: short };
  const { label, show } = slider(name, range, (value) => {
    const x = Float64Array.from(currentRow(explorer.state, model));
    x[i] = (value - mean[i]) / std[i];
    explorer.useRow(x);
  });
  return { element: label, show: (x) => show(model.inUnits(x)[i]) };
}

function categoryField({ name, columns, categories }, explorer) {
  const { model } = explorer;
  const select = h("select", {}, ...categories.map((text, i) => h("option", { value: i }, text)));
  select.addEventListener("change", () => {
    const units = Float64Array.from(model.inUnits(currentRow(explorer.state, model)));
    columns.forEach((column, i) => (units[column] = Number(i === Number(select.value))));
    explorer.useRow(model.fromUnits(units));
  });
  const show = (x) => {
    const values = model.inUnits(x);
    select.value = largest(columns.map((column) => values[column]));
  };
  return { element: h("label", { className: "slider" }, h("span", {}, name), select), show };
}

/** A number field: encode a test example instead. */
function exampleField(explorer) {
  const { points } = explorer.model;
  const input = h("input", { type: "number", min: 0, max: points.k - 1, step: 1, placeholder: "0" });
  input.addEventListener("change", () => {
    if (input.value !== "") explorer.useExample(Math.round(clamp(Number(input.value), 0, points.k - 1)));
  });
  explorer.showExample = (example) => {
    if (document.activeElement !== input) input.value = example ?? "";
  };
  return h("label", { className: "stacked" }, say("useExample", { last: points.k - 1 }), " ", input);
}
