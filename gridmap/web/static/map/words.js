/* What all of the map's scripts share: its state, its words and numbers, and how text reaches the
   page: through textContent only, for names come from spreadsheets. */
"use strict";

const gridmap = (() => {
  /* What is asked and shown now. */
  const now = { measure: null, level: null, manual: false, switching: false, selected: null, chosen: new Set(), ground: false };

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
    gained: "gained", lost: "lost", compared_covered: "covered on both days", compared_uncovered: "not covered on either day",
    covered: "covered", covered_jointly: "covered jointly", not_covered: "not covered", not_asked: "not asked about, or no data", building: "Buildings",
    view: "Possible camera views", certain: "Certain camera views", seen: "Ground seen", none: "no data", camera: "Cameras", blind: "Blind ground", street: "streets", community: "communities", grid: "grids", m2: "area", m: "length",
  };

  const t = (message) => gridmap.config.messages[message] || message;
  const sentence = (message, values = {}) => Object.entries(values).reduce((m, [name, value]) => m.replace(`{${name}}`, () => value), t(message));
  const word = (code) => t(WORDS[code] || code);
  /* Why a target of any lens is not covered, and what a link is worth. */
  const reason = (code) => t(gridmap.config.reasons[code] || code || "");
  const partNames = (names, missing) =>
    missing.split(" ").map((part) => (gridmap.config.language === "zh" ? names[part] || part : part.replaceAll("_", " "))).join(", ");
  /* Both languages write numbers alike; the browser's own format takes 90 ms on a phone to be made. */
  function number(value, digits = 0) {
    const [whole, part = ""] = value.toFixed(digits).split(".");
    const decimals = part.replace(/0+$/, "");
    return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${decimals && "."}${decimals}`;
  }
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

  const said = {};
  function say(about, message) {
    said[about] = message;
    byId("status").textContent = Object.values(said).find(Boolean) || "";
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

  /* ``config`` and ``map`` are known once the page has configured and started it; ``happens`` tells
     the other scripts what was chosen; ``kept`` is what each of them keeps in the address. */
  return {
    config: null, map: null, now, levels: {}, details: [], happens: new L.Evented(), kept: {},
    configure(given) { gridmap.config = given; },
    /* Whoever asked the system for less motion gets none. */
    motion: { animate: !window.matchMedia("(prefers-reduced-motion: reduce)").matches },
    t, reason, partNames, sentence, word, number, percent, amount, fraction, el, byId, fill, say, signInAgain, answered,
  };
})();
