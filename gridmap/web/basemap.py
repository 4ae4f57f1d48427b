"""The basemap of the planner's map, as the settings say.

Belongs here: what its script is told of it, and from where a page may load pictures. Does not
belong here: which basemaps there are (``settings``), drawing (``static/map/basemap.js``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gridmap.settings import BASEMAPS

if TYPE_CHECKING:
    from gridmap.settings import Settings

SHIFTED = frozenset({"amap"})
"""Basemaps drawn in GCJ-02: their layer is moved in the browser, never the data (web.md 4)."""

BY = {"tianditu": "© 天地图", "amap": "© 高德地图"}
"""Whose each is, where the settings do not say it."""


def basemap_of(settings: Settings) -> dict[str, Any] | None:
    """Return what the map's script is told of the basemap.

    Parameters
    ----------
    settings
        The settings.

    Returns
    -------
    dict or None
        ``tiles``: an address for each layer, the lowest first; ``zoom``, the closest; ``by``;
        ``shifted``, whether it is in GCJ-02. None where there is none.
    """
    if settings.basemap == "none":
        return None
    tiles = settings.basemap_url or BASEMAPS[settings.basemap]
    by = settings.basemap_attribution
    return {
        "tiles": tiles.replace("{key}", settings.basemap_key or "").split(),
        "zoom": settings.basemap_max_zoom,
        "by": BY.get(settings.basemap, "") if by is None else by,
        "shifted": settings.basemap in SHIFTED,
    }


def origins(basemap: dict[str, Any] | None) -> list[str]:
    """Return from where the tiles come, for a content security policy.

    Parameters
    ----------
    basemap
        From `basemap_of`.

    Returns
    -------
    list of str
        Scheme, host and port of each; none for tiles of this very server.
    """
    parts = [urlsplit(url) for url in basemap["tiles"]] if basemap else []
    return sorted({f"{one.scheme}://{one.netloc}" for one in parts if one.netloc})
