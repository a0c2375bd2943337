// ---- predict, then reveal: tasks for a class ----------------------------------------------------

/** Which task sets what scene, has how many choices, and belongs to which lesson. */
function tasksFor(model) {
  const empty = {
    key: "Empty",
    choices: 3,
    lesson: model.is_vae ? "14_inside_the_latent_space" : "08_holes",
    scene: (explorer) => explorer.move(emptyPlace(explorer.plane, model)),
  };
  const strange = {
    key: "Strange",
    choices: 3,
    lesson: "18_how_good_is_it",
    scene: (explorer) => explorer.show("draw"),
  };
  const mix = {
    key: "Mix",
    choices: 3,
    lesson: "15_mixing_a_with_b",
    scene: (explorer) => {
      explorer.show("mix");
      explorer.mix({ t: 0.5 });
    },
  };
  const least = {
    key: "Least",
    choices: 3,
    lesson: "16_beta_and_collapse",
    scene: (explorer) => explorer.show("move"),
  };
  const draws = {
    key: "Draws",
    choices: 3,
    lesson: "17_blur",
    scene: (explorer) => {
      explorer.show("draw");
      explorer.useExample(0);
    },
  };
  const random = {
    key: "Random",
    choices: 3,
    lesson: "08_holes",
    scene: (explorer) => explorer.move(randomCode(model)),
  };
  const code = {
    key: "Code",
    choices: 3,
    lesson: "06_autoencoder",
    scene: (explorer) => explorer.show("move"),
  };
  return model.is_vae ? [empty, strange, mix, least, draws] : [empty, strange, mix, random, code];
}

/** Return the place that is farthest from all codes, in the inner two thirds of the plane. */
function emptyPlace(plane, model) {
  const z = model.middle;
  let [best, farthest] = [z, -1];
  for (let i = -8; i <= 8; i++) {
    for (let j = -8; j <= 8; j++) {
      const place = plane.at(
        [0, 1].map((axis) => plane.centre[axis] + ((axis ? j : i) / 12) * plane.half),
        z,
      );
      const { distance } = model.points.nearest(place);
      if (distance > farthest) [best, farthest] = [place, distance];
    }
  }
  return best;
}

function tasksPart(explorer) {
  const { model } = explorer;
  const panel = document.getElementById("tasks");
  panel.append(
    h("p", {}, say("tasksIntro")),
    ...tasksFor(model).map((task, i) => taskView(task, i + 1, explorer)),
  );
  return () => {};
}

function taskView({ key, choices, lesson, scene }, number, explorer) {
  const kind = explorer.model.isImage ? "" : "Table";
  const text = (name) => say(`task${key}${name}`, {}, kind);
  const answer = h(
    "div",
    { className: "answer", hidden: true, tabIndex: -1 },
    h("p", {}, text("Answer")),
    h("p", {}, say("lesson"), " ", lessonLink(lesson, explorer.model)),
  );
  const reveal = h("button", { type: "button", disabled: true }, say("reveal"));
  reveal.addEventListener("click", () => {
    answer.hidden = false;
    reveal.hidden = true;
    answer.focus();
  });
  const options = Array.from({ length: choices }, (_, i) => {
    const input = h("input", { type: "radio", name: `task${number}`, value: i });
    input.addEventListener("change", () => (reveal.disabled = false));
    return h("label", {}, input, " ", text(`Choice${i + 1}`));
  });
  const set = h("button", { type: "button" }, say("setScene"));
  set.addEventListener("click", () => scene(explorer));
  return h(
    "section",
    { className: "task" },
    h("h3", {}, `${number}. ${text("Title")}`),
    h("p", {}, text("Question")),
    h("fieldset", {}, h("legend", {}, say("predict")), ...options),
    h("div", { className: "buttons" }, set, reveal),
    answer,
  );
}

/** Return a link to a lesson of the book, or only its name where the page knows no book. */
function lessonLink(lesson, model) {
  const name = say(`lesson${lesson.slice(0, 2)}`);
  return model.lessons
    ? h("a", { href: `${model.lessons}${lesson}.html` }, name)
    : h("cite", {}, name);
}
