/* Close up: roads, buildings, cameras and ground, of the server's tiles, and what a click on one
   tells. A map that is one file has its own (`carried.js`). */
"use strict";

(() => {
  const { now: state, details, levels, t, word, number, el, say, answered, signInAgain, DETAIL_ZOOM, NO_DATA, aboutCameras } = gridmap;

  /* --- where details come from ----------------------------------------------------------------- */

  function fetchDetails(name, bounds) {
    const box = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
    return answered(`/api/v1/features/${name}?bbox=${box.map((v) => v.toFixed(6)).join(",")}${gridmap.past() ? `&as_of=${gridmap.past()}` : ""}`);
  }

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
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      for (const part of parts) {
        for (const [x, y] of part[0]) {
          box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y); box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
        }
      }
      const geometry = pack.kind === "Point" ? { type: "Point", coordinates: parts[0][0][0] }
        : pack.kind === "LineString" ? { type: "MultiLineString", coordinates: parts.map((p) => p[0]) }
          : { type: "MultiPolygon", coordinates: parts };
      return { box, feature: { type: "Feature", properties, geometry } };
    });
  }

  /* --- how they look ---------------------------------------------------------------------------- */

  const STYLES = {
    road: (p) => ({ color: "#ffffff", weight: p.kind === "trunk" ? 6 : p.kind === "main" ? 4 : 2, opacity: 0.9, interactive: false }),
    blind: () => ({ stroke: false, fill: true, fillColor: "#3b3f46", fillOpacity: 0.35, interactive: false }),
    seen: () => ({ stroke: false, fill: true, fillColor: "#7b52ab", fillOpacity: 0.3, interactive: false }),
    camera: () => ({ radius: 4, weight: 1.5, color: "#ffffff", fill: true, fillColor: "#4a2574", fillOpacity: 1 }),
    view: (p) => ({ color: "#4a2574", weight: p.assumed ? 1 : 1.2, dashArray: p.assumed ? "4 3" : null, opacity: 0.7, fill: true, fillColor: "#7b52ab", fillOpacity: 0.22 }),
    certain: () => ({ color: "#4a2574", weight: 1.2, opacity: 0.8, fill: true, fillColor: "#4a2574", fillOpacity: 0.35 }),
    building: (p) => ({ fill: true, ...(gridmap.hidden("statuses", p.status || "none") ? BUILDINGS.off : BUILDINGS[gridmap.statusKey(p.status)] || BUILDINGS[buildingLens() ? "none" : "plain"]) }),
  };

  /* Buildings by what a lens says of them: uncovered is hatched and outlined too, never told by
     colour alone. */
  const BUILDINGS = {
    off: { color: "#8a94a3", weight: 0.8, fillOpacity: 0 },
    plain: { color: "#5b6675", weight: 0.8, fillColor: "#dfe3e8", fillOpacity: 1 },
    none: { color: "#5b6675", weight: 0.8, fillColor: NO_DATA, fillOpacity: 0.8 },
    own: { color: "#2b6cb0", weight: 0.8, fillColor: "#2b6cb0", fillOpacity: 0.75 },
    joint: { color: "#2b6cb0", weight: 0.8, fillColor: "#90bde8", fillOpacity: 0.85 },
    neighbour: { color: "#6b1d00", weight: 2, dashArray: "4 3", fillColor: "#fbd0a6", fillOpacity: 0.9 },
    uncovered: { color: "#6b1d00", weight: 2, fillColor: gridmapHatch("#f58d4b", "#a33c00"), fillOpacity: 0.9 },
  };

  const POPUPS = {
    building: (p) => card(p.name || p.address || p.code, [
      ["Code", p.code], ["Address", p.address],
      ["Party group", p.status ? word(p.status) : t("no data")],
      ["Reason", p.reason ? word(p.reason) : null], ["Organisation", p.holder_name || p.holder_code],
      ["Households", p.household_count], ["Grid", p.grid_code],
    ]),
    view: cameraCard,
    certain: cameraCard,
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

  /* --- details from the server: a switch of the layer control each, all in one grid of tiles ---- */

  const DRAWN = ["road", "seen", "blind", "view", "certain", "building", "camera"]; // the lowest first
  const wanted = new Set();
  let grid = null;

  const Switch = L.Layer.extend({
    initialize(name) { this.name = name; details.push(this); },
    onAdd() { wanted.add(this.name); draw(); },
    onRemove() { wanted.delete(this.name); draw(); },
    refresh() {},
    count() { return gridmap.map.getZoom() >= DETAIL_ZOOM ? gridmapTiles.count(grid, this.name) : 0; },
  });

  /* The question that buildings are coloured by; none where it is not of buildings. */
  const buildingLens = () => (/\.(buildings|households)$/.test(state.measure || "") ? state.measure.split(".")[0] : "");

  /* Once for all that is switched at a time. The former tiles stay until the new ones are there. */
  const formers = new Set();
  let due = false;

  function draw() {
    if (!gridmap.map || due) return;
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
      formers.forEach((one) => gridmap.map.removeLayer(one));
      formers.clear();
    };
    grid = layers.length ? gridmapTiles.grid({
      layers, lens, days: gridmap.tileDays(), zoom: DETAIL_ZOOM, styles: STYLES, clicked: tell, below, denied: signInAgain, pane: "details",
      told: (failed) => say("tiles", failed ? t("The server does not answer. Trying again.") : ""),
    }) : null;
    if (!grid) return void leave();
    grid.key = key;
    const newest = grid; // what was asked for meanwhile waits for its own tiles
    if (gridmap.map.getZoom() >= DETAIL_ZOOM) grid.once("load", () => { if (grid === newest) leave(); });
    else leave();
    grid.addTo(gridmap.map);
  }

  /* Nothing of ours was hit: what lies below is asked. */
  function below(event) {
    const [one] = levels[state.level] ? Object.values(levels[state.level]._layers) : [];
    if (one && one._renderer) one._renderer._onClick(event);
  }

  /* Tiles tell what a colour needs; the rest is asked for when somebody wants to know. */
  async function tell(tile, place) {
    if (!POPUPS[tile.layer]) return;
    say("tell", t("Looking it up …"));
    const at = gridmap.map.latLngToContainerPoint(place);
    const [a, b] = [at.subtract([9, 9]), at.add([9, 9])].map((point) => gridmap.map.containerPointToLatLng(point));
    try {
      const found = await fetchDetails(tile.layer === "certain" ? "view" : tile.layer, L.latLngBounds(a, b));
      const hit = found.features.find((one) => one.properties.code === tile.code);
      if (!hit) return void say("tell", t("This has changed meanwhile. Move the map to see it as it is now."));
      say("tell", "");
      const links = el("ul", { class: "rows" });
      const lens = tile.layer === "building" ? tile.lens : "";
      L.popup({ maxHeight: 420 }).setLatLng(place)
        .setContent(el("div", {}, gridmap.pastCard(tile, hit.properties) || POPUPS[tile.layer](hit.properties), links)).openOn(gridmap.map);
      if (lens) gridmap.evidence(links, () => gridmap.linkRows({ code: lens }, tile.code));
    } catch {
      say("tell", t("The server does not answer. Move the map to try again."));
    }
  }

  /* Which details a question needs; whoever switches one by hand keeps that choice. */
  function showDetails() {
    const certain = state.measure === "camera.open_ground_certain" && details.some((one) => one.name === "certain");
    const watching = aboutCameras() ? ["camera", certain ? "certain" : "view"] : [];
    for (const one of details) {
      const wanted = ["road", "building", ...watching].includes(one.name);
      if (state.chosen.has(one.name) || wanted === gridmap.map.hasLayer(one)) continue;
      state.switching = true;
      if (wanted) gridmap.map.addLayer(one);
      else gridmap.map.removeLayer(one);
      state.switching = false;
    }
  }

  /* The buildings of a window, with what is said of them; in what colours they are drawn, tiles know. */
  async function buildingsIn(bounds) {
    const data = await fetchDetails("building", bounds);
    const told = gridmapTiles.told(grid, "building");
    const party = buildingLens() === "party_group";
    const rows = data.features.map(({ properties: p, geometry }) => {
      const status = told.has(p.code) ? told.get(p.code) : party ? p.status : null;
      const same = party && status === p.status;
      return { ...p, geometry, status, reason: same && p.reason ? word(p.reason) : "", holder: same ? p.holder_name || p.holder_code : "" };
    });
    return { rows, truncated: data.truncated };
  }

  /* Buildings whose status was switched off or on, drawn anew of what is here. */
  const recolour = () => gridmapTiles.restyle(grid, "building");

  const loading = () => due || Boolean(grid && grid.isLoading());

  Object.assign(gridmap, {
    detail: (name) => new Switch(name), styles: STYLES, popups: POPUPS,
    BUILDINGS, unpack, buildingLens, draw, loading, tell, card, showDetails, buildingsIn, recolour,
  });
})();
