/* The map on another day, and two days compared: which day is shown, what became of a unit and of a
   building since another. A page is of its days: another day is another page, with the same #hash. */
"use strict";

(() => {
  const { now: state, t, reason, word, number, percent, el, byId, answered, card, evidence, lens, rateOf } = gridmap;

  const WAIT_MS = 600; // whoever steps along with the keys comes past days that they do not want

  const days = () => gridmap.config.days || {};
  /* A day that is over; null for the present. */
  const past = () => days().day || null;
  const compared = () => days().before || null;
  const shownDay = () => past() || days().today;

  function address(day, before) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of [["day", day], ["before", before]]) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const text = query.toString();
    return `${location.pathname}${text ? `?${text}` : ""}${location.hash}`;
  }

  /* --- the control ------------------------------------------------------------------------------ */

  const FOCUS = "gridmap.days.focus";

  function remembered(id) {
    try {
      if (id) sessionStorage.setItem(FOCUS, id);
      else {
        const node = byId(sessionStorage.getItem(FOCUS) || "");
        sessionStorage.removeItem(FOCUS);
        if (node) node.focus();
      }
    } catch { /* without a memory the focus starts at the top, as on any page */ }
  }

  /* Only a day before the one that is shown is compared with. */
  function go(day, before, id) {
    const then = before && before < (day || days().today) ? before : null;
    remembered(id);
    location.assign(address(day, then));
  }

  function choice() {
    const range = byId("day");
    if (!range) return;
    const stops = [...days().stops, null]; // the last is today
    const here = stops.indexOf(past());
    const named = (at) => (stops[at] === null ? `${t("Today")} · ${days().today}` : stops[at]);
    let timer = null;
    const show = (at) => {
      byId("day-shown").textContent = named(at);
      range.setAttribute("aria-valuetext", named(at));
      byId("day-earlier").disabled = at === 0;
      byId("day-later").disabled = at === stops.length - 1;
    };
    const load = (id) => {
      clearTimeout(timer);
      if (Number(range.value) !== here) timer = setTimeout(() => go(stops[range.value], compared(), id), WAIT_MS);
    };
    range.value = String(here); // a browser that goes back would keep what was moved to
    show(here);
    range.addEventListener("input", () => { show(Number(range.value)); load("day"); });
    for (const [id, step] of [["day-earlier", -1], ["day-later", 1]]) {
      byId(id).addEventListener("click", () => {
        range.value = String(Number(range.value) + step);
        show(Number(range.value));
        load(id);
      });
    }
    const other = byId("day-before");
    other.value = compared() || "";
    other.addEventListener("change", () => go(past(), other.value, "day-before"));
    window.addEventListener("pageshow", (event) => { if (event.persisted) { range.value = String(here); show(here); other.value = compared() || ""; } });
    remembered(null);
  }

  /* Links of the page that keep the view, once they are followed. */
  function links() {
    for (const node of document.querySelectorAll("a[data-days]")) {
      node.addEventListener("click", () => { node.hash = location.hash; });
    }
  }

  /* --- what became of a unit --------------------------------------------------------------------- */

  const thenOf = (properties, measure) => (compared() ? rateOf({ rates: properties.before || [] }, measure) : null);

  /* In percentage points; null where a day has no figure. */
  function changeOf(properties, measure) {
    const [then, now] = [thenOf(properties, measure), rateOf(properties, measure)];
    return then && now ? Math.round((now.share - then.share) * 1e6) / 1e4 : null;
  }

  const changeClass = (change) => {
    const [some, much] = gridmap.config.changes.breaks;
    const size = Math.abs(change);
    return 2 + (size < some ? 0 : Math.sign(change) * (size < much ? 1 : 2));
  };

  function changeColour(properties) {
    const change = changeOf(properties, state.measure);
    return change === null ? gridmap.NO_DATA : gridmap.config.changes.colours[changeClass(change)];
  }

  function signed(change) {
    const size = Math.abs(change) < 10 ? Math.abs(change).toFixed(1) : number(Math.abs(change), 1);
    const sign = Number(size) === 0 ? "±" : change > 0 ? "+" : "−";
    return `${sign}${size} ${t("percentage points")}`;
  }

  /* Both values and the change, of one unit. */
  function changeText(properties, measure) {
    const [then, change] = [thenOf(properties, measure), changeOf(properties, measure)];
    if (!then) return `${compared()}: ${t("no data")}`;
    return `${compared()}: ${percent(then.share)}${change === null ? "" : ` · ${signed(change)}`}`;
  }

  const changeLine = (properties, measure) =>
    (compared() ? el("span", { class: "of change" }, changeText(properties, measure)) : null);

  /* --- the legend --------------------------------------------------------------------------------- */

  function swatch(colour, extra = "") {
    const node = el("span", { class: `swatch${extra}` });
    node.style.background = colour;
    return node;
  }

  function changeKey(units) {
    const { colours, breaks: [some, much] } = gridmap.config.changes;
    const labels = [`−${much} ${t("and less")}`, `−${much} ${t("to")} −${some}`, `−${some} ${t("to")} +${some}`, `+${some} ${t("to")} +${much}`, `+${much} ${t("and more")}`];
    const counts = Array(colours.length).fill(0);
    let none = 0;
    for (const properties of units) {
      const change = changeOf(properties, state.measure);
      if (change === null) none += 1;
      else counts[changeClass(change)] += 1;
    }
    const key = el("div", { class: "key" });
    for (const i of [4, 3, 2, 1, 0]) key.append(swatch(colours[i]), el("span", {}, labels[i]), el("span", { class: "count" }, counts[i]));
    key.append(el("span", { class: "swatch none" }), el("span", {}, t("no data on one of the days")), el("span", { class: "count" }, none));
    return [el("div", { class: "small" }, `${t("Change")} ${compared()} → ${shownDay()}`),
      el("div", { class: "small" }, `${t("percentage points")} · ${t("counted")}: ${word(state.level || "")}`), key];
  }

  function changeSymbols() {
    const key = el("div", { class: "key" });
    for (const [name, extra] of [["gained", " thick"], ["lost", " outlined dashed"], ["compared_covered", ""], ["compared_uncovered", " outlined"]]) {
      key.append(swatch(gridmap.BUILDINGS[name].fillColor, extra), el("span", {}, word(name)), el("span"));
    }
    key.append(el("span", { class: "swatch none" }), el("span", {}, t("no data on one of the days")), el("span"));
    return [key];
  }

  /* Why there is nothing to see: what cameras see is not frozen, and some lenses are younger. */
  function nothing() {
    if (!past() && !compared()) return null;
    const of = (name) => gridmap.config.lenses.findIndex((one) => one.measure === state.measure) >= 0
      && rateOf({ rates: gridmap.config.district[name] || [] }, state.measure);
    if (past() && !of("rates")) return t("There is no data of this day: it was not kept.");
    return compared() && !of("before") ? t("There is no data of the day to compare with: it was not kept.") : null;
  }

  /* --- buildings ---------------------------------------------------------------------------------- */

  Object.assign(gridmap.BUILDINGS, {
    gained: { color: "#2d0a4e", weight: 2.5, fillColor: "#542788", fillOpacity: 0.9 },
    lost: { color: "#6b1d00", weight: 2.5, dashArray: "5 3", fillColor: "#f1a340", fillOpacity: 0.95 },
    compared_covered: { color: "#7a7599", weight: 0.8, fillColor: "#cfcbe3", fillOpacity: 0.9 },
    compared_uncovered: { color: "#6b1d00", weight: 1.5, fillColor: "#fde3c0", fillOpacity: 0.9 },
  });

  /* A tile of two days says of a building what became of it. */
  const statusKey = (status) => (compared() && ["covered", "uncovered"].includes(status) ? `compared_${status}` : status);

  const tileDays = () => [["day", past()], ["before", compared()]].filter(([, day]) => day).map(([name, day]) => `&${name}=${day}`).join("");

  /* What a building was on that day; the answers of today are not told of it. */
  function pastCard(tile, properties) {
    if (tile.layer !== "building" || (!past() && !compared())) return null;
    const plain = tile.lens === "party_group" ? {} : { own: "covered", joint: "covered_jointly", uncovered: "not_covered" };
    const told = !tile.status ? t("no data of this day") : word(compared() ? statusKey(tile.status) : plain[tile.status] || tile.status);
    const when = compared() ? `${compared()} → ${shownDay()}` : shownDay();
    return card(properties.name || properties.address || properties.code, [
      ["Code", properties.code], ["Address", properties.address], [lens().label, tile.lens && !tile.found ? told : null], ["As of", when],
      ["Households", properties.household_count], ["Grid", properties.grid_code]]);
  }

  /* --- the rows behind a figure: those that were frozen ------------------------------------------- */

  async function pastRows(code) {
    const answer = await answered(`/api/v1/coverage/${code}/frozen?lens=${encodeURIComponent(state.measure.split(".")[0])}&as_of=${past()}&limit=100`);
    return { heading: `${t("not covered")} ${answer.as_of}`, ...answer, rows: answer.rows.map((row) => [row, row.name || row.target_code, reason(row.reason),
      row.household_count === null ? "" : `${number(row.household_count)} ${t("households")}`]) };
  }

  /* What the panel offers of a unit on a past day. */
  function pastEvidence(code, rows) {
    if (gridmap.aboutCameras() || nothing()) return [el("p", { class: "small" }, t("The rows behind this figure are kept for today only."))];
    return [gridmap.config.rows
      ? el("button", { class: "more", onclick: () => evidence(rows, () => pastRows(code)) }, t("List what was not covered on this day")) : null, rows];
  }

  function dayControl() {
    choice();
    links();
  }

  Object.assign(gridmap, { past, compared, shownDay, changeOf, changeClass, changeColour, changeText, changeLine, changeKey, changeSymbols, nothing,
    statusKey, tileDays, pastCard, pastEvidence, dayControl });
})();
