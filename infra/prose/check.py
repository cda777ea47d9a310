"""Check the prose of the repository against infra/prose/words.toml: ``python infra/prose/check.py [FILE…]``.

Vale reads such lists too, but its package on the index is a stub that downloads the program when it first runs, which
fails on machines without access to its releases. Prose is all text in Markdown and templates, and the docstrings,
comments and strings of Python, JavaScript, YAML and Terraform.
"""

import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHOLE = {".md", ".html", ".js", ".css", ".yaml", ".yml", ".tf", ".toml", ".sh"}
SKIPPED = ("infra/prose/", "models/starter/", "docs/performance/", "docs/starter/", "app/dashboard/static/vendor/")
PROSE_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def main(arguments: list[str]) -> int:
    """Print each finding as ``file:line: words``; return 1 if there are any."""
    words = tomllib.loads((ROOT / "infra/prose/words.toml").read_text())["words"]
    patterns = [(re.compile(rf"(?<![\w-])(?:{key})(?![\w-])", re.IGNORECASE), better) for key, better in words.items()]
    found = 0
    for path in [Path(name).resolve() for name in arguments] or _tracked():
        for number, text in _prose(path):
            for pattern, better in patterns:
                if match := pattern.search(text):
                    found += 1
                    print(f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: write {better}")
    if found:
        print(f"{found} findings; infra/prose/words.toml has the list.")
    return 1 if found else 0


def _tracked() -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
    return [ROOT / name for name in names if not name.startswith(SKIPPED) and (ROOT / name).is_file()]


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines of prose; a docstring's lines are joined by pairs so that phrases may wrap."""
    if path.suffix == ".py":
        yield from _python(path.read_text())
    elif path.suffix in WHOLE or path.name in ("Makefile", "Dockerfile"):
        yield from enumerate(path.read_text().splitlines(), 1)


def _python(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in PROSE_TOKENS:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
