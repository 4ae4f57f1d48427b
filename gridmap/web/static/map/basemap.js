/* A picture of the ground below the areas, from where the settings say; sent only where they do. The
   map never waits for it, and goes on without it. */
"use strict";

(() => {
  const { now: state, kept, t, el, say } = gridmap;

  const WAIT_MS = 3000;
  const TOLD_MS = 10000;

  /* --- GCJ-02: the public formula, as `gridmap.crs.wgs84_to_gcj02` has it ----------------------- */

  const AXIS_M = 6378245;
  const ECCENTRICITY = 0.00669342162296594323;

  function shifted(lng, lat) {
    if (lng < 72.004 || lng > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lng, lat];
    const { sin, cos, sqrt, abs, PI } = Math;
    const x = lng - 105;
    const y = lat - 35;
    const wave = ((20 * sin(6 * x * PI) + 20 * sin(2 * x * PI)) * 2) / 3;
    const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + wave
      + ((20 * sin(y * PI) + 40 * sin((y / 3) * PI)) * 2) / 3 + ((160 * sin((y / 12) * PI) + 320 * sin((y * PI) / 30)) * 2) / 3;
    const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + wave
      + ((20 * sin(x * PI) + 40 * sin((x / 3) * PI)) * 2) / 3 + ((150 * sin((x / 12) * PI) + 300 * sin((x / 30) * PI)) * 2) / 3;
    const phi = (lat * PI) / 180;
    const magic = 1 - ECCENTRICITY * sin(phi) ** 2;
    return [lng + (east * 180) / PI / ((AXIS_M / sqrt(magic)) * cos(phi)),
      lat + (north * 180) / PI / ((AXIS_M * (1 - ECCENTRICITY)) / (magic * sqrt(magic)))];
  }

  /* The layer is drawn as if the view were where GCJ-02 has its middle: there the shift is exact. */
  function moved(center) {
    const [lng, lat] = shifted(center.lng, center.lat);
    return L.latLng(lat, lng);
  }

  const base = L.TileLayer.prototype;
  const Shifted = L.TileLayer.extend({
    _setZoomTransform(level, center, zoom) { base._setZoomTransform.call(this, level, moved(center), zoom); },
    _getTiledPixelBounds(center) { return base._getTiledPixelBounds.call(this, moved(center)); },
    _onMoveEnd() {
      if (this._map && !this._map._animatingZoom) this._setZoomTransforms(this._map.getCenter(), this._map.getZoom());
      base._onMoveEnd.call(this);
    },
  });

  /* --- whether it comes --------------------------------------------------------------------------- */

  let group = null;
  let lowest = null;
  let signature = null;
  let timer = null;
  let left = false; // we took it away ourselves: nobody chose that

  const shows = () => Object.values(lowest._tiles).some((tile) => tile.current && tile.el.naturalWidth > 0);

  function giveUp() {
    clearTimeout(timer);
    if (!gridmap.map.hasLayer(group) || shows()) return;
    left = true;
    gridmap.map.removeLayer(group);
    left = false;
    say("basemap", t("The basemap does not answer: the map goes on without it."));
    setTimeout(() => say("basemap", ""), TOLD_MS);
  }

  function wait(ms) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, ms);
  }

  function build({ tiles, zoom, by, shifted: isShifted }) {
    const Kind = isShifted ? Shifted : L.TileLayer;
    const layers = tiles.map((url) => new Kind(url, { maxNativeZoom: zoom, maxZoom: 19, updateWhenZooming: false }));
    [lowest] = layers;
    lowest.on("loading", () => wait(WAIT_MS));
    lowest.on("tileload", () => clearTimeout(timer));
    lowest.on("load", () => wait(0)); // all have come, or failed; Leaflet still needs the layer
    group = L.layerGroup(layers);
    group.on("add", () => { state.ground = true; signature.hidden = !by; say("basemap", ""); changed(); });
    group.on("remove", () => { clearTimeout(timer); state.ground = false; signature.hidden = true; changed(); });
    const control = L.control({ position: "bottomright" });
    control.onAdd = () => (signature = el("div", { class: "ground-by", hidden: "" }, by));
    control.addTo(gridmap.map);
    signature.parentNode.append(signature); // below the zoom buttons
  }

  /* Off by choice is kept in the address. What failed can be switched on again. */
  let off = false;

  function changed() {
    if (left) return void gridmap.restyle();
    off = !gridmap.map.hasLayer(group);
    gridmap.restyle();
    gridmap.keepAddress();
  }

  kept.base = {
    write: () => (off ? "none" : null),
    read(text) { off = text === "none"; if (off && group) gridmap.map.removeLayer(group); },
  };

  let switches = null;
  L.Control.Layers.addInitHook(function found() { switches = this; });

  gridmap.happens.once("chosen", () => {
    build(gridmap.config.basemap);
    switches.addOverlay(group, t("Basemap"));
    if (!off) gridmap.map.addLayer(group);
  });

  Object.assign(gridmap, { shifted });
})();
