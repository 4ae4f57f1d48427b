"""The interfaces against their own OpenAPI documents, by schemathesis: no answer is a fault of the
server, and none is other than the document says."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from accounts_fixtures import token_of
from toy_town import served

from gridmap.model import WHOLE, Role
from gridmap.web.v1 import COLLECTIONS

pytestmark = [pytest.mark.db, pytest.mark.slow]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Cases of each operation. 0 is what CI has time for: three, for two roles, of the interface for
programs. Any other number is for every role and both documents: 25 are over 10,000 cases."""

PHASES = os.environ.get("FUZZ_PHASES", "fuzzing")
"""Of schemathesis: ``coverage`` (each limit of a parameter) and ``stateful`` too, with commas."""

ROLES = list(Role) if EXAMPLES else [Role.PLANNER, Role.LEADER]
DOCUMENTS = ["/api/v1/openapi.json", "/ogc/api"] if EXAMPLES else ["/api/v1/openapi.json"]
WHO_SEES_ALL = {Role.ADMIN, Role.PLANNER, Role.LEADERSHIP}
OWN = ("990101001001",)

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "form_is_as_described",
)
"""All but who may see what, which `test_matrix` holds, and ``positive_data_acceptance``, for
which `fuzz_checks.form_is_as_described` stands."""

LEFT_OUT = "_code__(put|patch|delete)_(?!units$|buildings$|duties$)"
"""Ids of operations that are not asked: writes of a row are one route for all collections, and
those of three stand for all."""

KNOWN = {
    "bbox": ["106,29,108,30"],
    "filter": ["code LIKE 'T%'", "floors > 2 OR floors IS NULL", "code = 'T1' AND NOT code = 'T2'"],
    "if-match": ['"1"'],
    "layer": ["building", "camera", "road", "view", "blind", "grid", "duty"],
    "matrix_set": ["WebMercatorQuad"],
    "as_of": ["2026-06-01"],
    "effective": ["2026-06-01"],
}
"""What a parameter may be in the toy town: of digits and letters by chance none is ever there."""


def of_the_town(site, token):
    """Return values that mean something, by the name of the parameter and the start of the path."""
    asking = requests.Session()
    asking.headers["Authorization"] = f"Bearer {token}"
    known = {("", name): values for name, values in KNOWN.items()}

    def codes(name, column="code"):
        rows = asking.get(f"{site}/api/v1/{name}?limit=50&geometry=false").json()["items"]
        return sorted({row[column] for row in rows})

    for name in COLLECTIONS:
        keys = ("holder_code", "service", "target_code") if name == "duties" else ("code",)
        known |= {(f"/{name}/", key): found for key in keys if (found := codes(name, key))}
    known["/coverage/", "code"] = codes("units")
    known["", "within"] = codes("units")
    known["", "target"] = known["", "feature"] = codes("buildings")
    known["", "lens"] = [lens["code"] for lens in asking.get(f"{site}/api/v1/lenses").json()]
    shaped = asking.get(f"{site}/ogc/collections").json()["collections"]
    known["", "collection"] = [one["id"] for one in shaped]
    return known


def knowing(document, known):
    """Return a document that promises the same, and names values that there are."""
    found = copy.deepcopy(document)
    used = set()
    for path, operations in found["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                for (start, name), values in known.items():
                    if parameter["name"] == name and path.startswith(start):
                        used.add((start, name))
                        parameter["schema"] = {"anyOf": [{"enum": values}, parameter["schema"]]}
    return found, used


@pytest.fixture(scope="module")
def town(new_database, serviced_template):
    """A served town of one's own, its address, and what there is in it."""
    url = new_database(serviced_template)
    with served(url) as site:
        yield url, site, of_the_town(site, token_of(url))


def fuzzed(document, base, token, folder):
    """Let schemathesis ask; return what it says, and how many operations and cases it had."""
    (folder / "document.json").write_text(json.dumps(document), "utf-8")
    told = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "run",
            "document.json",
            *("--url", base, "--header", f"Authorization: Bearer {token}"),
            *("--max-examples", str(EXAMPLES or 3), "--generation-deterministic"),
            *("--suppress-health-check", "all"),
            *("--generation-with-security-parameters", "false", "--continue-on-failure"),
            *("--request-timeout", "60", "--no-shrink"),
            *("--checks", ",".join(CHECKS), "--no-color", "--phases", PHASES),
            *("--exclude-operation-id-regex", LEFT_OUT),
        ],
        cwd=folder,  # where no settings of schemathesis lie
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "fuzz_checks",
            "PYTHONPATH": str(Path(__file__).parent),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    text = told.stdout + told.stderr
    found = re.search(r"Tested: ([0-9]+).* ([0-9]+) generated", text, re.DOTALL)
    operations, cases = (int(found[1]), int(found[2])) if found else (0, 0)
    return told.returncode, text, operations, cases


@pytest.mark.parametrize("where", DOCUMENTS)
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_in_the_document_and_none_is_a_fault(town, role, where, tmp_path):
    url, site, known = town
    token = token_of(url, f"fuzz-{role}", role, WHOLE if role in WHO_SEES_ALL else OWN)
    asked = requests.get(f"{site}{where}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    document, used = knowing(asked.json(), known)
    assert len(used) > 3, "no parameter is called as here"
    base = f"{site}/ogc" if where.startswith("/ogc") else f"{site}/api/v1"
    code, text, operations, cases = fuzzed(document, base, token, tmp_path)
    assert code == 0, text[-20_000:]
    assert operations >= len(document["paths"]), "some were left out"
    assert cases >= 2 * operations
    print(f"{role} {where}: {cases} cases of {operations} operations")
