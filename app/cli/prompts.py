"""The prompts that a run would use, for `reelmill plan --prompts`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.cli.output import say
from manifests.pluralize import count_of
from manifests.variant import PlannedVariant
from tasks.intake.intake import Intake

MAX_PROMPTS = 1_000
SHOWN_PROMPTS = 40


@dataclass(frozen=True, slots=True)
class PromptLine:
    """What is asked of a model for one clip."""

    row: int
    brief_id: str
    model: str
    placement: str
    seed: int
    prompt: str
    negative_prompt: str


def prompt_lines(intake: Intake, planned: Iterable[PlannedVariant]) -> Iterator[PromptLine]:
    """Yield a line for each variant, in the order in which they are planned."""
    rows = {brief.brief_id: brief.row for brief in intake.checked.briefs}
    for brief_id, placement, variant, _, _ in planned:
        yield PromptLine(
            rows[brief_id],
            brief_id,
            variant.card,
            placement.label,
            variant.seed,
            variant.prompt,
            variant.negative_prompt,
        )


def show_prompts(intake: Intake, planned: Sequence[PlannedVariant], total: int) -> None:
    """Print the first prompts in full, each on its own line, and the number of the others."""
    say()
    for line in prompt_lines(intake, planned[:SHOWN_PROMPTS]):
        say(f"Row {line.row}, {line.model}, {line.placement}, seed {line.seed}: {line.prompt}")
    if total > SHOWN_PROMPTS:
        more = f"and {count_of(total - SHOWN_PROMPTS, 'more prompt')}"
        say(f"{more}. --json lists the first {MAX_PROMPTS:,}." if len(planned) > SHOWN_PROMPTS else f"{more}.")
