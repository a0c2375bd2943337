// ---- pictures: an example as pixels, or as bars in the user's units -----------------------------

/** Return an element, such as h("p", { className: "faint" }, "text"). */
function h(tag, properties = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

/** A figure that shows one x after the other, under a caption. */
class Picture {
  constructor(model, caption) {
    this.model = model;
    this.caption = h("figcaption", {}, caption);
    this.body = model.isImage ? new Pixels(model, caption) : new Bars(model, caption);
    this.element = h("figure", {}, this.caption, this.body.element);
  }

  /** Show an x; its caption may change with it. */
  show(x, caption = this.caption.textContent) {
    this.say(caption);
    this.body.show(x);
  }

  say(caption) {
    if (this.caption.textContent === caption) return;
    this.caption.textContent = caption;
    this.body.element.setAttribute("aria-label", caption);
  }
}

class Pixels {
  constructor(model, name) {
    this.model = model;
    this.element = h("canvas", {
      width: model.width,
      height: model.height,
      role: "img",
      "aria-label": name,
    });
    this.context = this.element.getContext("2d");
    this.image = this.context.createImageData(model.width, model.height);
    [this.low, this.high] = model.standardized ? model.points.range(model) : [0, 1];
  }

  show(x) {
    const values = this.model.inUnits(x);
    const { channels } = this.model;
    const bright = 255 / (this.high - this.low);
    this.fill((i, c) => (values[i * channels + (c % channels)] - this.low) * bright);
  }

  /** From black, which costs nothing, to yellow: the dearest pixel. */
  showNats(nats) {
    const { channels } = this.model;
    const of = (i) => total(Array.from(nats.subarray(i * channels, (i + 1) * channels)));
    const pixels = Array.from({ length: nats.length / channels }, (_, i) => of(i));
    const least = Math.min(0, ...pixels);
    const most = Math.max(...pixels, least + 1e-9);
    const steep = [2, 1.3, 2],
      start = [0, 0.15, 1.4]; // red first, then yellow, then white
    this.fill((i, c) => 255 * (steep[c] * ((pixels[i] - least) / (most - least)) - start[c]));
  }

  /** Fill in the brightness of each pixel i in red, green and blue (c = 0, 1, 2). */
  fill(brightness) {
    const { data } = this.image;
    for (let i = 0, at = 0; at < data.length; i++) {
      for (let c = 0; c < 3; c++) data[at++] = brightness(i, c); // rounds, and clips to 0..255
      data[at++] = 255;
    }
    this.context.putImageData(this.image, 0, 0);
  }
}

/** One row for each column of a table, or for each group of one-hot columns. */
class Bars {
  constructor(model, name) {
    this.model = model;
    this.rows = tableFields(model).map((field) => {
      const bar = h("span", { className: "bar" });
      const value = h("td");
      const row = h(
        "tr",
        {},
        h("th", { scope: "row" }, field.name),
        h("td", { className: "track", "aria-hidden": "true" }, bar),
        value,
      );
      return { field, row, bar, value };
    });
    const body = h("tbody", {}, ...this.rows.map(({ row }) => row));
    this.element = h(
      "div",
      { className: "bars", tabIndex: 0, role: "group", "aria-label": name },
      h("table", {}, body),
    );
  }

  /** Show numbers in the user's units; a bar reaches from the mean to 3 standard deviations. */
  show(x) {
    const values = this.model.inUnits(x);
    for (const { field, bar, value } of this.rows) {
      value.textContent = inWords(field, values);
      if (field.categories) {
        stretch(bar, 0, clamp(Math.max(...field.columns.map((i) => values[i])), 0, 1));
      } else {
        const reach = 0.5 + clamp(x[field.columns[0]], -3, 3) / 6;
        stretch(bar, Math.min(0.5, reach), Math.max(0.5, reach));
      }
    }
  }
}

/** Return the value of a field: a number in the user's units, or the most likely category. */
function inWords({ columns, categories }, values) {
  if (!categories) return short(values[columns[0]]);
  return categories[largest(columns.map((i) => values[i]))];
}

function stretch(bar, from, to) {
  bar.style.left = `${100 * from}%`;
  bar.style.width = `${100 * (to - from)}%`;
}

function largest(numbers) {
  return numbers.reduce((best, value, i) => (value > numbers[best] ? i : best), 0);
}

/** Return the fields of a table: a column, or the one-hot columns of a category. */
function tableFields(model) {
  const names = Array.from({ length: model.n_x }, (_, i) => model.columns?.[i] ?? `x ${i}`);
  const grouped = new Set();
  const groups = Object.entries(model.categories).map(([name, categories]) => {
    const columns = categories.map((category) => names.indexOf(`${name}=${category}`));
    columns.forEach((column) => grouped.add(column));
    return { name, columns, categories };
  });
  const plain = names.map((name, i) => ({ name, columns: [i] }));
  return [...plain.filter((_, i) => !grouped.has(i)), ...groups];
}

/** A table with several x side by side and, with `costs`, what each column costs in nats. */
function comparison(model, names, costs = false) {
  const fields = tableFields(model);
  const cells = names.map((name) => h("th", { scope: "col" }, name));
  const head = [
    h("th", { scope: "col" }, say("column")),
    ...cells,
    ...(costs ? [h("th", { scope: "col" }, say("natsPerColumn"))] : []),
  ];
  const body = h("tbody");
  const element = h(
    "div",
    { className: "compared", tabIndex: 0, role: "group", "aria-label": say("compared") },
    h("table", {}, h("thead", {}, h("tr", {}, ...head)), body),
  );
  const show = (rows, nats = null) => {
    const values = rows.map((x) => model.inUnits(x));
    const prices = nats && fields.map(({ columns }) => total(columns.map((i) => nats[i])));
    const least = nats && Math.min(0, ...prices);
    const most = nats && Math.max(...prices, least + 1e-9);
    body.replaceChildren(
      ...fields.map((field, i) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, field.name),
          ...values.map((row) => h("td", {}, inWords(field, row))),
          ...(nats ? [barCell(prices[i], (prices[i] - least) / (most - least))] : []),
        ),
      ),
    );
  };
  return { element, show, name: (i, text) => (cells[i].textContent = text) };
}

/** Return a cell with a number on a bar. */
function barCell(value, share) {
  const bar = h("span", { className: "bar" });
  stretch(bar, 0, share);
  return h("td", { className: "track" }, bar, h("span", { className: "over" }, fixed(value, 2)));
}
