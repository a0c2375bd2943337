// ---- a pad to draw on with mouse, finger, pen or keys, or to drop an image on -------------------

const PEN = 8; // width of the pen, in percent of the pad
const PAD = 280; // pixels of the pad, about
const INK = 0.15; // brightness from which a pixel counts as drawn

function pad(explorer) {
  const { model } = explorer;
  const scale = Math.max(1, Math.round(PAD / Math.max(model.width, model.height)));
  const canvas = h("canvas", {
    className: "pad",
    width: model.width * scale,
    height: model.height * scale,
    tabIndex: 0,
    role: "application",
    "aria-label": say("pad"),
  });
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
  const element = h(
    "div",
    {},
    canvas,
    h("p", { className: "faint" }, say("padKeys")),
    h(
      "div",
      { className: "buttons" },
      clear,
      ...(colour ? [h("label", {}, say("colour"), " ", colour)] : []),
    ),
    ...(model.channels === 1 ? [h("label", { className: "check" }, fit, " ", say("fit"))] : []),
    h("label", { className: "stacked" }, say("file"), " ", file),
    message,
    exampleField(explorer),
  );
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
    Object.assign(this, {
      canvas,
      model,
      scale,
      dropped: null,
      fit: false,
      revision: 0,
      pen: null,
    });
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
    const corners = [
      [0, 0],
      [wide - 1, 0],
      [0, high - 1],
      [wide - 1, high - 1],
    ].map(([x, y]) => context.getImageData(place[0] + x, place[1] + y, 1, 1).data[0]);
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
      (share) => Math.round(100 * clamp(share, 0, 1)),
    );
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
    for (let c = 0; c < width * channels; c++, n += 2)
      sum += x[c] + x[(height - 1) * width * channels + c];
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
  paper.drawImage(
    canvas,
    left,
    top,
    right - left,
    bottom - top,
    width / 2 - (x / mass - left) * scale,
    height / 2 - (y / mass - top) * scale,
    (right - left) * scale,
    (bottom - top) * scale,
  );
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

/** Return brightness in [0, 1] as the model takes it. */
function asInput(brightness, model) {
  if (!model.standardized) return binarized(brightness, model);
  const [low, high] = model.points.range(model);
  return model.fromUnits(brightness.map((value) => low + value * (high - low)));
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
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
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
