"use strict";
// The page on the spot: the place under the cross, what is there, what is wrong there.
// Every word from data goes through textContent.
const gridmapLocate = (() => {
  const config = JSON.parse(document.getElementById("config").textContent);
  const kept = gridmapKept;
  const $ = (id) => document.getElementById(id);
  const t = (text, values = {}) =>
    (config.words[text] || text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  const number = (value) => Number(value).toLocaleString(config.language === "zh" ? "zh-CN" : "en");
  const COLOURS = { own: "#2b6cb0", joint: "#90bde8", neighbour: "#f0a06a", uncovered: "#d94801" };
  const RETRY_MS = 15000;
  const ENOUGH_M = 15; // moved so far, what is around is asked for anew

  let token = document.querySelector('meta[name="csrf"]').content;
  let area = null; // the answer that is shown
  let about = null; // the building that a report is about
  let accuracy = null;
  let fix = null;
  let watching = null;
  let state = "off";
  let asking = 0;
  let askedAt = null;

  function node(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text !== null && text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // --- the map: outlines only, the cross stays, the map moves

  const map = L.map("map", { zoomControl: false, attributionControl: false, preferCanvas: true, minZoom: 10, maxZoom: 20 });
  const start = config.start || [106.56, 29.52];
  map.setView([start[1], start[0]], 17);
  const outlines = L.geoJSON(null, {
    style: (feature) => {
      const status = feature.properties.status;
      const gap = status === "uncovered" || status === "neighbour";
      return { color: gap ? "#8a2c00" : "#3d4a5c", weight: gap ? 3 : 1, fillColor: status === "uncovered" ? gridmapHatch(COLOURS.uncovered, "#8a2c00") : COLOURS[status] || "#aab2bd", fillOpacity: 0.75 };
    },
    onEachFeature: (feature, layer) => layer.on("click", (event) => { map.panTo(event.latlng); }),
  }).addTo(map);
  const border = L.geoJSON(null, { interactive: false, style: { color: "#1d2430", weight: 2, dashArray: "6 4", fill: false } }).addTo(map);
  const me = L.layerGroup().addTo(map);

  L.control.zoom({ position: "bottomleft", zoomInTitle: t("Zoom in"), zoomOutTitle: t("Zoom out") }).addTo(map);
  // What is told below takes room from the map: the place under the cross stays under it.
  new ResizeObserver(() => map.invalidateSize({ animate: false, pan: true })).observe($("map"));

  for (const status of ["own", "joint", "neighbour", "uncovered"]) {
    const mark = node("i", null, { class: status });
    mark.style.backgroundColor = COLOURS[status];
    const key = node("span");
    key.append(mark, config.statuses[status]);
    $("legend").append(key);
  }

  function centre() {
    const place = map.getCenter();
    return [Math.round(place.lng * 1e6) / 1e6, Math.round(place.lat * 1e6) / 1e6];
  }

  // --- asking what is here

  async function read(path) {
    const answer = await fetch(path, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw Object.assign(new Error(String(answer.status)), { status: answer.status });
    return answer.json();
  }

  async function ask(lon, lat) {
    const mine = ++asking;
    askedAt = [lon, lat];
    try {
      const found = await read(`/api/v1/here?lon=${lon}&lat=${lat}`);
      if (mine !== asking) return;
      show(found);
      online();
      await kept.keepArea({ found, at: Date.now() });
    } catch (error) {
      if (mine !== asking) return;
      if (error.status === 401 || error.status === 403) {
        notice(t("You are signed out. Sign in again to go on."));
        await kept.forget();
      } else if (error.status) notice(t("This could not be read. Try again."));
      else await offline();
    }
  }

  function notice(text) {
    $("network").textContent = text;
    $("network").hidden = !text;
  }

  function online() {
    if (!$("network").hidden) notice("");
    flush();
  }

  async function offline() {
    const last = await kept.area();
    if (!last) { notice(t("No connection, and nothing was seen here before.")); return; }
    const time = new Date(last.at).toLocaleString(config.language === "zh" ? "zh-CN" : "en");
    notice(t("No connection. What was seen last is shown, of {time}.", { time }));
    if (!area) {
      show(last.found);
      map.setView([last.found.lat, last.found.lon], 17, { animate: false });
    }
  }

  // --- showing it

  function show(found) {
    area = found;
    const grid = found.grid;
    $("outside").hidden = found.inside;
    if (!found.inside) {
      const why = grid ? `${t("This is outside your grids.")} ${t("The nearest of your grids is shown below.")}` : t("This place is in no grid.");
      $("outside").textContent = why;
    }
    showBuilding(found);
    showGrid(found);
    showUncovered(found);
    outlines.clearLayers();
    outlines.addData(found.buildings);
    border.clearLayers();
    if (grid) border.addData(grid.outline);
    choose(found.building);
    document.documentElement.dataset.shown = `${found.lon},${found.lat}`;
  }

  function title(one) { return one.name || one.address || one.code; }

  function head(one) {
    const box = document.createDocumentFragment();
    box.append(node("h3", title(one)));
    const more = [one.name && one.address ? one.address : null, one.code];
    if (one.household_count !== null) more.push(`${number(one.household_count)} ${t("households")}`);
    if (one.floors !== null) more.push(`${number(one.floors)} ${t("floors")}`);
    more.push(away(one.distance_m));
    box.append(node("p", more.filter(Boolean).join(" · "), { class: "soft" }));
    return box;
  }

  function away(metres) { return metres < 1 ? t("here") : t("{metres} m away", { metres: number(Math.round(metres)) }); }

  function services(rows) {
    const list = node("ul", null, { class: "rows services" });
    if (!rows.length) list.append(node("li", t("Nothing is known of this yet.")));
    for (const row of rows) {
      const gap = row.status === "uncovered" || row.status === "neighbour";
      const line = node("li", null, { class: gap ? "gap" : "well" });
      line.append(node("span", gap ? "✗" : "✓", { class: "mark", "aria-hidden": "true" }));
      line.append(node("b", config.lenses[row.lens] || row.lens));
      const told = [config.statuses[row.status] || row.status];
      if (row.reason) told.push(config.reasons[row.reason] || row.reason);
      if (row.holder_code) told.push(row.holder_name || row.holder_code);
      line.append(node("small", told.join(" · ")));
      list.append(line);
    }
    return list;
  }

  function showBuilding(found) {
    const box = $("building");
    box.replaceChildren();
    const one = found.building;
    if (!one) {
      // Outside of what one may see nothing is said of what stands there.
      const outside = found.grid ? "This is outside your grids." : "This place is in no grid.";
      box.append(node("p", t(found.inside ? "No building stands here." : outside)));
      return;
    }
    box.append(head(one), services(one.services), node("h4", config.fields.entrance));
    if (!one.entrances.length) box.append(node("p", t("No entrance is recorded."), { class: "soft" }));
    const doors = node("ul", null, { class: "rows" });
    for (const door of one.entrances) {
      const line = node("li");
      line.append(node("button", `${door.name || door.code} · ${away(door.distance_m)}`, { type: "button", class: "row" }));
      line.firstChild.addEventListener("click", () => goTo(door.lon, door.lat, { asks: false }));
      doors.append(line);
    }
    box.append(doors);
    if (found.near.length) {
      box.append(node("h4", t("Others close by")));
      box.append(node("p", found.near.map((other) => `${title(other)} (${away(other.distance_m)})`).join("; ")));
    }
  }

  function showGrid(found) {
    const box = $("grid");
    box.replaceChildren();
    const grid = found.grid;
    if (!grid) { box.append(node("p", t("This place is in no grid."))); return; }
    box.append(node("h3", grid.name));
    const above = ["street", "community"].map((level) => found.units[level] && found.units[level].name);
    box.append(node("p", [...above, grid.code, grid.unit_name].filter(Boolean).join(" · "), { class: "soft" }));
    box.append(services(grid.services));
    if (!found.desks.length) box.append(node("p", t("No duty telephone is recorded."), { class: "soft" }));
    const desks = node("ul", null, { class: "rows" });
    for (const desk of found.desks) {
      const line = node("li");
      line.append(node("span", `${desk.name || desk.code} `));
      const dialled = desk.duty_phone.replace(/[^0-9+]/g, "");
      line.append(node("a", desk.duty_phone, { class: "phone", href: `tel:${dialled}` }));
      desks.append(line);
    }
    box.append(desks);
    if (found.figures_of) box.append(node("p", t("Coverage as of {day}", { day: found.figures_of }), { class: "soft" }));
  }

  function showUncovered(found) {
    const count = found.uncovered_count;
    const none = found.grid ? t("Every building of this grid has a Party group.") : "";
    $("uncovered-count").textContent = count ? t("{count} buildings without a Party group", { count: number(count) }) : none;
    $("uncovered").replaceChildren();
    for (const one of found.uncovered) {
      const line = node("li");
      const button = node("button", null, { type: "button", class: "row" });
      button.append(node("span", away(one.distance_m), { class: "away" }), node("b", title(one)));
      const told = [config.reasons[one.reason] || one.reason, one.household_count === null ? null : `${number(one.household_count)} ${t("households")}`];
      button.append(node("small", told.filter(Boolean).join(" · ")));
      button.addEventListener("click", () => goTo(one.lon, one.lat));
      line.append(button);
      $("uncovered").append(line);
    }
  }

  function goTo(lon, lat, { asks = true, zoom = null } = {}) {
    if (state === "follow") setState("show");
    map.setView([lat, lon], zoom || Math.max(map.getZoom(), 18), { animate: false });
    if (asks) ask(lon, lat);
    if (asks) $("stage").scrollIntoView({ block: "nearest" });
  }

  // --- where am I: off, show, follow

  const NEXT = { off: "show", show: "follow", follow: "off" };
  const LABELS = { off: "Show my position", show: "Follow my position", follow: "Stop showing my position" };

  function setState(next) {
    state = next;
    $("locate").dataset.state = next;
    $("locate").textContent = t(LABELS[next]);
    if (next !== "off") return;
    if (watching !== null) navigator.geolocation.clearWatch(watching);
    watching = null;
    fix = null;
    accuracy = null;
    me.clearLayers();
    $("position").textContent = "";
  }

  function locate() {
    if (!window.isSecureContext || !navigator.geolocation) {
      $("position").textContent = t("Browsers give a position only over https. Type an address, or move the map under the cross.");
      return;
    }
    setState(NEXT[state]);
    if (state === "show") {
      $("position").textContent = t("Looking for your position …");
      watching = navigator.geolocation.watchPosition(placed, refused, { enableHighAccuracy: true, timeout: 20000, maximumAge: 5000 });
    } else if (state === "follow" && fix) map.panTo([fix[1], fix[0]], { animate: false });
  }

  function placed(position) {
    const first = fix === null;
    fix = [position.coords.longitude, position.coords.latitude];
    accuracy = position.coords.accuracy;
    const at = L.latLng(fix[1], fix[0]);
    me.clearLayers();
    me.addLayer(L.circle(at, { radius: accuracy, color: "#1a6fd0", weight: 1, fillOpacity: 0.12, interactive: false }));
    me.addLayer(L.circleMarker(at, { radius: 8, color: "#fff", weight: 3, fillColor: "#1a6fd0", fillOpacity: 1, interactive: false }));
    $("position").textContent = t("Your position, known to ± {metres} m", { metres: number(Math.round(accuracy)) });
    // Once when it is known; later only while it is followed: nobody is pulled back.
    if (first || state === "follow") map.setView(at, first ? Math.max(map.getZoom(), 18) : map.getZoom(), { animate: false });
    const moved = !askedAt || map.distance([askedAt[1], askedAt[0]], at) > ENOUGH_M;
    if (first || (state === "follow" && moved)) ask(...fix.map((v) => Math.round(v * 1e6) / 1e6));
  }

  function refused(error) {
    if (error.code !== error.PERMISSION_DENIED) {
      // Between houses a position comes and goes: it is waited for, and the last one stays.
      if (!fix) $("position").textContent = t("No position came in time. Try again, type an address, or move the map under the cross.");
      return;
    }
    setState("off");
    $("position").textContent = t("The browser does not give your position. Type an address, or move the map under the cross.");
  }

  // --- searching

  const search = gridmapFinder({
    input: $("q"), list: $("found"), told: $("found-told"), language: config.language, t, read,
    by: (row) => `${config.fields[row.found.field]}: ${row.found.text}`,
    failed: (error) => t(error.status ? "This could not be read. Try again." : "No connection, and nothing was seen here before."),
    picked: (row) => { if (row.lon !== null) goTo(row.lon, row.lat, { zoom: Math.max(row.zoom, 16) }); },
  });
  $("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });

  // --- what is wrong here

  function choose(building) {
    about = building;
    const grid = area && area.grid;
    const named = building ? `${title(building)} (${building.code})` : grid ? `${grid.name} (${grid.code})` : "–";
    $("report-about").textContent = `${t("about")}: ${named}`;
  }

  function key() {
    // crypto.randomUUID is not there over plain http.
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function written() {
    const kind = new FormData($("report")).get("kind");
    const [lon, lat] = centre();
    const seen = accuracy === null ? "" : ` ± ${Math.round(accuracy)} m`;
    const grid = area && area.grid;
    const onGrid = kind === "New building" || !about;
    if (!grid) return null;
    return {
      key: key(),
      at: Date.now(),
      kind,
      about: onGrid ? grid.name : title(about),
      body: {
        layer: onGrid ? "grid" : "building",
        code: onGrid ? grid.code : about.code,
        text: `${kind} @ ${lon.toFixed(6)}, ${lat.toFixed(6)}${seen}`,
        note: $("note").value.trim() || null,
      },
    };
  }

  async function report(event) {
    event.preventDefault();
    const made = written();
    if (!made) { $("report-told").textContent = t("This place is in no grid."); return; }
    if (!made.body.note && made.kind === "Something else") { $("report-told").textContent = t("Say in a few words what is wrong."); $("note").focus(); return; }
    if (!kept.works()) {
      const sent = await send(made);
      $("report-told").textContent = sent.done ? t("Sent. Number {number}.", { number: sent.id }) : sent.why || t("This device keeps nothing. Send it when there is a connection.");
      if (sent.done) $("note").value = "";
      return;
    }
    await kept.keepReport(made);
    $("note").value = "";
    $("report-told").textContent = t("Kept on this device; it is sent when there is a connection.");
    await flush();
  }

  async function post(one) {
    return fetch("/api/v1/corrections", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token, "Idempotency-Key": one.key },
      body: JSON.stringify(one.body),
    });
  }

  async function freshToken() {
    // The page may have been kept for longer than its token is good for.
    const answer = await fetch("/locate", { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const meta = page.querySelector('meta[name="csrf"]');
    const other = page.getElementById("config");
    if (!meta || !other || JSON.parse(other.textContent).owner !== config.owner) return false;
    token = meta.content;
    return true;
  }

  async function send(one) {
    let answer;
    try {
      answer = await post(one);
      if (answer.status === 403 && (await freshToken())) answer = await post(one);
    } catch (error) {
      return { done: false, why: null };
    }
    if (answer.ok) return { done: true, id: (await answer.json()).id };
    if (answer.status === 401 || answer.status === 403) return { done: false, why: t("You are signed out. Sign in again to go on.") };
    if (answer.status === 429 || answer.status >= 500) return { done: false, why: null };
    const told = await answer.json().catch(() => ({}));
    return { done: false, refused: t("Refused: {why}", { why: told.detail || answer.status }) };
  }

  let flushing = null;

  function flush() {
    // One at a time: a second call would send what the first is sending.
    flushing = flushing || sendAll().finally(() => { flushing = null; });
    return flushing;
  }

  async function sendAll() {
    for (const one of await kept.reports()) {
      if (one.refused) continue;
      const sent = await send(one);
      if (sent.done) {
        await kept.dropReport(one.key);
        $("report-told").textContent = t("Sent. Number {number}.", { number: sent.id });
      } else if (sent.refused) {
        await kept.keepReport({ ...one, refused: sent.refused });
        $("report-told").textContent = sent.refused;
      } else {
        if (sent.why) $("report-told").textContent = sent.why;
        break;
      }
    }
    await showQueue();
  }

  async function showQueue() {
    const reports = await kept.reports();
    const waits = reports.filter((one) => !one.refused).length;
    $("waiting").textContent = waits ? t("{count} reports wait to be sent", { count: number(waits) }) : t("No report waits.");
    $("waiting").dataset.count = String(waits);
    $("queue").replaceChildren();
    for (const one of reports) {
      const line = node("li");
      line.append(node("b", `${t(one.kind)} · ${one.about}`), node("small", one.refused || t("waiting")));
      if (one.refused) {
        const button = node("button", t("Discard"), { type: "button", class: "plain" });
        button.addEventListener("click", async () => { await kept.dropReport(one.key); await showQueue(); });
        line.append(button);
      }
      $("queue").append(line);
    }
  }

  // --- the beginning

  $("locate").addEventListener("click", locate);
  $("spot").addEventListener("click", () => ask(...centre()));
  $("report").addEventListener("submit", report);
  map.on("dragstart", () => { if (state === "follow") setState("show"); });
  $("map").addEventListener("keydown", (event) => { if (event.key === "Enter") ask(...centre()); });
  window.addEventListener("offline", () => offline());
  window.addEventListener("online", () => { notice(t("Connected again.")); ask(...(askedAt || centre())); });
  setInterval(async () => { if ((await kept.reports()).some((one) => !one.refused)) flush(); }, RETRY_MS);

  async function begin() {
    setState("off");
    await kept.open(config.owner);
    await showQueue();
    if ("serviceWorker" in navigator) navigator.serviceWorker.register("/locate-worker.js", { scope: "/locate" }).catch(() => {});
    const last = await kept.area();
    if (last) map.setView([last.found.lat, last.found.lon], 17, { animate: false });
    await ask(...centre());
    document.documentElement.dataset.ready = "yes";
  }

  begin();
  return { map, centre, ask, flush, state: () => state };
})();
