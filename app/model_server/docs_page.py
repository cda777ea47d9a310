"""The API documentation: an OpenAPI description, and an HTML page without scripts or requests to other hosts."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

ABOUT = (
    "Generates clips with the models of this machine, with the protocol of the OpenAI videos API. Every request below "
    "/v1 needs the header `Authorization: Bearer TOKEN`."
)
CSS = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h2 { font: 600 1.1rem/1.4 ui-monospace, monospace; margin: 2.5rem 0 0.25rem; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid #ddd; }
code { font-family: ui-monospace, monospace; }
"""


def openapi(router: APIRouter) -> dict[str, Any]:
    """Return the OpenAPI description."""
    described = get_openapi(title="Reelmill model server", version="1", routes=router.routes, description=ABOUT)
    described.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return described | {"security": [{"token": []}]}


def page(spec: Mapping[str, Any]) -> str:
    """Return the documentation as HTML."""
    routes = "\n".join(
        part
        for path, methods in spec["paths"].items()
        for name, route in methods.items()
        for part in _route(path, name, route)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Reelmill model server</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs.css"></head>'
        f"<body><main><h1>Reelmill model server</h1><p>{_text(ABOUT)}</p><p>For programs: "
        f'<a href="/openapi.json">openapi.json</a></p>\n{routes}\n</main></body></html>\n'
    )


def _route(path: str, method: str, route: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2>{method.upper()} {escape(path)}</h2><p>{_text(route.get('description', ''))}</p>"
    fields = [
        (each["name"], each.get("schema", {}) | {"description": each.get("description", "")})
        for each in route.get("parameters", ())
    ]
    for content in list(route.get("requestBody", {}).get("content", {}).values())[:1]:
        fields += content["schema"]["properties"].items()
    if fields:
        yield from _table(
            "Parameter",
            [(f"<code>{escape(name)}</code>", _text(field.get("description", ""))) for name, field in fields],
        )
    yield from _table(
        "Status",
        [
            (escape(status), _text(answer["description"]))
            for status, answer in route["responses"].items()
            if status != "422"
        ],
    )


def _table(head: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    cells = "".join(f"<tr><td>{first}</td><td>{second}</td></tr>" for first, second in rows)
    yield f"<table><thead><tr><th>{head}</th><th>Meaning</th></tr></thead><tbody>{cells}</tbody></table>"


def _text(text: str) -> str:
    """Return text as HTML; what is between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
