/* The panel: what is asked, the figures of a unit, and the rows behind each figure. */
"use strict";

(() => {
  const { now: state, levels, motion, t, reason, partNames, word, number, percent, amount, fraction, el, byId, fill, answered,
    LEVELS, lens, rateOf, find, chain, crumbs, whole } = gridmap;

  /* --- panel ----------------------------------------------------------------------------------- */

  function figure(measure, properties) {
    const one = gridmap.config.lenses.find((l) => l.measure === measure);
    const rate = rateOf(properties, measure);
    return el("div", { class: "figure" }, el("span", { class: "label" }, t(one.label)),
      el("span", { class: "value" }, rate ? percent(rate.share) : "–"),
      el("span", { class: "of" }, rate ? `${fraction(rate, one.unit)} · ${one.as_of}` : t("no data")), gridmap.changeLine(properties, measure));
  }

  /* The way down to a unit; each step leads there. */
  function trail(code) {
    return el("nav", { class: "crumbs", "aria-label": t("Where this is") }, ...chain(code).flatMap((one, i) => [
      ...(i ? [" > "] : []),
      one.code === code ? el("span", { "aria-current": "true" }, one.name) : el("button", { onclick: () => go(one.code) }, one.name)]));
  }

  function select(code) {
    const properties = find(code);
    if (!properties) return;
    state.selected = code;
    const rows = el("ul", { class: "rows", id: "evidence" });
    fill("unit", trail(code),
      el("h2", {}, `${properties.name} · ${code}`),
      ...gridmap.config.lenses.filter((one) => one.headline || one.measure === state.measure).map((one) => figure(one.measure, properties)),
      ...(gridmap.past() ? gridmap.pastEvidence(code, rows) : presentEvidence(code, rows, properties)));
    byId("panel").classList.remove("folded");
    gridmap.happens.fire("selected");
    gridmap.keepAddress(true);
  }

  function presentEvidence(code, rows, properties) {
    return [
      gridmap.config.rows ? el("button", { class: "more", onclick: () => evidence(rows, () => uncoveredRows(code)) }, t("List the uncovered buildings")) : null,
      gridmap.config.packed || !rateOf(properties, "camera.open_ground") ? null
        : el("button", { class: "more", onclick: () => evidence(rows, () => blindRows(code)) }, t("List the blind areas")), rows,
      gridmap.config.packed ? null : everyLens(code),
    ];
  }

  function everyLens(code) {
    const box = el("div", {});
    const more = el("details", {}, el("summary", { class: "more" }, t("All duties and services")), box);
    more.addEventListener("toggle", () => { if (more.open && !box.childElementCount) allLenses(box, code).catch(() => {
      box.replaceChildren(el("p", { class: "small" }, t("The server does not answer. Move the map to try again."))); }); });
    return more;
  }

  /* What to list: a heading, and of each row its text, a line below, what counts, and where. */
  async function uncoveredRows(code) {
    const answer = await answered(`/api/v1/coverage/${code}/uncovered?limit=100`);
    return { heading: t("uncovered buildings"), ...answer, rows: answer.rows.map((row) => [row, row.name || row.address || row.code, word(row.reason),
      row.household_count === null ? "" : `${number(row.household_count)} ${t("households")}`]) };
  }

  async function blindRows(code) {
    const answer = await answered(`/api/v1/coverage/${code}/blind?limit=100`);
    return { heading: t("blind areas"), ...answer, rows: answer.rows.map((row) => [row, `${crumbs(row.unit_code)} · ${row.number}`,
      `${amount(row.area_m2, "m2")} · ${t("road")} ${amount(row.road_m, "m")} · ${t("frontage")} ${amount(row.frontage_m, "m")}`,
      `${number(row.household_count)} ${t("households")}`]) };
  }

  /* --- every lens of a unit, the rows behind each, the links behind each row ---------------- */

  const FIRST = /\.(districts|streets|communities|grids|buildings|courtyards|organisations)$/;

  function lensName(one) {
    return gridmap.config.language === "zh" ? one.name : one.code.replaceAll("_", " ");
  }

  async function allLenses(box, code) {
    const [every, unit] = await Promise.all([answered("/api/v1/lenses"), answered(`/api/v1/coverage/${code}`)]);
    const rows = every.map((one) => [one, unit.rates.find((r) => r.measure.startsWith(`${one.code}.`) && FIRST.test(r.measure))]);
    box.replaceChildren(el("ul", { class: "rows" }, ...rows.filter(([, rate]) => rate).map(([one, rate]) => {
      const list = el("ul", { class: "rows inner" });
      const below = `${number(rate.covered)} / ${number(rate.total)} ${word(rate.unit_of_measure)} · ${rate.as_of}`;
      return el("li", {}, el("button", { ...(gridmap.config.rows ? {} : { disabled: "" }), onclick: () => fold(list, () => lensRows(one, code)) },
        el("span", {}, lensName(one), el("br"), el("span", { class: "small" }, below)),
        el("span", { class: "many" }, percent(rate.share))), list);
    })));
  }

  function fold(list, read) {
    if (list.childElementCount) list.replaceChildren();
    else evidence(list, read);
  }

  async function lensRows(one, code) {
    const answer = await answered(`/api/v1/coverage/${code}/targets?lens=${encodeURIComponent(one.code)}&limit=100`);
    return { heading: t("not covered"), ...answer, rows: answer.rows.map((row) => [row, row.name || row.target_code,
      reason(row.reason) + (row.missing ? ` · ${t("missing")}: ${partNames(one.part_names, row.missing)}` : ""), row.household_count === null ? "" : `${number(row.household_count)} ${t("households")}`,
      (list) => evidence(list, () => linkRows(one, row.target_code))]) };
  }

  async function linkRows(one, target) {
    const answer = await answered(`/api/v1/evidence?lens=${encodeURIComponent(one.code)}&target=${encodeURIComponent(target)}${gridmap.past() ? `&as_of=${gridmap.past()}` : ""}`);
    const rows = answer.rows.map((row) => [row, row.holder_name || row.holder_code || row.given_to,
      `${row.begins || "…"} – ${row.ends || "…"} · ${reason(row.verdict)}`, ""]);
    return { heading: t("links"), total: rows.length, rows };
  }

  async function evidence(list, read) {
    try {
      const { heading, total, rows } = await read();
      const shown = `${heading}: ${number(total)} · ${t("shown")}: ${number(rows.length)}`;
      list.replaceChildren(el("li", { class: "small", role: "status" }, shown), ...rows.map(([row, name, below, many, more]) => {
        const inner = el("ul", { class: "rows inner" });
        const open = () => {
          if (Number.isFinite(row.latitude)) gridmap.map.setView([row.latitude, row.longitude], 18, motion);
          if (more && !inner.childElementCount) more(inner);
          else inner.replaceChildren();
        };
        return el("li", {}, el("button", { onclick: open },
          el("span", {}, name, el("br"), el("span", { class: "small" }, below)),
          el("span", { class: "many" }, many)), inner);
      }));
    } catch {
      list.replaceChildren(el("li", {}, t("The server does not answer. Move the map to try again.")));
    }
  }

  /* The ten grids with most left uncovered: by what is missing, not by the share. */
  function blankest() {
    const units = gridmap.unitsOf("grid")
      .map((p) => ({ p, rate: rateOf(p, state.measure) })).filter((one) => one.rate)
      .map((one) => ({ ...one, missing: one.rate.total - one.rate.covered }))
      .sort((a, b) => b.missing - a.missing).slice(0, 10);
    fill("blank", gridmap.nothing() ? el("li", { class: "small" }, gridmap.nothing()) : null, ...units.map(({ p, missing }) => el("li", {}, el("button", { onclick: () => go(p.code) },
      el("span", {}, p.name, el("br"), el("span", { class: "small" }, crumbs(p.code.slice(0, 12)))),
      el("span", { class: "many" }, amount(missing, lens().unit))))));
  }

  function go(code) {
    if (code === gridmap.config.district.code) gridmap.map.fitBounds(whole(), motion);
    for (const name of LEVELS) {
      const unit = levels[name] && levels[name].shapeOf(code);
      if (unit) gridmap.map.fitBounds(unit.bounds, { maxZoom: 17, padding: [30, 30], ...motion });
    }
    select(code);
  }

  /* The questions by group; the group of the one that is asked is open. */
  function lensChoice() {
    const groups = [...new Set(gridmap.config.lenses.map((one) => one.group))];
    fill("lenses", ...groups.map((group) => {
      const members = gridmap.config.lenses.filter((one) => one.group === group);
      const box = el("details", {}, el("summary", {}, t(group)), ...members.map((one) => {
        const input = el("input", { type: "radio", name: "lens", value: one.measure });
        input.checked = one.measure === state.measure;
        input.addEventListener("change", () => gridmap.choose(one.measure));
        return el("label", {}, input, el("span", {}, t(one.label)));
      }));
      box.open = members.some((one) => one.measure === state.measure || one === gridmap.config.lenses[0]) || group === "Cameras";
      return box;
    }));
  }

  Object.assign(gridmap, { figure, select, evidence, linkRows, blankest, go, lensChoice });
})();
