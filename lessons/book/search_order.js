/* The order in which a search shows what it found: the course, the guide, answers, the reference.
   A query with a dot or an underscore is a name in code, which the reference explains. */
"use strict";

var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  score: ([page, , , , score, , kind]) => {
    const query = new URLSearchParams(location.search).get("q") || "";
    const reference = page.startsWith("api/") || page.startsWith("_modules/");
    if (reference) return /[._]/.test(query) ? score + 400 : Math.min(score, 99);
    if (page.startsWith("answers_")) return score + 100;
    if (kind === "index") return score;
    return score + (/^\d\d[a-z]?_/.test(page) ? 300 : 200);
  },
};
