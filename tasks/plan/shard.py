"""Shards: groups of jobs for one device."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from manifests.variant import Variant


class Job(NamedTuple):
    """A variant with the inputs of its verdict.

    Attributes:
        brief_ids: the campaign's briefs that include the variant.
        min_adherence: threshold of the gate, a cosine.
        goals: what the variant counts towards, see manifests.goals.goal; the briefs if empty.
        is_finished: whether deliverables are made of the clip, so that its master must have a higher quality.
    """

    variant: Variant
    variant_id: str
    brief_ids: tuple[str, ...]
    min_adherence: float
    goals: tuple[str, ...] = ()
    is_finished: bool = False

    @property
    def wanted_by(self) -> tuple[str, ...]:
        """The goals; the variant is needed as long as one of them lacks clips."""
        return self.goals or self.brief_ids


@dataclass(frozen=True, slots=True)
class Shard:
    """Jobs of one shape group, for one device.

    Attributes:
        wants: number of passing clips that satisfies a goal, by goal; goals that want every clip are left out.
        prompts: all prompts of the campaign, for the ranking. If empty, the worker reads them from the catalogue,
            since there may be many.
        max_rank_share: see Gate.
        run_id: the shard's run, whose turn is checked before more variants are leased; empty for none.
        helps: the jobs are those of a shard that another device works on, in a different order. The device ends
            instead of waiting for verdicts.
    """

    campaign_id: str
    jobs: tuple[Job, ...]
    wants: Mapping[str, int]
    prompts: tuple[str, ...]
    max_rank_share: float
    run_id: str = ""
    helps: bool = False

    @property
    def card(self) -> str:
        """The card that all jobs share."""
        return self.jobs[0].variant.card

    @property
    def profile(self) -> str:
        """The speed profile that all jobs share."""
        return self.jobs[0].variant.profile

    @property
    def name(self) -> str:
        """Readable name for Prefect's task runs, the same for the same jobs."""
        ids = "".join(job.variant_id for job in self.jobs)
        digest = hashlib.blake2b(ids.encode(), digest_size=3).hexdigest()
        variant = self.jobs[0].variant
        return f"{variant.card}-{variant.width}x{variant.height}-{len(self.jobs)}-{digest}"


def make_shards(jobs: Iterable[Job], size: int) -> Iterator[tuple[Job, ...]]:
    """Yield groups of at most ``size`` jobs of one shape group, ordered by shape group and then by prompt.

    This avoids unnecessary reloads and recompilations, and embeds each prompt in as few shards as possible. Jobs
    of a prompt keep their planned order, so that no seed is generated needlessly once a brief is satisfied.
    """
    by_shape_group: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        by_shape_group.setdefault(job.variant.shape_group, []).append(job)
    for shape_group in sorted(by_shape_group, key=repr):
        group = sorted(by_shape_group[shape_group], key=_texts)
        for start in range(0, len(group), size):
            yield tuple(group[start : start + size])


def _texts(job: Job) -> tuple[str, str]:
    return job.variant.prompt, job.variant.negative_prompt
