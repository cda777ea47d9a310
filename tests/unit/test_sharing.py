"""Where a device begins that helps with a running shard, and with which shard."""

from test_job_selection import Tallies, jobs_of

from adapters.catalogue.work.leases import InFlight
from tasks.plan.shard import Job, Shard
from tasks.render.sharing import RunningShard, order_for_helper, shard_to_help


class Free(Tallies):
    """A fake catalogue in which some variants are free."""

    def __init__(self, *jobs: Job) -> None:
        super().__init__()
        self._free = {job.variant_id for job in jobs}

    def free(self, variant_ids, _states):
        return self._free.intersection(variant_ids)


def shard_of(jobs, **wants) -> Shard:
    return Shard("c", tuple(jobs), wants, ("a", "b"), 0.25, "run")


def seeds(jobs) -> list[int]:
    return [job.variant.seed for job in jobs]


def ids(*jobs: Job) -> set[str]:
    return {job.variant_id for job in jobs}


def test_a_helper_begins_in_the_middle_of_what_is_left_and_then_goes_backwards():
    jobs = jobs_of("all", 8)
    assert seeds(order_for_helper(jobs, ids(*jobs[2:]), ())) == [5, 6, 7, 4, 3, 2]


def test_the_next_helper_keeps_away_from_the_first():
    jobs = jobs_of("all", 8)
    first = order_for_helper(jobs, ids(*jobs), ())
    assert seeds(first) == [4, 5, 6, 7, 3, 2, 1, 0]
    second = order_for_helper(jobs, ids(*jobs), ids(first[0]))
    assert seeds(second)[:2] == [2, 3]
    third = order_for_helper(jobs, ids(*jobs), ids(first[0], second[0]))
    assert seeds(third)[:2] == [6, 7]


def test_the_last_free_job_is_shared_too():
    jobs = jobs_of("all", 3)
    assert order_for_helper(jobs, ids(jobs[2]), ()) == [jobs[2]]


def test_the_shard_with_most_free_jobs_is_helped():
    short, long = jobs_of("short", 3), jobs_of("long", 9)
    catalogue = Free(*short, *long[4:])
    running = [RunningShard(shard_of(short)), RunningShard(shard_of(long))]
    first = shard_to_help(catalogue, running)
    assert first is not None
    assert (first.helps, first.run_id, first.prompts) == (True, "run", ("a", "b"))
    assert set(first.jobs) == set(long[4:])
    second = shard_to_help(catalogue, running)
    assert second is not None
    assert second.jobs[0] != first.jobs[0]


def test_nothing_is_shared_if_no_job_is_free():
    jobs = jobs_of("all", 3)
    assert shard_to_help(Free(), [RunningShard(shard_of(jobs))]) is None
    assert shard_to_help(Free(*jobs), []) is None


def test_nothing_is_shared_while_clips_in_flight_may_satisfy_the_brief():
    jobs = jobs_of("wanted", 5)
    catalogue = Free(*jobs[2:])
    catalogue.leased = [InFlight(job.variant_id, "wanted", ()) for job in jobs[:2]]
    assert shard_to_help(catalogue, [RunningShard(shard_of(jobs, wanted=2))]) is None
    helper = shard_to_help(catalogue, [RunningShard(shard_of(jobs, wanted=3))])
    assert helper is not None
    assert helper.wants == {"wanted": 3}
