// Buttons, keys and fields, and the start of the page.

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
  } else if (["t", "p", "l", "c"].includes(key)) {
    byId({ t: "show-truth", p: "show-found", l: "show-labels", c: "show-candidates" }[key]).click();
  }
}

function addListeners() {
  let waiting = 0;
  const debounced = (action) => () => {
    clearTimeout(waiting);
    waiting = setTimeout(action, 150);
  };
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const type of ["input", "change"]) byId("filters").addEventListener(type, debounced(chooseImages));
  byId("filters").addEventListener("reset", () => setTimeout(chooseImages));
  byId("sort").addEventListener("change", chooseImages);
  byId("per-page").addEventListener("change", () => { state.page = 0; drawPage(); });
  byId("paint").addEventListener("change", redraw);
  for (const radio of document.querySelectorAll("input[name=view]")) radio.addEventListener("change", redraw);
  for (const layer of LAYERS) byId(`show-${layer}`).addEventListener("change", showLayers);
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
  window.addEventListener("resize", debounced(() => placeTags(document)));
}

function start() {
  if (!DATA) {
    byId("status").textContent = "data.js is missing: copy the whole folder, or write the page again.";
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
  joinPictures();
  if (DATA.images.some((image) => image.pictures)) state.unit = "question";
  state.hasQuestions = new Set(DATA.images.map((image) => image.question)).size > 1; // one question for all images need not be repeated
  const hasCandidates = DATA.images.flatMap((image) => image.pictures || [image]).some((image) => image.answers.some((answer) => answer.candidates));
  for (const part of document.querySelectorAll(".if-candidates")) part.hidden = !hasCandidates;
  countOutcomes();
  drawKinds();
  drawScores();
  drawScoresByKind();
  addListeners();
  chooseImages();
}

start();
