"""Measurements of a clip."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Score:
    """Measurements only; the gate decides whether they suffice.

    Attributes:
        checks: technical measurements by name (see tasks/score/technical_checks.py for their units).
        prompt_adherence: cosine of prompt and frame embeddings, mean over frames, -1..1;
            None if a technical check already failed the clip.
        prompt_rank: rank of the clip's own prompt among itself and the distractors, 1 is best.
        num_distractors: number of other prompts in the ranking.
        scorer: name and revision of the OpenCLIP weights.
    """

    variant_id: str
    checks: dict[str, float] = field(default_factory=dict)
    prompt_adherence: float | None = None
    prompt_rank: int | None = None
    num_distractors: int = 0
    scorer: str = ""
