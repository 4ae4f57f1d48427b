/* Distances and areas on the map. Own lines instead of leaflet-measure 2.1.7 (2017, unmaintained; on
   Leaflet 1.9 its clicks select what lies below), and on the ellipsoid, not on a sphere. */
"use strict";

(() => {
  const { happens, t, sentence, number, el, byId } = gridmap;

  /* CGCS2000 (GB 22021): its radii of curvature where one measures. A plane that fits there is right
     to 1 in 10,000 over a district. */
  const A_M = 6378137;
  const E2 = 2 / 298.257222101 - (1 / 298.257222101) ** 2;
  const CLOSE_PX = 14;
  const TWICE_MS = 400;

  function plane(points) {
    const radians = Math.PI / 180;
    const lat = points.reduce((sum, p) => sum + p.lat, 0) / points.length * radians;
    const w = 1 - E2 * Math.sin(lat) ** 2;
    const [east_m, north_m] = [A_M / Math.sqrt(w) * Math.cos(lat) * radians, A_M * (1 - E2) / w ** 1.5 * radians];
    return points.map((p) => [(p.lng - points[0].lng) * east_m, (p.lat - points[0].lat) * north_m]);
  }

  /* Each stretch where it lies: a long line is not measured in one plane. */
  function distance_m(a, b) {
    const [, [x, y]] = plane([a, b]);
    return Math.hypot(x, y);
  }

  function area_m2(points) {
    const xy = plane(points);
    return Math.abs(xy.reduce((sum, [x, y], i) => {
      const [u, v] = xy[(i + 1) % xy.length];
      return sum + x * v - u * y;
    }, 0)) / 2;
  }

  const length = (m) => (m >= 1000 ? `${number(m / 1000, 2)} km` : `${number(m, m < 100 ? 1 : 0)} m`);
  const area = (m2) => (m2 >= 1e6 ? `${number(m2 / 1e6, 2)} km²` : `${number(m2)} m²`);

  /* --- what is measured now ----------------------------------------------------------------------- */

  const now = { on: false, points: [], ended: false, closed: false, last: null };
  let drawn = null;
  let told = null;

  function stretches() {
    const ends = now.closed ? [...now.points, now.points[0]] : now.points;
    return ends.slice(1).map((end, i) => ({ from: ends[i], to: end, m: distance_m(ends[i], end) }));
  }

  const mark = (place, text, css) => L.marker(place, { interactive: false, keyboard: false, pane: "measure",
    icon: L.divIcon({ className: `measured ${css}`, html: text === "" ? "" : el("span", {}, text), iconSize: null }) });

  function draw() {
    const parts = stretches();
    const total = parts.reduce((sum, one) => sum + one.m, 0);
    drawn.clearLayers();
    const line = { pane: "measure", renderer: drawn.renderer, interactive: false, color: "#0b3d91", weight: 3, dashArray: now.ended ? null : "6 5" };
    drawn.addLayer(now.closed ? L.polygon(now.points, { ...line, fillOpacity: 0.15 }) : L.polyline(now.points, { ...line, fill: false }));
    for (const place of now.points) drawn.addLayer(mark(place, "", "point"));
    if (parts.length > 1) for (const { from, to, m } of parts) drawn.addLayer(mark([(from.lat + to.lat) / 2, (from.lng + to.lng) / 2], length(m), "stretch"));
    const figures = parts.length === 0 ? "" : now.closed
      ? sentence("Area {area}, around it {length}", { area: area(area_m2(now.points)), length: length(total) })
      : sentence("Distance {length}", { length: length(total) });
    const how = now.ended ? t("Click to measure anew. Esc ends measuring.")
      : now.points.length > 2 ? t("Click the first point to close an area. Double-click or Enter ends, Backspace takes the last point back.")
        : t("Click points on the map; Space takes its middle. Enter ends, Esc leaves.");
    told.figures.textContent = figures;
    told.how.textContent = how;
    told.undo.disabled = told.end.disabled = now.ended || !now.points.length;
  }

  function clear() {
    Object.assign(now, { points: [], ended: false, closed: false, last: null });
  }

  function add(place) {
    if (now.ended) clear();
    const first = now.points[0];
    const near = (one) => one && gridmap.map.latLngToContainerPoint(one).distanceTo(gridmap.map.latLngToContainerPoint(place)) < CLOSE_PX;
    if (now.points.length > 2 && near(first)) Object.assign(now, { ended: true, closed: true });
    else if (!near(now.points[now.points.length - 1])) now.points.push(place);
    draw();
  }

  function end() {
    if (now.points.length > 1) now.ended = true;
    draw();
  }

  function undo() {
    if (now.ended) return;
    now.points.pop();
    draw();
  }

  /* --- clicks and keys: while measuring they select nothing ------------------------------------------ */

  const others = (event) => event.target.closest(".leaflet-control, .leaflet-popup");

  function clicked(event) {
    if (!now.on || others(event)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    const dragged = gridmap.map.dragging;
    if (event.type !== "click" || (dragged && dragged.moved())) return;
    const [time, x, y] = now.last || [0, 0, 0];
    const twice = event.timeStamp - time < TWICE_MS && Math.hypot(event.clientX - x, event.clientY - y) < CLOSE_PX;
    now.last = [event.timeStamp, event.clientX, event.clientY];
    if (twice && !now.ended) end();
    else if (!twice) add(gridmap.map.mouseEventToLatLng(event));
  }

  function key(event) {
    if (!now.on || event.target.closest("input, textarea, select, dialog, #panel, #table")) return;
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, a")) return; // that one is pressed
    const act = { Escape: () => set(false), Enter: end, Backspace: undo, " ": () => add(gridmap.map.getCenter()) }[event.key];
    if (!act) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    act();
  }

  function set(on) {
    now.on = on;
    clear();
    byId("measure").setAttribute("aria-pressed", String(on));
    document.body.classList.toggle("measuring", on);
    told.box.hidden = !on;
    if (on) gridmap.map.closePopup();
    draw();
    (on ? gridmap.map.getContainer() : byId("measure")).focus({ preventScroll: true });
  }

  happens.once("chosen", () => {
    const container = gridmap.map.getContainer();
    gridmap.map.createPane("measure").style.zIndex = 640; // above names, below popups
    drawn = L.layerGroup().addTo(gridmap.map);
    drawn.renderer = L.svg({ pane: "measure" });
    const button = (name, act) => el("button", { type: "button", onclick: act }, name);
    told = { figures: el("strong", { role: "status", id: "measured" }), how: el("span", { class: "small" }),
      undo: button(t("Undo"), undo), end: button(t("Done"), end) };
    told.box = el("div", { id: "measuring", hidden: "" }, told.figures, told.how, el("span", { class: "tabs" }, told.undo, told.end, button(t("Close"), () => set(false))));
    byId("stage").append(told.box);
    for (const type of ["click", "dblclick", "contextmenu"]) container.addEventListener(type, clicked, true);
    document.addEventListener("keydown", key, true);
    byId("measure").addEventListener("click", () => set(!now.on));
  });

  Object.assign(gridmap, { measured: { distance_m, area_m2, now } });
})();
