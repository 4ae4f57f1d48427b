/* A sheet of paper, A4 or A3 across: the map fills it, with all that a reader of the paper must know. */
"use strict";

(() => {
  const { now: state, happens, t, sentence, el, byId, lens, crumbs, DETAIL_ZOOM } = gridmap;

  const PAPERS = { A4: "A4 (297 × 210 mm)", A3: "A3 (420 × 297 mm)" };
  const WAIT_MS = 6000; // for tiles; then it is printed as it is
  let before = null; // what the screen showed

  function stamp() {
    const two = (n) => String(n).padStart(2, "0");
    const at = new Date();
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
  }

  function write() {
    const place = state.selected && state.selected.length > 6 ? crumbs(state.selected) : document.querySelector("h1").textContent;
    const by = document.body.dataset.account;
    const notices = [...document.querySelectorAll("#panel .notice")].map((one) => el("p", {}, one.textContent));
    byId("print-head").replaceChildren(el("h2", {}, `${place} · ${t(lens().label)}`), el("p", {}, `${t("As of")} ${lens().as_of || "–"}`));
    byId("print-foot").replaceChildren(...notices,
      el("p", {}, by ? sentence("Printed by {who}, {when}", { who: by, when: stamp() }) : sentence("Printed {when}", { when: stamp() }), " · gridmap · CGCS2000"));
  }

  /* The page as the sheet: what lies in the middle stays there; close up the scale stays too. */
  function lay(paper) {
    if (before) return;
    const map = gridmap.map;
    before = { centre: map.getCenter(), zoom: map.getZoom(), manual: state.manual, table: gridmap.table.open };
    const bounds = map.getBounds();
    state.manual = true; // the shown level stays the shown one
    byId("print-page").textContent = `@page { size: ${paper} landscape; margin: 8mm; }`;
    document.documentElement.classList.add("printing", paper.toLowerCase());
    write();
    map.invalidateSize({ animate: false, pan: false });
    const whole = gridmap.whole();
    if (bounds.contains(whole)) {
      const legend = byId("legend").offsetWidth + 20; // beside it, not below
      return void closely(() => map.fitBounds(whole, { animate: false, paddingTopLeft: [legend, 8], paddingBottomRight: [8, 8] }));
    }
    view(before.centre, () => (before.zoom >= DETAIL_ZOOM ? before.zoom : Math.min(map.getBoundsZoom(bounds), DETAIL_ZOOM - 0.25)));
  }

  /* To a quarter of a zoom, as the first view is. */
  function closely(act) {
    const snap = gridmap.map.options.zoomSnap;
    gridmap.map.options.zoomSnap = 0.25;
    act();
    gridmap.map.options.zoomSnap = snap;
  }

  function view(centre, zoom) {
    closely(() => gridmap.map.setView(centre, zoom(), { animate: false, reset: true }));
  }

  function unlay() {
    if (!before) return;
    const { centre, zoom, manual } = before;
    before = null;
    document.documentElement.classList.remove("printing", "a4", "a3");
    gridmap.map.invalidateSize({ animate: false, pan: false });
    state.manual = manual;
    view(centre, () => zoom);
  }

  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

  async function print(paper) {
    lay(paper);
    await pause(150); // what is drawn is asked for a moment later
    for (const end = Date.now() + WAIT_MS; gridmap.loading() && Date.now() < end;) await pause(100);
    await pause(400); // tiles fade in
    document.documentElement.dataset.sheet = paper;
    window.print();
  }

  function dialog() {
    const close = () => node.close();
    const choices = Object.entries(PAPERS).map(([paper, name], i) => {
      const input = el("input", { type: "radio", name: "paper", value: paper });
      input.checked = i === 0;
      return el("label", {}, input, el("span", {}, name));
    });
    const form = el("form", { method: "dialog" }, el("h2", {}, t("Print")), el("fieldset", {}, el("legend", {}, t("Paper")), ...choices),
      el("p", { class: "tabs" }, el("button", { value: "print", class: "main" }, t("Print")), el("button", { type: "button", onclick: close }, t("Close"))));
    const node = el("dialog", { id: "print-choice", "aria-label": t("Print") }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      close();
      print(form.elements.paper.value);
    });
    return node;
  }

  happens.once("chosen", () => {
    const arrow = el("div", { id: "north", role: "img", "aria-label": t("North is up") }, "▲", el("b", {}, "N"));
    byId("stage").append(arrow);
    document.body.append(el("header", { id: "print-head" }), el("footer", { id: "print-foot" }), dialog(),
      el("button", { id: "print-end", type: "button", onclick: unlay }, t("Back to the map")));
    document.head.append(el("style", { id: "print-page" }));
    byId("print").addEventListener("click", () => byId("print-choice").showModal());
    // Whoever prints by the browser's own menu gets the same sheet.
    window.addEventListener("beforeprint", () => { if (!document.body.classList.contains("as-table")) lay("A4"); });
    window.addEventListener("afterprint", unlay);
    document.addEventListener("keydown", (event) => { if (before && event.key === "Escape") { event.stopImmediatePropagation(); unlay(); } }, true);
  });

  Object.assign(gridmap, { lay, unlay });
})();
