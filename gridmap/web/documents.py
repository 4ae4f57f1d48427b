"""What the interfaces say of themselves: OpenAPI, complete with every error, and its page.

Belongs here: the documents that are made of the routes. Does not belong here: the routes.
"""

from __future__ import annotations

import copy
import re
import secrets
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gridmap import __version__
from gridmap.web.signed import SESSION

if TYPE_CHECKING:
    from fastapi import FastAPI

PROBLEM = "application/problem+json"

STATUSES = {
    400: "What was asked cannot be read",
    401: "Nobody is signed in",
    403: "The account may not do this",
    404: "There is no such thing, or it lies outside the account's area",
    408: "The request took too long to arrive",
    409: "The store has changed meanwhile, or its rules refuse this",
    412: "The row is no longer as the request has it",
    413: "More was sent, or asked for, than is taken",
    422: "What was asked cannot be used",
    428: "The request does not say on which version of the row it is based",
    429: "Too many requests, or too many jobs that wait; see Retry-After",
    500: "The server failed; its log has the request's id",
    503: "The store is busy, took too long or cannot be reached; see Retry-After",
}
"""Every status of an error, and what it says; the body is a problem (RFC 9457)."""

_OF_ALL = (400, 401, 403, 429, 500, 503)
_OF_BODIES = (408, 413)
_RETRY = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    429: _RETRY,
    503: _RETRY,
}

SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION},
}
"""How one says who one is: a program by its token, a browser by its session (on TLS the cookie's
name begins with ``__Host-``)."""


def _named(*names: str) -> dict[str, Any]:
    """Return the schema of an object of texts."""
    texts = {name: {"type": "string"} for name in names}
    return {"type": "object", "required": list(names), "properties": texts}


_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; for programs."},
        "request": {"type": ["string", "null"], "description": "The id in the server's log."},
        "errors": {
            "type": "array",
            "description": "With the code request: what of the request has not its form.",
            "items": _named("parameter", "reason"),
        },
        "issues": {
            "type": "array",
            "description": "With the code layer_rejected: what rows have wrong, the first of it.",
            "items": {"type": "object"},
        },
        "issue_count": {"type": "integer"},
    },
}

router = APIRouter()


def add_documents(app: FastAPI) -> None:
    """Let an application's document name every error of every route.

    Parameters
    ----------
    app
        The application, with all its routes.
    """
    plain = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document["info"]["license"] = {"name": "as the operator says"}
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas["Problem"] = _SCHEMA
            document["components"]["securitySchemes"] = SECURITY
            document["security"] = [{name: []} for name in SECURITY]
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _without_null(operation.get("parameters", []))
                    _with_problems(operation, ogc=path.startswith("/ogc"))
            _for_each_collection(document["paths"])
        return app.openapi_schema or {}

    app.openapi = complete  # type: ignore[method-assign]
    app.include_router(router)


def _without_null(parameters: list[dict[str, Any]]) -> None:
    """Say of parameters what they may be: who leaves one out sends no null."""
    for parameter in parameters:
        some = parameter["schema"].pop("anyOf", [])
        for one in some:
            if one != {"type": "null"}:
                parameter["schema"] |= one


def _with_problems(operation: dict[str, Any], *, ogc: bool) -> None:
    """Describe the errors that the route names, and those that any may have."""
    answers = operation.setdefault("responses", {})
    if ogc:
        answers.pop("422", None)
    named = {int(status) for status in answers if int(status) >= 400}
    sent = operation.get("requestBody", {}).get("content", {})
    for status in sorted({*named, *_OF_ALL, *(_OF_BODIES if "application/json" in sent else ())}):
        body: dict[str, Any] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if status == 400:
            # What is no HTTP, has a line over 64 KB or a foreign host's name, no route ever sees.
            body["text/plain"] = {"schema": {"type": "string"}}
        told = {"description": STATUSES[status], "content": body}
        if status in _HEADERS:
            told["headers"] = _HEADERS[status]
        answers[str(status)] = told


def _for_each_collection(paths: dict[str, Any]) -> None:
    """Describe the writes of a row beside its read, under each collection's own path.

    The routes are one for all collections; their document would hide which methods a row has.
    """
    for path in [path for path in paths if "/{collection}/{code}" in path and "/ogc" not in path]:
        for method, operation in paths.pop(path).items():
            parameters = {one["name"]: one for one in operation["parameters"]}
            parameters["if-match"]["required"] = True  # 428 tells who forgets it
            code = parameters.pop("code")
            for name in parameters.pop("collection")["schema"]["enum"]:
                begin = path.removesuffix("{collection}/{code}") + name
                row = next(other for other in paths if other.startswith(begin + "/{"))
                key = re.findall(r"{(\w+)}", row)
                schema = code["schema"] if len(key) == 1 else {**code["schema"], "maxLength": 64}
                paths[row][method] = {
                    **operation,
                    "operationId": f"{operation['operationId']}_{name}",
                    "parameters": [{**code, "name": part, "schema": schema} for part in key]
                    + list(parameters.values()),
                }


def document_of(app: FastAPI, prefix: str, version: str = "3.1.0") -> dict[str, Any]:
    """Return the part of an application's document below a path, as a document of its own.

    Parameters
    ----------
    app
        After `add_documents`.
    prefix
        Of the paths; they are written without it, and the server with it.
    version
        ``3.1.0``, or ``3.0.3`` for programs that read no newer one.

    Returns
    -------
    dict
        OpenAPI.
    """
    whole = app.openapi()
    paths = {
        path.removeprefix(prefix) or "/": operations
        for path, operations in whole["paths"].items()
        if path == prefix or path.startswith(prefix + "/")
    }
    document = copy.deepcopy({**whole, "openapi": version, "paths": paths})
    document["servers"] = [{"url": prefix}]
    used = repr(paths)
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name in [name for name in schemas if f"schemas/{name}'" not in used]:
        if not any(f"schemas/{name}'" in repr(schema) for schema in schemas.values()):
            del schemas[name]
    return _older(document) if version.startswith("3.0") else document


def _older(part: Any) -> Any:
    """Return a part of a document in the words of OpenAPI 3.0, where null is no type."""
    if isinstance(part, list):
        return [_older(one) for one in part]
    if not isinstance(part, dict):
        return part
    told = {key: _older(value) for key, value in part.items()}
    if isinstance(told.get("type"), list):
        told["nullable"] = "null" in told["type"]
        told["type"] = next(kind for kind in told["type"] if kind != "null")
    some = told.get("anyOf")
    if isinstance(some, list) and {"type": "null"} in some:
        others = [one for one in some if one != {"type": "null"}]
        del told["anyOf"]
        told |= {"nullable": True, **(others[0] if len(others) == 1 else {"anyOf": others})}
    return told


@router.get("/api/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    """Describe the interface for programs, in OpenAPI 3.1."""
    return JSONResponse(document_of(request.app, "/api/v1"))


@router.get("/api/docs", include_in_schema=False, response_class=HTMLResponse)
def docs(_request: Request) -> HTMLResponse:
    """Show the interface as a page; its script is our own server's, and runs under its nonce."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
        f"script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return HTMLResponse(
        _PAGE.replace("{nonce}", nonce).replace("{version}", __version__),
        headers={"Content-Security-Policy": policy},
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gridmap API {version}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script nonce="{nonce}" src="/static/vendor/swagger-ui/swagger-ui-bundle.js"></script>
<script nonce="{nonce}">
SwaggerUIBundle({
  url: "/api/v1/openapi.json", dom_id: "#docs", validatorUrl: null, deepLinking: true,
  supportedSubmitMethods: ["get"], docExpansion: "list", defaultModelsExpandDepth: -1,
});
</script>
</body>
</html>
"""
