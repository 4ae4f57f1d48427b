/* What of a question is shown: a row of the legend switches a class of units, or the buildings of a
   status, off and on. Counts stay; what is off is an outline on the map and no row of the table. */
"use strict";

(() => {
  const { now: state, kept, happens, t, el } = gridmap;

  const STATUSES = ["own", "joint", "neighbour", "uncovered", "none"];
  const KINDS = {
    classes: { keys: () => [...gridmap.lens().colours.map((_, i) => String(i)), "none"], question: () => state.measure },
    statuses: { keys: () => STATUSES, question: () => gridmap.buildingLens() },
  };
  const off = { classes: {}, statuses: {} }; // by question: another one has other classes

  /* Between two days colours mean something else. */
  const idle = () => Boolean(gridmap.compared());
  const offNow = (kind) => (off[kind][KINDS[kind].question()] ||= new Set());
  const hidden = (kind, key) => !idle() && offNow(kind).has(key);

  function changed(kind) {
    if (kind === "statuses") gridmap.recolour();
    gridmap.restyle();
    happens.fire("filtered");
    gridmap.keepAddress(true);
  }

  function toggle(kind, key) {
    const set = offNow(kind);
    if (!set.delete(key)) set.add(key);
    changed(kind);
    // The legend is written anew: whoever pressed a key stays where they were.
    const again = document.querySelector(`#legend [data-key="${kind}:${key}"]`);
    if (again) again.focus({ focusVisible: false });
  }

  function filterRow(kind, key, swatch, label, count = null) {
    return el("button", { class: "class", type: "button", "data-key": `${kind}:${key}`, "aria-pressed": String(!hidden(kind, key)),
      title: t("Press to hide or show"), onclick: () => toggle(kind, key) },
      swatch, el("span", {}, label), count === null ? null : el("span", { class: "count" }, count));
  }

  function showAll(kind) {
    if (idle() || !offNow(kind).size) return "";
    return el("button", { class: "more", type: "button", onclick: () => { offNow(kind).clear(); changed(kind); } }, t("Show all"));
  }

  for (const [kind, { keys }] of Object.entries(KINDS)) {
    kept[kind] = {
      write: () => (offNow(kind).size ? keys().filter((key) => !offNow(kind).has(key)).join(",") || "-" : null),
      read(text) {
        const given = text.split(",");
        off[kind][KINDS[kind].question()] = new Set(keys().filter((key) => !given.includes(key)));
        if (kind === "statuses") gridmap.recolour();
      },
      absent() {
        if (!offNow(kind).size) return;
        offNow(kind).clear();
        if (kind === "statuses") gridmap.recolour();
      },
    };
  }

  Object.assign(gridmap, { hidden, filterRow, showAll });
})();
