"use strict";
// The map of what differs between two days: colours, and a card for what is clicked.
// Every word from data goes through textContent.
const gridmapDiff = (() => {
  let config = { messages: {}, colours: {} };
  const t = (text) => config.messages[text] || text;

  function colour(feature) {
    return config.colours[feature.properties.change] || "#6b6b6b";
  }

  function style(feature) {
    if (!feature.properties.change) return { color: "#1d2430", weight: 2, fill: false, interactive: false };
    const gone = ["ended", "lost"].includes(feature.properties.change);
    return { color: colour(feature), weight: 1.5, fillOpacity: 0.35, dashArray: gone ? "4 3" : null };
  }

  function card(feature) {
    const { change, ...rest } = feature.properties;
    const box = document.createElement("div");
    const heading = document.createElement("h3");
    heading.textContent = t(change);
    const list = document.createElement("dl");
    for (const [name, value] of Object.entries(rest)) {
      if (value === null || value === "") continue;
      const term = document.createElement("dt");
      term.textContent = name;
      const cell = document.createElement("dd");
      cell.textContent = typeof value === "number" ? value.toLocaleString() : value;
      list.append(term, cell);
    }
    box.append(heading, list);
    return box;
  }

  // Its controls come after the map.
  L.Map.addInitHook(function begun() { setTimeout(() => gridmapReach(this, t)); });

  return {
    configure: (given) => { config = given; },
    // A district's outline is what did not change.
    layer: (data) => L.geoJSON(data, {
      style,
      pointToLayer: (feature, place) => L.circleMarker(place, style(feature)),
      onEachFeature: (feature, layer) => { if (feature.properties.change) layer.bindPopup(() => card(feature)); },
    }),
  };
})();
