/* What the map shows close up, as vector tiles of the server's: one canvas for each tile, all layers
   in it. Needs Leaflet and Leaflet.VectorGrid; gridmap.js says which layers, styles and what a click
   does. */
"use strict";

const gridmapTiles = (() => {
  const RETRY_MS = 10000;

  /* VectorGrid 1.3.0 calls what Leaflet 1.8 took away when a tile is clicked (VectorGrid #274), and
     reckons with tiles that are drawn as large as they are. Here the place is asked of the canvas
     itself, so that scaled tiles are hit where they are seen; and what no feature of ours is under
     goes to the areas below. */
  const Tile = L.Canvas.Tile.extend({
    hit(event) {
      const point = L.DomEvent.getMousePosition(event, this._container);
      let found = null;
      for (const id in this._layers) {
        const layer = this._layers[id];
        if (layer.options.interactive && layer._containsPoint(point)) found = layer;
      }
      return found;
    },

    _onClick(event) {
      if (event.type !== "click" || !this._map) return;
      if (this._map._draggableMoved(this._map)) return;
      const layer = this.hit(event);
      if (!layer) return void this.options.below(event);
      L.DomEvent.stopPropagation(event);
      this.options.clicked(layer.properties, this._map.mouseEventToLatLng(event));
    },

    _onMouseMove(event) {
      if (!this._map || this._map.dragging.moving() || this._map._animatingZoom || this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        if (this._map) this._container.style.cursor = this.hit(event) ? "pointer" : "";
      });
    },

    _handleMouseOut() {},
  });

  const Grid = L.VectorGrid.Protobuf.extend({
    async _getVectorTilePromise(place) {
      const { layers, lens, days, denied } = this.options;
      const key = `${place.x}:${place.y}:${place.z}`;
      const url = `/tiles/${layers.join(",")}/${place.z}/${place.x}/${place.y}?lens=${encodeURIComponent(lens)}${days}`;
      try {
        const response = await fetch(url, { credentials: "same-origin" });
        if (response.status === 401) denied();
        if (!response.ok) throw new Error(String(response.status));
        const tile = new VectorTile(new Pbf(new Uint8Array(await response.arrayBuffer())));
        for (const layer of Object.values(tile.layers)) {
          layer.features = Array.from({ length: layer.length }, (_, i) => {
            const feature = layer.feature(i);
            feature.geometry = feature.loadGeometry();
            Object.assign(feature.properties, { layer: layer.name, lens });
            return feature;
          });
        }
        this.counts.set(key, tile.layers);
        this.went(key, true);
        return tile;
      } catch {
        this.went(key, false);
        clearTimeout(this.again);
        this.again = setTimeout(() => this._map && this.redraw(), RETRY_MS);
        return { layers: {} };
      }
    },

    /* What failed is told until it is there or out of sight: another tile's luck mends nothing. */
    went(key, well) {
      if (well) this.failed.delete(key);
      else this.failed.add(key);
      if (this._map) this.options.told(this.failed.size ? "failed" : "");
    },

    onRemove(map) {
      clearTimeout(this.again);
      L.VectorGrid.Protobuf.prototype.onRemove.call(this, map);
    },
  });

  /* How many features of a layer are in the tiles, once all are there; one on a seam counts in each. */
  function count(grid, name) {
    let sum = 0;
    for (const [key, { coords }] of grid && !grid.isLoading() ? Object.entries(grid._tiles) : []) {
      const layers = coords.z === grid._tileZoom && grid.counts.get(key);
      if (layers && layers[name]) sum += layers[name].length;
    }
    return sum;
  }

  /* Features of a layer drawn anew, in other colours, out of what is here already. */
  function restyle(grid, name) {
    for (const tile of grid ? grid.renderers.values() : []) {
      for (const layer of Object.values(tile._layers)) {
        if (layer.properties.layer !== name) continue;
        layer.options = L.extend({}, L.Path.prototype.options, grid.options.vectorTileLayerStyles[name](layer.properties));
        tile._updateDashArray(layer);
      }
      tile._redrawBounds = null;
      tile._clear();
      tile._draw();
      tile._drawing = true; // what is still to come into the tile draws itself
    }
  }

  /* What the tiles that are here say of a layer's features: code -> status. */
  function told(grid, name) {
    const found = new Map();
    for (const { coords } of grid ? Object.values(grid._tiles) : []) {
      const layers = coords.z === grid._tileZoom && grid.counts.get(`${coords.x}:${coords.y}:${coords.z}`);
      for (const { properties: p } of layers && layers[name] ? layers[name].features : []) found.set(p.code, p.status || null);
    }
    return found;
  }

  return {
    count,
    restyle,
    told,
    /* A grid of some layers: ``styles`` by layer, ``clicked(properties, latlng)``, ``below(event)``. */
    grid(given) {
      const grid = new Grid("", {
        rendererFactory(place, size, options) {
          const tile = new Tile(place, size, options);
          grid.renderers.set(`${place.x}:${place.y}:${place.z}`, tile);
          return tile;
        },
        vectorTileLayerStyles: given.styles,
        interactive: true,
        updateWhenZooming: false,
        keepBuffer: 1,
        minZoom: given.zoom,
        maxZoom: 19,
        ...given,
      });
      grid.counts = new Map();
      grid.renderers = new Map();
      grid.failed = new Set();
      grid.on("tileunload", ({ coords: c }) => {
        grid.went(`${c.x}:${c.y}:${c.z}`, true);
        grid.renderers.delete(`${c.x}:${c.y}:${c.z}`);
      });
      return grid;
    },
  };
})();
