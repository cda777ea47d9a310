"""The real program in a separate process, and texts that must never be executed."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-c", "from app.cli.main import main; main()"]
HOSTILE = [
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    '" onmouseover="window.hacked=1',
    "'-window.hacked=1-'",
    "</textarea><svg/onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "{{ 7*7 }} {% raw %}",
    "<iframe srcdoc='<script>top.hacked=1</script>'>",
    "\u202egnp.\u202c <b>bold</b>",
    "<a href=javascript:window.hacked=1>x</a>",
    "-->\"'><details open ontoggle=window.hacked=1>",
    "<div hx-get=/x hx-trigger=load hx-on:click=window.hacked=1>",
    "${window.hacked=1}",
    "&lt;script&gt;",
    "<style>*{display:none}</style>",
]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REELMILL_", "PREFECT_"))}
    return {
        **kept,
        "REELMILL_HOME": str(home),
        "PYTHONPATH": str(REPOSITORY),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def program(home: Path, *words: object, **kwargs) -> subprocess.CompletedProcess[str]:
    """Run ``reelmill`` until it ends."""
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        env=environment(home),
        cwd=home.parent,
        text=True,
        capture_output=True,
        timeout=280,
        **kwargs,
    )
