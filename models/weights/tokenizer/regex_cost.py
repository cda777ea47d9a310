"""Bound the time of a tokenizer's regular expression: it is searched at each character of a prompt, by backtracking.

An expression is accepted only if all of it is known here: groups, classes, common escapes and repetitions. Calls,
references, conditions and comments are refused.
"""

import re
from typing import NamedTuple

MAX_PATHS = 16
"""Ways to try one alternative at one character, apart from its long repetition. Published expressions have up to 16."""
MAX_RUNS = 1
"""Repetitions without an end in one alternative that can be tried again with another length, as in published ones."""
MAX_TIMES = 64
MAX_DEPTH = 16
_ESCAPE = re.compile(
    r"\\(?:[pP]\{\^?[\w &-]{1,40}\}|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|[sSdDwWhHbBrntfvAzZ]|[^\w])"
)
_GROUP = re.compile(r"\((?:\?(?:[ims]{0,3}:|[=!>]|<[=!]))?")
_REPEATED = re.compile(r"(?P<sign>[*+?])[?+]?|\{(?P<low>\d{0,4})(?P<comma>,)?(?P<high>\d{0,4})\}")
_FLAGS = re.compile(r"(?:\(\?[ims]{1,3}\))?")


class Cost(NamedTuple):
    """What an expression, or one part of it, costs at one character.

    Attributes:
        paths: in how many ways it can be tried, apart from its runs.
        runs: repetitions without an end that something can follow.
        is_optional: whether it also matches nothing, so that what precedes it is never tried again because of it.
        ends: whether its last part is a repetition without an end, which is a run if something must follow it.
    """

    paths: int
    runs: int
    is_optional: bool
    ends: bool


class UnknownExpressionError(ValueError):
    """A part of the expression is not one of those that are accepted."""


def cost_of(pattern: str) -> Cost:
    """Return what an expression costs; its time is that of ``paths`` for each character, and squared with a run.

    Raises:
        UnknownExpressionError: it has parts that are not accepted, or could take hours for one prompt.
    """
    flags = _FLAGS.match(pattern)
    parser = _Parser(pattern, flags.end() if flags else 0)
    cost = parser.alternatives(0)
    if parser.place != len(parser.text):
        raise UnknownExpressionError("a parenthesis is not opened")
    return cost


class _Parser:
    def __init__(self, text: str, place: int) -> None:
        self.text = text
        self.place = place

    def alternatives(self, depth: int) -> Cost:
        """Read alternatives up to a closing parenthesis or the end."""
        if depth > MAX_DEPTH:
            raise UnknownExpressionError("it is nested too deeply")
        found = [self._sequence(depth)]
        while self._take("|"):
            found.append(self._sequence(depth))
        return Cost(
            sum(each.paths for each in found),
            max(each.runs for each in found),
            any(each.is_optional for each in found),
            any(each.ends for each in found),
        )

    def _sequence(self, depth: int) -> Cost:
        parts: list[Cost] = []
        while self.place < len(self.text) and self.text[self.place] not in "|)":
            parts.append(self._repeated(depth))
        paths, runs, must_follow = 1, 0, False
        for part in reversed(parts):
            paths *= part.paths
            runs += part.runs + (part.ends and must_follow)
            must_follow = must_follow or not part.is_optional
        if runs > MAX_RUNS or paths > MAX_PATHS:
            raise UnknownExpressionError("it repeats too many parts in a row")
        required = [number for number, part in enumerate(parts) if not part.is_optional]
        last = parts[required[-1] if required else 0 :]  # what follows the last part that must match can be empty
        return Cost(paths, runs, not must_follow, any(part.ends for part in last))

    def _repeated(self, depth: int) -> Cost:
        is_group = self.text.startswith("(", self.place)
        one = self._atom(depth)
        found = _REPEATED.match(self.text, self.place)
        if found is None:
            return one
        self.place = found.end()
        if _REPEATED.match(self.text, self.place):
            raise UnknownExpressionError("a repetition is repeated")
        low, high = _bounds(found)
        if is_group and high != 1:
            raise UnknownExpressionError("a group is repeated")
        if high is None:
            return Cost(1, 0, low == 0, True)
        if max(low, high) > MAX_TIMES:
            raise UnknownExpressionError(f"it repeats a part more than {MAX_TIMES} times")
        return Cost(one.paths * max(1, high - low) + (low == 0), one.runs, low == 0 or one.is_optional, one.ends)

    def _atom(self, depth: int) -> Cost:
        start = self.text[self.place]
        if start == "(":
            return self._group(depth)
        if start == "[":
            self._class(0)
        elif start == "\\":
            self._escape()
        elif start in "*+?{":
            raise UnknownExpressionError("nothing is repeated")
        else:
            self.place += 1
        return Cost(1, 0, False, False)

    def _group(self, depth: int) -> Cost:
        found = _GROUP.match(self.text, self.place)
        if found is None or self.text.startswith("?", found.end()):
            raise UnknownExpressionError("a group is of an unknown kind")
        self.place = found.end()
        inner = self.alternatives(depth + 1)
        if not self._take(")"):
            raise UnknownExpressionError("a group is not closed")
        looks_around = found[0] in ("(?=", "(?!", "(?<=", "(?<!")
        return inner._replace(is_optional=False, ends=False) if looks_around else inner

    def _class(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise UnknownExpressionError("it is nested too deeply")
        self.place += 1
        self._take("^")
        if self.text.startswith("]", self.place):
            raise UnknownExpressionError("a class is empty")
        while self.place < len(self.text):
            one = self.text[self.place]
            if one == "]":
                self.place += 1
                return
            if one == "[":
                self._class(depth + 1)
            elif one == "\\":
                self._escape()
            else:
                self.place += 1
        raise UnknownExpressionError("a class is not closed")

    def _escape(self) -> None:
        found = _ESCAPE.match(self.text, self.place)
        if found is None:
            raise UnknownExpressionError("an escape is of an unknown kind")
        self.place = found.end()

    def _take(self, text: str) -> bool:
        found = self.text.startswith(text, self.place)
        self.place += len(text) * found
        return found


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    """Return the least and the greatest number of repetitions; None if there is no greatest."""
    if found["sign"]:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found["sign"]]
    if not (found["low"] or found["high"]):
        raise UnknownExpressionError("a repetition has no number")
    low = int(found["low"] or 0)
    if not found["comma"]:
        return low, low
    return low, int(found["high"]) if found["high"] else None
