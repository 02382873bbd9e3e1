() => {
  // Visitors draw a box by dragging over the picture. Its corners appear in a text field, where they can be edited.
  const mark = document.createElement("div");
  mark.id = "mark";
  document.body.append(mark);

  const image = () => document.querySelector("#picture img");
  const field = () => document.querySelector("#corners textarea, #corners input");
  const isMarking = () => Boolean(field()?.offsetParent && image()?.naturalWidth);

  // Where an image's pixels are on the page: the element is larger, with empty bars on two sides.
  function frame(shown) {
    const outer = shown.getBoundingClientRect();
    const scale = Math.min(outer.width / shown.naturalWidth, outer.height / shown.naturalHeight);
    const width = shown.naturalWidth * scale;
    const height = shown.naturalHeight * scale;
    return {
      left: outer.left + (outer.width - width) / 2,
      top: outer.top + (outer.height - height) / 2,
      width: shown.naturalWidth,
      height: shown.naturalHeight,
      scale,
    };
  }

  // The pixel of the visitor's picture under the pointer; an image of it may have another size.
  function pixel(event, shown = image()) {
    const place = frame(shown);
    const { naturalWidth: width, naturalHeight: height } = image();
    const inside = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
    return [
      inside((event.clientX - place.left) / place.scale * width / place.width, width),
      inside((event.clientY - place.top) / place.scale * height / place.height, height),
    ];
  }

  function drawMark() {
    noteAnswer();
    document.body.classList.toggle("marking", isMarking());
    document.body.classList.toggle("talking", isTalking());
    const numbers = isMarking() ? field().value.split(/[\s,，;；]+/).filter(Boolean).map(Number) : [];
    const isBox = numbers.length === 4 && numbers.every(Number.isFinite);
    mark.style.display = isBox ? "block" : "none";
    if (!isBox) return;
    const place = frame(image());
    const [x1, y1, x2, y2] = numbers;
    mark.style.left = `${place.left + window.scrollX + Math.min(x1, x2) * place.scale}px`;
    mark.style.top = `${place.top + window.scrollY + Math.min(y1, y2) * place.scale}px`;
    mark.style.width = `${Math.abs(x2 - x1) * place.scale}px`;
    mark.style.height = `${Math.abs(y2 - y1) * place.scale}px`;
  }

  function setCorners(corners) {
    field().value = corners.join(", ");
    field().dispatchEvent(new Event("input", { bubbles: true }));
    drawMark();
  }

  let start = null;
  document.addEventListener("pointerdown", (event) => {
    if (event.target !== image() || !isMarking() || event.button !== 0) return;
    event.preventDefault();
    start = pixel(event);
  }, true);
  document.addEventListener("dragstart", (event) => {
    if (event.target === image() && isMarking()) event.preventDefault();
  }, true);
  document.addEventListener("pointermove", (event) => {
    if (!start || !isMarking()) return;
    const end = pixel(event);
    setCorners([0, 1].map((axis) => Math.min(start[axis], end[axis]))
      .concat([0, 1].map((axis) => Math.max(start[axis], end[axis]))));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    document.addEventListener(name, () => { start = null; });
  }

  // A click, while that tab is open, describes what is there; with Shift it adds, with Alt it takes away. So
  // does a click after one of the buttons, which is the way without a keyboard.
  // Both pictures take clicks: the visitor's own, and the one that the last answer has made of it.
  const point = () => document.querySelector("#point textarea, #point input");
  const drawn = () => document.querySelector("#drawn img");
  const isTalking = () => Boolean(point()?.offsetParent && image()?.naturalWidth);

  let answered = {};
  function noteAnswer() {
    if (drawn()?.src !== answered.drawn) answered = { drawn: drawn()?.src, picture: image()?.src };
  }
  // An answer about several pictures is drawn on all of them, side by side: a place there is none in the first.
  const showsSeveral = () => document.querySelector("#described [data-pictures]") !== null;
  const takesClicks = (shown) => shown === image()
    || (shown === drawn() && shown.naturalWidth && answered.picture === image()?.src && !showsSeveral());

  document.addEventListener("click", (event) => {
    if (!isTalking() || !(event.target instanceof HTMLImageElement) || !takesClicks(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = pixel(event, event.target);
    point().value = [Math.min(x, image().naturalWidth - 1), Math.min(y, image().naturalHeight - 1)].join(", ");
    point().dispatchEvent(new Event("input", { bubbles: true }));
    sent = point().value;
    const way = event.shiftKey ? "#talk-add" : event.altKey ? "#talk-remove" : armed ?? "#talk-new";
    arm(null);
    setTimeout(() => document.querySelector(way).click(), 50);  // Gradio takes the field's value first
  }, true);

  // A button pressed without a new point in the field waits for the next click on a picture.
  let armed = null;
  let sent = "";
  function arm(way) {
    armed = way;
    for (const button of document.querySelectorAll("#talk-add, #talk-remove")) {
      button.setAttribute("aria-pressed", `#${button.id}` === way);
    }
  }
  document.addEventListener("click", (event) => {
    const button = event.isTrusted && event.target.closest?.("#talk-add, #talk-remove");
    if (!button) return;
    if (point().value === sent && sent) {
      event.preventDefault();
      event.stopPropagation();
      arm(armed === `#${button.id}` ? null : `#${button.id}`);
    } else {
      sent = point().value;
      arm(null);
    }
  }, true);

  // A changed list of fonts makes the browser lay out texts again that it drew before their font was loaded.
  document.fonts.addEventListener("loadingdone", () => {
    if (!navigator.language.startsWith("zh")) return;
    document.querySelector(".gradio-container").style.fontFamily = '"page 0", "page 1", system-ui, sans-serif';
  });

  document.addEventListener("input", drawMark);
  document.addEventListener("click", () => requestAnimationFrame(drawMark));
  document.addEventListener("load", drawMark, true);
  window.addEventListener("resize", drawMark);
  new ResizeObserver(drawMark).observe(document.body);
  new MutationObserver(drawMark).observe(document.querySelector(".gradio-container") ?? document.body, {
    childList: true, subtree: true,
  });
}
