/* The bar above the map: the menu of a phone, the link to this view, and which keys there are. */
"use strict";

(() => {
  const { happens, t, el, byId, say } = gridmap;

  const TOLD_MS = 4000;

  /* Over plain http a browser gives no clipboard; the old way still works there. */
  async function copied(text) {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch { /* not allowed: the old way */ }
    }
    const area = el("textarea", { "aria-hidden": "true", class: "aside" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  let timer = null;

  async function copy() {
    gridmap.keepAddress();
    const done = await copied(location.href);
    byId("copy").focus();
    say("copy", done ? t("The link to this view is copied.") : t("The browser does not allow copying: take the address of this page."));
    clearTimeout(timer);
    timer = setTimeout(() => say("copy", ""), TOLD_MS);
  }

  const KEYS = () => [
    ["/", t("to the search box")], ["?", t("this list")], ["Esc", t("one level up; leaves what is open")],
    ["← ↑ → ↓", t("move the map, once it has the focus")], ["+ −", t("closer, further away")], ["Tab", t("to the next button, link or row")],
    ["↑ ↓ Home End", t("through the rows of the table")], ["Enter", t("choose a row; end measuring")], ["Space Backspace", t("measuring: take the middle of the map, take the last point back")],
  ];

  function list() {
    return el("dialog", { id: "keys", "aria-label": t("Keys") }, el("form", { method: "dialog" }, el("h2", {}, t("Keys")),
      el("dl", {}, ...KEYS().flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
      el("p", { class: "tabs" }, el("button", {}, t("Close")))));
  }

  function menu(open) {
    byId("menu").setAttribute("aria-expanded", String(open));
    byId("bar").classList.toggle("open", open);
  }

  happens.once("chosen", () => {
    document.body.append(list());
    const show = () => byId("keys").showModal();
    byId("help").addEventListener("click", show);
    if (byId("copy")) byId("copy").addEventListener("click", copy);
    byId("menu").addEventListener("click", () => menu(!byId("bar").classList.contains("open")));
    byId("bar-items").addEventListener("click", (event) => { if (event.target.closest("button, a")) menu(false); });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && byId("bar").classList.contains("open")) {
        event.stopImmediatePropagation();
        menu(false);
        byId("menu").focus();
      }
      if (event.key === "?" && !event.target.closest("input, textarea, select, dialog")) show();
    }, true);
  });
})();
