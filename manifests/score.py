"""What was measured on a clip."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Score:
    """Measurements only; whether they suffice is the gate's to say.

    Attributes:
        checks: technical measurements by name (see tasks/score/technical_checks.py for their units).
        prompt_adherence: cosine of prompt and frame embeddings, mean over frames, -1..1;
            None where a technical check already ruled the clip out.
        prompt_rank: place of the own prompt among itself and the distractors, 1 is best.
        num_distractors: how many other prompts it was ranked against.
        scorer: name and revision of the OpenCLIP weights.
    """

    variant_id: str
    checks: dict[str, float] = field(default_factory=dict)
    prompt_adherence: float | None = None
    prompt_rank: int | None = None
    num_distractors: int = 0
    scorer: str = ""
