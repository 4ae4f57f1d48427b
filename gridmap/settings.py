"""All settings of gridmap, read once from the environment.

Belongs here: the names, defaults and meanings of settings. Built once in ``cli`` or ``web``
and passed down as plain arguments; no other room reads the environment.
"""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

BASEMAPS = {
    "none": "",
    "tianditu": " ".join(
        f"https://t0.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
        f"&LAYER={layer}&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}"
        "&TILEROW={y}&TILECOL={x}&tk={key}"
        for layer in ("vec", "cva")
    ),
    "amap": "https://webrd01.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8"
    "&x={x}&y={y}&z={z}",
    "xyz": "",
}
"""Where the tiles of each basemap are, in Web Mercator, the lowest layer first. One host of each:
a page may load pictures from it and from no other."""

_TILES = re.compile(
    r"(https?://([\w.-]+|\[[\da-f:]+\])(:\d+)?)?/(?!/)[\w.~:/?&=%{}@+-]*", re.ASCII | re.IGNORECASE
)
_PLACES = {"{z}", "{x}", "{y}"}


def default_data_dir() -> Path:
    """Return the folder of the embedded database when none is set.

    Root's home is closed to the unprivileged account PostgreSQL must run as, so root gets a
    folder under ``/var/lib``; anyone else gets the XDG data folder.

    Returns
    -------
    Path
        Absolute; it need not exist.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/gridmap")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "gridmap"


def account() -> str:
    """Return the name of the account that runs the program.

    Returns
    -------
    str
        Its number where it has no name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


class Settings(BaseSettings):
    """The settings; every one is an environment variable with the prefix ``GRIDMAP_``."""

    model_config = SettingsConfigDict(env_prefix="GRIDMAP_", frozen=True)

    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of a PostGIS to use; without it gridmap runs its own.",
    )
    role_logins: bool = Field(
        default=False,
        description="`gridmap serve` logs in to the database of GRIDMAP_DATABASE_URL as each of "
        "its roles; gridmap's own database always does.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the embedded database.",
    )
    host: str = Field(default="127.0.0.1", description="Address `gridmap serve` listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port `gridmap serve` uses.")
    access_log: bool = Field(
        default=False, description="A line of JSON for each request, on standard error."
    )
    requests_per_minute: int = Field(
        default=6000, ge=1, description="Requests one account may send in a minute."
    )
    secret: str | None = Field(
        default=None,
        min_length=32,
        max_length=1000,
        repr=False,
        description="What cookies are signed with; unset, a file `secret` in the data folder.",
    )
    allowed_hosts: str = Field(
        default="127.0.0.1,localhost,[::1]",
        pattern=r"^[\w.\[\]:*-]+(,[\w.\[\]:*-]+)*$",
        description="Names under which the server may be asked, with commas between them.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of an OpenID Connect provider to sign in at; unset, there is none.",
    )
    oidc_client_id: str | None = Field(default=None, description="Our name at that provider.")
    oidc_client_secret: str | None = Field(
        default=None, repr=False, description="Our secret at that provider."
    )
    language: str = Field(
        default="zh",
        pattern="^(zh|en)$",
        description="First language of pages and reports.",
    )
    max_file_mb: int = Field(
        default=4096,
        ge=1,
        description="Megabytes a file to import may have, unpacked too.",
    )
    max_rows: int = Field(default=2_000_000, ge=1, description="Rows a file to import may have.")
    max_vertices: int = Field(
        default=50_000_000,
        ge=1,
        description="Vertices all shapes of a file to import may have together.",
    )
    actor: str = Field(
        default_factory=account,
        max_length=200,
        description="Who writes, for the book of writes; the name of the account if not set.",
    )
    tiling_tolerance_m: float = Field(
        default=0.1,
        ge=0.0,
        le=100.0,
        description="Width in metres up to which overlaps and gaps of units are only warnings.",
    )
    snap_tolerance_m: float = Field(
        default_factory=lambda data: max(1.0, data.get("tiling_tolerance_m", 0.0)),
        ge=0.0,
        le=100.0,
        description="Width in metres up to which `--repair` closes overlaps and gaps of units.",
    )
    grid_households_low: int = Field(
        default=150,
        ge=0,
        description="Households below which a grid is told to be small.",
    )
    grid_households_high: int = Field(
        default_factory=lambda data: max(500, data.get("grid_households_low", 0)),
        ge=1,
        description="Households above which a grid is told to be large.",
    )

    basemap: str = Field(
        default="none",
        pattern=f"^({'|'.join(BASEMAPS)})$",
        description="What is drawn below the areas of the planner's map.",
    )
    basemap_url: str | None = Field(
        default=None,
        validate_default=True,
        description="Address of its tiles with {z}, {x}, {y}; several layers with spaces between.",
    )
    basemap_key: str | None = Field(
        default=None,
        pattern=r"^[\w-]{1,200}$",
        validate_default=True,
        repr=False,
        description="What stands for {key} in that address; browsers get to see it.",
    )
    basemap_max_zoom: int = Field(
        default=18, ge=1, le=22, description="The closest zoom that it has tiles of."
    )
    basemap_attribution: str | None = Field(
        default=None, max_length=200, description="Whose it is; shown on the map."
    )

    @field_validator("basemap_url")
    @classmethod
    def _tiles(cls, url: str | None, info: ValidationInfo) -> str | None:
        """Refuse an address that has no place for a tile, or could say more than where it is."""
        layers = (url or "").split()
        if not layers and (url is not None or info.data.get("basemap") == "xyz"):
            raise ValueError("the address of the tiles is missing, with {z}, {x} and {y}")
        for one in layers:
            places = set(re.findall(r"\{[^}]*\}?", one))
            if not _TILES.fullmatch(one):
                raise ValueError(f"{one[:80]!r} is no address: http://host/… or /…")
            if not _PLACES <= places <= _PLACES | {"{key}"}:
                raise ValueError(f"{one[:80]!r} must have {{z}}, {{x}}, {{y}}, and no others")
        return url

    @field_validator("basemap_key")
    @classmethod
    def _key(cls, key: str | None, info: ValidationInfo) -> str | None:
        """Refuse to ask a provider without the key that it asks for."""
        tiles = info.data.get("basemap_url") or BASEMAPS.get(info.data.get("basemap", ""), "")
        if key is None and "{key}" in tiles:
            raise ValueError(f"{info.data.get('basemap')} needs a key")
        return key

    @field_validator("grid_households_high")
    @classmethod
    def _not_below_low(cls, most: int, info: ValidationInfo) -> int:
        """Refuse a band that no grid can be in."""
        least = info.data.get("grid_households_low", 0)
        if most < least:
            raise ValueError(f"should be {least} (GRIDMAP_GRID_HOUSEHOLDS_LOW) or more")
        return most

    @field_validator("snap_tolerance_m")
    @classmethod
    def _not_below_tiling(cls, width: float, info: ValidationInfo) -> float:
        """Refuse a repair that would leave warnings open."""
        least = info.data.get("tiling_tolerance_m", 0.0)
        if width < least:
            raise ValueError(f"should be {least:g} (GRIDMAP_TILING_TOLERANCE_M) or more")
        return width
