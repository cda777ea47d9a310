"""Check chat templates: programs in Jinja that the libraries run, in a sandbox without limits of time and memory."""

import re
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.parser import Parser

from models.weights.refusal import RefusedFileError, shown
from models.weights.tokenizer.template_cost import UnknownTemplateError, check_work

JINJA = Environment(extensions=["jinja2.ext.loopcontrols"], autoescape=True)
"""Only used to parse; transformers renders the templates."""
MAX_LENGTH = 65_536
MAX_FACTOR = 10_000
MAX_NESTED_LOOPS = 4
GENERATION = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
"""A tag of transformers that only marks text."""
REFUSED_NAMES = ("range", "lipsum", "cycler")
REFUSED_CALLS = ("format", "format_map", "center", "ljust", "rjust", "zfill", "expandtabs", "mro")
STATEMENTS = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport, nodes.Pow)


def check_templates(content: dict[str, Any], name: str, is_run: bool = False) -> None:
    """Check the templates of a tokenizer's or processor's configuration: a text, or a list of named texts.

    Raises:
        RefusedFileError: as check_template.
    """
    found = content.get("chat_template")
    for each in found if isinstance(found, list) else list(found.values()) if isinstance(found, dict) else [found]:
        text = each.get("template") if isinstance(each, dict) else each
        if text is not None:
            check_template(str(text), name, is_run)


def check_template(text: str, name: str, is_run: bool = False) -> None:
    """Refuse a template that could read files, escape from the sandbox, or use up time or memory.

    Args:
        is_run: whether the model's pipeline runs it. Then only known parts of Jinja are accepted, with limited work.

    Raises:
        RefusedFileError: says which expression is not allowed.
    """
    if len(text) > MAX_LENGTH:
        raise RefusedFileError(
            f"{shown(name)} has a chat template of {len(text):,} characters; at most {MAX_LENGTH:,} are allowed"
        )
    try:
        template = Parser(JINJA, GENERATION.sub("", text)).parse()
        problem = _template_problem(template)
        if is_run and not problem:
            check_work(template)
    except UnknownTemplateError as error:
        raise RefusedFileError(
            f"{shown(name)} has a chat template that Reelmill does not run: {shown(error)}; use the template of the "
            "original model"
        ) from error
    except (TemplateError, RecursionError, ValueError) as error:
        raise RefusedFileError(
            f"{shown(name)} has a chat template that is not valid Jinja; download it again"
        ) from error
    if problem:
        raise RefusedFileError(
            f"{shown(name)} has a chat template with {problem}, which is not allowed; remove the template"
        )


def _template_problem(tree: nodes.Template) -> str | None:
    if _loops(tree) > MAX_NESTED_LOOPS:
        return f"more than {MAX_NESTED_LOOPS} nested loops"
    return next(filter(None, map(_problem, tree.find_all(nodes.Node))), None)


def _problem(node: nodes.Node) -> str | None:
    if isinstance(node, STATEMENTS):
        return type(node).__name__.lower()
    if isinstance(node, nodes.Getattr) and (node.attr.startswith("_") or node.attr in REFUSED_CALLS):
        return f"the attribute {shown(node.attr)}"
    if isinstance(node, nodes.Const) and _is_private(node.value):
        return f"the name {shown(node.value)}"
    if isinstance(node, nodes.Name) and node.name in REFUSED_NAMES:
        return f"the function {node.name}"
    if isinstance(node, nodes.Filter) and node.name in REFUSED_CALLS:
        return f"the filter {node.name}"
    if isinstance(node, nodes.Mul) and not _is_small(node):
        return "a large multiplication"
    if isinstance(node, nodes.Mod) and isinstance(node.left, nodes.Const) and isinstance(node.left.value, str):
        return "the formatting of a number"
    return None


def _is_private(value: object) -> bool:
    return isinstance(value, str) and value.startswith("__") and value.endswith("__")


def _is_small(node: nodes.Mul) -> bool:
    factors = [each.value for each in (node.left, node.right) if isinstance(each, nodes.Const)]
    if next(node.left.find_all(nodes.Mul), None) or isinstance(node.left, nodes.Mul):
        return False
    return any(isinstance(each, int) and abs(each) <= MAX_FACTOR for each in factors)


def _loops(node: nodes.Node) -> int:
    inner = max((_loops(child) for child in node.iter_child_nodes()), default=0)
    return inner + isinstance(node, nodes.For)
