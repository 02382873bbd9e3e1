// One image, enlarged.

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
  for (const layer of LAYERS) {
    document.body.classList.toggle(`hide-${layer}`, !byId(`show-${layer}`).checked);
  }
  placeTags(document);
}
