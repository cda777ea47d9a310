"""Shards have one shape group and keep the planned order."""

from manifests.variant import Variant
from tasks.plan.shard import Job, Shard, make_shards

WIDE = Variant("starter", "r1", "a red circle", "", 7, 90, 160, 17, 8, 16, 3.0)


def jobs(*variants: Variant) -> list[Job]:
    return [Job(variant, variant.variant_id, ("b",), 0.2) for variant in variants]


def test_a_shard_has_one_shape_group():
    tall = WIDE._replace(height=160, width=90)
    groups = list(make_shards(jobs(WIDE, tall, WIDE._replace(seed=8), tall._replace(seed=8)), 10))
    assert sorted(len({job.variant.shape_group for job in group}) for group in groups) == [1, 1]
    assert [job.variant.seed for job in groups[0]] == [7, 8]


def test_no_shard_exceeds_the_size():
    groups = list(make_shards(jobs(*(WIDE._replace(seed=seed) for seed in range(7))), 3))
    assert [len(group) for group in groups] == [3, 3, 1]


def test_shards_with_different_jobs_have_different_names():
    one, other = (Shard("c", tuple(jobs(WIDE._replace(seed=seed))), {}, (), 0.25) for seed in (1, 2))
    assert one.name != other.name
    assert one.name.startswith("starter-160x90-1-")
