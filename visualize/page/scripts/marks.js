// Marks: the boxes drawn on an image, with their colours and texts.

const SMALL_IMAGE = 200; // pixels; up to this size the pixels of an enlarged image stay sharp

const labelPaint = (object) => DATA.palette[object[COLOR]];
const crowdMarks = (image) => image.crowds.map((object) => ({
  object, paint: DATA.outcomes[IN_CROWD].slice(1), text: `crowd: ${DATA.labels[object[LABEL]]}`, layer: "of-truth" }));

const truthMark = (object) => ({ object, paint: labelPaint(object), text: DATA.labels[object[LABEL]], layer: "of-truth" });

/** A true object under the predictions of an overlay: a thin line without a label. */
const underMark = (object) => ({ object, paint: ["#ffffff", "#000000"], text: "", layer: "of-truth", isFaint: true });

/** The numbered candidates of a question, under all else. */
const candidateMarks = (answer) => (answer.candidates || []).map((box, place) => ({
  object: [0, 0, ...box], paint: DATA.candidate, text: `#${place + 1}`, title: `candidate #${place + 1}`, layer: "of-candidates", isDashed: true, isUnder: true }));

/** The region that the text of a question for words states; other pictures show theirs. */
const regionMarks = (image) => image.words.box === null ? [] : [{
  object: [0, 0, ...image.words.box], paint: ["#ffffff", "#000000"], text: "", title: "the region that the question states", layer: "of-truth" }];

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

/** Return an image with marks on it, as a button that enlarges the image. */
function stage(image, name, marks, height) {
  const [wide, high] = image.size;
  const picture = element("img", {
    src: `images/${image.file}`, alt: "", width: wide, height: high, loading: "lazy", decoding: "async" });
  const lines = svgElement("svg", { viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const area = ({ object }) => (object[X2] - object[X1]) * (object[Y2] - object[Y1]);
  const isUnder = (mark) => Number(mark.isUnder || false);
  for (const mark of [...marks].sort((first, second) => isUnder(second) - isUnder(first) || area(second) - area(first))) lines.append(...frame(mark));
  const isSmall = Math.max(wide, high) <= SMALL_IMAGE;
  const button = element("button", { type: "button", class: isSmall ? "stage small" : "stage",
    "aria-label": `${image.name}, ${name}: ${marks.filter((mark) => mark.text).map((mark) => mark.title || mark.text).join("; ") || "nothing"}` },
  picture, lines);
  button.style.aspectRatio = `${wide} / ${high}`;
  button.style.maxWidth = `${Math.max(1, Math.round(height * wide / high))}px`;
  for (const mark of marks.filter(({ text }) => text).sort((first, second) => isUnder(first) - isUnder(second))) {
    const tag = element("span", { class: `tag ${mark.layer}` }, mark.text, element("span", { class: "more" }, mark.more || ""));
    tag.style.background = mark.paint[0];
    tag.style.color = mark.paint[1];
    tag.box = mark.object.slice(X1, Y2 + 1);
    button.append(tag);
  }
  button.imageSize = image.size;
  button.addEventListener("click", () => openZoom(state.shown.indexOf(image.whole || image)));
  return button;
}

/** Return the stage of an image, or of each picture of a question with several, side by side under their numbers. */
function stages(image, name, marksOf, height) {
  if (!image.pictures) return stage(image, name, marksOf(image), height);
  return element("div", { class: "pictures" }, ...image.pictures.map((picture, place) => element("div", {},
    element("p", { class: "quiet", title: picture.name }, element("strong", {}, `Image ${place + 1}`), ` ${picture.name}`),
    stage(picture, `Image ${place + 1}, ${name}`, marksOf(picture), height))));
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
