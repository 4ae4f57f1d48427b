/* The behaviour of gridmap's map. Folium composes the map and its layers; this file styles them,
   loads details for the window, and shows the evidence behind a click.
   Text from data reaches the page through textContent only: names come from spreadsheets. */
"use strict";

const gridmap = (() => {
  const LEVELS = ["street", "community", "grid"];
  const DETAIL_ZOOM = 15;
  const UNIT_PIXELS = 2500; // a level is shown when its units cover this much of the screen
  const NO_DATA = "#c9ced6";
  const state = { measure: null, level: null, manual: false, switching: false, selected: null, chosen: new Set() };
  const levels = {};
  const details = [];
  let config = null;
  let map = null;

  /* Whoever asked the system for less motion gets none. */
  const motion = { animate: !window.matchMedia("(prefers-reduced-motion: reduce)").matches };

  /* --- words and numbers ------------------------------------------------------------------ */

  /* What a code of the data is called; the sentences stand in the catalogue. */
  const WORDS = {
    own: "Own Party group", joint: "Joint Party group", uncovered: "No Party group",
    neighbour: "A neighbour's group is near", branch_elsewhere: "the group's branch serves another grid",
    no_link: "no group is linked to it", no_grid: "it lies in no grid",
    link_ended: "the link has ended", link_not_begun: "the link has not begun",
    organisation_ended: "the organisation was dissolved",
    organisation_unknown: "the organisation is not in the store",
    group_below_size: "the group has too few members",
    members_unknown: "the group's members are not known",
    organisation_kind: "the organisation is not of the kind that serves this",
    ok: "computed", moved: "moved before computing", excluded: "not computed",
    inside_building: "it stands inside a building", on_wall: "it stands on a wall",
    no_range: "it has no range", no_angle: "it has no field angle", no_position: "it has no position",
    azimuth_deg: "azimuth", hfov_deg: "field angle", max_range_m: "range",
    covered: "covered", covered_jointly: "covered jointly", not_covered: "not covered", not_asked: "not asked about, or no data", building: "Buildings",
    view: "Camera views", camera: "Cameras", blind: "Blind ground", street: "streets", community: "communities", grid: "grids", m2: "area", m: "length",
  };

  /* Why a target of any lens is not covered, and what a link is worth. */
  const REASONS = {
    own: "covered on its own", joint: "covered jointly",
    needs_own: "needs one of its own, has a joint one",
    members_of_target_unknown: "its own members are not known",
    overdue: "done too long ago",
    never_done: "never done",
    not_secretary: "the holder is no branch secretary",
    branch_elsewhere: "the group's branch serves another grid",
    group_below_size: "the group has too few members",
    members_unknown: "the group's members are not known",
    vacant: "the post is vacant",
    organisation_kind: "the holder is of another kind",
    organisation_ended: "the organisation was dissolved",
    link_not_begun: "the link has not begun",
    link_ended: "the link has ended",
    organisation_unknown: "no such organisation is known",
    too_many: "more than there should be",
    no_link: "nothing is linked to it",
    no_grid: "it lies in no grid",
    part_missing: "it is not there",
    not_inside: "it lies in none",
  };

  const t = (message) => config.messages[message] || message;
  const word = (code) => t(WORDS[code] || code);
  const number = (value, digits = 0) =>
    value.toLocaleString(config.language === "zh" ? "zh-CN" : "en", { maximumFractionDigits: digits });
  /* What is not whole never reads 100 %. */
  const percent = (share) => `${(share < 1 ? Math.min(share * 100, 99.9) : 100).toFixed(1)}%`;

  function amount(value, unit) {
    if (unit === "m2") return value >= 1e5 ? `${number(value / 1e6, 2)} km²` : `${number(value)} m²`;
    if (unit === "m") return value >= 1e4 ? `${number(value / 1e3, 1)} km` : `${number(value)} m`;
    return `${number(value)} ${t(unit)}`;
  }

  function fraction(rate, unit) {
    const covered = unit === "m2" || unit === "m" ? amount(rate.covered, unit) : number(rate.covered);
    return `${covered} / ${amount(rate.total, unit)}`;
  }

  /* --- small DOM builders: text only ------------------------------------------------------- */

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") node.addEventListener("click", value);
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null).map((c) => (c instanceof Node ? c : String(c))));
    return node;
  }

  const byId = (id) => document.getElementById(id);
  const fill = (id, ...children) => byId(id).replaceChildren(...children.filter((one) => one !== null));

  /* --- rates and colours ------------------------------------------------------------------- */

  const aboutCameras = () => state.measure.startsWith("camera.");
  const lens = () => config.lenses.find((one) => one.measure === state.measure);

  function rateOf(properties, measure) {
    const pair = properties.rates[config.lenses.findIndex((one) => one.measure === measure)];
    if (!pair || !pair[1]) return null;
    return { covered: pair[0], total: pair[1], share: pair[0] / pair[1] };
  }

  function classOf(share, breaks) {
    let index = 0;
    while (index < breaks.length && share >= breaks[index]) index += 1;
    return index;
  }

  function colour(properties) {
    const rate = rateOf(properties, state.measure);
    if (rate === null) return NO_DATA;
    return lens().colours[classOf(rate.share, lens().breaks)];
  }

  function styleUnit(feature) {
    const close = map !== null && map.getZoom() >= DETAIL_ZOOM;
    return {
      fillColor: colour(feature.properties),
      fillOpacity: close ? 0.18 : 0.82,
      color: close ? "#5b6675" : "#ffffff",
      weight: close ? 1.5 : 1,
      opacity: 1,
    };
  }

  function bindUnit(feature, layer) {
    layer.on("click", () => select(feature.properties.code));
    layer.bindTooltip(() => unitTooltip(feature.properties), { sticky: true, opacity: 0.95 });
  }

  function unitTooltip(properties) {
    const rate = rateOf(properties, state.measure);
    return el("div", {}, el("strong", {}, properties.name), el("br"),
      rate ? `${percent(rate.share)} · ${fraction(rate, lens().unit)}` : t("no data"));
  }

  /* --- levels: semantic zoom until someone chooses ------------------------------------------ */

  const present = () => LEVELS.filter((name) => levels[name] && levels[name].getLayers().length);

  /* The smallest level whose units have, on average, so many pixels. */
  function roomiest(wanted) {
    const box = config.bounds;
    const a = map.project([box[1], box[0]]);
    const b = map.project([box[3], box[2]]);
    const pixels = Math.abs((b.x - a.x) * (b.y - a.y));
    return present().filter((name) => pixels / levels[name].getLayers().length >= wanted).pop();
  }

  const fittingLevel = () => roomiest(UNIT_PIXELS) || present()[0];

  function showLevel(name) {
    if (!name || name === state.level) return;
    state.level = name;
    state.switching = true; // the layer control reports our own change as if someone had chosen
    for (const other of LEVELS) {
      if (levels[other] && other !== name) map.removeLayer(levels[other]);
    }
    if (!map.hasLayer(levels[name])) map.addLayer(levels[name]);
    state.switching = false;
    levels[name].bringToBack();
  }

  function restyle() {
    for (const name of LEVELS) if (levels[name]) levels[name].setStyle(styleUnit);
    legend.update();
  }

  /* --- where details come from: the server, or what is packed into the file ------------------- */

  async function fetchDetails(name, bounds, signal) {
    const box = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    const response = await fetch(`/api/v1/features/${name}?bbox=${box.map((v) => v.toFixed(6)).join(",")}`, { signal });
    if (response.status === 401) signInAgain();
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  const unpacked = {};

  function unpackRing(deltas, scale) {
    const ring = [];
    let x = 0;
    let y = 0;
    for (let i = 0; i < deltas.length; i += 2) {
      x += deltas[i];
      y += deltas[i + 1];
      ring.push([x / scale, y / scale]);
    }
    return ring;
  }

  function unpack(pack) {
    return pack.shapes.map((shape, i) => {
      const parts = shape.map((part) => part.map((ring) => unpackRing(ring, pack.scale)));
      const properties = {};
      for (const [column, values] of Object.entries(pack.columns)) properties[column] = values[i];
      const flat = parts.flat(2);
      const xs = flat.map((p) => p[0]);
      const ys = flat.map((p) => p[1]);
      const geometry = pack.kind === "Point" ? { type: "Point", coordinates: flat[0] }
        : pack.kind === "LineString" ? { type: "MultiLineString", coordinates: parts.map((p) => p[0]) }
          : { type: "MultiPolygon", coordinates: parts };
      return { box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
        feature: { type: "Feature", properties, geometry } };
    });
  }

  function packedDetails(name, bounds) {
    if (!unpacked[name]) unpacked[name] = config.packed[name] ? unpack(config.packed[name]) : [];
    const inside = unpacked[name].filter(({ box }) =>
      box[0] <= bounds.getEast() && box[2] >= bounds.getWest() && box[1] <= bounds.getNorth() && box[3] >= bounds.getSouth());
    return { type: "FeatureCollection", features: inside.map((one) => one.feature), truncated: false };
  }

  const load = (name, bounds, signal) =>
    config.packed ? Promise.resolve(packedDetails(name, bounds)) : fetchDetails(name, bounds, signal);

  /* --- detail layers: what lies in the window from zoom 15 ------------------------------------ */

  const STYLES = {
    road: (p) => ({ color: "#ffffff", weight: p.kind === "trunk" ? 6 : p.kind === "main" ? 4 : 2, opacity: 0.9, interactive: false }),
    blind: () => ({ stroke: false, fill: true, fillColor: "#3b3f46", fillOpacity: 0.35, interactive: false }),
    seen: () => ({ stroke: false, fill: true, fillColor: "#7b52ab", fillOpacity: 0.3, interactive: false }),
    camera: () => ({ radius: 4, weight: 1.5, color: "#ffffff", fill: true, fillColor: "#4a2574", fillOpacity: 1 }),
    view: (p) => ({ color: "#4a2574", weight: p.assumed ? 1 : 1.2, dashArray: p.assumed ? "4 3" : null, opacity: 0.7, fill: true, fillColor: "#7b52ab", fillOpacity: 0.22 }),
    building: (p) => ({ fill: true, ...(BUILDINGS[config.packed && aboutCameras() ? "plain" : p.status] || (config.packed ? BUILDINGS.none : BUILDINGS[buildingLens() ? "none" : "plain"])) }),
  };

  /* Buildings by what a lens says of them: uncovered is outlined too, never told by colour alone. */
  const BUILDINGS = {
    plain: { color: "#5b6675", weight: 0.8, fillColor: "#dfe3e8", fillOpacity: 1 },
    none: { color: "#5b6675", weight: 0.8, fillColor: NO_DATA, fillOpacity: 0.8 },
    own: { color: "#2b6cb0", weight: 0.8, fillColor: "#2b6cb0", fillOpacity: 0.75 },
    joint: { color: "#2b6cb0", weight: 0.8, fillColor: "#90bde8", fillOpacity: 0.85 },
    neighbour: { color: "#6b1d00", weight: 2, dashArray: "4 3", fillColor: "#fbd0a6", fillOpacity: 0.9 },
    uncovered: { color: "#6b1d00", weight: 2, fillColor: "#f58d4b", fillOpacity: 0.9 },
  };

  const POPUPS = {
    building: (p) => card(p.name || p.address || p.code, [
      ["Code", p.code], ["Address", p.address],
      ["Party group", p.status ? word(p.status) : t("no data")],
      ["Reason", p.reason ? word(p.reason) : null], ["Organisation", p.holder_name || p.holder_code],
      ["Households", p.household_count], ["Grid", p.grid_code],
    ]),
    view: cameraCard,
    camera: cameraCard,
  };

  function cameraCard(p) {
    return card(p.name || p.code, [
      ["Code", p.code], ["Azimuth", p.azimuth_deg === null ? null : `${number(p.azimuth_deg)}°`],
      ["Field angle", p.hfov_deg === null ? null : `${number(p.hfov_deg)}°`],
      ["Range", p.max_range_m === null ? null : `${number(p.max_range_m)} m`],
      ["Sees", `${number(p.area_m2)} m²`],
      ["For certain", p.certain_area_m2 === null ? null : `${number(p.certain_area_m2)} m²`], ["Status", word(p.status)],
      ["Reason", p.reason ? word(p.reason) : null],
      ["Assumed", p.assumed ? p.assumed.split(",").map((one) => word(one.trim())).join(", ") : null],
    ]);
  }

  function card(title, rows) {
    const list = el("dl");
    for (const [name, value] of rows) {
      if (value !== null && value !== undefined && value !== "") list.append(el("dt", {}, t(name)), el("dd", {}, value));
    }
    return el("div", {}, el("h3", {}, title), list);
  }

  const Detail = L.LayerGroup.extend({
    initialize(name) {
      L.LayerGroup.prototype.initialize.call(this, []);
      this.name = name;
      this.loaded = null;
      details.push(this);
    },

    onAdd(target) {
      L.LayerGroup.prototype.onAdd.call(this, target);
      this.refresh();
    },

    onRemove(target) {
      L.LayerGroup.prototype.onRemove.call(this, target);
      this.forget();
    },

    forget() {
      if (this.request) this.request.abort();
      this.clearLayers();
      this.loaded = null;
      say(this.name, "");
    },

    count() { return this.getLayers().reduce((n, l) => n + l.getLayers().length, 0); },

    async refresh() {
      if (!map || !map.hasLayer(this)) return;
      if (map.getZoom() < DETAIL_ZOOM) return void this.forget();
      const window = map.getBounds();
      if (this.loaded && this.loaded.contains(window)) return;
      if (this.request) this.request.abort();
      const request = new AbortController();
      this.request = request;
      const wide = window.pad(0.15);
      try {
        const data = await load(this.name, wide, request.signal);
        if (!request.signal.aborted) this.show(data, wide);
      } catch (error) {
        if (error.name !== "AbortError") say(this.name, t("The server does not answer. Move the map to try again."));
      }
    },

    show(data, wide) {
      const layer = L.geoJSON(data, {
        style: (feature) => (STYLES[this.name] ? STYLES[this.name](feature.properties) : {}),
        pointToLayer: (feature, place) => L.circleMarker(place, {
          radius: 4, weight: 1.5, color: "#ffffff", fillColor: "#4a2574", fillOpacity: 1 }),
        onEachFeature: (feature, one) => {
          if (POPUPS[this.name]) one.bindPopup(() => POPUPS[this.name](feature.properties));
        },
        interactive: Boolean(POPUPS[this.name]),
      });
      this.clearLayers();
      this.addLayer(layer);
      this.loaded = data.truncated ? null : wide;
      stack();
      say(this.name, data.truncated ? t("Too much to draw at once: zoom in to see all.") : "");
    },
  });

  /* --- details from the server: a switch of the layer control each, all in one grid of tiles ---- */

  const DRAWN = ["road", "seen", "blind", "view", "building", "camera"]; // the lowest first
  const wanted = new Set();
  let grid = null;

  const Switch = L.Layer.extend({
    initialize(name) { this.name = name; details.push(this); },
    onAdd() { wanted.add(this.name); draw(); },
    onRemove() { wanted.delete(this.name); draw(); },
    refresh() {},
    eachLayer() {},
    count() { return map.getZoom() >= DETAIL_ZOOM ? gridmapTiles.count(grid, this.name) : 0; },
  });

  /* The question that buildings are coloured by; none where it is not of buildings. */
  const buildingLens = () => (/\.(buildings|households)$/.test(state.measure || "") ? state.measure.split(".")[0] : "");

  /* Once for all that is switched at a time. The former tiles stay until the new ones are there. */
  const formers = new Set();
  let due = false;

  function draw() {
    if (!map || config.packed || due) return;
    due = true;
    queueMicrotask(() => { due = false; drawNow(); });
  }

  function drawNow() {
    const layers = DRAWN.filter((name) => wanted.has(name));
    const lens = layers.includes("building") ? buildingLens() : "";
    const key = `${layers}:${lens}`;
    if (grid ? grid.key === key : !layers.length) return;
    if (grid) formers.add(grid);
    const leave = () => {
      formers.forEach((one) => map.removeLayer(one));
      formers.clear();
    };
    grid = layers.length ? gridmapTiles.grid({
      layers, lens, zoom: DETAIL_ZOOM, styles: STYLES, clicked: tell, below, denied: signInAgain, pane: "details",
      told: (failed) => say("tiles", failed ? t("The server does not answer. Trying again.") : ""),
    }) : null;
    if (!grid) return void leave();
    grid.key = key;
    const newest = grid; // what was asked for meanwhile waits for its own tiles
    if (map.getZoom() >= DETAIL_ZOOM) grid.once("load", () => { if (grid === newest) leave(); });
    else leave();
    grid.addTo(map);
  }

  /* Nothing of ours was hit: what lies below is asked. */
  function below(event) {
    const units = levels[state.level] ? levels[state.level].getLayers() : [];
    if (units.length && units[0]._renderer) units[0]._renderer._onClick(event);
  }

  /* Tiles tell what a colour needs; the rest is asked for when somebody wants to know. */
  async function tell(tile, place) {
    if (!POPUPS[tile.layer]) return;
    say("tell", t("Looking it up …"));
    const at = map.latLngToContainerPoint(place);
    const [a, b] = [at.subtract([9, 9]), at.add([9, 9])].map((point) => map.containerPointToLatLng(point));
    try {
      const found = await fetchDetails(tile.layer, L.latLngBounds(a, b));
      const hit = found.features.find((one) => one.properties.code === tile.code);
      if (!hit) return void say("tell", t("This has changed meanwhile. Move the map to see it as it is now."));
      say("tell", "");
      const links = el("ul", { class: "rows" });
      const lens = tile.layer === "building" ? tile.lens : "";
      L.popup({ maxHeight: 420 }).setLatLng(place)
        .setContent(el("div", {}, POPUPS[tile.layer](hit.properties), links)).openOn(map);
      if (lens) evidence(links, () => linkRows({ code: lens }, tile.code));
    } catch {
      say("tell", t("The server does not answer. Move the map to try again."));
    }
  }

  /* One canvas for all: what is drawn later is on top and takes the click. */
  function stack() {
    for (const name of ["road", "blind", "view", "building", "camera"]) {
      for (const one of details.filter((d) => d.name === name)) {
        one.eachLayer((layer) => layer.bringToFront());
      }
    }
  }

  const said = {};
  function say(about, message) {
    said[about] = message;
    byId("status").textContent = Object.values(said).find(Boolean) || "";
  }

  /* --- legend -------------------------------------------------------------------------------- */

  const legend = {
    update() {
      if (!this.node) return;
      const close = map.getZoom() >= DETAIL_ZOOM;
      this.node.replaceChildren(el("strong", {}, t(lens().label)), ...this.classes(),
        ...(close ? this.symbols() : []),
        el("div", { class: "small" }, `${t("As of")} ${lens().as_of || "–"}`),
        ...(lens().note ? [el("div", { class: "small" }, t(lens().note))] : []));
    },

    classes() {
      const units = levels[state.level] ? levels[state.level].getLayers() : [];
      const breaks = [0, ...lens().breaks, 1];
      const counts = Array(lens().colours.length).fill(0);
      let none = 0;
      for (const unit of units) {
        const rate = rateOf(unit.feature.properties, state.measure);
        if (rate === null) none += 1;
        else counts[classOf(rate.share, lens().breaks)] += 1;
      }
      const key = el("div", { class: "key" });
      lens().colours.forEach((one, i) => {
        const swatch = el("span", { class: "swatch" });
        swatch.style.background = one;
        key.append(swatch, el("span", {}, `${number(breaks[i] * 100)}–${number(breaks[i + 1] * 100)}%`),
          el("span", { class: "count" }, counts[i]));
      });
      key.append(el("span", { class: "swatch none" }), el("span", {}, t("no data")), el("span", { class: "count" }, none));
      return [el("div", { class: "small" }, `${t("share of")} ${word(lens().unit)} · ${t("counted")}: ${word(state.level || "")}`), key];
    },

    symbols() {
      const party = buildingLens() === "party_group" || config.packed
        ? [["#2b6cb0", "own"], ["#90bde8", "joint"], ["#fbd0a6", "neighbour", " outlined dashed"], ["#f58d4b", "uncovered", " outlined"]]
        : buildingLens() ? [["#2b6cb0", "covered"], ["#90bde8", "covered_jointly"], ["#f58d4b", "not_covered", " outlined"], [NO_DATA, "not_asked"]]
          : [["#dfe3e8", "building"]];
      const camera = [["rgba(123,82,171,.5)", "view"], ["#4a2574", "camera"], ["rgba(59,63,70,.35)", "blind"]];
      const key = el("div", { class: "key" });
      for (const [colours, label, extra] of aboutCameras() ? camera : party) {
        const swatch = el("span", { class: `swatch${extra || ""}` });
        swatch.style.background = colours;
        key.append(swatch, el("span", {}, word(label)), el("span"));
      }
      return [key];
    },
  };

  /* --- panel ----------------------------------------------------------------------------------- */

  function figure(measure, properties) {
    const one = config.lenses.find((l) => l.measure === measure);
    const rate = rateOf(properties, measure);
    return el("div", { class: "figure" }, el("span", { class: "label" }, t(one.label)),
      el("span", { class: "value" }, rate ? percent(rate.share) : "–"),
      el("span", { class: "of" }, rate ? `${fraction(rate, one.unit)} · ${one.as_of}` : t("no data")));
  }

  function find(code) {
    if (code === config.district.code) return config.district;
    for (const name of LEVELS) {
      const hit = (levels[name] ? levels[name].getLayers() : []).find((l) => l.feature.properties.code === code);
      if (hit) return hit.feature.properties;
    }
    return null;
  }

  function crumbs(code) {
    const names = [6, 9, 12, 15].filter((n) => n <= code.length).map((n) => find(code.slice(0, n))).filter(Boolean);
    return names.map((one) => one.name).join(" > ");
  }

  /* The way down to a unit; each step leads there. */
  function trail(code) {
    const steps = [6, 9, 12, 15].filter((n) => n <= code.length).map((n) => find(code.slice(0, n))).filter(Boolean);
    return el("nav", { class: "crumbs", "aria-label": t("Where this is") }, ...steps.flatMap((one, i) => [
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
      ...config.lenses.filter((one) => one.headline || one.measure === state.measure).map((one) => figure(one.measure, properties)),
      config.rows ? el("button", { class: "more", onclick: () => evidence(rows, () => uncoveredRows(code)) }, t("List the uncovered buildings")) : null,
      config.packed || !rateOf(properties, "camera.open_ground") ? null
        : el("button", { class: "more", onclick: () => evidence(rows, () => blindRows(code)) }, t("List the blind areas")), rows,
      config.packed ? null : everyLens(code));
    byId("panel").classList.remove("folded");
    updateAddress();
  }

  function everyLens(code) {
    const box = el("div", {});
    const more = el("details", {}, el("summary", { class: "more" }, t("All duties and services")), box);
    more.addEventListener("toggle", () => { if (more.open && !box.childElementCount) allLenses(box, code).catch(() => {
      box.replaceChildren(el("p", { class: "small" }, t("The server does not answer. Move the map to try again."))); }); });
    return more;
  }

  /* The session has ended: the way back leads to this very view. */
  function signInAgain() {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}${location.hash}`);
  }

  async function answered(path) {
    const response = await fetch(path);
    if (response.status === 401) signInAgain();
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  async function uncovered(code) {
    if (!config.packed) return answered(`/api/v1/coverage/${code}/uncovered?limit=100`);
    packedDetails("building", L.latLngBounds([0, 0], [0, 0]));
    const rows = unpacked.building
      .filter(({ feature: { properties: p } }) => ["uncovered", "neighbour"].includes(p.status) && (p.grid_code || "").startsWith(code))
      .map(({ box, feature }) => ({ ...feature.properties, longitude: (box[0] + box[2]) / 2, latitude: (box[1] + box[3]) / 2 }))
      .sort((a, b) => (b.household_count || 0) - (a.household_count || 0));
    return { total: rows.length, rows: rows.slice(0, 100) };
  }

  /* What to list: a heading, and of each row its text, a line below, what counts, and where. */
  async function uncoveredRows(code) {
    const answer = await uncovered(code);
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
    return config.language === "zh" ? one.name : one.code.replaceAll("_", " ");
  }

  function partNames(one, missing) {
    return missing.split(" ").map((part) => (config.language === "zh" ? one.part_names[part] : part.replaceAll("_", " "))).join(", ");
  }

  async function allLenses(box, code) {
    const [every, unit] = await Promise.all([answered("/api/v1/lenses"), answered(`/api/v1/coverage/${code}`)]);
    const rows = every.map((one) => [one, unit.rates.find((r) => r.measure.startsWith(`${one.code}.`) && FIRST.test(r.measure))]);
    box.replaceChildren(el("ul", { class: "rows" }, ...rows.filter(([, rate]) => rate).map(([one, rate]) => {
      const list = el("ul", { class: "rows inner" });
      const below = `${number(rate.covered)} / ${number(rate.total)} ${word(rate.unit_of_measure)} · ${rate.as_of}`;
      return el("li", {}, el("button", { ...(config.rows ? {} : { disabled: "" }), onclick: () => fold(list, () => lensRows(one, code)) },
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
      t(REASONS[row.reason] || row.reason || "") + (row.missing ? ` · ${t("missing")}: ${partNames(one, row.missing)}` : ""), row.household_count === null ? "" : `${number(row.household_count)} ${t("households")}`,
      (list) => evidence(list, () => linkRows(one, row.target_code))]) };
  }

  async function linkRows(one, target) {
    const answer = await answered(`/api/v1/evidence?lens=${encodeURIComponent(one.code)}&target=${encodeURIComponent(target)}`);
    const rows = answer.rows.map((row) => [row, row.holder_name || row.holder_code || row.given_to,
      `${row.begins || "…"} – ${row.ends || "…"} · ${t(REASONS[row.verdict] || row.verdict)}`, ""]);
    return { heading: t("links"), total: rows.length, rows };
  }

  async function evidence(list, read) {
    try {
      const { heading, total, rows } = await read();
      const shown = `${heading}: ${number(total)} · ${t("shown")}: ${number(rows.length)}`;
      list.replaceChildren(el("li", { class: "small", role: "status" }, shown), ...rows.map(([row, name, below, many, more]) => {
        const inner = el("ul", { class: "rows inner" });
        const open = () => {
          if (Number.isFinite(row.latitude)) map.setView([row.latitude, row.longitude], 18, motion);
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
    const units = (levels.grid ? levels.grid.getLayers() : []).map((l) => l.feature.properties)
      .map((p) => ({ p, rate: rateOf(p, state.measure) })).filter((one) => one.rate)
      .map((one) => ({ ...one, missing: one.rate.total - one.rate.covered }))
      .sort((a, b) => b.missing - a.missing).slice(0, 10);
    fill("blank", ...units.map(({ p, missing }) => el("li", {}, el("button", { onclick: () => go(p.code) },
      el("span", {}, p.name, el("br"), el("span", { class: "small" }, crumbs(p.code.slice(0, 12)))),
      el("span", { class: "many" }, amount(missing, lens().unit))))));
  }

  function go(code) {
    if (code === config.district.code) map.fitBounds([[config.bounds[1], config.bounds[0]], [config.bounds[3], config.bounds[2]]], motion);
    for (const name of LEVELS) {
      const hit = (levels[name] ? levels[name].getLayers() : []).find((l) => l.feature.properties.code === code);
      if (hit) map.fitBounds(hit.getBounds(), { maxZoom: 17, padding: [30, 30], ...motion });
    }
    select(code);
  }

  /* --- found by name ------------------------------------------------------------------------------ */

  function toFound(row) {
    if (["district", "street", "community", "grid"].includes(row.kind)) return void go(row.code);
    if (row.lon === null) return void say("tell", t("Nobody knows where this is."));
    const place = [row.lat, row.lon];
    map.setView(place, Math.max(row.zoom, 17), motion);
    const grid = row.where.find((one) => one.level === "grid");
    if (grid && find(grid.code)) select(grid.code);
    if (row.kind !== "organisation") tell({ layer: row.kind, code: row.code, lens: buildingLens() }, L.latLng(place));
    else L.popup().setLatLng(place).setContent(card(row.name || row.code, [["Code", row.code]])).openOn(map);
  }

  function findings() {
    const input = byId("find");
    if (!input) return;
    gridmapFinder({ input, list: byId("found"), told: byId("found-told"), language: config.language, read: answered, picked: toFound,
      t: (message, values = {}) => Object.entries(values).reduce((m, [name, value]) => m.replace(`{${name}}`, () => value), t(message)),
      by: (row) => row.found.text, failed: () => t("This could not be read. Try again.") });
  }

  const typing = (node) => node.closest("input, textarea, select, [contenteditable]");

  /* `/` to the search box; Esc one level up. */
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/" && byId("find")) { byId("panel").classList.remove("folded"); byId("find").focus(); event.preventDefault(); }
    if (event.key === "Escape" && state.selected && state.selected.length > 6) go(state.selected.slice(0, -3));
  }

  /* Which details a question needs; whoever switches one by hand keeps that choice. */
  function showDetails() {
    for (const one of details) {
      const wanted = one.name === "road" || one.name === "building" || (aboutCameras() && one.name !== "blind");
      if (state.chosen.has(one.name) || wanted === map.hasLayer(one)) continue;
      state.switching = true;
      if (wanted) map.addLayer(one);
      else map.removeLayer(one);
      state.switching = false;
    }
    for (const one of details.filter((d) => d.name === "building")) {
      one.eachLayer((layer) => layer.setStyle((feature) => STYLES.building(feature.properties)));
    }
  }

  function choose(measure) {
    state.measure = measure;
    showDetails();
    fill("blank-title", t(lens().blank));
    restyle();
    blankest();
    updateAddress();
    draw();
  }

  /* --- the address holds the state --------------------------------------------------------------- */

  function updateAddress() {
    const centre = map.getCenter();
    const parts = [`map=${map.getZoom()}/${centre.lat.toFixed(5)}/${centre.lng.toFixed(5)}`, `lens=${state.measure}`];
    if (state.selected) parts.push(`unit=${state.selected}`);
    const link = byId("language");
    if (link) link.hash = parts.join("&");
    try {
      history.replaceState(null, "", `#${parts.join("&")}`);
    } catch { /* a file:// page may not change its address: nothing is lost */ }
  }

  function readAddress() {
    const given = Object.fromEntries(location.hash.slice(1).split("&").map((part) => part.split("=")));
    const place = (given.map || "").split("/").map(Number);
    if (place.length === 3 && place.every(Number.isFinite)) map.setView([place[1], place[2]], place[0], { animate: false });
    if (config.lenses.some((one) => one.measure === given.lens)) state.measure = given.lens;
    if (given.unit && find(given.unit)) state.selected = given.unit;
  }

  /* A link pasted into the same tab. */
  function onAddress() {
    readAddress();
    lensChoice();
    choose(state.measure);
    if (state.selected) select(state.selected);
  }

  /* --- names on the map: of the smallest level whose units have room for them ---------------- */

  const LABEL_PIXELS = 9000;
  let labels = null;

  function drawLabels() {
    labels = labels || L.layerGroup().addTo(map);
    labels.clearLayers();
    const name = roomiest(LABEL_PIXELS);
    const window = map.getBounds().pad(-0.02);
    for (const unit of name ? levels[name].getLayers() : []) {
      const place = unit.getBounds().getCenter();
      if (!window.contains(place)) continue;
      const icon = L.divIcon({ className: "name", html: el("span", {}, unit.feature.properties.name), iconSize: null });
      L.marker(place, { icon, interactive: false, keyboard: false }).addTo(labels);
    }
  }

  /* --- start ------------------------------------------------------------------------------------- */

  /* The questions by group; the group of the one that is asked is open. */
  function lensChoice() {
    const groups = [...new Set(config.lenses.map((one) => one.group))];
    fill("lenses", ...groups.map((group) => {
      const members = config.lenses.filter((one) => one.group === group);
      const box = el("details", {}, el("summary", {}, t(group)), ...members.map((one) => {
        const input = el("input", { type: "radio", name: "lens", value: one.measure });
        input.checked = one.measure === state.measure;
        input.addEventListener("change", () => choose(one.measure));
        return el("label", {}, input, el("span", {}, t(one.label)));
      }));
      box.open = members.some((one) => one.measure === state.measure || one === config.lenses[0]) || group === "Cameras";
      return box;
    }));
  }

  function onZoom() {
    if (!state.manual) showLevel(fittingLevel());
    restyle();
  }

  function start(target, given) {
    map = target;
    map.createPane("details").style.zIndex = 450; // above the units' canvas, below names and popups
    Object.assign(levels, given);
    state.measure = config.lenses[0].measure;
    const phone = window.innerWidth <= 720;
    map.fitBounds([[config.bounds[1], config.bounds[0]], [config.bounds[3], config.bounds[2]]],
      { animate: false, paddingBottomRight: phone ? [8, 150] : [130, 8], paddingTopLeft: [8, 8] });
    map.options.zoomSnap = 1; // the first view fits closely; tiles are sharp at whole zooms only
    readAddress();
    L.control.scale({ imperial: false }).addTo(map);
    const control = L.control({ position: "bottomleft" });
    control.onAdd = () => (legend.node = el("div", { class: "legend", id: "legend" }));
    control.addTo(map);
    map.on("baselayerchange", (event) => {
      if (state.switching) return;
      const name = LEVELS.find((one) => levels[one] === event.layer);
      state.manual = true;
      state.level = name;
      levels[name].bringToBack();
      restyle();
    });
    map.on("overlayadd overlayremove", (event) => {
      if (!state.switching && event.layer.name) state.chosen.add(event.layer.name);
    });
    map.on("zoomend", onZoom);
    map.on("moveend", () => { details.forEach((one) => one.refresh()); drawLabels(); updateAddress(); });
    window.addEventListener("hashchange", onAddress);
    document.addEventListener("keydown", onKey);
    findings();
    for (const [selector, words] of [[".leaflet-control-zoom-in", "Zoom in"], [".leaflet-control-zoom-out", "Zoom out"]]) {
      const button = document.querySelector(selector);
      if (button) { button.title = t(words); button.setAttribute("aria-label", t(words)); }
    }
    byId("sheet").addEventListener("click", () => byId("panel").classList.toggle("folded"));
    byId("tools").addEventListener("click", () => document.body.classList.toggle("tools-open"));
    if (phone) byId("panel").classList.add("folded");
    // The controls stand above the folded sheet, however many lines its notice takes.
    const head = document.querySelector("#panel header");
    new ResizeObserver(() => document.body.style.setProperty("--sheet", `${head.offsetHeight}px`)).observe(head);
    onZoom();
    lensChoice();
    choose(state.measure);
    fill("figures", ...config.lenses.filter((one) => one.headline).map((one) => figure(one.measure, config.district)));
    if (state.selected) select(state.selected);
    details.forEach((one) => one.refresh());
    drawLabels();
    document.documentElement.dataset.ready = "yes";
  }

  return {
    configure(given) { config = given; },
    detail: (name) => (config.packed ? new Detail(name) : new Switch(name)),
    styleUnit, bindUnit, start,
    state: () => ({ ...state, chosen: [...state.chosen], zoom: map.getZoom(), loading: due || Boolean(grid && grid.isLoading()), loaded: Object.fromEntries(details.map((d) => [d.name, d.count()])) }),
  };
})();
