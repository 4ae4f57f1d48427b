"""The words beside the code: docstrings, README, settings, and what must not be committed."""

import ast
import re
import subprocess

import pytest
from test_architecture import FILES, PACKAGE, room
from toy_town import REPO

from gridmap import cli
from gridmap.rules import RULES
from gridmap.settings import Settings
from gridmap.web import create_app

README = (REPO / "README.md").read_text("utf-8")
README_ZH = (REPO / "README.zh.md").read_text("utf-8")


def public_functions():
    """Functions other rooms may call: of a folder, those its `__init__` names."""
    for path in FILES:
        if room(path) in {"cli", "web", "reader"}:
            continue
        folder = path.parent / "__init__.py"
        surface = folder.read_text("utf-8") if path.parent != PACKAGE else None
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if surface is None or f'"{node.name}"' in surface:
                yield path, node


def raised(node):
    """Names of the errors a function's own body raises by name."""
    for part in ast.walk(node):
        if isinstance(part, ast.Raise) and isinstance(part.exc, ast.Call):
            name = part.exc.func
            if isinstance(name, ast.Name) and not name.id.startswith("_") and name.id[0].isupper():
                yield name.id


@pytest.mark.parametrize(
    ("path", "node"),
    list(public_functions()),
    ids=lambda v: v.name if isinstance(v, ast.FunctionDef) else str(v.relative_to(PACKAGE)),
)
def test_public_docstrings_say_what_comes_in_out_and_wrong(path, node):
    text = ast.get_docstring(node) or ""
    assert text, "no docstring"
    if node.args.args or node.args.kwonlyargs:
        assert "Parameters\n----------" in text
    returns = node.returns is not None and ast.unparse(node.returns) != "None"
    if returns:
        assert re.search(r"(Returns|Yields)\n-+", text)
    for error in raised(node):
        section = text.split("Raises\n------", 1)
        assert len(section) == 2, f"{error} is raised and there is no Raises"
        assert error in section[1], f"{error} is not under Raises"


def test_every_module_says_what_it_is_for():
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_every_setting_route_and_command_is_in_the_readme():
    for name in Settings.model_fields:
        assert f"GRIDMAP_{name.upper()}" in README, name
        assert f"GRIDMAP_{name.upper()}" in README_ZH, name
    # FastAPI keeps included routers nested; the schema has the flat paths.
    for path in create_app(Settings(database_url="postgresql://x")).openapi()["paths"]:
        assert path in README, path
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"gridmap {name}" in README, name
    for command in cli.terminal.db_app.registered_commands:
        name = (command.name or command.callback.__name__).removeprefix("db_")
        assert name in README


def test_every_rule_is_used_and_every_used_rule_exists():
    text = "\n".join(p.read_text("utf-8") for p in FILES if room(p) != "rules")
    used = set(re.findall(r'"([A-Z]\d\d\.[a-z]+)"', text))
    assert used == set(RULES)


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [REPO / name for name in listed.split("\0") if name and (REPO / name).is_file()]


# Written apart so that this file does not find itself.
HOSTS = tuple(
    name.replace("|", "")
    for name in (
        "pypi|.org",
        "registry.npm|js",
        "deb.debian|.org",
        "files.python|hosted",
        "unpkg|.com",
        "jsdelivr|.net",
        "cdn|js.",
        "tile.open|streetmap",
        "/work|/main",
        "/work|/shared",
    )
)


def test_no_file_names_a_registry_a_cdn_or_this_machine():
    for path in tracked():
        if path.suffix in {".png", ".gpkg"}:
            continue
        text = path.read_text("utf-8", errors="replace")
        for word in HOSTS:
            assert word not in text, f"{path.relative_to(REPO)} names {word}"


def test_no_third_party_code_is_in_the_tree():
    for path in tracked():
        assert "vendor" not in path.parts
        assert "node_modules" not in path.parts
        if path.suffix in {".js", ".css"}:
            assert path.stat().st_size < 60_000, path


def test_the_top_level_holds_what_the_design_names():
    names = {p.relative_to(REPO).parts[0] for p in tracked()}
    assert names == {
        ".ci",
        ".gitignore",
        "Makefile",
        "README.md",
        "README.zh.md",
        "geodata",
        "gridmap",
        "notebooks",
        "pyproject.toml",
        "tests",
    }
