// Places of labels: inside the image, and not on top of each other.

const CROWDED = 0.2; // labels that fill more than this share of the image become smaller and shorter

/** Place the labels of all stages in a part of the page. All sizes are read before any place is set: one layout, not many. */
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

/** Return the sizes of stages and their labels in CSS pixels, without the labels of hidden layers. */
function measureTags(buttons) {
  return buttons.map((button) => ({
    button,
    size: [button.clientWidth, button.clientHeight],
    tags: [...button.querySelectorAll(".tag")]
      .map((tag) => ({ tag, size: [tag.offsetWidth, tag.offsetHeight] }))
      .filter(({ size }) => size[0] > 0),
  }));
}

/** Return the first place near a box where a label covers no other label, or the place where it covers least. */
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
