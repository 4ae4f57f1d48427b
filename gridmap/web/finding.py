"""Finding objects by name over the network.

Belongs here: the route. Does not belong here: how they are found (``jobs.finding``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from gridmap import jobs
from gridmap.language import translate
from gridmap.web.access import Asker, Store

router = APIRouter(prefix="/api/v1", tags=["Answers"])

KIND_NAMES = {
    "district": "Districts",
    "street": "Streets",
    "community": "Communities",
    "grid": "Grids",
    "building": "Buildings",
    "organisation": "Organisations",
    "camera": "Cameras",
}
"""What groups of found objects are called."""


@router.get("/search")
def search(
    store: Store,
    asker: Asker,
    q: Annotated[str, Query(max_length=200, description="Name, address, code, pinyin, initials.")],
    limit: Annotated[int, Query(ge=1, le=50, description="The most of each kind.")] = 8,
    lang: Annotated[Literal["zh", "en"], Query(description="Of the labels.")] = "zh",
) -> dict[str, Any]:
    """Find divisions, buildings, organisations and cameras by name, address, code or pinyin."""
    kinds = jobs.kinds_for(asker.rights)
    answer = jobs.search(store, q, kinds=kinds, limit=limit)
    for part in (*answer["groups"], *answer["searched"]):
        part["label"] = translate(KIND_NAMES[part["kind"]], lang)
    return answer
