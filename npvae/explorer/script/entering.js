// ---- a form for a row of a table, in the user's units -------------------------------------------

function form(explorer) {
  const { model } = explorer;
  const fields = tableFields(model).map((field) =>
    field.categories ? categoryField(field, explorer) : numberField(field, explorer),
  );
  return {
    element: h(
      "div",
      {},
      exampleField(explorer),
      h("div", { className: "sliders" }, ...fields.map(({ element }) => element)),
    ),
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
