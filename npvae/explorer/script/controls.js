// ---- buttons and choices below the plane: draw a code, walk, labels, epochs ---------------------

const LEG = 2000; // milliseconds of a walk from one code to the next
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Reset, draw, walk; and where the model has them, its label and its epochs. */
function controlsPart(explorer) {
  const { model } = explorer;
  const button = (text, act) => {
    const made = h("button", { type: "button" }, text);
    made.addEventListener("click", act);
    return made;
  };
  const walk = button(say("walk"), () => {
    if (explorer.walking) explorer.stopWalk();
    else startWalk(explorer);
  });
  document.getElementById("moves").append(
    button(say("reset"), () => explorer.move(model.middle)),
    button(say(model.is_vae ? "fromPrior" : "fromGaussian"), () =>
      explorer.move(randomCode(model, explorer.random)),
    ),
    walk,
  );
  const shows = [labelControl(explorer), epochControl(explorer)];
  return (state) => {
    walk.textContent = say(explorer.walking ? "stop" : "walk");
    shows.forEach((show) => show?.(state));
  };
}

function labelControl(explorer) {
  const { model } = explorer;
  const part = document.getElementById("label");
  part.hidden = !model.conditional;
  if (!model.conditional) return null;
  const names = Array.from({ length: model.n_y }, (_, i) =>
    h("option", { value: i }, className(i, model)),
  );
  const select = h("select", {}, ...names);
  select.addEventListener("change", () => explorer.set({ label: Number(select.value) }));
  part.append(
    h("label", {}, say("label"), " ", select),
    h("p", { className: "faint" }, say("labelWhy")),
  );
  return ({ label }) => (select.value = label);
}

function epochControl(explorer) {
  const { epochs, kept } = explorer.model;
  const part = document.getElementById("epochs");
  part.hidden = epochs.length < 2;
  if (part.hidden) return null;
  const last = epochs.length - 1;
  const trained = epochs.findIndex(({ weights }) => !weights);
  const write = (i) => say("epochs", { epoch: epochs[i].epoch, last: epochs[last].epoch });
  const { label, show } = slider(say("epoch"), { min: 0, max: last, step: 1, write }, (epoch) =>
    explorer.set({ epoch }),
  );
  const play = h("button", { type: "button" }, say("playEpochs"));
  play.addEventListener("click", () => {
    let i = 0;
    clearInterval(explorer.playing);
    explorer.playing = setInterval(() => {
      explorer.set({ epoch: i });
      if (++i > last) clearInterval(explorer.playing);
    }, 600);
  });
  part.append(label, play);
  if (kept > epochs.length - 1) {
    part.append(h("p", { className: "faint" }, say("someEpochs", { n: epochs.length - 1, kept })));
  }
  return ({ epoch }) => show(epoch ?? trained);
}

/** Walk from code to code until it is stopped; in steps where motion should be reduced. */
function startWalk(explorer) {
  const { model, random } = explorer;
  const next = () =>
    model.is_vae
      ? randomCode(model, random)
      : model.points.code(Math.floor(random() * model.points.n));
  let [from, to, start] = [explorer.state.z, next(), performance.now()];
  const step = () => {
    const now = performance.now();
    if (now - start > LEG) [from, to, start] = [to, next(), now];
    const t = clamp((now - start) / LEG, 0, 1);
    explorer.move(blend(from, to, calm.matches ? Math.round(2 * t) / 2 : t * t * (3 - 2 * t)));
    explorer.walking = setTimeout(step, calm.matches ? 1000 : 16);
  };
  step();
}

/** Return a draw from the prior or, without one, from a Gaussian fitted to the codes. */
function randomCode(model, random = Math.random) {
  const eps = normals(model.n_z, random);
  if (model.is_vae) return eps;
  return eps.map((value, j) => model.mean[j] + value * Math.sqrt(model.variance[j]));
}

function legend(explorer) {
  const { model } = explorer;
  if (!model.points.labels) return () => {};
  const present = Array.from(new Set(model.points.labels)).sort((a, b) => a - b);
  const buttons = new Map(
    present.map((label) => {
      const swatch = h("span", { className: label < COLOURS.length ? "dot" : "dot square" });
      swatch.style.background = colourOf(label);
      const button = h("button", { type: "button" }, swatch, className(label, model));
      button.addEventListener("click", () => {
        explorer.set({ highlight: explorer.state.highlight === label ? null : label });
      });
      return [label, button];
    }),
  );
  const part = document.getElementById("legend");
  part.setAttribute("aria-label", say("legend"));
  part.append(...buttons.values());
  return onChange(
    ({ highlight }) => highlight,
    ({ highlight }) => {
      buttons.forEach((button, label) => button.setAttribute("aria-pressed", highlight === label));
    },
  );
}
