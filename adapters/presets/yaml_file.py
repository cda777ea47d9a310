"""Read YAML files as plain data with line numbers.

The file contains text, numbers, true, false and null as in YAML 1.2. YAML 1.1, which PyYAML follows, reads ``9:16`` as
the number 556, ``NO`` as false and ``010`` as 8. Tags, which could create objects, and aliases, which could expand a
small file to gigabytes, are refused.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from adapters.presets.errors import InvalidPresetError

MAX_BYTES = 128 * 2**10
Location = Sequence[str | int]

_NULL = re.compile(r"(~|null|Null|NULL)?")
_TRUE, _FALSE = re.compile("true|True|TRUE"), re.compile("false|False|FALSE")
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)")
_NUMBER = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")
_LEADING_ZERO = re.compile(r"[-+]?0\d.*")
_STANDARD_TAGS = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


class YamlFile(NamedTuple):
    """A YAML file.

    Attributes:
        content: its mapping.
        root: the same with positions.
        text: the file as text.
    """

    path: Path
    content: dict[str, Any]
    root: yaml.MappingNode
    text: str

    def line(self, location: Location) -> int:
        """Return the line, from 1, of a field; of the nearest part that exists, if the field does not."""
        node, line = self.root, 1
        for step in location:
            found = _child(node, step)
            if found is not None:
                node, line = found
        return line


def read_yaml(path: Path) -> YamlFile:
    """Read a file.

    Raises:
        InvalidPresetError: it cannot be read, is too large, or is not a mapping in YAML.
    """
    text = _text(path)
    try:
        root = yaml.compose(text, Loader=_Loader)
        if not isinstance(root, yaml.MappingNode):
            raise InvalidPresetError(f"{path}: must contain fields such as `name: value`. Copy a shipped file.")
        return YamlFile(path, _plain(root, path), root, text)
    except RecursionError as error:
        raise InvalidPresetError(f"{path}: is nested too deeply. Remove superfluous brackets.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidPresetError(
            f"{path}{where}: the file is not valid YAML: {error.problem}. Check the indentation and the quotes."
        ) from error
    except yaml.YAMLError as error:
        raise InvalidPresetError(f"{path}: the file is not valid YAML: {error}.") from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Composes nodes without resolving the types of YAML 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's name for its table

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"aliases such as *{event.anchor} are not supported; repeat the text", event.start_mark
            )
        return super().compose_node(parent, index)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise InvalidPresetError(f"{path}: the file does not exist, or is not a file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidPresetError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
    if len(data) > MAX_BYTES:
        raise InvalidPresetError(f"{path}: is larger than {MAX_BYTES // 2**10} KiB. Remove what is not a preset.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidPresetError(f"{path}, line {line}: is not UTF-8. Save the file as UTF-8.") from error


def _plain(node: yaml.Node, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    if isinstance(node, yaml.SequenceNode):
        _check_tag(node, path)
        return [_plain(item, path) for item in node.value]
    _check_tag(node, path)
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    _check_tag(node, path)
    content: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            _refuse(key, path, "a name must be a text. Remove the brackets before the colon")
        if key.value in content:
            _refuse(key, path, f'"{key.value}" is there twice. Remove one of them')
        content[key.value] = _plain(value, path)
    return content


def _scalar(node: yaml.Node) -> Any:
    text = node.value
    if node.style is not None:  # quoted, or a block of text
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return bool(_TRUE.fullmatch(text))
    if _LEADING_ZERO.fullmatch(text) and "." not in text:
        return text
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 19 else text
    return float(text) if _NUMBER.fullmatch(text) else text


def _check_tag(node: yaml.Node, path: Path) -> None:
    if node.tag not in _STANDARD_TAGS:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        _refuse(node, path, f"the tag {tag} is not supported. Remove it")


def _refuse(node: yaml.Node, path: Path, problem: str) -> NoReturn:
    raise InvalidPresetError(f"{path}, line {node.start_mark.line + 1}: {problem}.")


def _child(node: yaml.Node, step: str | int) -> tuple[Any, int] | None:
    """Return a part of a node and the line where it begins."""
    if isinstance(node, yaml.MappingNode):
        pairs = ((value, key.start_mark.line + 1) for key, value in node.value if key.value == str(step))
        return next(pairs, None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line + 1
    return None
