"""Bound what a chat template that is run may use: transformers renders it without limits of time and memory.

Only known parts of Jinja are accepted. Each part has a greatest size for messages of TEXT characters, and a template's
work is the sum of all sizes that it computes. The work for a loop's items is at most that for one item with all text.
"""

from collections.abc import Mapping
from typing import NamedTuple

from jinja2 import nodes

TEXT = 4_096
"""Assumed characters of the messages, and of each other name that a template reads."""
MAX_WORK = 50_000_000
"""Characters that a template may compute. Those of Qwen 2.5 with tools may compute 18 million, and those of Qwen 3 VL,
with loops over pictures and tools, 39 million."""
MAX_OUTPUT = 4_000_000
"""Characters that a template may write, which are then tokenized."""
MAX_TIMES = 10_000
NUMBER = 20
LOOP_NUMBERS = ("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0")
FILTERS = {"trim": 1, "upper": 2, "lower": 2, "string": 1, "list": 1, "safe": 1, "items": 1, "first": 1, "last": 1}
"""By filter: how many times longer than the value the result can be."""
COUNTS = ("length", "count")
TESTS = (
    "defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "boolean", "true", "false",
    "in", "equalto", "eq", "==",
)  # fmt: skip
METHODS = {
    **dict.fromkeys(("strip", "lstrip", "rstrip", "startswith", "endswith", "get", "items", "keys", "values"), 1),
    **dict.fromkeys(("split", "upper", "lower", "title", "capitalize"), 2),
}
FUNCTIONS = ("namespace", "raise_exception")
ESCAPED = 6
"""Characters of JSON for one character."""
Sizes = Mapping[str, int]


class UnknownTemplateError(ValueError):
    """A part of the template is not one of those that are accepted, or it needs too much."""


class _Value(NamedTuple):
    """The greatest size of an expression's value, and the greatest work to compute it."""

    size: int
    work: int


class _Need(NamedTuple):
    """The greatest number of characters that statements write, and the greatest work."""

    output: int
    work: int

    def plus(self, other: "_Need", times: int = 1) -> "_Need":
        """Return the sum, with the other one several times."""
        return _Need(self.output + times * other.output, self.work + times * other.work)


def check_work(template: nodes.Template) -> None:
    """Refuse a template that may need too much time or memory.

    Raises:
        UnknownTemplateError: says why.
    """
    need = _statements(template.body, {})[0]
    if need.output > MAX_OUTPUT or need.work > MAX_WORK:
        raise UnknownTemplateError(f"it writes up to {need.output:,} characters, and computes up to {need.work:,}")


def _statements(body: list[nodes.Node], sizes: Sizes) -> tuple[_Need, Sizes]:
    """Return the need of statements, and the sizes of the names that they set."""
    need = _Need(0, 0)
    for node in body:
        one, sizes = _statement(node, sizes)
        need = need.plus(one).plus(_Need(0, 1))
        if need.work > MAX_WORK:
            break  # numbers that are far too large take long to add
    return need, sizes


def _statement(node: nodes.Node, sizes: Sizes) -> tuple[_Need, Sizes]:
    if isinstance(node, nodes.Output):
        values = [_value(each, sizes) for each in node.nodes]
        output = sum(each.size for each in values)
        return _Need(output, output + sum(each.work for each in values)), sizes
    if isinstance(node, nodes.If):
        return _if(node, sizes)
    if isinstance(node, nodes.For):
        return _for(node, sizes), sizes
    if isinstance(node, nodes.Assign):
        return _assign(node, sizes)
    if isinstance(node, (nodes.Continue, nodes.Break)):
        return _Need(0, 0), sizes
    raise _unknown(node)


def _if(node: nodes.If, sizes: Sizes) -> tuple[_Need, Sizes]:
    tests = sum(_value(each.test, sizes).work for each in (node, *node.elif_))
    branches = [_statements(body, sizes) for body in (node.body, *(each.body for each in node.elif_), node.else_)]
    names = {name for _, found in branches for name in found}
    merged = {name: max(found.get(name, TEXT) for _, found in branches) for name in names}
    needs = [need for need, _ in branches]
    return _Need(max(each.output for each in needs), tests + max(each.work for each in needs)), merged


def _for(node: nodes.For, sizes: Sizes) -> _Need:
    names = [each.name for each in _targets(node.target)]
    whole = _value(node.iter, sizes)
    if node.recursive:
        raise UnknownTemplateError("it has a recursive loop")
    empty, full = (_body(node, {**sizes, **dict.fromkeys(names, size)}) for size in (0, whole.size))
    need = _Need(0, whole.work).plus(empty, whole.size + 1).plus(full)
    return need.plus(_statements(node.else_, sizes)[0])


def _body(node: nodes.For, sizes: Sizes) -> _Need:
    test = _value(node.test, sizes).work if node.test else 0
    return _statements(node.body, sizes)[0].plus(_Need(0, test + 1))


def _targets(target: nodes.Node) -> list[nodes.Name]:
    found = target.items if isinstance(target, nodes.Tuple) else [target]
    names = [each for each in found if isinstance(each, nodes.Name)]
    if len(names) < len(found):
        raise _unknown(target)
    return names


def _assign(node: nodes.Assign, sizes: Sizes) -> tuple[_Need, Sizes]:
    value = _value(node.node, sizes)
    if isinstance(node.target, nodes.Name) and node.target.name != "loop":
        return _Need(0, value.work), {**sizes, node.target.name: value.size}
    if isinstance(node.target, nodes.NSRef) and _stays_small(node.node, node.target.name):
        return _Need(0, value.work), sizes
    raise UnknownTemplateError("it sets a name that keeps its value after a loop")


def _stays_small(node: nodes.Node, namespace: str) -> bool:
    """Return whether a value of a namespace cannot grow from loop to loop: a short constant, or a number."""
    if isinstance(node, (nodes.Add, nodes.Sub)):
        return _is_integer(node.right) and _stays_small(node.left, namespace)
    if isinstance(node, nodes.Const):
        return len(str(node.value)) <= NUMBER
    return isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == namespace


def _value(node: nodes.Node, sizes: Sizes) -> _Value:
    """Return the bounds of an expression."""
    if isinstance(node, nodes.TemplateData):
        return _Value(len(node.data), 0)
    if isinstance(node, nodes.Const):
        return _Value(len(str(node.value)), 0)
    if isinstance(node, nodes.Name):
        return _Value(sizes.get(node.name, TEXT), 1)
    if _is_count(node):
        return _Value(NUMBER, 1 + sum(_value(each, sizes).work for each in _counted(node)))
    if isinstance(node, nodes.Getattr):
        return _part(node.node, [], sizes)
    if isinstance(node, nodes.Getitem):
        return _part(node.node, [node.arg], sizes)
    if isinstance(node, nodes.Mul):
        return _repeated(node)
    if isinstance(node, nodes.Filter):
        return _filtered(node, sizes)
    if isinstance(node, nodes.Call):
        return _called(node, sizes)
    return _combined(node, sizes)


def _combined(node: nodes.Node, sizes: Sizes) -> _Value:
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise UnknownTemplateError(f"it uses the test {node.name}")
    joins = (nodes.Add, nodes.Concat, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair)
    tests = (nodes.Compare, nodes.Operand, nodes.Not, nodes.Test)
    chooses = (nodes.And, nodes.Or, nodes.CondExpr)
    if not isinstance(node, (*joins, *tests, *chooses)):
        raise _unknown(node)
    values = [_value(each, sizes) for each in node.iter_child_nodes()]
    size, work = sum(each.size for each in values), sum(each.work for each in values)
    if isinstance(node, joins):
        return _Value(size + len(values), work + size + 1)
    if isinstance(node, tests):
        return _Value(max(NUMBER, size if isinstance(node, nodes.Operand) else 0), work + size)
    return _Value(max((each.size for each in values), default=0), work + 1)


def _part(node: nodes.Node, arguments: list[nodes.Node], sizes: Sizes) -> _Value:
    """Return the bounds of a part of a value: at most the whole."""
    whole = _value(node, sizes)
    inner = [
        each
        for argument in arguments
        for each in (argument.iter_child_nodes() if isinstance(argument, nodes.Slice) else [argument])
    ]
    is_copied = any(isinstance(argument, nodes.Slice) for argument in arguments)
    work = sum(_value(each, sizes).work for each in inner)
    return _Value(whole.size, whole.work + work + (whole.size if is_copied else 1))


def _is_count(node: nodes.Node) -> bool:
    """Return whether a value is a number that is not larger than a text is long."""
    if isinstance(node, nodes.Getattr):
        return isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in LOOP_NUMBERS
    if isinstance(node, nodes.Filter):
        return node.name in COUNTS and node.node is not None
    if isinstance(node, (nodes.Sub, nodes.Mod, nodes.Neg)):
        return all(_is_count(each) or _is_integer(each) for each in node.iter_child_nodes())
    return False


def _is_integer(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and isinstance(node.value, int)


def _counted(node: nodes.Node) -> list[nodes.Node]:
    return [] if isinstance(node, nodes.Getattr) else list(node.iter_child_nodes())


def _repeated(node: nodes.Mul) -> _Value:
    """Return the bounds of a text that is repeated a fixed number of times."""
    found = [each.value for each in (node.left, node.right) if isinstance(each, nodes.Const)]
    texts, times = [each for each in found if isinstance(each, str)], [each for each in found if isinstance(each, int)]
    if len(texts) != 1 or len(times) != 1 or times[0] > MAX_TIMES:
        raise UnknownTemplateError("it has a large multiplication")
    size = len(texts[0]) * max(times[0], 0)
    return _Value(size, size)


def _filtered(node: nodes.Filter, sizes: Sizes) -> _Value:
    if node.node is None or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise UnknownTemplateError(f"it uses the filter {node.name} with settings")
    value = _value(node.node, sizes)
    if node.name == "default" and len(node.args) == 1:
        other = _value(node.args[0], sizes)
        return _Value(max(value.size, other.size), value.work + other.work + 1)
    times = ESCAPED if node.name == "tojson" else FILTERS.get(node.name)
    if times is None or node.args:
        raise UnknownTemplateError(f"it uses the filter {node.name}")
    return _Value(times * value.size, value.work + times * value.size)


def _called(node: nodes.Call, sizes: Sizes) -> _Value:
    if node.dyn_args or node.dyn_kwargs:
        raise UnknownTemplateError("it calls a function with unknown arguments")
    values = [_value(each, sizes) for each in (*node.args, *(each.value for each in node.kwargs))]
    if isinstance(node.node, nodes.Getattr) and node.node.attr in METHODS and not node.kwargs:
        values.append(_value(node.node.node, sizes))
        times = METHODS[node.node.attr]
    elif isinstance(node.node, nodes.Name) and node.node.name in FUNCTIONS:
        times = 1
    else:
        raise UnknownTemplateError("it calls an unknown function")
    size = sum(each.size for each in values)
    return _Value(times * size + NUMBER * (1 + len(values)), sum(each.work for each in values) + times * size + 1)


def _unknown(node: nodes.Node) -> UnknownTemplateError:
    return UnknownTemplateError(f"it contains {type(node).__name__.lower()}")
