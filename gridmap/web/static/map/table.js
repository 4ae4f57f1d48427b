/* The table that is equal to the map: the units of the shown level, or the buildings of the window,
   under the same question and filter, with the same selection. */
"use strict";

(() => {
  const { now: state, levels, kept, happens, details, motion, t, sentence, word, number, percent, el, byId, LEVELS, unitsOf, lens, rateOf, find, crumbs, DETAIL_ZOOM } = gridmap;

  const ROWS_AT_ONCE = 1500;
  const SLICE = 100; // rows drawn in one go: the page answers in between
  const DIGITS = { street: 9, community: 12, grid: 15 };
  /* What a spreadsheet takes a cell for a formula by: the server's exports know the same. */
  const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
  const view = { open: false, buildings: false, within: "", sort: null, rows: [], all: 0, upTo: ROWS_AT_ONCE, asked: 0 };

  /* --- what is in it --------------------------------------------------------------------------- */

  /* Key, heading, whether it is a number; a cell has its value, and a text where that reads better. */
  const UNIT_COLUMNS = () => [["name", t("Name")], ["share", t("Share"), true], ["covered", t("Covered"), true], ["total", t("Total"), true],
    ["unit", t("Unit of measure")], ["code", t("Code")], ...(state.level === "street" ? [] : [["where", t("In")]]), ["as_of", t("Date")]];
  const BUILDING_COLUMNS = () => [["name", t("Name")], ["code", t("Code")], ["status", t("Status")],
    // Of other questions the server says why on a click, one building at a time.
    ...(gridmap.config.packed || gridmap.buildingLens() === "party_group" ? [["reason", t("Reason")], ["holder", t("Organisation")]] : []), ["households", t("Households"), true], ["grid", t("Grid")]];
  const columns = () => (view.buildings ? BUILDING_COLUMNS() : UNIT_COLUMNS());

  const TEXTS = {
    share: (value) => percent(value),
    covered: (value) => number(value),
    total: (value) => number(value),
    households: (value) => number(value),
  };
  const textOf = (row, key) => (row[key] === null || row[key] === undefined || row[key] === "" ? "–" : TEXTS[key] ? TEXTS[key](row[key]) : row[key]);

  function unitRows() {
    const unit = { m2: "m²", m: "m" }[lens().unit] || t(lens().unit);
    const every = unitsOf(state.level).filter((one) => one.code.startsWith(view.within));
    const above = {}; // a grid's name alone says little
    const where = (code) => (code.length > 9 ? (above[code.slice(0, -3)] ||= [9, 12].filter((n) => n < code.length).map((n) => find(code.slice(0, n))).filter(Boolean).map((one) => one.name).join(" > ")) : "");
    const rows = every.filter((one) => !gridmap.hidden("classes", gridmap.classKey(one))).map((one) => {
      const rate = rateOf(one, state.measure) || { share: null, covered: null, total: null };
      return { name: one.name, where: where(one.code), code: one.code, ...rate, unit, as_of: lens().as_of };
    });
    return { rows, all: every.length };
  }

  function statusText(status) {
    if (!gridmap.buildingLens()) return "";
    if (gridmap.buildingLens() === "party_group") return word(status || "none");
    return word({ own: "covered", joint: "covered_jointly", uncovered: "not_covered" }[status] || status || "not_asked");
  }

  const settled = async () => {
    for (let i = 0; i < 50 && gridmap.loading(); i += 1) await new Promise((done) => { setTimeout(done, 100); });
  };

  async function buildingRows() {
    const within = state.selected && state.selected.length > 6 ? state.selected : "";
    await settled(); // tiles know what a question says of a building
    const { rows, truncated } = await gridmap.buildingsIn(gridmap.map.getBounds());
    if (truncated) throw new Error("truncated");
    const every = rows.filter((p) => (p.grid_code || "").startsWith(within));
    const shown = every.filter((p) => !gridmap.buildingLens() || !gridmap.hidden("statuses", p.status || "none"));
    return { all: every.length, rows: shown.map((p) => ({ name: p.name || p.address, code: p.code, status: statusText(p.status), reason: p.reason,
      holder: p.holder, households: p.household_count, grid: p.grid_code, geometry: p.geometry })) };
  }

  /* --- order ------------------------------------------------------------------------------------ */

  const ORDER = new Intl.Collator(["zh-CN", "en"], { numeric: true });

  /* Codes are in order as they are; words need a language's, which takes its time. */
  const SPOKEN = new Set(["name", "where", "reason", "holder", "status"]);

  function sorted(rows) {
    const [key, way] = view.sort || (view.buildings ? ["code", 1] : ["share", 1]);
    const empty = (value) => value === null || value === undefined || value === "";
    return [...rows].sort((a, b) => {
      if (empty(a[key]) || empty(b[key])) return empty(a[key]) - empty(b[key]); // at the end either way
      return way * (typeof a[key] === "number" ? a[key] - b[key] : SPOKEN.has(key) ? ORDER.compare(a[key], b[key]) : (a[key] > b[key]) - (a[key] < b[key])) || (a.code < b.code ? -1 : 1);
    });
  }

  function sortBy(key) {
    const [now, way] = view.sort || [view.buildings ? "code" : "share", 1];
    view.sort = [key, now === key ? -way : 1];
    draw();
    gridmap.keepAddress(true);
    node.querySelector(`th [data-key="${key}"]`).focus();
  }

  /* --- how it looks ------------------------------------------------------------------------------ */

  const count = el("p", { role: "status", id: "table-count" });
  const grid = el("table", {});
  const head = el("div", { class: "table-head" });
  const more = el("button", { class: "more", type: "button", hidden: "", onclick: () => { view.upTo += ROWS_AT_ONCE; draw(); } }, "");
  const node = el("section", { id: "table", hidden: "" }, head, count, el("div", { class: "table-rows" }, grid, more));

  function heading([key, name, isNumber]) {
    const [by, way] = view.sort || [view.buildings ? "code" : "share", 1];
    const order = by !== key ? "none" : way > 0 ? "ascending" : "descending";
    const mark = { none: "↕", ascending: "▲", descending: "▼" }[order];
    return el("th", { scope: "col", "aria-sort": order, ...(isNumber ? { class: "number" } : {}) },
      el("button", { type: "button", "data-key": key, onclick: () => sortBy(key) }, name, el("span", { "aria-hidden": "true" }, ` ${mark}`)));
  }

  function line(row, i, keys) {
    const one = document.createElement("tr");
    one.dataset.i = i;
    keys.forEach(([key, , isNumber], column) => {
      const cell = document.createElement(column ? "td" : "th");
      const text = textOf(row, key);
      if (column) cell.textContent = text;
      else {
        cell.scope = "row";
        const button = document.createElement("button");
        button.type = "button";
        button.tabIndex = i ? -1 : 0; // one stop for the keyboard; arrows go on from there
        button.textContent = text;
        cell.append(button);
      }
      if (isNumber) cell.className = "number";
      one.append(cell);
    });
    if (row.code === state.selected) one.setAttribute("aria-current", "true");
    return one;
  }

  function draw() {
    const begun = performance.now();
    const keys = columns();
    view.rows = sorted(view.rows);
    const shown = view.rows.slice(0, view.upTo);
    const body = document.createElement("tbody");
    body.append(...shown.slice(0, SLICE).map((row, i) => line(row, i, keys)));
    grid.className = view.buildings ? "of-buildings" : "of-units";
    grid.replaceChildren(el("caption", {}, t(lens().label)), el("thead", {}, el("tr", {}, ...keys.map(heading))), body);
    more.hidden = view.rows.length <= view.upTo;
    more.textContent = sentence("The next {n} rows", { n: number(Math.min(ROWS_AT_ONCE, view.rows.length - view.upTo)) });
    const of = view.buildings ? word("building") : word(state.level);
    const inside = view.buildings ? state.selected && state.selected.length > 6 ? state.selected : "" : view.within;
    count.textContent = [sentence("Shown: {n} of {total}", { n: number(shown.length), total: number(view.all) }), of, ...(inside ? [crumbs(inside)] : [])].join(" · ");
    view.slice_ms = performance.now() - begun;
    clearTimeout(view.timer);
    if (shown.length > SLICE) view.timer = setTimeout(() => append(body, shown, SLICE, keys));
  }

  function append(body, rows, from, keys) {
    const begun = performance.now();
    body.append(...rows.slice(from, from + SLICE).map((row, i) => line(row, from + i, keys)));
    view.slice_ms = Math.max(view.slice_ms, performance.now() - begun);
    if (rows.length > from + SLICE) view.timer = setTimeout(() => append(body, rows, from + SLICE, keys));
  }

  function say(message) {
    view.rows = [];
    view.all = 0;
    draw();
    count.textContent = message;
  }

  async function refresh() {
    if (!view.open) return;
    const asked = (view.asked += 1);
    drawHead();
    if (!view.buildings) {
      Object.assign(view, unitRows());
      return void draw();
    }
    if (gridmap.map.getZoom() < DETAIL_ZOOM) return void say(t("Select a grid, or zoom in on the map until buildings are drawn."));
    count.textContent = t("Looking it up …");
    try {
      const found = await buildingRows();
      if (asked !== view.asked) return;
      Object.assign(view, found);
      draw();
    } catch (error) {
      if (asked === view.asked) say(error.message === "truncated" ? t("Too much to draw at once: zoom in to see all.") : t("The server does not answer. Move the map to try again."));
    }
  }

  function tab(name, pressed, chosen) {
    return el("button", { type: "button", "aria-pressed": String(pressed), "data-tab": name, onclick: () => { chosen(); byId("table").querySelector(`[data-tab="${name}"]`).focus(); } }, word(name));
  }

  function drawHead() {
    const buildings = gridmap.config.rows && details.some((one) => one.name === "building");
    head.replaceChildren(el("h2", {}, t(lens().label)),
      el("div", { class: "tabs", role: "group", "aria-label": t("Rows") },
        ...LEVELS.filter((name) => unitsOf(name).length).map((name) => tab(name, !view.buildings && state.level === name, () => showLevel(name))),
        ...(buildings ? [tab("building", view.buildings, showBuildings)] : [])),
      ...(view.within && !view.buildings ? [el("button", { type: "button", class: "plain", onclick: () => { view.within = ""; refresh(); } }, sentence("All, not only {name}", { name: find(view.within).name }))] : []),
      el("button", { type: "button", class: "plain", id: "csv", onclick: save }, t("Download CSV")));
  }

  /* --- choices ----------------------------------------------------------------------------------- */

  function showLevel(name) {
    Object.assign(view, { buildings: false, upTo: ROWS_AT_ONCE, sort: view.buildings ? null : view.sort });
    state.manual = true;
    gridmap.showLevel(name);
    gridmap.restyle();
    scope();
    refresh();
    gridmap.keepAddress(true);
  }

  function showBuildings() {
    Object.assign(view, { buildings: true, upTo: ROWS_AT_ONCE, sort: null });
    closer();
    refresh();
    gridmap.keepAddress(true);
  }

  /* Buildings are there close up only: the map below the table goes to the grid that is selected. */
  function closer() {
    const grid = state.selected && levels.grid && levels.grid.shapeOf(state.selected);
    if (!grid || (gridmap.map.getZoom() >= DETAIL_ZOOM && gridmap.map.getBounds().contains(grid.bounds))) return;
    const zoom = Math.max(DETAIL_ZOOM, Math.min(17, gridmap.map.getBoundsZoom(grid.bounds)));
    gridmap.map.setView(grid.bounds.getCenter(), zoom, { animate: false });
  }

  /* A unit above the shown level limits the rows; one of that level is a row among them. */
  function scope() {
    const code = state.selected || "";
    if (code.length <= 6) view.within = "";
    else if (code.length < DIGITS[state.level]) view.within = code;
    else if (!code.startsWith(view.within)) view.within = "";
  }

  function open(wanted) {
    view.open = wanted;
    node.hidden = !wanted;
    document.body.classList.toggle("as-table", wanted);
    gridmap.map.getContainer().inert = wanted;
    byId("as-map").setAttribute("aria-pressed", String(!wanted));
    byId("as-table").setAttribute("aria-pressed", String(wanted));
    if (!wanted) return void backToMap();
    gridmap.map.closePopup();
    scope();
    if (view.buildings) closer();
    refresh();
  }

  /* What was selected in the table is in sight on the map. */
  function backToMap() {
    const unit = state.selected && levels[state.level] && levels[state.level].shapeOf(state.selected);
    if (unit && !gridmap.map.getBounds().intersects(unit.bounds)) gridmap.map.fitBounds(unit.bounds, { maxZoom: 17, padding: [30, 30], ...motion });
  }

  function chosen(row) {
    if (!view.buildings) return void gridmap.select(row.code);
    const place = L.geoJSON(row.geometry).getBounds().getCenter();
    view.open = false;
    open(false);
    gridmap.map.setView(place, Math.max(gridmap.map.getZoom(), 18), motion);
    gridmap.tell({ layer: "building", code: row.code, lens: gridmap.buildingLens() }, place);
    gridmap.keepAddress(true);
  }

  function mark() {
    for (const one of grid.tBodies[0] ? grid.tBodies[0].rows : []) {
      if (view.rows[one.dataset.i].code === state.selected) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  }

  grid.addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr");
    if (row) chosen(view.rows[row.dataset.i]);
  });

  grid.addEventListener("keydown", (event) => {
    const row = event.target.closest("tbody tr");
    const to = row && { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: row.parentNode.firstElementChild, End: row.parentNode.lastElementChild }[event.key];
    if (!to) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    const button = to.querySelector("button");
    button.tabIndex = 0;
    button.focus();
  });

  /* --- as a file ---------------------------------------------------------------------------------- */

  /* Text that begins as a formula does gets a mark before it; numbers are numbers. */
  function cell(value) {
    if (value === null || value === undefined) return "";
    const text = typeof value === "number" ? String(value) : FORMULA.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csv() {
    const keys = columns();
    return [keys.map(([, name]) => cell(name)), ...view.rows.map((row) => keys.map(([key]) => cell(row[key])))].map((one) => `${one.join(",")}\r\n`).join("");
  }

  function save() {
    const url = URL.createObjectURL(new Blob(["\ufeff", csv()], { type: "text/csv;charset=utf-8" }));
    const link = el("a", { href: url, download: `gridmap-${view.buildings ? "building" : state.level}-${state.measure}-${lens().as_of || ""}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  /* --- the address, and what happens elsewhere ----------------------------------------------------- */

  kept.view = {
    write: () => (view.open ? (view.buildings ? "buildings" : "table") : null),
    read(text) {
      if (!["table", "buildings"].includes(text)) return;
      view.buildings = text === "buildings" && Boolean(gridmap.config.rows);
      begin();
      open(true);
    },
    absent() { if (view.open) open(false); },
  };
  kept.sort = {
    write: () => (view.open && view.sort ? `${view.sort[0]},${view.sort[1] < 0 ? "down" : "up"}` : null),
    read(text) {
      const [key, way] = text.split(",");
      if (columns().some(([one]) => one === key)) view.sort = [key, way === "down" ? -1 : 1];
      if (view.open) refresh();
    },
    absent() { view.sort = null; },
  };

  let begun = false;

  function begin() {
    if (begun) return;
    begun = true;
    node.setAttribute("aria-label", t("Table"));
    byId("stage").append(node);
    byId("as-map").addEventListener("click", () => { open(false); gridmap.keepAddress(true); });
    byId("as-table").addEventListener("click", () => { open(true); gridmap.keepAddress(true); });
    gridmap.map.on("moveend", () => { scope(); refresh(); }); // the search box moves it
  }

  happens.once("chosen", begin);
  happens.on("chosen", () => { scope(); refresh(); });
  happens.on("filtered", refresh);
  happens.on("selected", () => {
    const before = view.within;
    scope();
    if (view.open && view.buildings) { closer(); refresh(); }
    else if (view.open && before !== view.within) refresh();
    else mark();
  });

  Object.assign(gridmap, { table: view });
})();
