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
    # Organisations.
    "working_committee": ("党工委", "街道党工委"),
    "committee": ("党委", "基层党委", "社区党委", "镇党委"),
    "general_branch": ("党总支", "党总支部", "社区党总支", "总支"),
    "branch": ("党支部", "网格党支部", "社区党支部", "支部"),
    "joint_branch": ("联合党支部", "联合支部"),
    "party_group": ("党小组", "楼栋党小组", "党小组进楼栋"),
    "service_group": ("服务群众工作组", "群众工作组", "工作组"),
    "volunteer_team": ("志愿服务队", "志愿者队伍", "志愿队"),
    "party_service_centre": ("党群服务中心",),
    "service_station": ("群团服务站", "服务站"),
    "service_post": ("群团服务岗", "服务岗"),
    "one_window": ("便民服务中心", "一窗通办", "全科窗口"),
    "enterprise": ("非公企业", "企业", "非公有制企业"),
    "social_org": ("社会组织",),
    "department": ("部门", "区级部门", "机关部门"),
    # Posts.
    "grid_leader": ("网格长",),
    "grid_worker": ("网格员", "专职网格员"),
    "grid_instructor": ("网格指导员",),
    "building_head": ("楼栋长",),
    "district_leader": ("区领导", "区级领导"),
    "deputy_secretary": ("专职副书记",),
    "organisation_officer": ("组织委员",),
    "publicity_officer": ("宣传委员",),
    "united_front_officer": ("统战委员",),
    # What is served, and how.
    "party_branch": ("党支部", "网格党支部", "党支部进网格"),
    "community_workers": ("社区干部", "社区干部进楼栋"),
    "community_police": ("社区民警", "民警", "社区民警进楼栋"),
    "volunteers": ("志愿者和社工", "志愿者", "社工", "志愿者进楼栋"),
    "legal_service": ("法律服务", "法律服务进楼栋"),
    "community_affairs": ("社区事务", "社区事务进楼栋"),
    "city_management": ("智慧城管", "城管", "智慧城管进楼栋"),
    "partner": ("结对共建", "部门结对", "结对部门"),
    "member_area": ("党员责任区", "党员责任田"),
    "district_contact": ("区领导联系", "领导联系点", "联系点"),
    "rectification": ("整顿", "软弱涣散整顿", "集中整顿"),
    "enterprise_branch": ("组织覆盖", "企业党组织"),
    "enterprise_work": ("工作覆盖", "党建指导"),
    "enterprise_contact": ("定点联企", "联企", "领导联企"),
    "own": ("单独", "单独组建", "独立", "独立组建", "自有"),
    "joint": ("联合", "联合组建", "共建"),
    # Grids of departments.
    "city_management_grid": ("城管网格", "城管"),
    "police_grid": ("警务网格", "公安", "警务区"),
    "market_grid": ("市场监管网格", "市场监管", "工商", "食药"),
    "fire_grid": ("消防网格", "消防"),
    # Matters, proposals, projects.
    "big": ("大事", "公共事务"),
    "small": ("小事", "社区事务"),
    "private": ("私事", "个人事务"),
    "government_department": ("政府部门", "职能部门"),
    "leading_group": ("党建领导小组", "领导小组"),
    "community_committees": ("社区两委", "两委"),
    "social_units": ("驻区单位和社会组织", "社会单位", "驻区单位"),
    "market": ("市场", "市场服务"),
    "self_help": ("自助互助", "自行解决", "社区互助"),
    "reported": ("已上报", "上报"),
    "accepted": ("已受理", "受理"),
    "in_work": ("办理中", "处理中", "实施中"),
    "resolved": ("已办结", "办结", "已解决", "已采纳"),
    "returned": ("已退回", "退回"),
    "raised": ("已提出", "提出"),
    "declined": ("未采纳", "不予采纳"),
    "planned": ("计划中", "拟建", "已立项"),
    "done": ("已完成", "完成", "完工"),
    "dropped": ("已取消", "取消"),
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
