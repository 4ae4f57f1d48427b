/* Lines over a ground, as a canvas fills with them: what is not covered is told by more than its
   colour. Made once for each pair of colours; the map and the page on the spot draw with it. */
"use strict";

const gridmapHatch = (() => {
  const patterns = {};

  function hatch(ground, line) {
    patterns[ground + line] = patterns[ground + line] || drawn(ground, line);
    return patterns[ground + line];
  }

  function drawn(ground, line) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const ink = tile.getContext("2d");
    ink.fillStyle = ground;
    ink.fillRect(0, 0, 6, 6);
    ink.strokeStyle = line;
    ink.lineWidth = 1.2;
    for (const x of [-6, 0, 6]) { ink.moveTo(x - 1, 7); ink.lineTo(x + 7, -1); }
    ink.stroke();
    return ink.createPattern(tile, "repeat");
  }

  return hatch;
})();
