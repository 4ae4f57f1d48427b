"""The table of rules: id, severity, and the words in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a broken rule is: an error blocks the import, the others are told."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Rule:
    """One way to be wrong, in words."""

    severity: Severity
    en: str
    zh: str


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: dict[str, Rule] = {
    # F: the file and its columns
    "F01.column": Rule(
        _E,
        "the file has no column {field!r}; its columns are {columns}. Say which one holds it: "
        "--map {field}=COLUMN",
        "文件没有“{field}”列，现有列：{columns}。请用 --map {field}=列名 指明",
    ),
    "F01.empty": Rule(
        _E,
        "the file has no rows; check that it is the right file and layer",
        "文件没有任何数据行，请检查文件和图层是否正确",
    ),
    "F01.geometry": Rule(
        _E,
        "the file has no geometry; give a vector file, or a table with lon and lat or wkt columns",
        "文件没有几何，请提供矢量文件，或含 lon、lat 列或 wkt 列的表格",
    ),
    "F01.crs": Rule(
        _E,
        "the file does not say its coordinate reference system; name it: --source-crs EPSG:4490",
        "文件未声明坐标系，请用 --source-crs EPSG:4490 等参数指明",
    ),
    # E: what is said of single rows over the network
    "E01.exists": Rule(
        _E,
        "a {layer} with the code {value!r} exists already; update it, or give another code",
        "编码为 {value!r} 的{layer}已存在，请改为更新，或使用其他编码",
    ),
    "E01.unknown": Rule(
        _E,
        "there is no {layer} with the code {value!r} on {date}",
        "{date} 没有编码为 {value!r} 的{layer}",
    ),
    "E01.twice": Rule(
        _E,
        "{value!r} is edited twice, in edits {rows}; say once what it shall be",
        "{value!r} 在第 {rows} 条修改中重复出现，请合并为一条",
    ),
    "E01.field": Rule(
        _E,
        "a {layer} has no field {field!r} that can be written; it has {choices}",
        "{layer}没有可写的字段“{field}”，可写字段：{choices}",
    ),
    "E01.key": Rule(
        _E,
        "{field} is part of the code {value!r}, which stays; end the row and create another",
        "{field}是编码 {value!r} 的一部分，不能修改；请终止原记录并新建",
    ),
    "E02.person": Rule(
        _E,
        "{field} holds what looks like the number of an identity card or a mobile telephone; "
        "gridmap keeps places, never persons: take it out",
        "“{field}”中含有疑似身份证号或手机号；系统只记录地点，不记录个人信息，请删除",
    ),
    "F02.null": Rule(
        _E,
        "{field} is empty; every {layer} needs one",
        "“{field}”为空，每个{layer}都必须填写",
    ),
    "F03.type": Rule(
        _E,
        "{field} is {value!r}, which is not a {kind}; correct the cell",
        "“{field}”的值 {value!r} 不是有效的{kind}，请改正",
    ),
    "F03.digits": Rule(
        _E,
        "{field} was kept as a number, {value}, and its last digits are lost; save the column as "
        "text",
        "“{field}”被存为数字 {value}，末位数字已丢失，请将该列存为文本",
    ),
    "F04.length": Rule(
        _E,
        "{field} has {length} characters, {value!r}; at most {most} are stored",
        "“{field}”有 {length} 个字符：{value!r}，最多 {most} 个",
    ),
    "F04.range": Rule(
        _E,
        "{field} is {value}, outside {low} to {high} {unit}; correct the cell",
        "“{field}”的值 {value} 超出 {low} 至 {high} {unit}，请改正",
    ),
    "F05.choice": Rule(
        _E,
        "{field} is {value!r}; it must be one of {choices}",
        "“{field}”的值 {value!r} 无效，应为：{choices}",
    ),
    # C: codes
    "C01.digits": Rule(
        _E,
        "code {value!r} must be {length} digits for a {layer}",
        "{layer}编码 {value!r} 应为 {length} 位数字",
    ),
    "C02.nesting": Rule(
        _E,
        "code {value!r} has no parent {parent!r} in the store on {date}; import the parent first "
        "or correct the code",
        "编码 {value!r} 的上级 {parent!r} 在 {date} 不存在，请先导入上级或改正编码",
    ),
    "C03.range": Rule(
        _E,
        "code {value!r}: positions {positions} are {digits}, which no {layer} may have "
        "(GB/T 10114 and the statistical division codes)",
        "编码 {value!r} 第 {positions} 位为 {digits}，不属于{layer}的码段"
        "（GB/T 10114、统计用区划代码）",
    ),
    "C04.unique": Rule(
        _E,
        "{field} {value!r} stands in rows {rows}; keep one of them",
        "“{field}” {value!r} 重复出现在第 {rows} 行，请只保留一行",
    ),
    "C04.overlap": Rule(
        _E,
        "code {value!r} was written for a later date than {date}; choose a later --effective date",
        "编码 {value!r} 已有晚于 {date} 的记录，请选择更晚的 --effective 日期",
    ),
    "C04.reused": Rule(
        _E,
        "code {value!r} was given before and has ended; an ended code is never given again, choose "
        "a new one",
        "编码 {value!r} 曾经使用且已终止，已终止的编码不得再用，请另取新编码",
    ),
    "C05.order": Rule(
        _I,
        "new grids of {parent} are not numbered west to east, north to south: {other} comes after "
        "{child} and lies before it; {count} of {total} would move: {proposal}. Change the codes "
        "before they are stored, or let `gridmap number` give them",
        "{parent} 的新网格未按自西向东、自北向南编号：{other} 编在 {child} 之后而位置在前；共 "
        "{total} 个，需移动 {count} 个：{proposal}。请在入库前改正编码，或用 gridmap number 编号",
    ),
    "C06.parent": Rule(
        _E,
        "{child} has no parent among the units it is checked against; correct its code or import "
        "the parent first",
        "{child} 在所检查的上级区划中没有上级，请改正编码或先导入上级",
    ),
    "C06.nowhere": Rule(
        _E,
        "the grid lies in no community stored on {date}; import the community first, or correct "
        "the grid's border",
        "该网格不在 {date} 已入库的任何社区内，请先导入社区，或改正网格边界",
    ),
    # G: geometry
    "G01.null": Rule(
        _E, "there is no geometry; draw it or delete the row", "没有几何，请补画或删除该行"
    ),
    "G01.unreadable": Rule(
        _E,
        "the position or shape {value!r} cannot be read; lon and lat are numbers, wkt is "
        "well-known text",
        "无法读取位置或形状 {value!r}：lon、lat 应为数字，wkt 应为 WKT 文本",
    ),
    "G01.reaches": Rule(
        _E,
        "the geometry reaches more than 1 km beyond the district {district}; check the row and "
        "--source-crs",
        "几何超出{district} 1 公里以上，请检查该行和 --source-crs",
    ),
    "G01.kind": Rule(
        _E,
        "the geometry is a {value}; a {layer} must be a {kinds}",
        "几何类型为 {value}，{layer}应为 {kinds}",
    ),
    "G01.invalid": Rule(
        _E,
        "the geometry is not valid: {reason} at {place}; repair the ring in a GIS, or try --repair",
        "几何无效：{reason}，位置 {place}，请在 GIS 中修复，或尝试 --repair",
    ),
    "G01.range": Rule(
        _E,
        "the position {place} is no longitude and latitude; check --source-crs",
        "坐标 {place} 不是经纬度，请检查 --source-crs",
    ),
    "G01.outside": Rule(
        _E,
        "the geometry lies {distance} km outside the district {district}; check the row and "
        "--source-crs",
        "几何位于{district}之外 {distance} 公里，请检查该行和 --source-crs",
    ),
    "G01.swapped": Rule(
        _E,
        "longitude and latitude are swapped: {share:.0%} of the rows lie in the district after "
        "exchanging them; exchange the two columns",
        "经纬度写反：对调后 {share:.0%} 的要素落在本区内，请对调两列",
    ),
    "G01.repaired": Rule(
        _W,
        "the geometry was not valid and was repaired: its area changes by {area:+.2f} m²",
        "几何无效，已修复，面积变化 {area:+.2f} 平方米",
    ),
    "G01.duplicate": Rule(
        _W,
        "the very same geometry stands in rows {rows}; keep one of them, or draw the others",
        "第 {rows} 行的几何完全相同，请只保留一行，或重新绘制其余各行",
    ),
    "G02.overlap": Rule(
        _E,
        "{child} and {other} overlap on {area} m²; draw their common border once",
        "{child} 与 {other} 重叠 {area} 平方米，请统一两者的公共边界",
    ),
    "G02.sliver": Rule(
        _W,
        "{child} and {other} overlap on {area} m² in strips up to {limit:g} m wide; snapping gives "
        "them to {child}",
        "{child} 与 {other} 重叠 {area} 平方米，宽度不超过 {limit:g} 米；吸附后归 {child}",
    ),
    "G02.proposal": Rule(
        _I,
        "the units of {parent} miss each other or its border by strips up to {limit:g} m wide "
        "({strips}): --repair closes them all and moves no border further than {movement} m; units "
        "that change ({units}): {areas}",
        "{parent} 的下级单元之间或与其边界之间有 {strips} 处宽度不超过 {limit:g} 米的条带："
        "加 --repair 可全部闭合，边界移动不超过 {movement} 米，涉及 {units} 个单元：{areas}",
    ),
    "G02.snapped": Rule(
        _W,
        "strips up to {limit:g} m wide ({strips}) between the units of {parent} or along its "
        "border were closed; no border moved further than {movement} m; units that changed "
        "({units}): {areas}; check them on the map",
        "{parent} 的下级单元之间或沿其边界的 {strips} 处宽度不超过 {limit:g} 米的条带已闭合，"
        "边界移动不超过 {movement} 米，涉及 {units} 个单元：{areas}；请在地图上核对",
    ),
    "G03.gap": Rule(
        _W,
        "a gap of {area} m², up to {limit:g} m wide, lies between {child} and {other}; snapping "
        "gives it to {other}",
        "{child} 与 {other} 之间有 {area} 平方米的缝隙，宽度不超过 {limit:g} 米；吸附后归 {other}",
    ),
    "G03.shared": Rule(
        _W,
        "a gap of {area} m², up to {limit:g} m wide, lies between {child} and {other} and is no "
        "ground of {parent} either; close it in both",
        "{child} 与 {other} 之间有 {area} 平方米的缝隙，宽度不超过 {limit:g} 米，{parent} "
        "也不含此地；请在两级中一并补齐",
    ),
    "G04.blank": Rule(
        _E,
        "{area} m² of {parent} lie in none of its units; give them to one",
        "{parent} 有 {area} 平方米未划入任何下级单元，请划入",
    ),
    "G04.sliver": Rule(
        _W,
        "{child} falls short of the border of {parent} by {area} m² in strips up to {limit:g} m "
        "wide; snapping fills them",
        "{child} 与 {parent} 的边界之间空出 {area} 平方米，宽度不超过 {limit:g} 米；吸附后补齐",
    ),
    "G05.spill": Rule(
        _E,
        "{area} m² of {child} lie outside {parent}; correct the border or the code",
        "{child} 有 {area} 平方米超出 {parent}，请改正边界或编码",
    ),
    "G05.sliver": Rule(
        _W,
        "{child} crosses the border of {parent} by {area} m² in strips up to {limit:g} m wide; "
        "snapping cuts them off",
        "{child} 超出 {parent} 边界 {area} 平方米，宽度不超过 {limit:g} 米；吸附后裁去",
    ),
    "G06.parts": Rule(
        _W,
        "grid {child} lies in {parts} parts, of {greatest} m² and {rest} m² in the rest; draw it "
        "in one, or give the rest to a neighbour",
        "网格 {child} 由 {parts} 部分组成，最大 {greatest} 平方米，其余共 {rest} 平方米；"
        "请绘成一个整体，或将其余部分划给相邻网格",
    ),
    "G07.compactness": Rule(
        _I,
        "grid {child} is long or ragged for its ground (Polsby-Popper {value:.2f}, below "
        "{limit:g}); look whether its border is meant so",
        "网格 {child} 形状狭长或曲折（Polsby-Popper {value:.2f}，低于 {limit:g}），请核对其边界",
    ),
    "G08.none": Rule(
        _W,
        "there is no grid in the store on {date}; the rows are assigned when grids are imported",
        "{date} 尚无网格，导入网格后自动归属",
    ),
    "G08.split": Rule(
        _W,
        "only {share:.0%} of building {value!r} lie in grid {grid}; it straddles a border",
        "楼栋 {value!r} 仅 {share:.0%} 面积在网格 {grid} 内，跨越边界",
    ),
    "G08.outside": Rule(
        _W,
        "building {value!r} lies in no grid; it counts in no grid's rate",
        "楼栋 {value!r} 不在任何网格内，不计入任何网格的覆盖率",
    ),
    "G09.overlap": Rule(
        _W,
        "building {value!r} stands on {area} m² of the ground of building {other!r}; correct the "
        "outlines, or delete one if they are the same building",
        "楼栋 {value!r} 与楼栋 {other!r} 的轮廓重叠 {area} 平方米，请改正轮廓；如为同一楼栋，"
        "请删除其一",
    ),
    "G10.far": Rule(
        _W,
        "building {value!r} is registered in {unit} and lies {distance:g} m away from it; correct "
        "its outline or {field}",
        "楼栋 {value!r} 登记在 {unit}，实际相距 {distance:g} 米，请改正轮廓或{field}",
    ),
    "G10.unit": Rule(
        _W,
        "building {value!r} is registered in {unit!r}, which is no division stored on this day; "
        "correct {field}: it is a division's code",
        "楼栋 {value!r} 登记在 {unit!r}，当日没有此区划，请改正{field}（应为区划编码）",
    ),
    # G11: which frame the numbers are in
    "G11.frame": Rule(
        _E,
        "as {declared} only {before:.1%} of {rows} rows lie where they belong, and clearly more as "
        "another frame: {frames}; give --source-crs {frame}",
        "按 {declared} 读取，{rows} 行中仅 {before:.1%} 位于应在之处；"
        "其他坐标系明显更相符：{frames}；请用 --source-crs {frame}",
    ),
    "G11.exchanged": Rule(
        _E,
        "x and y have changed places: as {declared} {before:.1%} of {rows} rows lie where they "
        "belong, exchanged and as {frame} {share:.1%}; exchange the two and give "
        "--source-crs {frame}",
        "横、纵坐标写反：按 {declared} 读取，{rows} 行中 {before:.1%} 位于应在之处，"
        "对调后按 {frame} 为 {share:.1%}；请对调并用 --source-crs {frame}",
    ),
    "G11.projected": Rule(
        _E,
        "the coordinates were projected from {shift} as if it were WGS 84: {before:.1%} of {rows} "
        "rows lie where they belong, {share:.1%} once the shift is taken out; give the file in "
        "longitude and latitude, with --source-crs {shift}",
        "坐标由 {shift} 经纬度误作 WGS 84 投影而来：{rows} 行中 {before:.1%} 位于应在之处，"
        "去除偏移后为 {share:.1%}；请提供经纬度文件，并用 --source-crs {shift}",
    ),
    "G11.doubt": Rule(
        _W,
        "as {declared} {before:.1%} of the rows ({rows}) lie where they belong, and more do as "
        "{frames}; too few rows differ to be sure: look at them on the map, and give --source-crs "
        "if the frame is another",
        "按 {declared} 读取，{rows} 行中 {before:.1%} 位于应在之处；其他坐标系更多：{frames}；"
        "有差别的行太少，不足以确定；请在地图上核对，如坐标系有误请用 --source-crs 指明",
    ),
    "G11.unclear": Rule(
        _I,
        "where the rows lie ({rows} of them) does not tell whether the frame is {declared}, which "
        "puts {before:.1%} where they belong, or another: {frames}; {declared} is taken: look at "
        "them on the map",
        "数据位置（{rows} 行）无法区分坐标系是 {declared}（{before:.1%} 位于应在之处）"
        "还是 {frames}；按 {declared} 处理，请在地图上核对",
    ),
    "G11.candidates": Rule(
        _I,
        "the rows ({rows}) lie where they belong if the frame is one of these: {frames}; name it "
        "with --source-crs",
        "按以下坐标系，数据（{rows} 行）位于应在之处：{frames}；请用 --source-crs 指明",
    ),
    "G11.axes": Rule(
        _I,
        "the rows ({rows}) lie where they belong if x and y are exchanged and the frame is one of "
        "these: {frames}; exchange the two and name it with --source-crs",
        "对调横、纵坐标并按以下坐标系，数据（{rows} 行）位于应在之处：{frames}；请对调并用 "
        "--source-crs 指明",
    ),
    "G11.nowhere": Rule(
        _I,
        "no frame gridmap knows puts the rows ({rows}) where they belong; ask who made the file",
        "没有已知的坐标系能使数据（{rows} 行）位于应在之处，请向文件提供者核实",
    ),
    # L: lenses
    "L01.word": Rule(
        _E,
        "{field} of the lens names {value!r}; it can name {choices}",
        "口径的{field}写了 {value!r}，可写：{choices}",
    ),
    # M: the catalogue of matters
    "M01.route": Rule(
        _E,
        "item {value!r} is {kind} and goes to {route}; a matter of its class can go to {choices}: "
        "correct {field} or matter_class",
        "事项 {value!r} 属于{kind}，分流去向为{route}；该类事项可去往 {choices}："
        "请改正{field}或事项分类(matter_class)",
    ),
    "M02.unit": Rule(
        _W,
        "nobody answers for item {value!r}, which is {kind}, so each of its matters will be asked "
        "about; fill in {field}",
        "事项 {value!r} 属于{kind}但没有责任部门，其每件事都将转为人工确认，请填写{field}",
    ),
    # P: organisations, posts and their duties
    "P00.cycle": Rule(
        _E,
        "{count} organisations are each other's parents in a circle, {cycle}; correct {field} of "
        "one of them",
        "{count} 个组织互为上级，形成循环：{cycle}；请改正其中一个的{field}",
    ),
    "P00.order": Rule(
        _W,
        "organisation {value!r}, a {kind}, stands under {parent!r}, a {above}; correct {field} or "
        "kind",
        "组织 {value!r}（{kind}）的上级 {parent!r} 是{above}，层级不符，请改正{field}或类型(kind)",
    ),
    "P00.root": Rule(
        _W,
        "organisation {value!r}, a {kind}, has no parent; fill in {field}",
        "组织 {value!r}（{kind}）没有上级，请填写{field}",
    ),
    "P01.grids": Rule(
        _I,
        "with these rows {blank} of {total} grids have no branch on {date}; `gridmap coverage "
        "refresh` tells which and why",
        "按本文件，{date} 有 {blank} 个网格（共 {total} 个）没有党支部；"
        "运行 gridmap coverage refresh 可查看是哪些及原因",
    ),
    "P02.buildings": Rule(
        _I,
        "with these rows {blank} of {total} buildings in a grid have no Party group on {date}; "
        "`gridmap coverage refresh` tells which and why",
        "按本文件，{date} 有 {blank} 栋楼（网格内共 {total} 栋）没有党小组；"
        "运行 gridmap coverage refresh 可查看是哪些及原因",
    ),
    "P02.org": Rule(
        _E,
        "organisation {value!r} is not in the store on {date}; import organisation first",
        "组织 {value!r} 在 {date} 不存在，请先导入 organisation",
    ),
    "P02.host": Rule(
        _E,
        "host {value!r} is no division in the store on {date}; correct the code",
        "所在区划 {value!r} 在 {date} 不存在，请改正编码",
    ),
    "P02.target": Rule(
        _E,
        "{kind} {value!r} is not in the store on {date}; import it first or correct the code",
        "{kind} {value!r} 在 {date} 不存在，请先导入或改正编码",
    ),
    "P03.group": Rule(
        _W,
        "Party group {value!r} has {members} members, {full} of them full; it needs {limit}, one "
        "of them full, or it covers nobody: merge it with a neighbour",
        "党小组 {value!r} 有党员 {members} 名，其中正式党员 {full} 名；至少需 {limit} 名且含 1 名"
        "正式党员，否则不计覆盖，请与相邻党小组合并",
    ),
    "P03.unknown": Rule(
        _W,
        "Party group {value!r} does not say how many full members it has, so it covers nobody; "
        "fill in {field}",
        "党小组 {value!r} 未填写正式党员数，不计覆盖，请填写{field}",
    ),
    "P03.branch": Rule(
        _W,
        "branch {value!r} has {full} full members; with fewer than {limit} it joins others in a "
        "joint branch",
        "党支部 {value!r} 有正式党员 {full} 名，不足 {limit} 名，应与相邻单位建立联合党支部",
    ),
    "P04.own": Rule(
        _W,
        "organisation {value!r} has {full} full members and no branch; from {limit} on it forms "
        "its own: form one, and import the duty enterprise_branch with mode own",
        "组织 {value!r} 有正式党员 {full} 名但没有党支部；达到 {limit} 名应单独建立党支部，"
        "请建立并导入方式为 own 的 enterprise_branch 服务关系",
    ),
    "P04.joint": Rule(
        _W,
        "organisation {value!r} has {full} full members and shares a joint branch; from {limit} "
        "on it forms its own",
        "组织 {value!r} 有正式党员 {full} 名，仅由联合党支部覆盖；达到 {limit} 名应单独建立党支部",
    ),
    "P05.units": Rule(
        _W,
        "joint branch {value!r} serves {count} grids; a joint branch usually covers at most "
        "{limit} units: split it",
        "联合党支部 {value!r} 覆盖 {count} 个网格，一般不超过 {limit} 个单位，请拆分",
    ),
    "P06.members": Rule(
        _W,
        "branch {value!r} has {members} members; a branch usually has at most {limit}: make it a "
        "general branch, or split it",
        "党支部 {value!r} 有党员 {members} 名，一般不超过 {limit} 名，请改设党总支或拆分",
    ),
    "P07.committee": Rule(
        _W,
        "branch {value!r} has {full} full members and no committee; from {limit} on it elects "
        "one: elect it, and set {field}",
        "党支部 {value!r} 有正式党员 {full} 名，未设支部委员会；达到 {limit} 名应设立，"
        "设立后请填写{field}",
    ),
    "P08.secretary": Rule(
        _W,
        "the grid leader of post {value!r} is no branch secretary; as a rule the secretary leads "
        "the grid: appoint one, or correct {field}",
        "岗位 {value!r} 的网格长不是党支部书记；网格长一般由支部书记担任，请调整或改正{field}",
    ),
    # S: grids as a service
    "S01.few": Rule(
        _W,
        "grid {grid} has {households} households in {buildings} buildings; a grid should have "
        "{low} to {high}: join it with a neighbour, or look whether buildings are missing",
        "网格 {grid} 有 {buildings} 栋楼、{households} 户，低于 {low} 至 {high} 户的范围；"
        "请考虑与相邻网格合并，或核对是否缺少楼栋",
    ),
    "S01.many": Rule(
        _W,
        "grid {grid} has {households} households in {buildings} buildings ({unknown} of them do "
        "not say how many); a grid should have {low} to {high}: divide it",
        "网格 {grid} 有 {buildings} 栋楼、{households} 户（其中 {unknown} 栋未填户数），"
        "超过 {low} 至 {high} 户的范围，请考虑拆分",
    ),
    "S01.unknown": Rule(
        _I,
        "{unknown} of the {buildings} buildings of grid {grid} do not say their households; the "
        "others have {households}, so nobody can tell whether it has {low} to {high}: fill in "
        "household_count",
        "网格 {grid} 的 {buildings} 栋楼中有 {unknown} 栋未填户数，其余共 {households} 户，"
        "无法判断是否在 {low} 至 {high} 户之内，请补填户数(household_count)",
    ),
    "S01.none": Rule(
        _I,
        "of {count} grids with buildings no building says its households, so their load cannot be "
        "told; fill in {field}",
        "{count} 个网格的楼栋均未填户数，无法判断网格规模，请填写{field}",
    ),
    "S02.balance": Rule(
        _I,
        "community {parent}: {households} households in {grids} of {total} grids, {mean:.0f} on "
        "average; the fullest, {fullest}, has {ratio:.2f} times that; Gini {gini:.2f}; buildings "
        "that do not say theirs: {unknown}",
        "社区 {parent}：{total} 个网格中有 {grids} 个有楼栋，共 {households} 户，平均 {mean:.0f} "
        "户；最多的 {fullest} 为平均的 {ratio:.2f} 倍，基尼系数 {gini:.2f}；未填户数的楼栋 "
        "{unknown} 栋",
    ),
    "S03.unit": Rule(
        _E,
        "dedicated grid {value!r} does not say which unit it is for; fill in {field}",
        "专属网格 {value!r} 未填写责任单位，请填写{field}",
    ),
    "S03.host": Rule(
        _E,
        "dedicated grid {value!r} must lie in one community, {parent} by its code, and lies in: "
        "{communities}; correct its border or its code",
        "专属网格 {value!r} 应只在一个社区内（按编码为 {parent}），实际位于：{communities}；"
        "请改正边界或编码",
    ),
    # T: periods
    "T01.children": Rule(
        _E,
        "{value!r} ends on {date}, but {count} divisions below it do not; end them first: import "
        "their level with --complete, or give this file the unit again",
        "{value!r} 于 {date} 终止，但其下仍有 {count} 个有效区划；请先用 --complete "
        "导入其下级使之终止，或在本文件中保留该区划",
    ),
    "T01.left": Rule(
        _W,
        "{value!r} ends on {date}, but {count} rows of {kind} still refer to it; end or change "
        "them too",
        "{value!r} 于 {date} 终止，但仍有 {count} 条{kind}指向它，请一并终止或修改",
    ),
    "T01.future": Rule(
        _E,
        "--effective {date} is after today, {today}; import it on that day",
        "生效日 {date} 晚于今天 {today}，请在当日导入",
    ),
    "T01.parent": Rule(
        _E,
        "code {value!r} would begin on {date}, before its parent {parent!r}, which begins on "
        "{begins}; choose that --effective date or a later one",
        "编码 {value!r} 自 {date} 起生效，早于其上级 {parent!r} 的生效日 {begins}，"
        "请选择该日或之后的 --effective 日期",
    ),
    # V: cameras
    "V00.type": Rule(
        _W,
        "{field} is empty; every camera has one: 1, 2 or 3 for its class, 9 for others "
        "(GB/T 28181-2022)",
        "未填写{field}；每台摄像机均应填写：一、二、三类为 1、2、3，其他为 9（GB/T 28181-2022）",
    ),
    "V00.since": Rule(
        _E,
        "{field} is empty; a class-one camera must state its first day of use (GB/T 28181-2022)",
        "未填写{field}；一类点位必须填写启用日期（GB/T 28181-2022）",
    ),
    "V00.retention": Rule(
        _E,
        "{field} is empty; a class-one camera must state how many days its images are kept "
        "(GB/T 28181-2022)",
        "未填写{field}；一类点位必须填写图像留存天数（GB/T 28181-2022）",
    ),
    "V00.sign": Rule(
        _W,
        "no sign is recorded; put up a clear sign that tells of the camera and set {field} "
        "(Decree 799)",
        "未登记提示标识；请设置醒目的提示标识，并填写{field}（国务院令第799号）",
    ),
    "V01.code": Rule(
        _W,
        "camera id {value!r} is not 20 digits with type 131 or 132 (GB/T 28181)",
        "摄像机编号 {value!r} 不是 20 位且类型 131/132 的国标编号（GB/T 28181）",
    ),
    "V01.industry": Rule(
        _W,
        "camera id {value!r}: digits 9-10 are {digits}, which no industry has; correct the id "
        "(GB/T 28181)",
        "摄像机编号 {value!r} 第 9-10 位 {digits} 不是已分配的行业编码，请改正（GB/T 28181）",
    ),
    "V01.network": Rule(
        _W,
        "camera id {value!r}: digit 14 is {digits}, which is no network; correct the id "
        "(GB/T 28181)",
        "摄像机编号 {value!r} 第 14 位 {digits} 不是有效的网络标识，请改正（GB/T 28181）",
    ),
    "V02.district": Rule(
        _W,
        "camera id {value!r} begins with {centre} and the district is {district}; check whether "
        "it belongs here",
        "摄像机编号 {value!r} 的中心编码为 {centre}，与本区 {district} 不符，请核实归属",
    ),
    "V03.outside": Rule(
        _W,
        "the camera stands in no grid; check its position, or the grids",
        "摄像机不在任何网格内，请核实点位坐标或网格边界",
    ),
    "V03.unit": Rule(
        _W,
        "the camera is registered in {unit} and stands in grid {grid}; correct its position or "
        "{field}",
        "摄像机登记在 {unit}，实际位于网格 {grid}，请改正坐标或{field}",
    ),
    "V04.duplicate": Rule(
        _W,
        "camera {other} stands {distance:g} m away and looks the same way; if it is the same "
        "device, remove one of the two",
        "摄像机 {other} 相距 {distance:g} 米且朝向相同；如为同一设备，请删除其一",
    ),
    "V05.category": Rule(
        _W,
        "the place category is empty; it is mandatory for a camera in a public area "
        "(Decree 799, article 7)",
        "未填写场所类别；公共场所摄像机必须填写（国务院令第799号第七条）",
    ),
    "V06.inside": Rule(
        _E,
        "the camera stands in privacy zone {zone}, where none is allowed; remove it and report it, "
        "or correct its position (Decree 799)",
        "摄像机位于隐私区域 {zone} 内，该处禁止安装；请拆除并报告，或改正坐标（国务院令第799号）",
    ),
    "V07.turn": Rule(
        _E,
        "the view enters privacy zone {zone} over {area:g} m²; turn the camera by {turn:+g}° (plus "
        "is clockwise) to {azimuth:g}°, or mask the bearings {bearings}: either ends its view of "
        "every privacy zone",
        "视野进入隐私区域 {zone}，面积 {area:g} 平方米；请将摄像机转动 {turn:+g}°（正值为顺时针）"
        "至 {azimuth:g}°，或遮蔽方位 {bearings}：两者均可使其不再看到任何隐私区域",
    ),
    "V07.mask": Rule(
        _E,
        "the view enters privacy zone {zone} over {area:g} m² and no turn ends that; mask the "
        "bearings {bearings}, which end its view of every privacy zone, or move the camera",
        "视野进入隐私区域 {zone}，面积 {area:g} 平方米，转动无法避开；请遮蔽方位 {bearings}"
        "（遮蔽后不再看到任何隐私区域），或移位",
    ),
    "V07.possible": Rule(
        _W,
        "the view may enter privacy zone {zone}, over up to {area:g} m²: direction, angle, range "
        "or position of the camera are not known exactly; survey and declare them",
        "视野可能进入隐私区域 {zone}，面积至多 {area:g} 平方米：摄像机的方位、视场角、距离或位置"
        "不确切，请测定并填写",
    ),
    "V08.camera": Rule(
        _E,
        "the camera stands {distance:g} m from restricted site {site} and consent is needed within "
        "{limit:g} m; obtain it and fill in {field} (Decree 799)",
        "摄像机距涉密单位 {site} {distance:g} 米，{limit:g} 米内须经同意；请取得同意并填写{field}"
        "（国务院令第799号）",
    ),
    "V08.view": Rule(
        _E,
        "the view comes to {distance:g} m from restricted site {site} and consent is needed within "
        "{limit:g} m; obtain it and fill in {field}, or turn the camera away (Decree 799)",
        "视野距涉密单位 {site} 最近 {distance:g} 米，{limit:g} 米内须经同意；请取得同意并填写"
        "{field}，或调整朝向（国务院令第799号）",
    ),
    "V08.possible": Rule(
        _W,
        "the view may come to {distance:g} m from restricted site {site}, within {limit:g} m of "
        "which consent is needed: direction, angle, range or position of the camera are not known "
        "exactly; survey and declare them, or obtain consent",
        "视野可能距涉密单位 {site} 最近 {distance:g} 米，{limit:g} 米内须经同意：摄像机的方位、"
        "视场角、距离或位置不确切，请测定并填写，或取得同意",
    ),
    "V09.overdue": Rule(
        _W,
        "no filing is recorded and it was due on {deadline}, {days} days ago; file the camera with "
        "the county police and fill in {field} (Decree 799, article 14)",
        "未登记备案，期限为 {deadline}，已逾期 {days} 天；请向县级公安机关备案并填写{field}"
        "（国务院令第799号第十四条）",
    ),
    "V09.late": Rule(
        _I,
        "it was filed on {filed}, {days} days after the deadline of {deadline} (Decree 799, "
        "article 14)",
        "备案日期 {filed}，晚于期限 {deadline} {days} 天（国务院令第799号第十四条）",
    ),
    "V09.unknown": Rule(
        _W,
        "neither a filing nor the first day of use is recorded, so that nobody can say whether the "
        "filing is overdue; fill in in_use_since and {field} (Decree 799, article 14)",
        "未登记备案，也未填写启用日期(in_use_since)，无法判断是否逾期；请补填，并填写{field}"
        "（国务院令第799号第十四条）",
    ),
    "V10.optics": Rule(
        _W,
        "{fields} not given: the camera gets the stated default and never counts as certain",
        "未填写 {fields}：按公布的默认值计算，不计入确定覆盖",
    ),
    "V10.direction": Rule(
        _W,
        "azimuth {azimuth:g}° contradicts {field} {direction}, which is {facing:g}°; correct one "
        "of them",
        "方位角 {azimuth:g}° 与{field} {direction}（{facing:g}°）矛盾，请改正其一",
    ),
    "V11.snap": Rule(
        _W,
        "the camera stands in a building though it is not indoors; its view is taken from "
        "{distance:g} m away, outside the wall: adopt that position, or set indoor",
        "摄像机位于楼栋轮廓内但未登记为室内；视野按墙外 {distance:g} 米处计算，请采用该位置，"
        "或填写室内(indoor)",
    ),
    "V11.deep": Rule(
        _W,
        "the camera stands in a building though it is not indoors, and no free place lies within "
        "{limit:g} m; it has no view: correct its position, or set indoor",
        "摄像机位于楼栋轮廓内但未登记为室内，{limit:g} 米内没有可用的室外位置，无法计算视野；"
        "请改正坐标，或填写室内(indoor)",
    ),
}
