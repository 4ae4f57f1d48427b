"""Where things roughly are in Nan'an, and the words that synthetic names are made of.

Belongs here: hand-made constants only. Positions are kilometres east and north of the outline's
centroid, rough and from general knowledge (own choice); none of them is surveyed. Does not
belong here: anything that draws or counts.
"""

from __future__ import annotations

from typing import Any

AS_OF = "2026-10-01"
"""The date the demo data claim to describe; a constant, so that two runs agree."""

BEGINS = "2026-07-01"
"""Since when the store has them: links that begin or end later differ from quarter to quarter."""

STREET_TREE: Any = (
    (1.0, 0.12),
    (
        (-0.25, 1.0),
        (
            (1.0, -0.1),
            (
                (0.15, 1.0),
                "500108101",
                (
                    (1.0, 0.2),
                    ((0.1, 1.0), "500108002", "500108001"),
                    ((0.35, 1.0), ((1.0, 0.1), "500108003", "500108004"), "500108005"),
                ),
            ),
            "500108007",
        ),
        ((1.0, 0.1), "500108006", ((-0.1, 1.0), "500108102", "500108103")),
    ),
    (
        (0.9, 0.45),
        ((0.1, 1.0), ((0.65, -0.75), "500108008", "500108106"), "500108105"),
        ((0.75, 0.65), "500108107", "500108108"),
    ),
)
"""How the district is cut into its 15 streets and towns: the normal of the cut (east, north),
the part on its low side, the part on its high side."""

STREET_KM2 = {
    "500108001": 5.5,
    "500108002": 4.8,
    "500108003": 5.5,
    "500108004": 7.5,
    "500108005": 4.5,
    "500108006": 7.0,
    "500108007": 42.0,
    "500108008": 13.0,
    "500108101": 13.0,
    "500108102": 14.0,
    "500108103": 11.0,
    "500108105": 26.0,
    "500108106": 45.0,
    "500108107": 33.0,
    "500108108": 30.0,
}
"""Relative sizes of the streets and towns (square kilometres, rough)."""

CENTRES = (
    (-8.1, 0.0, 2.0, 30.0),
    (-10.8, 0.0, 1.3, 22.0),
    (-10.0, -2.4, 1.4, 24.0),
    (-8.5, -3.6, 1.9, 18.0),
    (-6.6, 0.9, 1.2, 24.0),
    (-6.2, 2.7, 0.9, 26.0),
    (-6.6, 5.6, 1.6, 24.0),
    (-5.6, 4.6, 1.2, 14.0),
    (-4.6, 7.6, 1.0, 10.0),
    (-3.7, 1.0, 0.6, 12.0),
    (-0.6, -1.8, 1.5, 16.0),
    (1.0, -3.4, 1.9, 14.0),
    (1.5, 2.2, 0.6, 8.0),
    (6.2, -0.6, 0.6, 8.0),
    (9.6, 5.2, 0.8, 7.0),
)
"""Built-up centres: east, north, radius in km, grids per square kilometre at the middle."""

COUNTRYSIDE_DENSITY = 0.7
"""Grids per square kilometre far from every centre."""

RIDGES = (
    ((-3.6, 8.2), (-3.3, 4.6), (-3.0, 1.6), (-2.7, -1.5), (-3.3, -4.5), (-3.8, -8.0)),
    ((5.2, 3.4), (4.3, 0.2), (3.9, -3.0), (3.4, -8.0)),
)
"""Crests of the two mountain ranges that part the district from north to south."""

OLD_TOWN = (
    (-6.3, 2.6, 0.9),
    (-7.0, 6.2, 0.8),
    (-8.1, 0.3, 0.8),
    (-7.0, 1.0, 0.7),
    (-11.0, 0.2, 0.8),
    (-3.7, 1.0, 0.5),
)
INDUSTRY = (
    (2.6, -3.9, 1.3),
    (9.4, 4.8, 1.4),
    (6.7, -0.2, 0.9),
    (-4.2, 8.0, 0.8),
    (-8.7, -5.4, 0.8),
    (0.4, 0.4, 0.7),
)
NEW_TOWN = (
    (-0.2, -1.9, 2.0),
    (1.0, -3.0, 1.9),
    (-5.6, 4.4, 0.9),
    (-9.0, -4.2, 1.2),
    (-11.9, -1.2, 0.8),
)
SHOPPING = ((-8.0, 0.1, 0.55), (0.2, -2.2, 0.6), (-6.9, 5.4, 0.5), (-9.9, -2.3, 0.4))
"""East, north, radius in km of quarters of one character."""

OVERLAYS = (
    (
        "内环快速路",
        "trunk",
        34.0,
        (
            (-10.7, -5.4),
            (-9.3, -3.4),
            (-7.6, -1.7),
            (-6.0, -0.5),
            (-5.0, 1.6),
            (-4.9, 4.0),
            (-5.6, 5.9),
            (-7.4, 7.2),
        ),
    ),
    ("通江大道", "trunk", 36.0, ((1.6, -7.4), (0.5, -4.6), (0.2, -2.3), (0.8, 0.3), (1.5, 2.6))),
    ("慈母山大道", "trunk", 30.0, ((-5.2, 3.7), (-3.2, 2.9), (-1.4, 1.2), (0.3, -0.6))),
    ("绕城公路", "trunk", 34.0, ((6.0, -5.5), (5.6, -2.6), (5.9, 0.6), (6.9, 3.2), (6.6, 5.3))),
    (
        "迎龙大道",
        "trunk",
        30.0,
        ((1.2, -2.2), (3.4, -1.6), (5.6, -0.9), (7.6, 0.9), (9.4, 3.6), (10.6, 6.4)),
    ),
    (
        "南山公路",
        "main",
        14.0,
        (
            (-5.4, 1.5),
            (-4.2, 1.3),
            (-3.4, 0.6),
            (-3.7, -0.9),
            (-3.1, -2.3),
            (-3.6, -4.0),
            (-2.7, -5.6),
            (-1.2, -6.2),
        ),
    ),
    (
        "广阳湾路",
        "main",
        16.0,
        ((2.6, 2.6), (4.6, 3.9), (6.6, 4.4), (8.2, 5.4), (9.0, 6.9), (11.4, 7.4)),
    ),
)
"""Roads that do not follow borders: name, kind, width, course."""

RIVERSIDE = ("南滨路", "main", 24.0, (-12.6, 9.2, -4.0))
"""The riverside road: name, kind, width, and its range: west, north and east limit in km."""

_TWO_SYLLABLES = (
    "南坪 学府 万寿 青龙 金子 福利 惠民 亚太 南湖 崇文 丹龙 腾黄 响水 宏声 金山 四海 "
    "海棠 烟雨 罗家 敦厚 和平 江南 南城 珊瑚 玛瑙 白鹤 兴隆 汇雅 辅仁 慧学 康德 金阳 "
    "渝能 回龙 石溪 友于 仁济 腾龙 福民 黄荆 石桥 裕华 东坪 惠工 群慧 富力 文峰 真武 "
    "双峰 梨园 桐梓 风临 观山 芭蕉 骑龙 海峡 大石 古楼 明佳 花园 金鹤 阳光 后堡 星光 "
    "东兴 金紫 正街 御泰 学苑 晓月 上浩 下浩 玉马 兴塘 梨花 花红 漫景 水云 百乐 桃花 "
    "同景 茶花 创智 乐陶 香溪 玉屏 翠屏 云峰 长青 永安 太平 新民 民主 光明 前进 红旗 "
    "胜利 建设 工农 团结 解放 北桥 南桥 西溪 东岭 清溪 龙泉 凤鸣 鹤鸣 锦绣 银杏 紫荆 "
    "玉兰 丹桂 海晏 河清 望江 临江 滨江 观澜 听涛 松涛 竹园 梅园 兰苑 菊香 枫林 柳荫 "
    "槐安 桂香 橙香 荷塘 莲池 春晖 秋实 朝阳 晨光 明月 星河 云天 天景 泰和 安泰 祥和 "
    "盛世 宏发 兴业 创新 科技 通达 康宁 怡景 "
)
WORDS = tuple(_TWO_SYLLABLES.split())
"""First parts of names of roads and compounds: plausible, not looked up."""

ROAD_ENDS = {
    "trunk": ("大道", "快速路"),
    "main": ("大道", "路", "东路", "西路"),
    "street": ("路", "街", "南路", "北路", "一路", "二路", "三路", "中路"),
    "lane": ("巷", "支路", "横街", "一巷", "二巷", "三巷", "后街", "里", "坡", "正街"),
}
COMPOUND_ENDS = (
    "花园",
    "小区",
    "苑",
    "家园",
    "新村",
    "雅居",
    "名都",
    "公寓",
    "佳园",
    "府",
    "华庭",
    "丽景",
    "城",
    "公馆",
    "国际",
    "半岛",
)
OLD_ENDS = ("大院", "家属院", "小区", "新村", "宿舍", "楼院")
FACTORIES = (
    "机械厂",
    "电子厂",
    "材料厂",
    "物流园",
    "包装厂",
    "仪表厂",
    "汽配厂",
    "食品厂",
    "制药厂",
    "科技园",
)
SCHOOLS = ("小学", "中学", "幼儿园", "职业学校", "医院", "社区卫生服务中心", "文化中心", "体育馆")
MALLS = ("广场", "商场", "购物中心", "农贸市场", "酒店", "商务中心")

STATIONS = (
    ("南城客运枢纽", "hub", (-8.3, 0.3)),
    ("龙泉客运枢纽", "hub", (0.4, -2.0)),
    ("晓月客运枢纽", "hub", (-6.5, 5.2)),
    ("星河铁路客站", "hub", (2.2, -4.2)),
    ("朝阳轨道换乘站", "transport", (-9.8, -2.2)),
    ("银杏轨道站", "transport", (-6.4, 2.9)),
    ("紫荆轨道站", "transport", (-6.7, 1.1)),
    ("秋实轨道站", "transport", (-8.4, -3.4)),
    ("河清轨道站", "transport", (-10.7, 0.2)),
    ("望江轨道站", "transport", (-0.4, -1.6)),
    ("东岭轨道站", "transport", (9.4, 5.0)),
    ("观澜服务区", "service_area", (5.9, -0.4)),
    ("听涛服务区", "service_area", (1.1, -5.2)),
)
"""Stations and service areas: name, place of article 7, position."""

RESTRICTED = (
    ("某部甲营区", "military", 200.0, (-4.9, 6.6)),
    ("某部乙仓库", "military", 150.0, (2.9, -4.6)),
    ("某部丙通信站", "military", 100.0, (-2.2, 1.2)),
    ("区级机关办公区", "state_organ", 50.0, (-8.9, -0.9)),
    ("涉密档案馆", "state_organ", 80.0, (-6.9, 4.6)),
)
"""Sites near which a camera needs consent: name, kind, distance in metres, position; invented."""

SQUARES = ("市民广场", "文化广场", "健身广场", "公园", "滨水公园")
