"""HTML pages from Jinja templates with autoescaping."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.cli.output import seconds_text
from app.dashboard.audit_detail import detail_text
from app.dashboard.form_advice import for_page
from manifests.pluralize import count_of
from manifests.scoring.gate import reason_label

HERE = Path(__file__).parent
_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _moment(at: float | None) -> str:
    """Return ``2026-11-24 16:20 UTC``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "–"


def _message(text: str) -> Any:
    """Return a message as escaped HTML with its `commands` as code."""
    escape, mark_safe = _environment.filters["escape"], _environment.filters["safe"]
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(share: float) -> str:
    """Return ``75%`` for 0.75."""
    return f"{100 * share:.0f}%"


_environment.filters.update(
    detail=detail_text,
    message=_message,
    for_page=for_page,
    moment=_moment,
    percent=_percent,
    reason=reason_label,
    score=_score,
    seconds=seconds_text,
    count_of=count_of,
    tojson_plain=json.dumps,
)


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Render a template as a page.

    Every template receives ``request``, ``person`` (the signed-in person or None) and the given context.
    """
    person = getattr(request.state, "person", None)
    body = _environment.get_template(template).render(request=request, person=person, **context)
    return HTMLResponse(body, status)
