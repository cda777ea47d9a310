"""The rules that a clip's score must meet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from manifests.pluralize import counted, one_or_more
from manifests.scoring.score import Score
from manifests.scoring.verdict import Reason, Verdict


class Limit(NamedTuple):
    """Inclusive bounds of one technical measurement; ``sentence`` may contain {value}."""

    code: str
    sentence: str
    lowest: float = float("-inf")
    highest: float = float("inf")

    def broken_by(self, value: float) -> bool:
        """Return whether the value is out of bounds or NaN."""
        return not self.lowest <= value <= self.highest


LIMITS: dict[str, Limit] = {
    "nan_share": Limit("nan", "{value:.1%} of the pixels are invalid (NaN)", highest=0.0),
    "luma_mean": Limit("black", "the clip is black (mean luma {value:.1f} of 255)", lowest=2.0),
    "luma_spread": Limit("flat", "the frames are one flat colour (luma spread {value:.2f})", lowest=2.0),
    "frame_difference": Limit(
        "frozen", "the picture does not move (its most active areas change by {value:.1f} of 255)", lowest=5.0
    ),
    "temporal_flickering": Limit("flicker", "the brightness flickers ({value:.1f} of 255 per frame)", highest=12.0),
    "motion_share": Limit(
        "slow motion",
        "it moves in slow motion ({value:.0%} of the speed that its card requires of clips with few steps)",
        lowest=1.0,
    ),
    "drift_share": Limit("drift", "its colours drift ({value:.0%} of the change that its card allows)", highest=1.0),
    "size_error": Limit("wrong size", "the frame size is off by {value:.0f} pixels", highest=0),
    "duration_error": Limit("wrong duration", "the duration is off by {value:.2f} s", highest=0.001),
}


REASON_LABELS: Mapping[str, str] = {
    "adherence": "does not match the prompt",
    "rank": "matches another prompt better",
    "unscored": "could not be scored",
    "generation": "generation failed",
    "nan": "invalid pixels",
    "black": "black picture",
    "flat": "single flat colour",
    "frozen": "no movement",
    "flicker": "flickering brightness",
    "slow motion": "slow motion",
    "drift": "drifting colours",
    "wrong size": "wrong frame size",
    "wrong duration": "wrong duration",
}
"""Codes of the reasons why clips fail, with the words that people read in their place."""


def reason_label(code: str) -> str:
    """Return the words for a reason code; an unknown code stays as it is."""
    return REASON_LABELS.get(code, code)


@dataclass(frozen=True, slots=True)
class Gate:
    """Thresholds that a clip must meet to pass.

    Attributes:
        min_adherence: lowest prompt_adherence (cosine) that passes.
        max_rank_share: the clip's own prompt must be within this share of the ranked prompts, best first;
            rank 1 always passes.
        limits: bounds of the technical measurements, by their name in Score.checks.
    """

    min_adherence: float
    max_rank_share: float = 0.25
    limits: Mapping[str, Limit] = field(default_factory=lambda: LIMITS)

    def judge(self, score: Score) -> Verdict:
        """Return the verdict with all reasons, technical ones first."""
        technical = tuple(self.technical(score.checks))
        return Verdict(score.variant_id, (*technical, *self._semantic(score, bool(technical))))

    def allowed_rank(self, score: Score) -> int:
        """Return the worst rank that passes, given the number of prompts in a score."""
        return max(1, int(self.max_rank_share * (score.num_distractors + 1)))

    def technical(self, checks: Mapping[str, float]) -> Iterator[Reason]:
        """Yield the reasons to fail a clip by its technical measurements alone."""
        for name, value in checks.items():
            limit = self.limits.get(name)
            if limit and limit.broken_by(value):
                yield Reason(limit.code, limit.sentence.format(value=value))

    def _semantic(self, score: Score, ruled_out: bool) -> Iterator[Reason]:
        if score.prompt_adherence is None or score.prompt_rank is None:
            if not ruled_out:
                yield Reason("unscored", "it has no score for prompt adherence")
            return
        if not score.prompt_adherence >= self.min_adherence:
            yield Reason(
                "adherence",
                f"it does not match the prompt well enough "
                f"({score.prompt_adherence:.3f}, required {self.min_adherence:.3f})",
            )
        allowed = self.allowed_rank(score)
        if score.prompt_rank > allowed:
            better = score.prompt_rank - 1
            yield Reason(
                "rank",
                f"{counted(better, 'other prompt{s}')} of the campaign {one_or_more(better, 'matches', 'match')} it "
                f"better ({allowed - 1} allowed)",
            )
