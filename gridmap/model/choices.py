"""Words that cells have for a field's choices: one table, Chinese terms for each.

Belongs here: which word means which choice. Does not belong here: which choices a field has
(``layers``), headings of columns (``headings``).
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

CHOICES: dict[str, tuple[str, ...]] = {
    # Grids.
    "basic": ("基础网格", "基本网格", "普通网格"),
    "dedicated": ("专属网格", "专属"),
    # Buildings: their form, and who manages them.
    "slab": ("板楼", "板式楼", "板式"),
    "tower": ("塔楼", "塔式楼", "塔式", "点式楼"),
    "low_rise": ("低层住宅", "低层", "多层低密"),
    "village": ("农房", "村宅", "农村住宅", "自建房"),
    "industrial": ("工业", "厂房", "工业建筑", "工业厂房"),
    "commercial": ("商业", "商业建筑", "商务", "商业楼"),
    "public": ("公共建筑", "公建", "公共"),
    "other": ("其他", "其它", "其他类型"),
    "property": ("物业", "物业管理", "物业公司", "专业物业"),
    "self": ("自管", "自治管理", "自主管理", "业主自管"),
    "scattered": ("散居", "散居楼栋", "无物业", "无人管理"),
    # Organisations, what they serve and how.
    "working_committee": ("党工委", "街道党工委"),
    "committee": ("党委", "基层党委", "社区党委", "镇党委"),
    "general_branch": ("党总支", "党总支部", "社区党总支", "总支"),
    "branch": ("党支部", "网格党支部", "社区党支部", "支部"),
    "joint_branch": ("联合党支部", "联合支部"),
    "party_group": ("党小组", "楼栋党小组", "党小组进楼栋"),
    "party_branch": ("党支部", "网格党支部", "党支部进网格"),
    "own": ("单独", "单独组建", "独立", "独立组建", "自有"),
    "joint": ("联合", "联合组建", "共建"),
    # Roads.
    "trunk": ("快速路", "高速公路", "高速路"),
    "main": ("主干路", "主干道", "次干路", "次干道"),
    "street": ("支路", "街道", "街", "街路"),
    "lane": ("街巷", "巷道", "巷", "小巷", "里弄"),
    "path": ("步道", "人行道", "小路", "小径"),
    # Cameras and the places of Decree 799.
    "in_use": ("在用", "正常", "使用中", "启用"),
    "under_repair": ("维修", "维修中", "在修", "故障", "检修"),
    "removed": ("拆除", "已拆除", "报废", "停用"),
    "road": ("道路", "主要道路", "道路广场", "交通要道"),
    "public_venue": ("公共场所", "公众聚集场所", "人员密集场所"),
    "hub": ("交通枢纽", "枢纽", "客运枢纽"),
    "transport": ("公共交通工具", "公共交通", "大中型公共交通工具"),
    "service_area": ("服务区", "高速公路服务区"),
    "lodging": ("旅馆客房", "客房", "宾馆客房", "包间", "住宿"),
    "dormitory": ("宿舍", "集体宿舍", "员工宿舍"),
    "bath": ("浴室", "公共浴室", "澡堂"),
    "toilet": ("厕所", "公共厕所", "卫生间", "公厕"),
    "changing_room": ("更衣室", "试衣间"),
    "nursing_room": ("哺乳室", "母婴室"),
    "dwelling": ("住宅", "居民住宅", "住户"),
    "military": ("军事", "军事禁区", "军事管理区", "部队"),
    "state_organ": ("国家机关", "涉密国家机关", "机关", "党政机关"),
}
"""A choice -> what Chinese files call it, the usual word first.

Within one field every word has one meaning; a word may mean one thing in one field and another in
the next (党支部 is a kind of organisation, and a service). Source: the terms of domain.md 1.4, 1.6
and 5, of public files of these layers; own choice where a file says more than we keep: 次干路.
"""


def terms_of(choices: Iterable[str]) -> dict[str, str]:
    """Return the words for some choices.

    Parameters
    ----------
    choices
        Of one field.

    Returns
    -------
    dict
        Word, without spaces and in plain letters -> choice.

    Examples
    --------
    >>> terms_of(("branch", "party_group"))["网格党支部"]
    'branch'
    """
    return {_plain(term): choice for choice in choices for term in CHOICES.get(choice, ())}


def chosen(texts: pd.Series, choices: tuple[str, ...]) -> pd.Series:
    """Return cells of text with the choice in place of each word for one.

    Parameters
    ----------
    texts
        Text or null.
    choices
        Of the field.

    Returns
    -------
    Series
        Same index; what is no word for a choice stays as it is.
    """
    strange = texts.notna() & ~texts.isin(choices)
    if not strange.any():
        return texts
    terms = terms_of(choices)
    found = texts.copy()
    found[strange] = [terms.get(_plain(str(text)), text) for text in texts[strange]]
    return found


def _plain(term: str) -> str:
    """Return a word without spaces, full-width forms and case."""
    return "".join(unicodedata.normalize("NFKC", term).casefold().split())
