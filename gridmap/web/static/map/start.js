/* The start, the address that holds the state, the search box and the keys. */
"use strict";

(() => {
  const { now: state, levels, details, kept, motion, t, sentence, el, byId, fill, say, answered, LEVELS, lens, legend, restyle, find, fittingLevel,
    showLevel, drawLabels, buildingLens, draw, loading, tell, card, showDetails, figure, select, blankest, go, lensChoice } = gridmap;

  /* --- found by name ------------------------------------------------------------------------------ */

  function toFound(row) {
    if (["district", "street", "community", "grid"].includes(row.kind)) return void go(row.code);
    if (row.lon === null) return void say("tell", t("Nobody knows where this is."));
    const place = [row.lat, row.lon];
    gridmap.map.setView(place, Math.max(row.zoom, 17), motion);
    const grid = row.where.find((one) => one.level === "grid");
    if (grid && find(grid.code)) select(grid.code);
    if (row.kind !== "organisation") tell({ layer: row.kind, code: row.code, lens: buildingLens(), found: true }, L.latLng(place));
    else L.popup().setLatLng(place).setContent(card(row.name || row.code, [["Code", row.code]])).openOn(gridmap.map);
  }

  function findings() {
    const input = byId("find");
    if (!input) return;
    gridmapFinder({ input, list: byId("found"), told: byId("found-told"), language: gridmap.config.language, read: answered, picked: toFound,
      t: sentence,
      by: (row) => row.found.text, failed: () => t("This could not be read. Try again.") });
  }

  const typing = (node) => node.closest("input, textarea, select, [contenteditable]");

  /* `/` to the search box; Esc one level up. */
  function onKey(event) {
    if (event.target.closest("dialog")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/" && byId("find")) { byId("panel").classList.remove("folded"); byId("find").focus(); event.preventDefault(); }
    if (event.key === "Escape" && state.selected && state.selected.length > 6) go(state.selected.slice(0, -3));
  }

  function choose(measure) {
    state.measure = measure;
    showDetails();
    fill("blank-title", t(lens().blank));
    restyle();
    blankest();
    draw();
    gridmap.happens.fire("chosen");
    keepAddress(true);
  }

  /* --- the address holds the state --------------------------------------------------------------- */

  kept.map = {
    write: () => { const at = gridmap.map.getCenter(); return `${gridmap.map.getZoom()}/${at.lat.toFixed(5)}/${at.lng.toFixed(5)}`; },
    read(text) {
      const place = text.split("/").map(Number);
      if (place.length === 3 && place.every(Number.isFinite)) gridmap.map.setView([place[1], place[2]], place[0], { animate: false });
    },
  };
  kept.lens = {
    write: () => state.measure,
    read(text) { if (gridmap.config.lenses.some((one) => one.measure === text)) state.measure = text; },
  };
  kept.unit = { write: () => state.selected, read(text) { state.selected = find(text) ? text : null; } };

  kept.level = {
    write: () => (state.manual ? state.level : null),
    read(text) { if (levels[text]) { state.manual = true; showLevel(text); } },
    absent() { if (state.manual) { state.manual = false; showLevel(fittingLevel()); } },
  };

  /* The question comes before what is of it: what is filtered, how it is sorted. */
  const names = () => [...new Set(["map", "lens", "level", "unit", ...Object.keys(kept)])];

  let reading = false;

  /* A choice is a step that "back" undoes; moving the map is none. */
  function keepAddress(step = false) {
    if (reading) return;
    const parts = names().map((name) => [name, kept[name].write()]).filter(([, text]) => text);
    const hash = parts.map(([name, text]) => `${name}=${encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("%2C", ",")}`).join("&");
    const link = byId("language");
    if (link) link.hash = hash;
    if (location.hash.slice(1) === hash) return;
    try {
      history[step && location.hash ? "pushState" : "replaceState"](null, "", `#${hash}`);
    } catch { /* a file:// page may not change its address: nothing is lost */ }
  }

  function readAddress() {
    const given = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
    for (const name of names()) {
      try {
        if (given.get(name)) kept[name].read(decodeURIComponent(given.get(name)));
        else if (kept[name].absent) kept[name].absent();
      } catch { /* a broken link shows what of it can be read */ }
    }
  }

  /* A link pasted into the same tab. */
  function onAddress() {
    reading = true;
    readAddress();
    lensChoice();
    choose(state.measure);
    if (state.selected) select(state.selected);
    reading = false;
  }

  function onZoom() {
    if (!state.manual) showLevel(fittingLevel());
    restyle();
  }

  function start(target, given) {
    gridmap.map = target;
    gridmap.map.createPane("details").style.zIndex = 450; // above the units' canvas, below names and popups
    Object.assign(levels, given);
    state.measure = gridmap.config.opens || gridmap.config.lenses[0].measure;
    const phone = window.innerWidth <= 720;
    // Where there is room, legend and layers hide no unit.
    const [left, right] = window.innerWidth > 1100 ? [240, 190] : [8, 130];
    gridmap.map.fitBounds(gridmap.whole(), { animate: false, paddingBottomRight: phone ? [8, 150] : [right, 8], paddingTopLeft: [left, 8] });
    gridmap.map.options.zoomSnap = 1; // the first view fits closely; tiles are sharp at whole zooms only
    reading = true;
    readAddress();
    L.control.scale({ imperial: false }).addTo(gridmap.map);
    const control = L.control({ position: "bottomleft" });
    control.onAdd = () => (legend.node = el("div", { class: "legend", id: "legend" }));
    gridmap.happens.once("chosen", () => L.DomEvent.disableClickPropagation(legend.node).disableScrollPropagation(legend.node));
    control.addTo(gridmap.map);
    gridmap.map.on("baselayerchange", (event) => {
      if (state.switching) return;
      const name = LEVELS.find((one) => levels[one] === event.layer);
      state.manual = true;
      state.level = name;
      levels[name].bringToBack();
      restyle();
      keepAddress(true);
    });
    gridmap.map.on("overlayadd overlayremove", (event) => {
      if (!state.switching && event.layer.name) state.chosen.add(event.layer.name);
      if (!state.switching) legend.update();
    });
    gridmap.map.on("zoomend", onZoom);
    gridmap.map.on("moveend", () => { details.forEach((one) => one.refresh()); drawLabels(); keepAddress(); });
    window.addEventListener("popstate", onAddress); // and a link pasted into the same tab
    document.addEventListener("keydown", onKey);
    findings();
    gridmap.dayControl();
    gridmapReach(gridmap.map, t);
    // On a phone one of the two is open: there is no room for both.
    sheets(phone);
    // The controls stand above the folded sheet, however many lines its notice takes.
    const head = document.querySelector("#panel header");
    new ResizeObserver(() => document.body.style.setProperty("--sheet", `${head.offsetHeight}px`)).observe(head);
    // Tiles are asked for before anything is drawn; the map does not wait for the panel.
    showDetails();
    setTimeout(onZoom);
    setTimeout(fillPanel);
  }

  /* On a phone there is room for the sheet or for the tools, never for both. */
  function sheets(phone) {
    const [panel, sheet, tools] = [byId("panel"), byId("sheet"), byId("tools")];
    const show = (open) => { document.body.classList.toggle("tools-open", open); tools.setAttribute("aria-expanded", String(open)); };
    const told = () => {
      const folded = panel.classList.contains("folded");
      sheet.setAttribute("aria-expanded", String(!folded));
      if (!folded) show(false);
    };
    sheet.addEventListener("click", () => panel.classList.toggle("folded"));
    tools.addEventListener("click", () => {
      const open = !document.body.classList.contains("tools-open");
      if (open) panel.classList.add("folded");
      show(open);
    });
    new MutationObserver(told).observe(panel, { attributeFilter: ["class"] });
    panel.classList.toggle("folded", phone);
    told();
  }

  function fillPanel() {
    lensChoice();
    choose(state.measure);
    fill("figures", ...gridmap.config.lenses.filter((one) => one.headline).map((one) => figure(one.measure, gridmap.config.district)));
    if (state.selected) select(state.selected);
    reading = false;
    keepAddress();
    details.forEach((one) => one.refresh());
    drawLabels();
    document.documentElement.dataset.ready = "yes";
  }

  Object.assign(gridmap, {
    start, choose, keepAddress,
    state: () => ({ ...state, chosen: [...state.chosen], zoom: gridmap.map.getZoom(), loading: loading(),
      loaded: Object.fromEntries(details.map((d) => [d.name, d.count()])) }),
  });
})();
