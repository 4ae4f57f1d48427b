/* A map for whoever uses keys or has it read out: Leaflet's own words in the page's language, a name
   for the map, and a popup that takes the focus and gives it back. */
"use strict";

const gridmapReach = (map, t) => {
  const container = map.getContainer();
  const named = (node, words) => { node.title = words; node.setAttribute("aria-label", words); };

  container.setAttribute("role", "application");
  container.setAttribute("aria-label", t("Map: arrows move it, + and - change its scale"));
  for (const [selector, words] of [["zoom-in", t("Zoom in")], ["zoom-out", t("Zoom out")], ["layers-toggle", t("Layers")]]) {
    for (const button of container.querySelectorAll(`.leaflet-control-${selector}`)) named(button, words);
  }

  let opener = null;

  const inside = (popup, node) => popup.getElement() && popup.getElement().contains(node);
  const seen = (node) => node && node.isConnected && node !== document.body && node.getClientRects().length > 0;

  map.on("popupopen", ({ popup }) => {
    const box = popup.getElement();
    const heading = box.querySelector("h3");
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", (heading || box.querySelector(".leaflet-popup-content")).textContent.trim().slice(0, 80));
    const close = box.querySelector(".leaflet-popup-close-button");
    if (close) named(close, t("Close"));
    if (!inside(popup, document.activeElement)) opener = document.activeElement;
    box.tabIndex = -1;
    box.focus({ preventScroll: true });
  });

  map.on("popupclose", ({ popup }) => {
    const lost = inside(popup, document.activeElement) || document.activeElement === document.body;
    if (lost) (seen(opener) ? opener : container).focus({ preventScroll: true });
  });

  /* Esc closes what is open first; only then it means what it means to the page. */
  document.addEventListener("keydown", (event) => {
    const popup = map._popup;
    if (event.key !== "Escape" || !popup || !popup.isOpen() || event.target.closest("input, textarea, select")) return;
    map.closePopup(popup);
    event.stopImmediatePropagation();
  }, true);
};
