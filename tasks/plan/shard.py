"""What one device gets to do at a time."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from manifests.variant import Variant


class Job(NamedTuple):
    """A variant with what its verdict depends on.

    Attributes:
        brief_ids: the briefs of the campaign that it serves.
        min_adherence: threshold of the gate, a cosine.
    """

    variant: Variant
    variant_id: str
    brief_ids: tuple[str, ...]
    min_adherence: float


@dataclass(frozen=True, slots=True)
class Shard:
    """Jobs of one bucket, for one device.

    Attributes:
        wants: by brief id, how many passing clips end its work.
        prompts: every prompt of the campaign, for the ranking; empty lets the worker ask the catalogue, since they
            may be many.
        max_rank_share: see Gate.
        run_id: the run that it belongs to, whose turn is asked for before more is taken; empty for none.
    """

    campaign_id: str
    jobs: tuple[Job, ...]
    wants: Mapping[str, int]
    prompts: tuple[str, ...]
    max_rank_share: float
    run_id: str = ""

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
        """Readable and the same for the same jobs: shows in Prefect's task runs."""
        ids = "".join(job.variant_id for job in self.jobs)
        digest = hashlib.blake2b(ids.encode(), digest_size=3).hexdigest()
        variant = self.jobs[0].variant
        return f"{variant.card}-{variant.width}x{variant.height}-{len(self.jobs)}-{digest}"


def cut(jobs: Iterable[Job], size: int) -> Iterator[tuple[Job, ...]]:
    """Yield groups of at most ``size`` jobs that share a bucket, ordered by bucket and then by prompt.

    So nothing reloads or recompiles without need, and a prompt is embedded by as few shards as can be. The jobs
    of a prompt keep the order in which they were planned: its seeds are drawn one after the other, and none is
    drawn in vain where a brief is soon satisfied.
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
