// The numbers above the images: the table of scores, and a bar of outcomes for each run.

function drawScores() {
  const place = byId("scores");
  if (DATA.metrics.length === 0) {
    place.append(element("p", {}, DATA.note || "No scores.json beside the predictions: run python -m infer.score, then write the page again."));
    return;
  }
  const half = Math.ceil(DATA.metrics.length / 2);
  place.append(element("div", { class: "score-groups" },
    scoreTable(DATA.metrics.slice(0, half)), scoreTable(DATA.metrics.slice(half))));
}

function scoreTable(metrics) {
  const compares = DATA.runs.length === 2;
  const heads = DATA.runs.map((run) => element("th", { scope: "col", title: run.folder }, run.name));
  if (compares) heads.push(element("th", { scope: "col" }, "change"));
  const rows = metrics.map((metric) => {
    const cells = metric.texts.map((text) => element("td", {}, text));
    if (compares) cells.push(changeCell(metric));
    return element("tr", {}, element("th", { scope: "row", title: metric.key }, metric.name), ...cells);
  });
  return element("table", {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "metric"), ...heads)),
    element("tbody", {}, ...rows));
}

function drawScoresByKind() {
  const place = byId("by-kind");
  place.hidden = DATA.kinds.length === 0;
  place.querySelector("div").append(...DATA.kinds.map((kind) => element("table", {},
    element("thead", {}, element("tr", {}, ...[kind.name, ...kind.header].map((text) => element("th", { scope: "col", title: text }, text)))),
    element("tbody", {}, ...kind.rows.map(([band, ...texts]) => element("tr", {},
      element("th", { scope: "row" }, band), ...texts.map((text) => element("td", {}, text))))))));
}

function changeCell(metric) {
  const [before, after] = metric.values;
  if (typeof before !== "number" || typeof after !== "number" || before === after) return element("td", { class: "quiet" }, "–");
  const change = after - before;
  const isShare = metric.texts.some((text) => text.endsWith("%"));
  const isCount = Number.isInteger(before) && Number.isInteger(after) && !isShare;
  const digits = isCount ? 0 : isShare ? 1 : 3;
  const text = `${change > 0 ? "+" : "−"}${Math.abs(isShare ? change * 100 : change).toFixed(digits)}`;
  const tone = isCount ? "quiet" : change * metric.sign > 0 ? "better" : "worse";
  return element("td", { class: tone }, isShare ? `${text} points` : text);
}

function drawBars() {
  byId("bars").replaceChildren(...DATA.runs.map((run, position) => {
    const counts = DATA.outcomes.map(() => 0);
    for (const image of state.shown) {
      image.answers[position].counts.forEach((count, outcome) => { counts[outcome] += count; });
    }
    const stack = element("div", { class: "stack", "aria-hidden": "true" });
    const words = element("p");
    counts.forEach((count, outcome) => {
      if (count === 0) return;
      const piece = element("i");
      piece.style.flex = `${count} 0 0`;
      piece.style.background = DATA.outcomes[outcome][1];
      stack.append(piece);
      words.append(element("span", {}, `${count.toLocaleString("en")} ${outcomeName(outcome)}`));
    });
    const described = state.shown.filter((image) => image.words);
    const right = described.filter((image) => image.answers[position].exact).length;
    if (described.length > 0) words.append(element("span", {}, `${right.toLocaleString("en")} of ${counted(described.length, "description")} right`));
    return element("div", { class: "run-bar" }, element("strong", { title: run.folder }, run.name), stack, words);
  }));
}
