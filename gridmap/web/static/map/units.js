/* Streets, communities, grids: which level is shown, in which colours, with which names, and the
   legend that says what they mean. */
"use strict";

(() => {
  const { now: state, levels, t, word, number, percent, fraction, el } = gridmap;

  const LEVELS = ["street", "community", "grid"];
  const DETAIL_ZOOM = 15; // from here buildings are drawn, and units are outlines
  const UNIT_PIXELS = 2500; // a level is shown when its units cover this much of the screen
  const NO_DATA = "#c9ced6";

  /* --- rates and colours ------------------------------------------------------------------- */

  const aboutCameras = () => state.measure.startsWith("camera.");
  const lens = () => gridmap.config.lenses.find((one) => one.measure === state.measure);

  function rateOf(properties, measure) {
    const pair = properties.rates[gridmap.config.lenses.findIndex((one) => one.measure === measure)];
    if (!pair || !pair[1]) return null;
    return { covered: pair[0], total: pair[1], share: pair[0] / pair[1] };
  }

  function classOf(share, breaks) {
    let index = 0;
    while (index < breaks.length && share >= breaks[index]) index += 1;
    return index;
  }

  function classKey(properties) {
    const rate = rateOf(properties, state.measure);
    return rate === null ? "none" : String(classOf(rate.share, lens().breaks));
  }

  function colour(properties) {
    if (gridmap.compared()) return gridmap.changeColour(properties);
    const rate = rateOf(properties, state.measure);
    if (rate === null) return NO_DATA;
    return lens().colours[classOf(rate.share, lens().breaks)];
  }

  /* A file may have no buildings: then areas stay what one looks at. */
  const closeUp = () => gridmap.map !== null && gridmap.map.getZoom() >= DETAIL_ZOOM && gridmap.details.some((one) => one.name === "building");

  function styleUnit(feature) {
    const close = closeUp();
    if (gridmap.hidden("classes", classKey(feature.properties))) {
      return { fillOpacity: 0, color: "#8a94a3", weight: close ? 1.5 : 1, opacity: 1 };
    }
    return {
      fillColor: colour(feature.properties),
      fillOpacity: close ? 0.18 : state.ground ? 0.55 : 0.82,
      color: close ? "#5b6675" : gridmap.compared() ? "#8a94a3" : "#ffffff",
      weight: close ? 1.5 : 1,
      opacity: 1,
    };
  }

  /* A level's areas, from what is packed into the page. What they tell is there at once, in ``all``;
     each becomes a layer when it comes near the window: most of a thousand grids are never seen. */
  const Areas = L.GeoJSON.extend({
    initialize(packed) {
      L.GeoJSON.prototype.initialize.call(this, null, { style: styleUnit, onEachFeature: bindUnit, smoothFactor: 0.5 });
      this.packed = packed;
      this.all = packed.shapes.map((_, i) => Object.fromEntries(Object.entries(packed.columns).map(([name, values]) => [name, values[i]])));
    },

    /* Of each area in the order of ``all``: its bounds, and its shape until it is a layer. */
    shapes() {
      this.unpacked = this.unpacked || gridmap.unpack(this.packed).map(({ box: [west, south, east, north], feature }) => (
        { bounds: L.latLngBounds([south, west], [north, east]), feature, geometry: feature.geometry }));
      return this.unpacked;
    },

    shapeOf(code) { return this.shapes()[this.all.findIndex((one) => one.code === code)] || null; },

    make(window) {
      let some = false;
      this.shapes().forEach((one, i) => {
        if (!one.feature || (window && !window.intersects(one.bounds))) return;
        this.addData({ ...one.feature, properties: this.all[i] });
        one.feature = null;
        some = true;
      });
      if (some && this._map) this.bringToBack();
    },

    near() { this.make(this._map.getBounds().pad(0.5)); },

    onAdd(target) {
      this.near();
      target.on("moveend", this.near, this);
      L.GeoJSON.prototype.onAdd.call(this, target);
    },

    onRemove(target) {
      target.off("moveend", this.near, this);
      L.GeoJSON.prototype.onRemove.call(this, target);
    },

    getLayers() {
      this.make();
      return L.GeoJSON.prototype.getLayers.call(this);
    },
  });

  const units = (packed) => new Areas(packed);
  const unitsOf = (name) => (levels[name] ? levels[name].all : []);

  function bindUnit(feature, layer) {
    layer.on("click", () => gridmap.select(feature.properties.code));
    layer.bindTooltip(() => unitTooltip(feature.properties), { sticky: true, opacity: 0.95 });
  }

  function unitTooltip(properties) {
    const rate = rateOf(properties, state.measure);
    return el("div", {}, el("strong", {}, properties.name), el("br"),
      rate ? `${percent(rate.share)} · ${fraction(rate, lens().unit)}` : t("no data"),
      ...(gridmap.compared() ? [el("br"), gridmap.changeText(properties, state.measure)] : []));
  }

  /* --- levels: semantic zoom until someone chooses ------------------------------------------ */

  const present = () => LEVELS.filter((name) => unitsOf(name).length);

  /* All that the page has a map of. */
  function whole() {
    const [west, south, east, north] = gridmap.config.bounds;
    return L.latLngBounds([south, west], [north, east]);
  }

  /* The smallest level whose units have, on average, so many pixels. */
  function roomiest(wanted) {
    const all = whole();
    const a = gridmap.map.project(all.getSouthWest());
    const b = gridmap.map.project(all.getNorthEast());
    const pixels = Math.abs((b.x - a.x) * (b.y - a.y));
    return present().filter((name) => pixels / unitsOf(name).length >= wanted).pop();
  }

  const fittingLevel = () => roomiest(UNIT_PIXELS) || present()[0];

  function showLevel(name) {
    if (!name || name === state.level) return;
    state.level = name;
    state.switching = true; // the layer control reports our own change as if someone had chosen
    for (const other of LEVELS) {
      if (levels[other] && other !== name) gridmap.map.removeLayer(levels[other]);
    }
    levels[name].setStyle(styleUnit); // it may have been hidden when the question changed
    if (!gridmap.map.hasLayer(levels[name])) gridmap.map.addLayer(levels[name]);
    state.switching = false;
    levels[name].bringToBack();
  }

  function restyle() {
    if (levels[state.level]) levels[state.level].setStyle(styleUnit);
    legend.update();
  }

  /* --- legend -------------------------------------------------------------------------------- */

  /* The legend speaks of what is switched on. */
  const shown = (name) => gridmap.details.some((one) => one.name === name && gridmap.map.hasLayer(one));

  const legend = {
    update() {
      if (!this.node) return;
      const close = closeUp();
      this.node.replaceChildren(el("strong", {}, t(lens().label)), ...(gridmap.compared() ? gridmap.changeKey(unitsOf(state.level)) : this.classes()),
        ...(close ? (gridmap.compared() && gridmap.buildingLens() ? gridmap.changeSymbols() : this.symbols()) : []),
        ...(gridmap.nothing() ? [el("div", { class: "told" }, gridmap.nothing())] : []),
        ...(lens().as_of || !gridmap.past() ? [el("div", { class: "small" }, `${t("As of")} ${lens().as_of || "–"}`)] : []),
        ...(lens().note ? [el("div", { class: "small" }, t(lens().note))] : []));
    },

    classes() {
      const breaks = [0, ...lens().breaks, 1];
      const counts = Array(lens().colours.length).fill(0);
      let none = 0;
      for (const properties of unitsOf(state.level)) {
        const rate = rateOf(properties, state.measure);
        if (rate === null) none += 1;
        else counts[classOf(rate.share, lens().breaks)] += 1;
      }
      const key = el("div", { class: "key" });
      lens().colours.forEach((one, i) => {
        const swatch = el("span", { class: "swatch" });
        swatch.style.background = one;
        key.append(gridmap.filterRow("classes", String(i), swatch, `${number(breaks[i] * 100)}–${number(breaks[i + 1] * 100)}%`, counts[i]));
      });
      key.append(gridmap.filterRow("classes", "none", el("span", { class: "swatch none" }), t("no data"), none));
      return [el("div", { class: "small" }, `${t("share of")} ${word(lens().unit)} · ${t("counted")}: ${word(state.level || "")}`), key, gridmap.showAll("classes")];
    },

    symbols() {
      const key = el("div", { class: "key" });
      const swatched = (colours, extra = "") => {
        const swatch = el("span", { class: `swatch${extra}` });
        swatch.style.backgroundColor = colours;
        return swatch;
      };
      if (gridmap.buildingLens() && shown("building")) {
        const party = gridmap.buildingLens() === "party_group";
        const rows = [["own", "#2b6cb0", "covered"], ["joint", "#90bde8", "covered_jointly"], ...(party ? [["neighbour", "#fbd0a6", "", " outlined dashed"]] : []),
          ["uncovered", "#f58d4b", "not_covered", " outlined hatched"], ["none", NO_DATA, "not_asked"]];
        for (const [status, colours, label, extra] of rows) key.append(gridmap.filterRow("statuses", status, swatched(colours, extra), word(party ? status : label)));
        return [key, gridmap.showAll("statuses")];
      }
      const plain = [["rgba(123,82,171,.3)", "seen"], ["rgba(123,82,171,.5)", "view"], ["rgba(74,37,116,.6)", "certain"], ["#4a2574", "camera"], ["rgba(59,63,70,.35)", "blind"], ["#dfe3e8", "building"]];
      for (const [colours, label] of plain.filter(([, name]) => shown(name))) key.append(swatched(colours), el("span", {}, word(label)), el("span"));
      return [key, ...(state.measure === "camera.open_ground_twice" && shown("view") ? [el("div", { class: "small" }, t("Where two views lie over each other it is darker."))] : [])];
    },
  };

  function find(code) {
    if (code === gridmap.config.district.code) return gridmap.config.district;
    for (const name of LEVELS) {
      const hit = unitsOf(name).find((one) => one.code === code);
      if (hit) return hit;
    }
    return null;
  }

  /* A unit and those above it, from above; those that somebody does not see are not among them. */
  const chain = (code) => [6, 9, 12, 15].filter((n) => n <= code.length).map((n) => find(code.slice(0, n))).filter(Boolean);
  const crumbs = (code) => chain(code).map((one) => one.name).join(" > ");

  /* --- names on the map: of the smallest level whose units have room for them ---------------- */

  const LABEL_PIXELS = 9000;
  let labels = null;

  function drawLabels() {
    labels = labels || L.layerGroup().addTo(gridmap.map);
    labels.clearLayers();
    const name = roomiest(LABEL_PIXELS);
    const window = gridmap.map.getBounds().pad(-0.02);
    for (const [i, { bounds }] of name ? levels[name].shapes().entries() : []) {
      const place = bounds.getCenter();
      if (!window.contains(place)) continue;
      const icon = L.divIcon({ className: "name", html: el("span", {}, levels[name].all[i].name), iconSize: null });
      L.marker(place, { icon, interactive: false, keyboard: false }).addTo(labels);
    }
  }

  /* The unit that was chosen has an outline above all that is drawn. */
  let outline = null;

  function outlined() {
    if (!outline) {
      gridmap.map.createPane("outline").style.zIndex = 455;
      outline = L.geoJSON(null, { renderer: L.svg({ pane: "outline" }), pane: "outline", interactive: false, style: { fill: false, color: "#1d2430", weight: 3 } }).addTo(gridmap.map);
    }
    outline.clearLayers();
    for (const name of LEVELS) {
      const shape = levels[name] && levels[name].shapeOf(state.selected);
      if (shape) outline.addData(shape.geometry);
    }
  }

  gridmap.happens.on("selected", outlined);

  Object.assign(gridmap, { classKey, LEVELS, DETAIL_ZOOM, NO_DATA, aboutCameras, lens, rateOf, units, unitsOf, fittingLevel, showLevel, restyle, find, chain, crumbs, whole, legend, drawLabels });
})();
