"""Results of benchmarks. A benchmark is a module listed in ``__main__`` with ``run()``, for one or more results."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Direction = Literal["at least", "at most", "exactly"]


@dataclass(frozen=True)
class Limit:
    """A limit on a figure: ``Limit("ratio", "at least", 5)``, ``Limit("busy_share", "at least", 0.95)``.

    Attributes:
        figure: ``ratio``, ``ours``, or the name of one of the result's figures.
    """

    figure: str
    direction: Direction
    bound: float

    def met_by(self, value: float) -> bool:
        if self.direction == "exactly":
            return value == self.bound
        return value >= self.bound if self.direction == "at least" else value <= self.bound


@dataclass(frozen=True)
class Result:
    """Measured figures for one claim.

    Attributes:
        name: Name on the command line, with a suffix if a benchmark has several results: ``mp4-starter``.
        what: The measured work, in one line.
        ours, baseline: Measurements in ``unit``. ``baseline`` is None if there is nothing to compare with.
        unit: For example ``s``, ``ms per clip`` or ``clips/min``.
        more_is_better: True for rates. In both cases, a ratio above 1 means that ours is better.
        limits: Limits that must be met.
        figures: Other measurements by name, with the unit in the name: ``cpu_s``, ``ssim``.
        held_back_by: One or two sentences for the page about what limits our side.
        notes: More text for the page, for example what the baseline does or what is left out.
        series: Data of the charts, as JSON: ``timeline``, a list of ``{"lane", "start_s", "end_s"}``;
            ``line``, ``{"x_name", "x", "y_name", "y"}``; ``surface``, the same with ``"z_name"`` and
            ``"z"`` by rows of y.
        not_measured: Why the benchmark cannot be measured on this machine. Without figures, and not a failure.
    """

    name: str
    what: str
    unit: str = ""
    ours: float | None = None
    baseline: float | None = None
    more_is_better: bool = False
    limits: tuple[Limit, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    held_back_by: str = ""
    notes: tuple[str, ...] = ()
    series: dict[str, Any] = field(default_factory=dict)
    not_measured: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the baseline. None without a baseline."""
        if not self.ours or not self.baseline:
            return None
        return self.ours / self.baseline if self.more_is_better else self.baseline / self.ours

    def value_of(self, limit: Limit) -> float:
        """Return the figure that a limit applies to.

        Raises:
            KeyError: The benchmark did not measure this figure.
        """
        own = {"ratio": self.ratio, "ours": self.ours} | self.figures
        value = own[limit.figure]
        if value is None:
            raise KeyError(limit.figure)
        return value

    @property
    def met(self) -> bool:
        """True if every limit is met, or if nothing could be measured."""
        return bool(self.not_measured) or all(limit.met_by(self.value_of(limit)) for limit in self.limits)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "met": None if self.not_measured else self.met}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Result":
        own = {name: value for name, value in content.items() if name in cls.__dataclass_fields__}
        limits = tuple(Limit(**limit) for limit in own.pop("limits"))
        return cls(**own | {"limits": limits, "notes": tuple(own["notes"])})
