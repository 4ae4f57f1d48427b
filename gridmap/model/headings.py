"""Headings that files give to a layer's fields: one table, in Chinese, English and pinyin initials.

Belongs here: which heading means which field. Does not belong here: what a user says of a column,
which comes first (``files``).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gridmap.model.layers import LayerSpec

HEADINGS: dict[str, tuple[str, ...]] = {
    # Positions, of every layer. Not 坐标X: surveyors mean the northing by it, others the easting.
    "lon": ("lng", "long", "longitude", "x", "经度", "东经", "jd"),
    "lat": ("latitude", "y", "纬度", "北纬", "wd"),
    "wkt": ("geometry", "geom", "the_geom", "几何", "几何信息"),
    # What several layers have.
    "code": ("编码", "代码", "编号", "统一编码", "bm", "dm", "bh"),
    "name": ("名称", "名字", "mc", "中文名称"),
    "kind": ("类型", "类别", "种类", "type", "category"),
    "address": ("地址", "详细地址", "住址", "门牌地址", "addr", "dz"),
    "place_category": ("场所类别", "场所类型", "重点场所类别", "公共区域类别", "place_cat"),
    # Divisions.
    "district.code": ("区划代码", "行政区划代码", "行政区代码", "区县代码", "区编码", "adcode",
                      "admin_code", "xzqdm", "xzqhdm", "qxdm"),
    "district.name": ("区划名称", "行政区名称", "区县名称", "区名称", "admin_name",
                      "xzqmc", "qxmc"),
    "street.code": ("区划代码", "行政区划代码", "街道代码", "街道编码", "镇街代码", "镇街编码",
                    "乡镇代码", "乡镇街道代码", "jddm", "jdbm", "xzdm", "street_code"),
    "street.name": ("区划名称", "街道名称", "街道", "镇街名称", "镇街", "乡镇名称", "乡镇街道名称",
                    "jdmc", "xzmc", "street_name"),
    "community.code": ("区划代码", "行政区划代码", "社区代码", "社区编码", "村居代码", "村社区代码",
                       "村社代码", "sqdm", "sqbm", "cjdm", "community_code"),
    "community.name": ("区划名称", "社区名称", "社区", "村居名称", "村社区名称", "村社名称", "sqmc",
                       "cjmc", "community_name"),
    "grid.code": ("网格编码", "网格代码", "网格编号", "网格号", "单元网格编码", "基础网格编码",
                  "wgbm", "wgdm", "wgbh", "grid_code", "grid_id"),
    "grid.name": ("网格名称", "网格名", "网格", "单元网格名称", "wgmc", "grid_name"),
    "grid.kind": ("网格类型", "网格类别", "网格种类", "网格性质", "grid_kind", "grid_type"),
    "unit_name": ("责任单位", "责任单位名称", "所属单位", "所属单位名称", "专属单位",
                  "zrdw", "responsible_unit"),
    # Buildings and entrances.
    "building.code": ("楼栋编码", "楼栋代码", "楼栋编号", "楼栋号", "楼幢编码", "建筑编码",
                      "建筑物编码", "建筑编号", "房屋编码", "房屋编号", "ldbm", "ldbh", "jzbm",
                      "building_code", "building_id"),
    "building.name": ("楼栋名称", "楼栋名", "楼名", "楼幢名称", "建筑名称", "建筑物名称",
                      "房屋名称", "ldmc", "jzmc", "building_name"),
    "building.kind": ("建筑类型", "建筑类别", "楼栋类型", "建筑形式", "building_kind",
                      "building_type"),
    "floors": ("层数", "楼层数", "总层数", "地上层数", "建筑层数", "cs", "floor_count"),
    "height_m": ("高度", "建筑高度", "楼高", "建筑物高度", "gd", "building_height"),
    "household_count": ("户数", "总户数", "住户数", "居民户数", "hs", "households"),
    "floor_area_m2": ("建筑面积", "总建筑面积", "jzmj", "floor_area", "gfa"),
    "management_kind": ("管理方式", "管理类型", "物管类型", "物业类型", "物业管理方式",
                        "mgmt_kind"),
    "entrance.code": ("出入口编码", "出入口编号", "单元门编码", "entrance_code"),
    "entrance.name": ("出入口名称", "单元名称", "entrance_name"),
    "building_code": ("楼栋编码", "楼栋代码", "楼栋编号", "所属楼栋", "所属楼栋编码", "建筑编码",
                      "ldbm", "building", "building_id", "bldg_code"),
    # Roads.
    "road.code": ("道路编码", "道路代码", "道路编号", "路段编码", "road_code", "road_id"),
    "road.name": ("道路名称", "路名", "道路名", "街路名称", "road_name"),
    "road.kind": ("道路类型", "道路等级", "道路类别", "road_class"),
    "width_m": ("宽度", "路宽", "道路宽度", "road_width"),
    # Cameras; the English names are those of GB/T 28181.
    "camera.code": ("国标编码", "国标编号", "国标id", "设备编码", "设备编号", "设备国标编码",
                    "摄像机编码", "摄像机编号", "监控编号", "点位编码", "device_id",
                    "camera_code", "camera_id"),
    "camera.name": ("设备名称", "摄像机名称", "监控名称", "点位名称", "camera_name", "device_name"),
    "azimuth_deg": ("方位角", "朝向角", "朝向角度", "监控方位角", "azimuth", "bearing"),
    "hfov_deg": ("水平视场角", "视场角", "视角", "水平视角", "horizontal_field_angle", "hfov",
                 "fov"),
    "max_range_m": ("最大可视距离", "可视距离", "监控距离", "视距", "最大视距",
                    "max_view_distance", "max_range", "range"),
    "mount_height_m": ("安装高度", "架设高度", "挂高", "杆高", "mount_height", "mount_h_m"),
    "point_type": ("点位类型", "监控点位类型", "摄像机点位类型"),
    "networked": ("是否联网", "联网", "联网状态", "is_networked"),
    "hd": ("是否高清", "高清", "is_hd"),
    "state": ("设备状态", "状态", "运行状态", "使用状态", "status"),
    "in_use_since": ("启用日期", "启用时间", "安装时间", "安装日期", "投用日期", "install_time",
                     "used_since"),
    "filed_at": ("备案日期", "备案时间"),
    "direction_type": ("监视方位", "监控方位", "方向类型", "朝向", "摄像机朝向", "dir_type"),
    "azimuth_tolerance_deg": ("方位角误差", "方位误差", "azim_tol"),
    "position_tolerance_m": ("位置误差", "定位误差", "位置精度", "pos_tol"),
    "h_pixels": ("水平像素", "水平像素数", "图像宽度"),
    "group_code": ("分组编码", "交换机编码", "所属分组", "group"),
    "indoor": ("是否室内", "室内", "室内外"),
    "declared_unit": ("登记区划", "decl_unit"),
    "camera.declared_unit": ("所属区划", "所属单元", "所属网格", "所属社区", "所属街道",
                             "所属网格编码"),
    # Not 所属社区, 社区编码, 所属网格: tables of buildings have several of them, or names in them.
    "building.declared_unit": ("所属区划", "所属区划编码", "所属区划代码", "登记区划编码",
                               "登记区划代码"),
    "filing_no": ("备案号", "备案编号"),
    "sign_installed": ("是否设置提示标识", "提示标识", "标识牌", "是否有标识", "sign_inst"),
    "consent_ref": ("同意文号", "同意书编号", "征得同意文号", "consent_no"),
    "retention_days": ("保存天数", "存储天数", "录像保存天数", "视频保存天数", "record_save_days",
                       "keep_days"),
    # Places.
    "key_public_area.code": ("区域编码", "区域编号", "重点区域编码", "area_code"),
    "key_public_area.name": ("区域名称", "重点区域名称", "公共区域名称", "area_name"),
    "privacy_zone.code": ("区域编码", "区域编号", "隐私区域编码", "zone_code"),
    "privacy_zone.name": ("区域名称", "隐私区域名称", "zone_name"),
    "privacy_zone.kind": ("区域类型", "隐私类型", "zone_type"),
    "restricted_site.code": ("单位编码", "场所编码", "限制场所编码", "site_code"),
    "restricted_site.name": ("单位名称", "场所名称", "限制场所名称", "site_name"),
    "restricted_site.kind": ("单位类型", "场所性质", "site_type"),
    "consent_distance_m": ("同意距离", "征询距离", "限制距离", "consent_distance", "consent_m"),
    # Organisations, posts and what they serve.
    "organisation.code": ("组织编码", "组织代码", "党组织编码", "党组织代码", "组织编号", "zzbm",
                          "org_code", "org_id"),
    "organisation.name": ("组织名称", "党组织名称", "组织全称", "党组织全称", "zzmc", "org_name"),
    "organisation.kind": ("组织类型", "组织类别", "党组织类型", "党组织类别", "org_type"),
    "parent_code": ("上级编码", "上级代码", "上级组织编码", "上级党组织编码", "上级党组织代码",
                    "parent", "parent_id"),
    "host_code": ("所在区划", "所在区划代码", "所在单元编码", "属地编码", "属地代码", "host"),
    "full_members": ("正式党员", "正式党员数", "正式党员人数"),
    "probationary_members": ("预备党员", "预备党员数", "预备党员人数"),
    "seat_code": ("驻地楼栋编码", "办公楼栋编码", "驻地编码", "seat"),
    "staff_count": ("人员数", "工作人员数", "职工人数", "从业人数", "员工人数", "注册志愿者数",
                    "staff", "employees"),
    "has_committee": ("是否设委员会", "设支委会", "支委会"),
    "weak": ("软弱涣散", "是否软弱涣散"),
    "duty_phone": ("值班电话", "办公电话", "服务电话", "phone"),
    "post.code": ("岗位编码", "岗位代码", "岗位编号", "post_code"),
    "post.name": ("岗位名称",),
    "post.kind": ("岗位", "岗位类型", "职务", "role"),
    "post.org_code": ("所属组织编码", "组织编码", "组织代码"),
    "filled": ("是否在岗", "是否配备", "在岗"),
    "is_secretary": ("是否支部书记", "支部书记担任"),
    "duty.holder_code": ("组织编码", "组织代码", "党组织编码", "党组织代码", "服务组织编码",
                         "责任主体编码", "岗位编码", "org", "org_code", "org_id"),
    "service": ("服务", "服务类型", "服务类别", "覆盖类型", "职责"),
    "target_code": ("对象编码", "服务对象", "服务对象编码", "覆盖对象编码", "目标编码", "target",
                    "target_id"),
    "mode": ("方式", "服务方式", "覆盖方式", "组建方式"),
    "last_on": ("最近日期", "最近服务日期", "最近走访日期", "最近评价日期", "last_date"),
    # Courtyards, grids of departments.
    "courtyard.code": ("院落编码", "院落编号", "小区编码", "courtyard_code"),
    "courtyard.name": ("院落名称", "小区名称", "courtyard_name"),
    "party_leadership": ("党组织成立日期", "党的领导", "党组织", "party_lead"),
    "council": ("议事会", "议事会成立日期"),
    "owners_committee": ("业委会", "业委会成立日期", "owners_com"),
    "supervisory_committee": ("监委会", "监委会成立日期", "superv_com"),
    "self_service_station": ("自治管理服务站", "服务站成立日期", "self_stat"),
    "department_grid.code": ("部门网格编码", "网格编码", "网格编号"),
    "department_grid.name": ("部门网格名称", "网格名称"),
    "department": ("所属部门", "部门", "主管部门"),
    # Projects, matters, proposals.
    "project.code": ("项目编码", "项目编号"),
    "project.name": ("项目名称",),
    "community_code": ("社区编码", "社区代码", "所属社区编码"),
    "year": ("年度", "年份"),
    "project.state": ("项目状态", "进度"),
    "budget_cny": ("预算", "项目经费", "经费"),
    "satisfaction_share": ("满意率", "群众满意率"),
    "matter_item.code": ("事项编码", "事项代码", "目录编码"),
    "matter_item.name": ("事项名称",),
    "matter_class": ("事项分类", "三事分类", "事权分类"),
    "route": ("分流去向", "办理渠道", "流向"),
    "unit_code": ("责任部门编码", "主办单位编码"),
    "days_allowed": ("办理时限", "时限", "承诺时限"),
    "matter.code": ("事件编码", "工单编号", "事件编号"),
    "item_code": ("事项编码", "事项代码", "目录编码"),
    "summary": ("事件摘要", "摘要", "问题描述"),
    "source_system": ("来源系统", "来源", "source_sys"),
    "matter.state": ("办理状态", "事件状态"),
    "reported_on": ("上报日期", "上报时间", "受理来电日期", "report_on"),
    "accepted_on": ("受理日期", "受理时间", "accept_on"),
    "resolved_on": ("办结日期", "办结时间", "解决日期", "resolve_on"),
    "routed_to": ("派往单位编码", "承办单位编码", "派单单位"),
    "routed_grid": ("派往网格编码", "所派网格", "route_grid"),
    "proposal.code": ("建议编码", "建议编号", "意见编号"),
    "proposal.name": ("建议内容", "建议名称"),
    "raised_on": ("提出日期", "征集日期"),
    "proposal.state": ("办理状态", "建议状态"),
    # Lenses.
    "lens.code": ("口径编码", "视角编码"),
    "lens.name": ("口径名称", "视角名称"),
    "target": ("对象", "覆盖对象"),
    "source": ("依据", "数据依据"),
    "parts": ("组成", "服务组成"),
    "target_kinds": ("对象类型",),
    "holders": ("主体类型", "服务主体类型"),
    "through": ("下传层级",),
    "need": ("需要几项", "应有项数"),
    "most": ("最多几个",),
    "window_days": ("有效天数", "周期天数"),
    "min_members": ("最少党员数",),
    "min_full": ("最少正式党员数",),
    "own_from": ("单建人数",),
    "neighbour_m": ("邻近距离", "相邻距离"),
    "same_grid": ("同网格",),
    "held_by_secretary": ("书记担任",),
}  # fmt: skip
"""A field, or a layer and its field -> headings it is known by, beside its own name.

A layer's own line is added to that of the field. No tags of OpenStreetMap: its height may be in
feet or "12 m", its levels 3.5, and a heading that is taken must be right. Own choice, after the
catalogue of GB/T 28181, the attributes of CJ/T 349 and public files of these layers; and the short
names that exports to Shapefiles have.
"""

POSITIONS = ("lon", "lat", "wkt")
"""Fields that every layer with a geometry may have in their place."""

CUT_BYTES = 10
"""Length of a column's name in a Shapefile; longer ones are cut."""
_BRACKETS = re.compile(r"\([^()]*\)")
_MARKS = re.compile(r"[\s_\-.:*\"'/\ufffd]+")


def headings_of(spec: LayerSpec) -> dict[str, tuple[str, ...]]:
    """Return the headings of a layer's fields.

    Parameters
    ----------
    spec
        The layer.

    Returns
    -------
    dict
        Field -> headings, its own name first; with `POSITIONS` where the layer has a geometry.
    """
    names = [*spec.columns, *(POSITIONS if spec.kinds else ())]
    return {
        name: (name, *HEADINGS.get(name, ()), *HEADINGS.get(f"{spec.name}.{name}", ()))
        for name in names
    }


def matches(
    columns: Iterable[str], headings: Mapping[str, Iterable[str]], *, cut: bool = False
) -> dict[str, list[str]]:
    """Return the columns that bear a heading of a field.

    Parameters
    ----------
    columns
        Names of columns as they stand in a file.
    headings
        Field -> headings, from `headings_of`.
    cut
        Names may be cut after `CUT_BYTES`, as Shapefiles do.

    Returns
    -------
    dict
        Field -> its columns, in the file's order; only fields that have one.

    Notes
    -----
    Rule: case, spaces, signs and what stands in brackets do not count; a cut name counts where
    one field only has headings that begin like it.
    """
    known: dict[str, str] = {}
    for name, some in headings.items():
        for heading in some:
            known.setdefault(_plain(heading), name)
    found: dict[str, list[str]] = {}
    for column in columns:
        field: str | None = known.get(_plain(column))
        if field is None and cut and _may_be_cut(column):
            begun = {known[one] for one in known if one.startswith(_plain(column))}
            field = begun.pop() if len(begun) == 1 else None
        if field is not None:
            found.setdefault(field, []).append(column)
    return found


def _plain(heading: str) -> str:
    """Return a heading without what does not count."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    return _MARKS.sub("", _BRACKETS.sub("", text)) or _MARKS.sub("", text)


def _may_be_cut(column: str) -> bool:
    """Whether a name is as long as a Shapefile's can be, in UTF-8 or GB 18030.

    The last character goes where it does not fit as a whole.
    """
    return any(
        CUT_BYTES - widest < len(column.encode(encoding, "replace")) <= CUT_BYTES
        for encoding, widest in (("utf-8", 3), ("gb18030", 2))
    )
