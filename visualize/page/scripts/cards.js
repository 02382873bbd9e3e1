// The images of one page: one card per image, with a panel for the truth and one for each run.

const PANEL_HEIGHT = 380; // pixels
const PANEL_WIDTH = 270;
const IOU_WORDS = "Mean IoU of all objects; missed, false and wrongly labelled ones count 0";

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
  list.replaceChildren(...images.map((image) => element("li", { class: image.pictures ? "card several" : "card" },
    cardHeader(image), panelsOf(image, PANEL_HEIGHT))));
  if (images.length === 0) list.append(element("li", { class: "empty" }, "No image matches: clear a filter."));
  byId("status").textContent = state.shown.length === DATA.images.length
    ? counted(DATA.images.length, state.unit)
    : `${state.shown.length.toLocaleString("en")} of ${counted(DATA.images.length, state.unit)}`;
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
  const views = image.answers[run].views;
  const words = image.words ? "asks for words"
    : `${views ? `${counted(views, "view")} · ` : ""}${image.pictures ? `${image.pictures.length} pictures · ` : ""}${counted(image.truth.length, "object")} · IoU ${image.answers[run].agreement.toFixed(2)}`;
  const question = state.hasQuestions && image.question ? element("p", {}, image.question) : null;
  return element("header", {}, element("h3", {}, image.name), element("span", { title: image.words ? "" : IOU_WORDS }, words), question);
}

function panelsOf(image, height) {
  const panels = image.answers.map((answer, run) => answerPanel(image, answer, run, height));
  if (!isOverlay()) panels.unshift(image.words ? wordsPanel(image, height) : truthPanel(image, height));
  return element("div", { class: "panels" }, ...panels);
}

function truthPanel(image, height) {
  const caption = element("figcaption", {}, element("strong", {}, "truth"),
    element("span", { class: "quiet" }, counted(image.truth.length, "object")));
  return element("figure", {}, caption, stages(image, "truth", (picture) => [
    ...candidateMarks(picture.answers.at(-1)), ...crowdMarks(picture), ...picture.truth.map(truthMark)], height));
}

/** What is known to be true of the region that a question for words is about. */
function wordsPanel(image, height) {
  const caption = element("figcaption", {}, element("strong", {}, "truth"),
    element("span", { class: "quiet" }, image.words.label || counted(image.words.true.length, "text")));
  const texts = element("pre", { tabindex: "0", "aria-label": "true texts" }, image.words.true.join("\n"));
  return element("figure", {}, caption, stage(image, "truth", regionMarks(image), height), element("div", { class: "answer" }, texts));
}

/** Whether words are a true text of their region; other words can be true, too, but nobody has written them down. */
function wordsVerdict(answer) {
  const [text, outcome, title] = answer.exact
    ? ["right", TRUE_POSITIVE, "one of the true texts, but for case, punctuation and a first article"]
    : ["no true text", FALSE_POSITIVE, "none of the true texts: the words can be wrong, or right in another way"];
  const chip = element("span", { class: "count", title }, text);
  [chip.style.background, chip.style.color] = DATA.outcomes[outcome].slice(1);
  return chip;
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
  const verdict = image.words ? wordsVerdict(answer) : null;
  const caption = element("figcaption", {}, element("strong", {}, DATA.runs[run].name), ...counts, verdict);
  const marksOf = (picture) => {
    const own = picture.answers[run];
    const marks = picture.words ? regionMarks(picture) : [...candidateMarks(own), ...own.objects.map(answerMark)];
    if (isOverlay()) marks.unshift(...crowdMarks(picture), ...picture.truth.map(underMark));
    return marks;
  };
  const problems = answer.problems.length === 0 ? null
    : element("ul", { class: "problems", "aria-label": "problems" }, ...answer.problems.map((problem) => element("li", {}, problem)));
  const descriptions = answer.descriptions === undefined ? null
    : element("dl", { class: "descriptions", "aria-label": "descriptions" }, ...answer.descriptions.flatMap(
      ([label, text]) => [element("dt", {}, DATA.labels[label]), element("dd", {}, text)]));
  const ofRun = DATA.runs.length > 1 ? ` of ${DATA.runs[run].name}` : "";
  const raw = element("pre", { tabindex: "0", "aria-label": `raw answer${ofRun}` }, answer.raw || "(empty answer)");
  return element("figure", {}, caption, stages(image, DATA.runs[run].name, marksOf, height),
    element("div", { class: "answer" }, problems, descriptions, raw));
}
