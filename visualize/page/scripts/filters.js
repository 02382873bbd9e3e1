// Which images are shown, and in which order.

/** Read the filter fields. Outcome and category apply to the same object: a missed dog, not a missed object and a dog. */
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
  if (image.words) { // has no objects, so that filters of boxes leave it out
    if (filters.iou[0] > 0 || filters.iou[1] < 1) return false;
  } else if (answer.agreement < filters.iou[0] || answer.agreement > filters.iou[1]) return false;
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
    const words = image.words ? [...image.words.true, image.words.label || ""] : [];
    const texts = [image.name, String(image.id), image.question, ...words, ...new Set(labels), ...image.answers.map((answer) => answer.raw)];
    searchTexts.set(image, texts.join("\n").toLowerCase());
  }
  return searchTexts.get(image);
}

function sortKey(order, run) {
  if (order === "order") return undefined;
  const change = (image) => image.answers[run].agreement - image.answers[0].agreement;
  const key = {
    "iou-up": (image) => image.answers[run].agreement,
    "iou-down": (image) => -image.answers[run].agreement,
    "objects-up": (image) => image.truth.length,
    "objects-down": (image) => -image.truth.length,
    "errors-down": (image) => -errorsOf(image.answers[run]),
    "change-up": change,
    "change-down": (image) => -change(image),
  }[order];
  return (image) => (image.words ? Infinity : key(image)); // questions for words last
}

/** Filter and sort all images, and go to the first page. */
function chooseImages() {
  const filters = readFilters();
  state.shown = DATA.images.filter((image) => passes(image, filters));
  const key = sortKey(byId("sort").value, filters.run);
  if (key) state.shown.sort((first, second) => (key(first) === key(second) ? 0 : key(first) - key(second)));
  state.page = 0;
  drawKindCounts(filters.run);
  drawBars();
  drawPage();
}

function drawKinds() {
  const kinds = DATA.outcomes.map(([name, color], position) => [String(position), name, color]);
  kinds.push(["unreadable", "unreadable", null], ["problems", "with problems", null]);
  byId("kinds").append(...kinds.map(([value, name, color]) => {
    const swatch = element("span", { class: color ? "swatch" : "swatch none" });
    swatch.style.background = color || "none";
    return element("label", {}, element("input", { type: "checkbox", value }), swatch, name, element("output"));
  }));
}

/** Show beside each kind how many images of the run have it. */
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
