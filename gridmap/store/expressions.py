"""CQL2 text as a tree: what a filter says, before anybody asks whether there is such a column.

Belongs here: reading the language (OGC 21-065, basic CQL2 and its extensions for LIKE, BETWEEN,
IN, CASEI, time and space). Does not belong here: what a tree means for a table (``filters``).

The tree is that of CQL2 JSON; a shape stands in it as ``{"wkt": text}``. The reader is our own:
of the two packages there are, ``cql2`` 0.6.0 takes a second for twenty open brackets, twice as
long for each more, and 2,000 end the process; ``pygeofilter`` 0.4.0 calls itself an alpha and
brings four packages with it. The first is an oracle of the tests.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from gridmap.errors import FilterError

Tree = dict[str, Any]

MAX_CHARACTERS, MAX_DEPTH, MAX_PARTS = 8000, 24, 400
"""What a filter may have: characters, brackets and NOTs within each other, words and values."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?(?![\w.]))
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"[^"]{1,64}")
    |(?P<word>[^\W\d][\w.:]{0,63}(?![\w.:]))
    |(?P<sign><=|>=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*\Z")
_SHAPE = re.compile(
    r"(?:POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON)\s*\([-+.,()\deE\s]*\)",
    re.IGNORECASE,
)
_SHAPES = frozenset(
    [
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
    ]
)
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
SPATIAL = (
    "s_intersects",
    "s_within",
    "s_contains",
    "s_disjoint",
    "s_equals",
    "s_touches",
    "s_crosses",
    "s_overlaps",
)
TEMPORAL = ("t_intersects", "t_disjoint", "t_before", "t_after", "t_during", "t_equals")
_RESERVED = frozenset(["and", "or", "not", "like", "between", "in", "is", "null", "true", "false"])


def parse_filter(text: str) -> Tree:
    """Read a filter.

    Parameters
    ----------
    text
        CQL2 text.

    Returns
    -------
    dict
        As CQL2 JSON has it; true and false as ``{"op": "true"}``.

    Raises
    ------
    FilterError
        It is too long or too deep, or is no CQL2 that gridmap reads. The message never repeats
        the filter.

    Notes
    -----
    Source: OGC 21-065 annex B. Cost O(n): one character is never read twice.

    Examples
    --------
    >>> parse_filter("floors > 3 AND kind = 'slab'")["op"]
    'and'
    >>> parse_filter("NOT name LIKE '幸福%'")["args"][0]["args"]
    [{'property': 'name'}, '幸福%']
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(f"the filter has more than {MAX_CHARACTERS} characters")
    if "\0" in text:
        raise FilterError("the filter has a character that no text holds")
    return _Reader(text).whole()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words


class _Reader:
    """Recursive descent; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._parts = 0
        self._next = self._scan()

    def whole(self) -> Tree:
        tree = self._either()
        if self._next.kind != "end":
            self._fail("AND, OR or the end")
        return tree

    # --- tokens

    def _scan(self) -> _Token:
        match = _TOKEN.match(self._text, self._at)
        if match is None or match.lastgroup is None:
            if _SPACE.match(self._text, self._at):
                return _Token("end", "", len(self._text))
            raise FilterError(f"the filter cannot be read at character {self._at + 1}")
        self._parts += 1
        if self._parts > 4 * MAX_PARTS:
            raise FilterError(f"the filter has more than {4 * MAX_PARTS} words and signs")
        kind = match.lastgroup
        self._at = match.end()
        return _Token(kind, match[kind], match.start(kind))

    def _take(self) -> _Token:
        token, self._next = self._next, self._scan()
        return token

    def _took(self, *signs: str) -> bool:
        """Whether one of these signs or words stood next; if so it is read."""
        found = self._next.text.lower() in signs and self._next.kind in ("sign", "word")
        if found:
            self._take()
        return found

    def _need(self, sign: str) -> None:
        if not self._took(sign):
            self._fail(sign.upper())

    def _fail(self, wanted: str) -> NoReturn:
        raise FilterError(f"the filter needs {wanted} at character {self._next.start + 1}")

    # --- conditions

    def _either(self) -> Tree:
        found = [self._both()]
        while self._took("or"):
            found.append(self._both())
        return found[0] if len(found) == 1 else {"op": "or", "args": found}

    def _both(self) -> Tree:
        found = [self._one()]
        while self._took("and"):
            found.append(self._one())
        return found[0] if len(found) == 1 else {"op": "and", "args": found}

    def _one(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterError(f"the filter has more than {MAX_DEPTH} conditions within each other")
        if self._took("not"):
            tree: Tree = {"op": "not", "args": [self._one()]}
        elif self._took("("):
            tree = self._either()
            self._need(")")
        else:
            tree = self._condition()
        self._depth -= 1
        return tree

    def _condition(self) -> Tree:
        if self._next.is_word(*SPATIAL):
            return self._pair(self._shape)
        if self._next.is_word(*TEMPORAL):
            return self._pair(self._moment)
        left = self._scalar()
        if self._next.kind == "sign" and self._next.text in COMPARISONS:
            return {"op": self._take().text, "args": [left, self._scalar()]}
        if self._took("is"):
            denied = self._took("not")
            self._need("null")
            return _denied({"op": "isNull", "args": [left]}, denied=denied)
        return self._asked(left)

    def _asked(self, left: Any) -> Tree:
        denied = self._took("not")
        if self._took("like"):
            tree: Tree = {"op": "like", "args": [left, self._scalar()]}
        elif self._took("between"):
            low = self._scalar()
            self._need("and")
            tree = {"op": "between", "args": [left, low, self._scalar()]}
        elif self._took("in"):
            tree = {"op": "in", "args": [left, self._list()]}
        elif denied:
            self._fail("LIKE, BETWEEN or IN")
        elif isinstance(left, bool):
            return {"op": str(left).lower(), "args": []}
        elif isinstance(left, dict) and "property" in left:
            return left  # a column of yes and no
        else:
            self._fail("a comparison")
        return _denied(tree, denied=denied)

    def _pair(self, one: Any) -> Tree:
        name = self._take().text.lower()
        self._need("(")
        first = one()
        self._need(",")
        second = one()
        self._need(")")
        return {"op": name, "args": [first, second]}

    def _list(self) -> list[Any]:
        self._need("(")
        found = [self._scalar()]
        while self._took(","):
            found.append(self._scalar())
        self._need(")")
        if len(found) > MAX_PARTS:
            raise FilterError(f"a list of the filter has more than {MAX_PARTS} values")
        return found

    # --- values

    def _scalar(self) -> Any:
        token = self._next
        if token.kind == "text":
            return self._literal()
        if token.kind == "number":
            return _number(self._take().text)
        if token.is_word("true", "false"):
            return self._take().text.lower() == "true"
        if token.is_word("casei", "date", "timestamp"):
            return self._called()
        return self._property()

    def _literal(self) -> str:
        if self._next.kind != "text":
            self._fail("a text in single quotes")
        return self._take().text[1:-1].replace("''", "'")

    def _property(self) -> Tree:
        token = self._next
        if token.kind == "quoted":
            return {"property": self._take().text[1:-1]}
        if token.kind != "word" or token.text.lower() in _RESERVED:
            self._fail("a column or a value")
        self._take()
        if self._next.text == "(" and self._next.kind == "sign":
            raise FilterError(f"gridmap has no function at character {token.start + 1}")
        return {"property": token.text}

    def _called(self) -> Any:
        """Read CASEI(…), DATE('…') and TIMESTAMP('…'); without a bracket it is a column."""
        token = self._take()
        name = token.text.lower()
        if not self._took("("):
            return {"property": token.text}
        if name == "casei":
            inner = self._literal() if self._next.kind == "text" else self._property()
            value: Tree = {"op": "casei", "args": [inner]}
        else:
            value = {name: self._literal()}
        self._need(")")
        return value

    def _moment(self) -> Any:
        if self._next.is_word("interval"):
            self._take()
            self._need("(")
            first = self._bound()
            self._need(",")
            second = self._bound()
            self._need(")")
            return {"interval": [first, second]}
        return self._scalar()

    def _bound(self) -> str:
        if self._next.kind == "text":
            return self._literal()
        value = self._called() if self._next.is_word("date", "timestamp") else None
        if not isinstance(value, dict) or "property" in value:
            self._fail("a day in quotes, or '..'")
        return str(next(iter(value.values())))

    def _shape(self) -> Tree:
        token = self._next
        if token.is_word("bbox"):
            return self._box()
        if not token.is_word(*_SHAPES):
            return self._property()
        match = _SHAPE.match(self._text, token.start)
        if match is None:
            raise FilterError(
                f"the filter has no plane shape in WKT at character {token.start + 1}"
            )
        end = _closed(match[0])
        self._at = token.start + end
        self._next = self._scan()
        return {"wkt": match[0][:end]}

    def _box(self) -> Tree:
        self._take()
        self._need("(")
        found = [self._scalar()]
        while self._took(","):
            found.append(self._scalar())
        self._need(")")
        if len(found) not in (4, 6) or not all(type(one) in (int, float) for one in found):
            raise FilterError("BBOX has four numbers, or six")
        return {"bbox": found}


def _denied(tree: Tree, *, denied: bool) -> Tree:
    return {"op": "not", "args": [tree]} if denied else tree


def _number(text: str) -> int | float:
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise FilterError("a number of the filter is too large")
    return number


def _closed(text: str) -> int:
    """Return where the bracket that a shape opens first is closed."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            return place + 1
    raise FilterError("a shape of the filter has a bracket that is not closed")
