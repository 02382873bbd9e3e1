// The page of one or more runs. All texts of models and data sets go in as text nodes, never as HTML.
"use strict";

const DATA = window.PAGE_DATA;

// Places in an object's list, as visualize/page_data.py writes it.
const LABEL = 0, COLOR = 1, X1 = 2, Y1 = 3, X2 = 4, Y2 = 5, SCORE = 6, OUTCOME = 7, IOU = 8, TRUE_LABEL = 9;
const WRONG_LABEL = 1, FALSE_POSITIVE = 2, MISSED = 3, IN_CROWD = 4; // places in DATA.outcomes
const ERRORS = [WRONG_LABEL, FALSE_POSITIVE, MISSED];

const PANEL_HEIGHT = 380;
const PANEL_WIDTH = 270;
const SMALL_IMAGE = 200;
const CROWDED = 0.2; // of the image, filled with labels: they become smaller and shorter
const IOU_WORDS = "Mean IoU of all objects; missed, false and wrongly labelled ones count 0";
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const state = { page: 0, shown: [], zoomed: -1, hasQuestions: false };

// ---------------------------------------------------------------- elements

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function svgElement(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const counted = (number, thing) => `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
const outcomeName = (outcome) => DATA.outcomes[outcome][0];

// ---------------------------------------------------------------- scores

function drawScores() {
  const place = byId("scores");
  if (DATA.metrics.length === 0) {
    place.append(element("p", {}, "No scores.json beside the predictions: run python -m infer.score, then write the page again."));
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

// ---------------------------------------------------------------- what is shown

/** Count the outcomes of each answer, once. */
function countOutcomes() {
  for (const answer of DATA.images.flatMap((image) => image.answers)) {
    answer.counts = DATA.outcomes.map(() => 0);
    for (const object of answer.objects) answer.counts[object[OUTCOME]] += 1;
  }
}

const errorsOf = (answer) => ERRORS.reduce((sum, outcome) => sum + answer.counts[outcome], 0);

/** Read the filter fields. Outcomes and category are about the same object: missed dogs, not missed and dogs. */
function readFilters() {
  const number = (id, otherwise) => (byId(id).value === "" ? otherwise : Number(byId(id).value));
  const kinds = [...document.querySelectorAll("#kinds input:checked")].map((box) => box.value);
  return {
    run: Number(byId("run").value),
    words: byId("search").value.trim().toLowerCase(),
    outcomes: kinds.filter((kind) => kind !== "unreadable" && kind !== "problems").map(Number),
    unreadable: kinds.includes("unreadable"),
    problems: kinds.includes("problems"),
    category: byId("category").value === "" ? null : Number(byId("category").value),
    iou: [number("iou-from", 0), number("iou-to", 1)],
    objects: [number("objects-from", 0), number("objects-to", Infinity)],
  };
}

function passes(image, filters) {
  const answer = image.answers[filters.run];
  if (answer.agreement < filters.iou[0] || answer.agreement > filters.iou[1]) return false;
  if (image.truth.length < filters.objects[0] || image.truth.length > filters.objects[1]) return false;
  if (filters.words && !searchText(image).includes(filters.words)) return false;
  const isOfCategory = (object) => filters.category === null
    || object[LABEL] === filters.category || object[TRUE_LABEL] === filters.category;
  const hasKinds = filters.outcomes.length > 0 || filters.unreadable || filters.problems;
  const hasObject = answer.objects.some((object) => isOfCategory(object)
    && (filters.outcomes.length === 0 || filters.outcomes.includes(object[OUTCOME])));
  if (!hasKinds) return filters.category === null || hasObject;
  if (filters.outcomes.length > 0 && hasObject) return true;
  if (filters.category !== null && !answer.objects.some(isOfCategory)) return false;
  return (filters.unreadable && !answer.readable) || (filters.problems && answer.problems.length > 0);
}

const searchTexts = new Map();

function searchText(image) {
  if (!searchTexts.has(image)) {
    const labels = [image.truth, ...image.answers.map((answer) => answer.objects)].flat()
      .map((object) => DATA.labels[object[LABEL]]);
    const texts = [image.name, String(image.id), image.question, ...new Set(labels), ...image.answers.map((answer) => answer.raw)];
    searchTexts.set(image, texts.join("\n").toLowerCase());
  }
  return searchTexts.get(image);
}

function sortKey(order, run) {
  const change = (image) => image.answers[run].agreement - image.answers[0].agreement;
  return {
    "iou-up": (image) => image.answers[run].agreement,
    "iou-down": (image) => -image.answers[run].agreement,
    "objects-up": (image) => image.truth.length,
    "objects-down": (image) => -image.truth.length,
    "errors-down": (image) => -errorsOf(image.answers[run]),
    "change-up": change,
    "change-down": (image) => -change(image),
  }[order];
}

/** Choose and sort the images anew, and go to the first page. */
function choose() {
  const filters = readFilters();
  state.shown = DATA.images.filter((image) => passes(image, filters));
  const key = sortKey(byId("sort").value, filters.run);
  if (key) state.shown.sort((first, second) => key(first) - key(second));
  state.page = 0;
  drawKindCounts(filters.run);
  drawBars();
  drawPage();
}

// ---------------------------------------------------------------- outcomes in numbers

function drawKinds() {
  const kinds = DATA.outcomes.map(([name, color], position) => [String(position), name, color]);
  kinds.push(["unreadable", "unreadable", null], ["problems", "with problems", null]);
  byId("kinds").append(...kinds.map(([value, name, color]) => {
    const swatch = element("span", { class: color ? "swatch" : "swatch none" });
    swatch.style.background = color || "none";
    return element("label", {}, element("input", { type: "checkbox", value }), swatch, name, element("output"));
  }));
}

/** Say beside each kind how many images of the run have it. */
function drawKindCounts(run) {
  for (const box of document.querySelectorAll("#kinds input")) {
    const has = {
      unreadable: (answer) => !answer.readable,
      problems: (answer) => answer.problems.length > 0,
    }[box.value] || ((answer) => answer.counts[Number(box.value)] > 0);
    const images = DATA.images.filter((image) => has(image.answers[run])).length;
    const output = box.parentElement.querySelector("output");
    output.textContent = images.toLocaleString("en");
    output.title = counted(images, "image");
  }
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
    return element("div", { class: "run-bar" }, element("strong", { title: run.folder }, run.name), stack, words);
  }));
}

// ---------------------------------------------------------------- cards

const pageSize = () => Number(byId("per-page").value);
const pageCount = () => Math.max(1, Math.ceil(state.shown.length / pageSize()));
const isOverlay = () => document.querySelector("input[name=view]:checked").value === "overlay";

function drawPage() {
  state.page = Math.min(Math.max(state.page, 0), pageCount() - 1);
  const start = state.page * pageSize();
  const images = state.shown.slice(start, start + pageSize());
  const panels = DATA.runs.length + (isOverlay() ? 0 : 1);
  const list = byId("list");
  list.style.setProperty("--card", `${panels * PANEL_WIDTH}px`);
  list.replaceChildren(...images.map((image) => element("li", { class: "card" }, cardHeader(image), panelsOf(image, PANEL_HEIGHT))));
  if (images.length === 0) list.append(element("li", { class: "empty" }, "No image is like this: clear a filter."));
  byId("status").textContent = state.shown.length === DATA.images.length
    ? counted(DATA.images.length, "image")
    : `${state.shown.length.toLocaleString("en")} of ${counted(DATA.images.length, "image")}`;
  for (const field of document.querySelectorAll(".page-number")) {
    field.value = state.page + 1;
    field.max = pageCount();
  }
  for (const count of document.querySelectorAll(".page-count")) count.textContent = `of ${pageCount().toLocaleString("en")}`;
  for (const button of document.querySelectorAll("[data-step]")) {
    const next = state.page + Number(button.dataset.step);
    button.disabled = next < 0 || next >= pageCount();
  }
  placeTags(list);
}

function cardHeader(image) {
  const run = Number(byId("run").value);
  const words = `${counted(image.truth.length, "object")} · IoU ${image.answers[run].agreement.toFixed(2)}`;
  const question = state.hasQuestions && image.question ? element("p", {}, image.question) : null;
  return element("header", {}, element("h3", {}, image.name), element("span", { title: IOU_WORDS }, words), question);
}

function panelsOf(image, height) {
  const panels = image.answers.map((answer, run) => answerPanel(image, answer, run, height));
  if (!isOverlay()) panels.unshift(truthPanel(image, height));
  return element("div", { class: "panels" }, ...panels);
}

function truthPanel(image, height) {
  const caption = element("figcaption", {}, element("strong", {}, "truth"),
    element("span", { class: "quiet" }, counted(image.truth.length, "object")));
  return element("figure", {}, caption, stage(image, "truth", crowdMarks(image).concat(image.truth.map(truthMark)), height));
}

function answerPanel(image, answer, run, height) {
  const counts = answer.counts.map((count, outcome) => {
    if (count === 0) return null;
    const [name, color, ink] = DATA.outcomes[outcome];
    const chip = element("span", { class: "count", title: `${count} ${name}` }, `${count} ${name}`);
    chip.style.background = color;
    chip.style.color = ink;
    return chip;
  });
  const caption = element("figcaption", {}, element("strong", {}, DATA.runs[run].name), ...counts);
  const marks = answer.objects.map(answerMark);
  if (isOverlay()) marks.unshift(...crowdMarks(image), ...image.truth.map(underMark));
  const problems = answer.problems.length === 0 ? null
    : element("ul", { class: "problems", "aria-label": "problems" }, ...answer.problems.map((problem) => element("li", {}, problem)));
  const ofRun = DATA.runs.length > 1 ? ` of ${DATA.runs[run].name}` : "";
  const raw = element("pre", { tabindex: "0", "aria-label": `raw answer${ofRun}` }, answer.raw || "(empty answer)");
  return element("figure", {}, caption, stage(image, DATA.runs[run].name, marks, height),
    element("div", { class: "answer" }, problems, raw));
}

// ---------------------------------------------------------------- marks: what is drawn of an object

const labelPaint = (object) => DATA.palette[object[COLOR]];
const crowdMarks = (image) => image.crowds.map((object) => ({
  object, paint: DATA.outcomes[IN_CROWD].slice(1), text: `crowd: ${DATA.labels[object[LABEL]]}`, layer: "of-truth" }));

const truthMark = (object) => ({ object, paint: labelPaint(object), text: DATA.labels[object[LABEL]], layer: "of-truth" });

/** The true object under the predictions of an overlay: a thin line without a label. */
const underMark = (object) => ({ object, paint: ["#ffffff", "#000000"], text: "", layer: "of-truth", isFaint: true });

function answerMark(object) {
  const outcome = object[OUTCOME];
  const isMissed = outcome === MISSED;
  const text = DATA.labels[object[LABEL]];
  let more = object[SCORE] === null ? "" : ` ${object[SCORE].toFixed(2)}`;
  if (object[TRUE_LABEL] !== null) more += `, is ${DATA.labels[object[TRUE_LABEL]]}`;
  if (outcome === IN_CROWD) more += `, ${outcomeName(outcome)}`;
  const title = `${text}${more} · ${outcomeName(outcome)}${object[IOU] > 0 ? ` · IoU ${object[IOU].toFixed(2)}` : ""}`;
  const paint = byId("paint").value === "label" ? labelPaint(object) : DATA.outcomes[outcome].slice(1);
  return { object, paint, text, more, title, layer: isMissed ? "of-truth" : "of-found", isDashed: isMissed };
}

/** An image with marks on it, as a button that enlarges it. */
function stage(image, name, marks, height) {
  const [wide, high] = image.size;
  const picture = element("img", {
    src: `images/${image.file}`, alt: "", width: wide, height: high, loading: "lazy", decoding: "async" });
  const lines = svgElement("svg", { viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const area = ({ object }) => (object[X2] - object[X1]) * (object[Y2] - object[Y1]);
  for (const mark of [...marks].sort((first, second) => area(second) - area(first))) lines.append(...frame(mark));
  const isSmall = Math.max(wide, high) <= SMALL_IMAGE;
  const button = element("button", { type: "button", class: isSmall ? "stage small" : "stage",
    "aria-label": `${image.name}, ${name}: ${marks.filter((mark) => mark.text).map((mark) => mark.title || mark.text).join("; ") || "nothing"}` },
  picture, lines);
  button.style.aspectRatio = `${wide} / ${high}`;
  button.style.maxWidth = `${Math.max(1, Math.round(height * wide / high))}px`;
  for (const mark of marks.filter(({ text }) => text)) {
    const tag = element("span", { class: `tag ${mark.layer}` }, mark.text, element("span", { class: "more" }, mark.more || ""));
    tag.style.background = mark.paint[0];
    tag.style.color = mark.paint[1];
    tag.box = mark.object.slice(X1, Y2 + 1);
    button.append(tag);
  }
  button.imageSize = image.size;
  button.addEventListener("click", () => openZoom(state.shown.indexOf(image)));
  return button;
}

function frame({ object, paint, title, text, layer, isDashed, isFaint }) {
  const sides = { x: object[X1], y: object[Y1], width: Math.max(0, object[X2] - object[X1]), height: Math.max(0, object[Y2] - object[Y1]) };
  const around = svgElement("rect", { ...sides, class: `around ${layer}`, stroke: paint[1], "stroke-opacity": ".75" });
  const side = svgElement("rect", {
    ...sides, class: `side ${layer}${isDashed || isFaint ? " dashed" : ""}${isFaint ? " faint" : ""}`, stroke: paint[0] });
  const words = svgElement("title");
  words.textContent = title || text;
  if (!isFaint) side.append(words);
  return [around, side];
}

// ---------------------------------------------------------------- labels: inside the image, not on one another

/** Put every label of the stages in a part of the page in its place. All sizes are read before a place is set. */
function placeTags(part) {
  const buttons = [...part.querySelectorAll(".stage")];
  for (const button of buttons) button.classList.remove("crowded");
  const crowded = measureTags(buttons).filter(({ size, tags }) => {
    const filled = tags.reduce((sum, tag) => sum + tag.size[0] * tag.size[1], 0);
    return filled > CROWDED * size[0] * size[1];
  });
  for (const { button } of crowded) button.classList.add("crowded");
  for (const { button, size, tags } of measureTags(buttons)) {
    const scale = [size[0] / button.imageSize[0], size[1] / button.imageSize[1]];
    const taken = [];
    for (const { tag, size: [wide, high] } of tags) {
      const box = tag.box.map((value, place) => value * scale[place % 2]);
      const [left, top] = cheapest(box, wide, high, size, taken);
      taken.push([left, top, left + wide, top + high]);
      tag.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px)`;
    }
  }
}

/** Return the sizes of stages and their labels, in CSS pixels; labels of a hidden layer are left out. */
function measureTags(buttons) {
  return buttons.map((button) => ({
    button,
    size: [button.clientWidth, button.clientHeight],
    tags: [...button.querySelectorAll(".tag")]
      .map((tag) => ({ tag, size: [tag.offsetWidth, tag.offsetHeight] }))
      .filter(({ size }) => size[0] > 0),
  }));
}

/** Return the first place near a box where a label hides no other, or the one where it hides least. */
function cheapest([x1, y1, x2, y2], wide, high, [right, bottom], taken) {
  const places = [[x1, y1 - high], [x1, y1], [x2 - wide, y1 - high], [x2 - wide, y1], [x1, y2], [x1, y2 - high],
    [x2 - wide, y2], [x2 - wide, y2 - high], [x2, y1], [x1 - wide, y1]];
  for (let step = 1; step <= 5; step += 1) {
    places.push([x1, y1 - high * (step + 1)], [x1, y1 + high * step], [x1, y2 + high * step], [x2, y1 + high * step], [x1 - wide, y1 + high * step]);
  }
  let best = null, least = Infinity;
  for (const [left, top] of places) {
    const place = [Math.max(0, Math.min(left, right - wide)), Math.max(0, Math.min(top, bottom - high))];
    let hidden = 0;
    for (const other of taken) {
      hidden += Math.max(0, Math.min(place[0] + wide, other[2]) - Math.max(place[0], other[0]))
        * Math.max(0, Math.min(place[1] + high, other[3]) - Math.max(place[1], other[1]));
    }
    if (hidden < least) [best, least] = [place, hidden];
    if (hidden === 0) break;
  }
  return best;
}

// ---------------------------------------------------------------- one image, enlarged

function openZoom(position) {
  if (position < 0 || position >= state.shown.length) return;
  state.zoomed = position;
  const image = state.shown[position];
  byId("zoom-name").textContent = `${image.name} (${position + 1} of ${state.shown.length})`;
  const body = panelsOf(image, Math.round(window.innerHeight * 0.68));
  for (const button of body.querySelectorAll(".stage")) button.tabIndex = -1;
  byId("zoom-body").replaceChildren(body);
  for (const button of document.querySelectorAll("[data-turn]")) {
    const next = position + Number(button.dataset.turn);
    button.disabled = next < 0 || next >= state.shown.length;
  }
  if (!byId("zoom").open) byId("zoom").showModal();
  placeTags(byId("zoom"));
}

function redraw() {
  drawPage();
  if (byId("zoom").open) openZoom(state.zoomed);
}

function showLayers() {
  for (const layer of ["truth", "found", "labels"]) {
    document.body.classList.toggle(`hide-${layer}`, !byId(`show-${layer}`).checked);
  }
  placeTags(document);
}

// ---------------------------------------------------------------- events

function turnPage(step) {
  const next = state.page + step;
  if (next < 0 || next >= pageCount()) return;
  state.page = next;
  drawPage();
  document.querySelector(".status").scrollIntoView({ block: "start" });
}

function onKey(event) {
  const isTyping = event.target.matches("input:not([type=checkbox], [type=radio]), select, pre");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const isZoomed = byId("zoom").open;
  const isRadio = event.target.matches("[type=radio]");
  const key = event.key.toLowerCase();
  if ((key === "arrowleft" || key === "arrowright") && !isRadio) {
    const step = key === "arrowleft" ? -1 : 1;
    if (isZoomed) openZoom(state.zoomed + step);
    else turnPage(step);
  } else if (key === "/" && !isZoomed) {
    event.preventDefault();
    byId("search").focus();
  } else if (key === "v") {
    const other = isOverlay() ? "beside" : "overlay";
    document.querySelector(`input[name=view][value=${other}]`).click();
  } else if (["t", "p", "l"].includes(key)) {
    byId({ t: "show-truth", p: "show-found", l: "show-labels" }[key]).click();
  }
}

function listen() {
  let waiting = 0;
  const soon = (action) => () => {
    clearTimeout(waiting);
    waiting = setTimeout(action, 150);
  };
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const type of ["input", "change"]) byId("filters").addEventListener(type, soon(choose));
  byId("filters").addEventListener("reset", () => setTimeout(choose));
  byId("sort").addEventListener("change", choose);
  byId("per-page").addEventListener("change", () => { state.page = 0; drawPage(); });
  byId("paint").addEventListener("change", redraw);
  for (const radio of document.querySelectorAll("input[name=view]")) radio.addEventListener("change", redraw);
  for (const layer of ["truth", "found", "labels"]) byId(`show-${layer}`).addEventListener("change", showLayers);
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => turnPage(Number(button.dataset.step)));
  }
  for (const field of document.querySelectorAll(".page-number")) {
    field.addEventListener("change", () => { state.page = Number(field.value) - 1; drawPage(); });
  }
  for (const button of document.querySelectorAll("[data-turn]")) {
    button.addEventListener("click", () => openZoom(state.zoomed + Number(button.dataset.turn)));
  }
  byId("zoom-close").addEventListener("click", () => byId("zoom").close());
  byId("zoom").addEventListener("click", (event) => { if (event.target === byId("zoom")) byId("zoom").close(); });
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", soon(() => placeTags(document)));
}

function start() {
  if (!DATA) {
    byId("status").textContent = "data.js is not beside this page: copy the whole folder, or write the page again.";
    return;
  }
  const names = DATA.runs.map((run) => run.name);
  document.title = `${names.join(" and ")}: predictions`;
  byId("about").textContent = `${DATA.runs.map((run) => `${run.name}: ${run.folder}`).join(" · ")} · truth: ${DATA.dataset}`;
  byId("run").append(...names.map((name, run) => element("option", { value: run, selected: run === names.length - 1 }, name)));
  byId("run-field").hidden = names.length < 2;
  byId("sort").options[0].textContent = DATA.order;
  if (names.length > 1) {
    byId("sort").append(
      element("option", { value: "change-up" }, `IoU against ${names[0]}, lost most first`),
      element("option", { value: "change-down" }, `IoU against ${names[0]}, gained most first`));
  }
  byId("category").append(...DATA.labels.map((label, position) => [label, position])
    .sort((first, second) => first[0].localeCompare(second[0]))
    .map(([label, position]) => element("option", { value: position }, label)));
  state.hasQuestions = new Set(DATA.images.map((image) => image.question)).size > 1; // one for all says nothing
  countOutcomes();
  drawKinds();
  drawScores();
  listen();
  choose();
}

start();
