/* A map that is one file: what it draws, tells and finds comes out of the file itself. It stands in
   the place of what asks the server. */
"use strict";

(() => {
  const { now: state, details, styles, popups, t, reason, partNames, word, el, say, unpack, card, lens, find, buildingLens, DETAIL_ZOOM } = gridmap;

  const NOT_COVERED = new Set(["uncovered", "neighbour"]);
  const SHOWN_EACH = 6; // of a kind, as the server's search box shows them

  /* --- what is packed -------------------------------------------------------------------------- */

  const unpacked = {};

  function rowsOf(name) {
    if (!unpacked[name]) {
      unpacked[name] = gridmap.config.packed[name] ? unpack(gridmap.config.packed[name]) : [];
      unpacked[name].forEach((one, i) => { one.feature.properties.row = i; });
    }
    return unpacked[name];
  }

  const middle = (box) => ({ longitude: (box[0] + box[2]) / 2, latitude: (box[1] + box[3]) / 2 });

  /* Who covers a building under a lens, in the words of the server's own answer. */
  function answer(p, code) {
    const { holders, lenses } = gridmap.config.answers;
    const given = lenses && lenses[code];
    if (!given) return { status: null, reason: null, missing: null, holder_code: null, holder_name: null };
    const [status, reason, missing] = given.told[given.of[p.row]];
    const [holder_code, holder_name] = holders[given.by[p.row]];
    return { status, reason, missing, holder_code, holder_name };
  }

  const coloured = styles.building;
  styles.building = (p) => coloured({ ...p, status: answer(p, buildingLens()).status });

  /* --- what a click tells ---------------------------------------------------------------------- */

  function asked(p) {
    const code = buildingLens();
    const said = answer(p, code);
    if (!code || code === "party_group" || !said.status) return null;
    const status = said.status === "own" ? "covered" : said.status === "joint" ? "covered_jointly" : "not_covered";
    return card(t(lens().label), [["Status", word(status)], ["Reason", said.reason && reason(said.reason)],
      ["missing", said.missing && partNames(gridmap.config.answers.lenses[code].parts, said.missing)], ["Organisation", said.holder_name || said.holder_code]]);
  }

  function popup(name, p) {
    if (name !== "building") return popups[name](p);
    return el("div", {}, popups.building({ ...p, ...answer(p, "party_group") }), asked(p));
  }

  function tell({ layer, code }, place) {
    const hit = rowsOf(layer).find((one) => one.feature.properties.code === code);
    if (hit) L.popup({ maxHeight: 420 }).setLatLng(place).setContent(popup(layer, hit.feature.properties)).openOn(gridmap.map);
  }

  /* --- details: what lies in the window from zoom 15 -------------------------------------------- */

  const ORDER = ["road", "blind", "view", "building", "camera"];

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
      this.clearLayers();
      this.loaded = null;
    },

    count() { return this.getLayers().reduce((n, l) => n + l.getLayers().length, 0); },

    refresh() {
      if (!gridmap.map || !gridmap.map.hasLayer(this)) return;
      if (gridmap.map.getZoom() < DETAIL_ZOOM) return void this.forget();
      const window = gridmap.map.getBounds();
      if (this.loaded && this.loaded.contains(window)) return;
      const wide = window.pad(0.15);
      const inside = rowsOf(this.name).filter(({ box }) =>
        box[0] <= wide.getEast() && box[2] >= wide.getWest() && box[1] <= wide.getNorth() && box[3] >= wide.getSouth());
      this.show(inside.map((one) => one.feature));
      this.loaded = wide;
    },

    show(features) {
      const tells = Boolean(popups[this.name]);
      this.clearLayers();
      this.addLayer(L.geoJSON({ type: "FeatureCollection", features }, {
        style: (feature) => styles[this.name](feature.properties),
        pointToLayer: (feature, place) => L.circleMarker(place, styles.camera(feature.properties)),
        onEachFeature: (feature, one) => { if (tells) one.bindPopup(() => popup(this.name, feature.properties), { maxHeight: 420 }); },
        interactive: tells,
      }));
      // One canvas for all: what is drawn later is on top and takes the click.
      for (const one of ORDER.flatMap((name) => details.filter((d) => d.name === name))) one.eachLayer((layer) => layer.bringToFront());
    },

    recolour() { this.eachLayer((layer) => layer.setStyle((feature) => styles[this.name](feature.properties))); },
  });

  async function buildingsIn(bounds) {
    const rows = rowsOf("building").filter(({ box }) =>
      box[0] <= bounds.getEast() && box[2] >= bounds.getWest() && box[1] <= bounds.getNorth() && box[3] >= bounds.getSouth());
    return { truncated: false, rows: rows.map(({ feature: { properties: p, geometry } }) => {
      const { status, reason: why, holder_name, holder_code } = answer(p, buildingLens());
      return { ...p, geometry, status, reason: reason(why), holder: holder_name || holder_code };
    }) };
  }

  const recolour = () => details.filter((one) => one.name === "building").forEach((one) => one.recolour());

  /* --- what a page asks the server for ------------------------------------------------------------ */

  function uncovered(code) {
    const rows = rowsOf("building")
      .map(({ box, feature: { properties: p } }) => ({ ...p, ...answer(p, "party_group"), ...middle(box) }))
      .filter((p) => NOT_COVERED.has(p.status) && (p.grid_code || "").startsWith(code))
      .sort((a, b) => (b.household_count || 0) - (a.household_count || 0));
    return { total: rows.length, rows: rows.slice(0, 100) };
  }

  const folded = (text) => (text || "").normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");

  /* Everything with a name, as it is looked for: folded once, when somebody first looks. */
  let entries = null;

  function everything() {
    const units = ["street", "community", "grid"].flatMap((kind) => gridmap.unitsOf(kind)
      .map((p) => ({ kind, p, unit: p.code, at: () => gridmap.levels[kind].shapeOf(p.code).bounds.getCenter() })));
    const rows = ["building", "camera"].flatMap((kind) => rowsOf(kind)
      .map(({ box, feature: { properties: p } }) => ({ kind, p, unit: p.grid_code || "", at: () => L.latLng(middle(box).latitude, middle(box).longitude) })));
    return [...units, ...rows].map((one) => ({ ...one,
      texts: ["name", "address", "code"].map((field) => [field, folded(one.p[field])]).filter(([, text]) => text) }));
  }

  const NAMES = { street: "Streets", community: "Communities", grid: "Grids", building: "Buildings", camera: "Cameras" };

  /* The whole text, then what begins so, then what has it inside; the shorter text first. */
  function fit(entry, question) {
    const fits = entry.texts.filter(([, text]) => text.includes(question))
      .map(([field, text]) => ({ entry, field, rank: text === question ? 0 : text.startsWith(question) ? 1 : 2, length: text.length }));
    return fits.sort((a, b) => a.rank - b.rank || a.length - b.length)[0];
  }

  function found({ entry: { kind, p, unit, at }, field }) {
    const { lat, lng } = at();
    const where = [["street", 9], ["community", 12], ["grid", 15]].map(([level, n]) => [level, unit.length >= n && unit.slice(0, n) !== p.code ? find(unit.slice(0, n)) : null])
      .filter(([, above]) => above).map(([level, above]) => ({ level, code: above.code, name: above.name }));
    return { kind, code: p.code, name: p.name, address: p.address || null, found: { field, text: p[field] }, where, lon: lng, lat, zoom: kind === "building" || kind === "camera" ? 18 : 16 };
  }

  function search(text) {
    const question = folded(text);
    entries = entries || everything();
    const kinds = Object.keys(NAMES).filter((kind) => entries.some((one) => one.kind === kind));
    const hits = question ? entries.map((one) => fit(one, question)).filter(Boolean).sort((a, b) => a.rank - b.rank || a.length - b.length) : [];
    const groups = kinds.map((kind) => [kind, hits.filter((one) => one.entry.kind === kind)]).filter(([, mine]) => mine.length)
      .map(([kind, mine]) => ({ kind, label: t(NAMES[kind]), more: mine.length > SHOWN_EACH, rows: mine.slice(0, SHOWN_EACH).map(found) }));
    return { groups, searched: kinds.map((kind) => ({ kind, label: t(NAMES[kind]) })) };
  }

  async function answered(path) {
    const asked = new URL(path, "file:///");
    if (asked.pathname === "/api/v1/search") return search(asked.searchParams.get("q"));
    const unit = /^\/api\/v1\/coverage\/(\d+)\/uncovered$/.exec(asked.pathname);
    if (unit) return uncovered(unit[1]);
    throw new Error(`not in this file: ${path}`);
  }

  /* The units around what is shown: where on earth this is. */
  gridmap.happens.once("chosen", () => {
    L.geoJSON({ type: "FeatureCollection", features: unpack(gridmap.config.above).map((one) => one.feature) },
      { interactive: false, style: { fill: false, color: "#7b8794", weight: 1.5, dashArray: "8 5" } }).addTo(gridmap.map);
  });
  gridmap.happens.on("chosen", recolour);

  Object.assign(gridmap, { detail: (name) => new Detail(name), tell, answered, buildingsIn, recolour });
})();
