"""The house: which room may import which, and how large a room may be."""

import ast
import subprocess
import sys
from importlib import import_module

import pytest
from toy_town import REPO

from gridmap import jobs

PACKAGE = REPO / "gridmap"

RANKS = {
    "errors": 0,
    "settings": 0,
    "rules": 0,
    "language": 0,
    "reader": 0,
    "model": 1,
    "crs": 2,
    "differences": 3,
    "loads": 3,
    "topology": 3,
    "org_coverage": 3,
    "charts": 3,
    "trend": 3,
    "accounts": 3,
    "audit": 3,
    "walking": 3,
    "spelling": 3,
    "org_tree": 3,
    "triage": 3,
    "reconciliation": 4,
    "visibility": 3,
    "tables": 3,
    "camera_coverage": 4,
    "lawfulness": 4,
    "credentials": 5,
    "store": 5,
    "cluster": 5,
    "files": 5,
    "maps": 5,
    "demo": 5,
    "jobs": 6,
    "web": 7,
    "cli": 8,
}
"""A room imports only lower ranks. `cli` starts the server, so it stands above `web`."""

EDGES = {"store": {"tables"}, "cluster": set(), "files": set(), "maps": set(), "demo": set(),
         "credentials": set()}  # fmt: skip
"""What edges may use of ranks 3 to 5: never the core, never each other."""

PURE = {"accounts", "charts", "errors", "rules", "model", "crs", "topology", "differences", "loads",
        "org_coverage", "org_tree", "trend", "audit",
        "spelling", "triage", "walking", "reconciliation",
        "visibility",
        "camera_coverage", "lawfulness"}  # fmt: skip
FOREIGN = {"sqlalchemy", "psycopg2", "fastapi", "folium", "requests", "os", "subprocess", "socket",
           "time", "pyogrio", "pathlib", "io"}  # fmt: skip

FILES = sorted(p for p in PACKAGE.rglob("*.py") if "migrations" not in p.parts)


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Yield (module, names) of every import in a file, wherever it stands."""
    tree = ast.parse(path.read_text("utf-8"))
    for block in tree.body:  # what only the type checker reads is no dependency
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", [alias.name for alias in node.names]


def rooms_used(path):
    for module, names in imports(path):
        if module == "gridmap":
            yield from (name for name in names if name != "__version__")
        elif module.startswith("gridmap."):
            yield module.split(".")[1]


def test_every_room_has_a_rank():
    assert {room(p) for p in FILES} - {"__init__"} == set(RANKS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_lower_ranks(path):
    own = room(path)
    if own == "__init__":
        assert list(rooms_used(path)) == []
        return
    for used in rooms_used(path):
        if used == own:
            continue
        assert RANKS[used] < RANKS[own], f"{own} imports {used}"
        if own in EDGES and RANKS[used] >= 3:
            assert used in EDGES[own], f"the edge {own} imports {used}"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in PURE], ids=str)
def test_pure_rooms_touch_nothing(path):
    for module, _ in imports(path):
        assert module.split(".")[0] not in FOREIGN, f"{path.name} imports {module}"


def test_sql_has_one_room():
    for path in FILES:
        if room(path) in {"store", "tables", "cluster"}:
            continue
        used = {module.split(".")[0] for module, _ in imports(path)}
        assert "psycopg2" not in used
        assert used & {"sqlalchemy", "geoalchemy2"} <= {"sqlalchemy"}
        text = path.read_text("utf-8")
        # FastAPI reads the type of what a route is given when the program runs.
        assert "sqlalchemy" not in text or "if TYPE_CHECKING" in text or path.name == "access.py"


def test_importing_gridmap_loads_nothing_heavy():
    code = "import sys, gridmap; print(sorted({m.split('.')[0] for m in sys.modules}))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO
    ).stdout
    assert not any(name in shown for name in ("pandas", "numba", "sqlalchemy", "fastapi"))


@pytest.mark.parametrize(
    ("room", "spared"),
    [
        ("gridmap.cli", "numba sqlalchemy alembic fastapi uvicorn folium"),
        ("gridmap.jobs.views", "numba sqlalchemy alembic fastapi folium"),
        ("gridmap.jobs.connection", "numba fastapi folium"),
    ],
)
def test_no_command_waits_for_what_it_does_not_need(room, spared):
    code = f"import sys, {room}; print(*{{m.split('.')[0] for m in sys.modules}})"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO
    ).stdout
    assert not set(spared.split()) & set(shown.split())


def test_every_job_is_found_where_it_is_said_to_be():
    assert set(jobs.__all__) == set(jobs._MODULES)
    modules = {path.stem for path in (PACKAGE / "jobs").glob("*.py")}
    assert not modules & set(jobs.__all__), "a module hides the job of its name"
    for name in jobs.__all__:
        assert getattr(jobs, name) is getattr(
            import_module(f"gridmap.jobs.{jobs._MODULES[name]}"), name
        )
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        jobs.nothing  # noqa: B018


def test_rooms_are_small():
    for path in FILES:
        lines = path.read_text("utf-8").count("\n")
        assert lines <= 800, f"{path}: {lines} lines: time for a folder of the same name"


def functions(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            body = node.body
            if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                body = body[1:]
            first = body[0].lineno if body else node.lineno
            yield node.name, (node.end_lineno - first + 1) if body else 0


def test_functions_are_short():
    """Bodies without signature and docstring: design.md 7."""
    lengths = sorted(n for path in FILES for _, n in functions(path))
    assert lengths[len(lengths) // 2] <= 10
    assert lengths[int(len(lengths) * 0.9)] < 30
    for path in FILES:
        for name, n in functions(path):
            assert n <= 60, f"{path.name}: {name} has {n} lines"
