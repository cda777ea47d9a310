"""A job that the provider did not accept is submitted again, for a while."""

from types import SimpleNamespace
from typing import Any, cast

from tasks.render.hosted.flight import Flight, LaneControl, Later, ProblemKind, PutBack, Step
from tasks.render.hosted.reconcile import submit_again
from tasks.render.hosted.sentences import sentences

PROVIDER: Any = SimpleNamespace(card=SimpleNamespace(provider="vendor"), base_url="https://example.com")


def steps_of(control: LaneControl, accepts_others: bool) -> tuple[list[Any], Flight]:
    flight = Flight(cast(Any, None), cast(Any, None))
    steps = []
    for _ in range(3):
        flight.provider_job = cast(Any, SimpleNamespace(error="the answer was 503."))
        steps.append(submit_again(PROVIDER, flight, control, 3))
        if accepts_others:
            control.not_taken = 0
    return steps, flight


def test_the_third_time_in_a_row_the_provider_counts_as_unusable():
    control = LaneControl()
    (first, second, last), flight = steps_of(control, accepts_others=False)
    assert (first.step, second.step, last) == (Step.SUBMIT, Step.SUBMIT, PutBack())
    assert isinstance(first, Later)
    assert flight.provider_job is None
    assert control.halt is not None
    assert not control.halt.abandon
    assert str(control.halt.error).startswith(
        "The provider vendor at https://example.com cannot be used: the answer was 503."
    )


def test_if_other_jobs_are_accepted_only_this_one_is_left():
    control = LaneControl()
    (*_, last), _ = steps_of(control, accepts_others=True)
    assert control.halt is None
    assert last.problem.kind is ProblemKind.NOT_ACCEPTED
    assert sentences("vendor", [last.problem]) == [
        "1 provider job of vendor is not accepted (the answer was 503), which costs nothing. Run the same command "
        "again later"
    ]
