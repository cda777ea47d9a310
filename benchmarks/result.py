"""What a benchmark found. A benchmark is a module with ``run() -> Result`` (or several), named in ``__main__``."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Direction = Literal["at least", "at most", "exactly"]


@dataclass(frozen=True)
class Limit:
    """What a figure must keep: ``Limit("ratio", "at least", 5)``, ``Limit("busy_share", "at least", 0.95)``.

    Attributes:
        figure: ``ratio``, ``ours``, or a name among the result's figures.
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
    """Figures of one claim, measured here and now.

    Attributes:
        name: as on the command line; where a benchmark has several results, ``mp4-starter``.
        what: one line, what was done by both sides.
        ours, baseline: in ``unit``; a benchmark without another side leaves ``baseline`` out.
        unit: such as ``s``, ``ms a clip`` or ``clips/min``.
        more_is_better: for rates; the ratio is above 1 where ours is the better one, either way.
        limits: what must hold.
        figures: whatever else was measured, by name with its unit in the name: ``cpu_s``, ``ssim``.
        held_back_by: one or two sentences for the page: what keeps ours from being better.
        notes: further sentences for the page: what the baseline is given, what is left out.
        series: what the page draws, in JSON: ``timeline``, a list of ``{"lane", "start_s", "end_s"}``;
            ``line``, ``{"x_name", "x", "y_name", "y"}``; ``surface``, the same with ``"z_name"`` and
            ``"z"`` by rows of y.
        not_measured: why it could not be measured on this machine (no figures then); not a failure.
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
        """How many times better ours is than the baseline."""
        if not self.ours or not self.baseline:
            return None
        return self.ours / self.baseline if self.more_is_better else self.baseline / self.ours

    def value_of(self, limit: Limit) -> float:
        """The figure that a limit is about.

        Raises:
            KeyError: the benchmark limits what it did not measure.
        """
        own = {"ratio": self.ratio, "ours": self.ours} | self.figures
        value = own[limit.figure]
        if value is None:
            raise KeyError(limit.figure)
        return value

    @property
    def met(self) -> bool:
        """True where every limit holds, and where nothing could be measured."""
        return bool(self.not_measured) or all(limit.met_by(self.value_of(limit)) for limit in self.limits)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "met": None if self.not_measured else self.met}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Result":
        own = {name: value for name, value in content.items() if name in cls.__dataclass_fields__}
        limits = tuple(Limit(**limit) for limit in own.pop("limits"))
        return cls(**own | {"limits": limits, "notes": tuple(own["notes"])})
