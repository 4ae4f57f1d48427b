"""Builders of foreign files for the tests of readers: workbooks, archives, KML, all by hand."""

import base64
import zipfile
import zlib
from xml.sax.saxutils import escape

XLS = zlib.decompress(
    base64.b85decode(
        "c-rk)O-NKx6#nj;H-Dn@V=AdJ4T5H-{n(~O`qV5}GiV59^rtyg7#c%Dwn)od27#+02*HFPtTz2wP`ehvL@k0Km?>Jd"
        "DJW>6^E&suJEl{C10@;n8}2#ho_o)^XYS8=_q`X1U~=M4SqfQbgac{Q3)cdjpyJI`0-$!&lwyW^sF*fZ6ucf<NS6~c"
        "1<&1b4dr^Lpy9Uulqm3y%6^<gbf7;LUPiQV4BbM;&_Gn+DrtNu<){jo9$~tQ=`HU0h-njRE;4PPzDcnU2_sswP3_{n"
        "S_QZHApPEBn>Vc4f?_<AyLkALu=+aD96#QDVudw?^n6T$7PKwaAB)SnAJ>rwbP?(zk-FB_B#LOUC-Kz`179+y`bpT<"
        "FRxyJ^xqci-M`U$Xc4pZ<C+ePz&y-{WDNPJ)Mbk%I)=9&o25kVQK^~QONPa1Vg;R_hKME3P8}q6lb8;%sk3_ULu~C)"
        "0Z~6lhoQNiq^@Y5O!}N80*jJF0Uw@xqP_659ONSups{9ee0~|}X*UkBW`sw#9v_u5T9`N|Ey&o%Ee@tmDm84ef$4en"
        "TF!DA(<16aysEue3A;wQ&joI+qH(q|UK#5a$kil|eeAd&8hdZ7CwaOpb*5<gwK0JTdYtu=z5I=$R@90smn9w;87@?+"
        "dCRo)r?lhI0xEV>JtO^?lLw6uWNOvq?1=fArsm43IjH8Cujy3Nm1mLV*+KIqEYD33uWep)phemU_AY1dF;<f-y^l}H"
        "UgaBQsthGG@+kdjzlc<0e=aq?wT^D(OJiR%>}v=6s$gG@S|RRALrS$jkOvz!Y}l}2!-fqT|2za=N3AQkt}fy7GU!&{"
        "b>^s~?aw6tEp}soey8ZAawqzU$1#-C{waY|WPFJw+GM^LO6;N0<LE;V$I+Mb{-xJ5vGD&a*)Z_uj!>@Sr*nz(FOUBn"
        "^cUkD"
    )
)
"""A workbook of 1997 with the sheet 网格: 编码, 名称, 经度, 纬度, 启用日期 and two rows, the first
code a number, the dates cells of a date; written with xlwt."""

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_SPACE = (
    'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(path, **sheets):
    """Write an Excel workbook: sheet -> rows of cells, numbers as numbers, text as text."""
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}"/>'
        for i, name in enumerate(names, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{i}" Type="{_REL}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i, _ in enumerate(names, 1)
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
            f'Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f"<workbook {_SPACE}><sheets>{listed}</sheets></workbook>",
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}">{related}</Relationships>',
        )
        for i, name in enumerate(names, 1):
            book.writestr(f"xl/worksheets/sheet{i}.xml", _sheet(sheets[name]))
    return path


def _sheet(rows):
    lines = "".join(
        f'<row r="{number}">{"".join(_cell(cell, number, i) for i, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
        if row
    )
    return f"<worksheet {_SPACE}><sheetData>{lines}</sheetData></worksheet>"


def _cell(cell, row, place):
    at = f'r="{chr(65 + place)}{row}"'
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return f'<c {at} t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float):
        return f"<c {at}><v>{cell}</v></c>"
    return f'<c {at} t="inlineStr"><is><t>{escape(cell)}</t></is></c>'


def archive(path, members, *, names="utf-8"):
    """Write a zip archive: name -> bytes, names in an encoding that nothing tells."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, content)
    if names != "utf-8":
        # The packers of old write names in their own encoding and set no mark.
        for name in members:
            _rename(path, name, names)
    return path


def _rename(path, name, encoding):
    raw, wanted = path.read_bytes(), name.encode(encoding)
    utf8 = name.encode()
    assert len(wanted) <= len(utf8)
    padded = b"_" * (len(utf8) - len(wanted)) + wanted
    raw = raw.replace(utf8, padded)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(mark)
        while at >= 0:
            flags = int.from_bytes(raw[at + place : at + place + 2], "little") & ~0x800
            raw = raw[: at + place] + flags.to_bytes(2, "little") + raw[at + place + 2 :]
            at = raw.find(mark, at + 4)
    path.write_bytes(raw)


def kml(*folders, head='<?xml version="1.0" encoding="UTF-8"?>'):
    """Return the text of a KML file: (folder's name, placemarks as XML) each."""
    inside = "".join(f"<Folder><name>{name}</name>{marks}</Folder>" for name, marks in folders)
    space = "http://www.opengis.net/kml/2.2"
    return f'{head}<kml xmlns="{space}"><Document><name>doc</name>{inside}</Document></kml>'


def placemark(shape, name="甲", **data):
    """Return the XML of one placemark."""
    cells = "".join(f'<Data name="{key}"><value>{v}</value></Data>' for key, v in data.items())
    return f"<Placemark><name>{name}</name><ExtendedData>{cells}</ExtendedData>{shape}</Placemark>"


def point(text="106.6,29.5,300"):
    """Return the XML of a point."""
    return f"<Point><coordinates>{text}</coordinates></Point>"


def polygon(west, south, size):
    """Return the XML of a square with a square hole."""
    rings = [_ring(west, south, size), _ring(west + size / 4, south + size / 4, size / 2)]
    outer, inner = (f"<LinearRing><coordinates>{r}</coordinates></LinearRing>" for r in rings)
    return (
        f"<Polygon><outerBoundaryIs>{outer}</outerBoundaryIs>"
        f"<innerBoundaryIs>{inner}</innerBoundaryIs></Polygon>"
    )


def _ring(west, south, size):
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    return " ".join(f"{west + size * x},{south + size * y},12.5" for x, y in corners)
