"""The steps of a provider job. Each commits its result before the next one starts.

A job is reserved before a byte is sent, and its reference is stored before the first poll. Whenever the process ends,
the next one therefore finds the job in one of these states: not sent (there is no row), perhaps sent (``submitting``),
or sent. It adopts the job, and never submits a second one.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from adapters.catalogue import Catalogue
from adapters.hosted.errors import NotSentError, TokenError, UnclearError
from manifests.errors import (
    CardRuleError,
    CatalogueUnreachableError,
    GenerationError,
    LostLeaseError,
    ProviderError,
    SettingsError,
)
from manifests.hosted.job import Accepted, Cause, JobState, JobStatus, Progress, Refused, Unclear
from manifests.hosted.job_errors import (
    AccountBusyError,
    AccountPausedError,
    BudgetReachedError,
    JobStateError,
    OpenJobError,
    TakenReferenceError,
)
from manifests.hosted.provider_job import DoneJob, NewJob, ProviderJob, new_job_id
from tasks.plan.shard import Shard
from tasks.render.hosted.delays import asked_delay, backoff, first_poll, jittered
from tasks.render.hosted.flight import (
    FailedFor,
    Flight,
    LaneControl,
    Later,
    Next,
    Problem,
    ProblemKind,
    PutBack,
    ReadyFlights,
    Step,
    ToFetch,
)
from tasks.render.hosted.provider import Provider, Submission
from tasks.render.hosted.reconcile import reconcile, unusable
from tasks.render.hosted.refusals import after_failure, after_refusal, hide_job, pause_account
from tasks.render.hosted.sentences import lost_text, no_token_text, paused_text, refused_text
from tasks.runtime.lease_owner import current_owner
from tasks.runtime.resources import Resources

log = logging.getLogger(__name__)
FULL_S = 1.0
"""Seconds until another reservation is tried, if the account is at its limit."""
RECORD_S = 30.0
"""Seconds between two records of an unchanged status."""
CHANGED_S = 5.0
"""Seconds between two records of a changed status, so that fast jobs need few transactions."""
MOST_WAIT_S = 900.0
"""Longest wait for room in the account; it is more than the longest one that a provider may ask for."""
MAX_NOT_SENT = 5
"""Consecutive requests of a job that could not be sent before the provider counts as unreachable."""
MAX_SILENT_S = 60.0
"""Seconds without a connection before the provider counts as unreachable while jobs are polled."""
MAX_GONE = 3
"""Consecutive polls after which a missing job counts as gone: some lists are late."""
PAID_FACTOR = 10.0
PAUSES_S = (0.5, 2.0, 5.0)
INTERRUPTED = "The process ended before the provider's answer was stored"


class JobSteps:
    """The steps for the jobs of one shard; threads may share it, each with another job."""

    def __init__(
        self,
        resources: Resources,
        catalogue: Catalogue,
        shard: Shard,
        provider: Provider,
        control: LaneControl,
        ready: ReadyFlights,
    ) -> None:
        self._resources = resources
        self._catalogue = catalogue
        self._jobs = catalogue.provider_jobs
        self._shard = shard
        self._provider = provider
        self._control = control
        self._ready = ready

    def __call__(self, flight: Flight) -> Next:
        """Run the step that is due, and return the next one; only errors of the catalogue and the disk are raised."""
        steps = {
            Step.BEGIN: self._begin,
            Step.SUBMIT: self._submit,
            Step.POST: self._post_reserved,
            Step.POLL: self._poll,
            Step.RECONCILE: self._reconcile,
        }
        try:
            return steps[flight.step](flight)
        except JobStateError as error:  # a person or another host has settled the job meanwhile
            log.warning("A job is left as it is: %s", error)
            return PutBack()

    def _reconcile(self, flight: Flight) -> Next:
        return reconcile(self._catalogue, self._provider, flight, self._control)

    def _begin(self, flight: Flight) -> Next:
        """Adopt the open job of the variant, or submit one."""
        job = flight.provider_job
        if job is None:
            return self._submit(flight)
        flight.provider_job = job = self._jobs.adopt_by(job.job_id, current_owner())
        if job.state is JobState.SUBMITTING:
            flight.provider_job = self._jobs.uncertain(job.job_id, INTERRUPTED)
        if job.is_open and not self._provider.is_at(job):
            return self._elsewhere(flight, f"submitted to {job.base_url}")
        if flight.known_job.state is JobState.UNCERTAIN and not job.vendor_ref:
            return Later(Step.RECONCILE)
        if job.state is JobState.DONE and job.fetched_at is not None:
            flight.provider_job = self._jobs.fetch_again(job.job_id)
        return Later(Step.POLL) if job.is_open else Later(Step.SUBMIT)

    def _elsewhere(self, flight: Flight, where: str) -> Next:
        """Leave a job of another server: this one does not know it, and the key of this one is not for that one."""
        if self._provider.card.costs_money:
            return PutBack(Problem(ProblemKind.MOVED, where))
        return self._submit_again(flight, f"It was {where}, which is no longer used")

    def _submit(self, flight: Flight) -> Next:
        if not self._control.may_submit:
            return PutBack()
        try:
            reference = flight.unsent_id or new_job_id()
            submission = self._provider.prepare(flight.lease.variant, reference, self._resources)
        except TokenError as error:
            return self._without_token(flight, error)
        except (GenerationError, CardRuleError) as error:
            return FailedFor(str(error))
        return self._reserve(flight, submission) or self._post(flight, submission)

    def _reserve(self, flight: Flight, submission: Submission) -> Next | None:
        """Reserve the job in the catalogue; return the next step if this is not possible."""
        try:
            flight.provider_job = self._jobs.reserve(
                self._new_job(flight, submission), flight.lease, self._provider.limits
            )
        except OpenJobError as error:
            flight.provider_job = error.job
            return Later(Step.BEGIN)
        except LostLeaseError:
            return PutBack()
        except AccountBusyError as error:
            return self._busy(flight, error)
        except AccountPausedError as error:
            self._control.stop(Problem(ProblemKind.PAUSED, error.why))
            return PutBack()
        except BudgetReachedError:
            self._control.stop(Problem(ProblemKind.BUDGET))
            return PutBack()
        flight.waits = False
        return None

    def _busy(self, flight: Flight, error: AccountBusyError) -> Next:
        """Wait for room in the account, or end the lane if there will be none for long, as with a limit of a day."""
        if error.wait_s is not None and error.wait_s > MOST_WAIT_S:
            when = f"{error.limit}: there is room in {error.wait_s / 3600:.1f} hours"
            self._control.stop(Problem(ProblemKind.LIMIT, when))
            return PutBack()
        flight.waits = True
        return Later(Step.SUBMIT, FULL_S if error.wait_s is None else min(error.wait_s, 60.0))

    def _new_job(self, flight: Flight, submission: Submission) -> NewJob:
        card, variant = self._provider.card, flight.lease.variant
        return NewJob(
            flight.lease.variant_id,
            self._shard.campaign_id,
            self._shard.run_id,
            card.provider,
            card.name,
            card.protocol,
            self._provider.base_url,
            submission.digest,
            card.price_of(variant),
            card.deadline_s,
            submission.request.reference,
            was_unsent=bool(flight.unsent_id),
            key_digest=self._provider.key_digest,
        )

    def _post_reserved(self, flight: Flight) -> Next:
        submission, flight.submission = flight.submission, None
        return self._post(flight, submission) if submission else self._submit(flight)

    def _post(self, flight: Flight, submission: Submission) -> Next:
        """Send the request once, and commit the result."""
        job, flight.unsent_id = flight.known_job, ""
        try:
            answer = self._provider.submit(submission)
            flight.accepted_at = time.monotonic()
        except NotSentError as error:
            self._jobs.not_sent(job.job_id, str(error))
            flight.provider_job, flight.unsent_id = None, job.job_id
            return self._unreachable(flight, Step.SUBMIT, str(error))
        except TokenError as error:  # the provider refused the first token with 401, and there is no second one
            self._jobs.refused(job.job_id, Refused(Cause.AUTH, message=str(error)))
            return self._without_token(flight, error)
        except UnclearError as error:
            answer = Unclear(str(error))
        except (ProviderError, SettingsError) as error:  # the request cannot even be written
            self._jobs.not_sent(job.job_id, str(error))
            self._control.stop(error=error, abandon=True)
            return PutBack()
        return self._after_post(flight, answer)

    def _after_post(self, flight: Flight, answer: Accepted | Refused | Unclear) -> Next:
        job = flight.known_job
        self._control.silent_since = None
        if isinstance(answer, Accepted):
            try:
                return self._accepted(flight, answer)
            except TakenReferenceError as error:
                answer = Unclear(str(error))
        if isinstance(answer, Unclear):
            flight.provider_job = self._jobs.uncertain(job.job_id, answer.why)
            return Later(Step.RECONCILE, backoff(flight.delays))
        self._jobs.refused(job.job_id, answer)
        flight.provider_job = None
        return after_refusal(self._catalogue, self._provider, flight, answer, self._control)

    def _accepted(self, flight: Flight, accepted: Accepted) -> Next:
        flight.provider_job = self._stored(flight.known_job.job_id, accepted)
        flight.delays = flight.not_taken = self._control.invalid = self._control.not_taken = 0
        flight.polled_at = None
        if flight.known_job.state is not JobState.SUBMITTED:  # closed by a person meanwhile
            return PutBack()
        since_s = time.monotonic() - (flight.accepted_at or 0.0)
        return Later(Step.POLL, first_poll(self._provider.card.poll_s, self._provider.pace.first_s - since_s))

    def _stored(self, job_id: str, accepted: Accepted) -> ProviderJob:
        """Store the provider's reference; a catalogue that is briefly unreachable must not lose it."""
        for pause in PAUSES_S:
            try:
                return self._jobs.submitted(job_id, accepted)
            except CatalogueUnreachableError:
                time.sleep(pause)
        return self._jobs.submitted(job_id, accepted)

    def _without_token(self, flight: Flight, error: TokenError) -> Next:
        flight.provider_job = None
        if error.is_refused:
            why = no_token_text(self._provider.card, str(error))
            return pause_account(self._catalogue, self._provider, Cause.AUTH, why, self._control)
        return self._unreachable(flight, Step.SUBMIT, str(error))

    def _unreachable(self, flight: Flight, step: Step, why: str) -> Next:
        flight.delays += 1
        self._silent_for(why)
        return self._give_up(why) if flight.delays >= MAX_NOT_SENT else Later(step, backoff(flight.delays - 1))

    def _give_up(self, why: str) -> PutBack:
        """End the lane because the provider cannot be reached; the next run adopts its jobs."""
        self._control.stop(error=unusable(self._provider, why), abandon=True)
        return PutBack()

    def _silent_for(self, why: str) -> float:
        """Return for how many seconds the provider could not be reached; the first time, log it."""
        now = time.monotonic()
        if self._control.silent_since is None:
            self._control.silent_since = now
            log.warning("%s cannot be used: %s. Trying again.", self._provider.card.provider, why.rstrip("."))
        return now - self._control.silent_since

    def _poll(self, flight: Flight) -> Next:
        """Ask for the status. A failure of this request is not one of the job."""
        before, flight.polled_at = flight.polled_at, time.monotonic()
        try:
            status = self._provider.poll(flight.known_job, flight.lease.variant)
        except NotSentError as error:
            return self._poll_silent(flight, str(error))
        except (UnclearError, TokenError) as error:
            return self._poll_later(flight, JobStatus(Progress.UNKNOWN), str(error))
        self._control.silent_since = None
        if status.progress is not Progress.GONE:
            flight.gone = 0
        if status.progress not in (Progress.GONE, Progress.UNKNOWN):
            self._seen(flight)
        if status.progress is Progress.DONE:
            self._learn(flight, before)
        return self._by_progress(flight, status)

    def _seen(self, flight: Flight) -> None:
        """Note that the provider knows the job: one that an earlier key did not show is submitted again."""
        job = flight.known_job
        if job.state is JobState.UNCERTAIN:
            flight.provider_job = self._jobs.submitted(job.job_id, Accepted(job.vendor_ref, job.links))

    def _poll_silent(self, flight: Flight, why: str) -> Next:
        """Poll again after a request that could not be sent; MAX_SILENT_S after the first one, end the lane."""
        left_s = MAX_SILENT_S - self._silent_for(why)
        if left_s <= 0:
            return self._give_up(why)
        step = self._poll_later(flight, JobStatus(Progress.UNKNOWN), why)
        return step._replace(after_s=min(step.after_s, left_s)) if isinstance(step, Later) else step

    def _by_progress(self, flight: Flight, status: JobStatus) -> Next:
        if status.progress in (Progress.WAITING, Progress.RUNNING):
            self._cancel(flight, status)
            if flight.known_job.state is not JobState.DONE:
                flight.delays = 0
            return self._poll_later(flight, status)
        if status.progress is Progress.DONE and status.file is not None:
            return self._done(flight, status)
        if status.progress is Progress.FAILED:
            return self._failed(flight, status)
        if status.progress is Progress.CANCELLED:
            return self._cancelled(flight, status)
        if status.progress is Progress.GONE:
            return self._gone(flight, status)
        if status.failure is not None and status.failure.cause is Cause.AUTH:
            why = paused_text(self._provider.card, status.failure)
            return pause_account(self._catalogue, self._provider, Cause.AUTH, why, self._control)
        flight.delays += 1
        return self._poll_later(flight, status)

    def _cancel(self, flight: Flight, status: JobStatus) -> None:
        """Ask for the cancellation of a job that is no longer wanted; its next polls return the result."""
        if not self._control.cancels or flight.is_cancelling:
            return
        try:
            flight.is_cancelling = self._provider.cancel(flight.known_job, flight.lease.variant, status)
        except (NotSentError, UnclearError, TokenError) as error:
            log.warning("A job could not be cancelled: %s", error)

    def _poll_later(self, flight: Flight, status: JobStatus, why: str = "") -> Next:
        """Poll again, unless the job is overdue."""
        self._record_word(flight, status.word)
        is_done, is_known = flight.known_job.state is JobState.DONE, status.progress is not Progress.UNKNOWN
        said = why or (f"state {status.word}" if is_known else f"unknown state {status.word}")
        if is_done or why:
            flight.delays += 1
        if is_done and flight.delays > MAX_NOT_SENT:
            return PutBack(Problem(ProblemKind.NOT_FETCHED, said))
        if not is_done and time.time() > flight.known_job.due_at:
            return PutBack(Problem(ProblemKind.OVERDUE, said))
        if is_known:
            return Later(Step.POLL, jittered(self._provider.card.poll_s))
        asked = status.failure.retry_after_s if status.failure else None
        delay = max(self._provider.card.poll_s, backoff(flight.delays - 1))
        return Later(Step.POLL, delay if asked is None else asked_delay(asked, flight.delays))

    def _record_word(self, flight: Flight, word: str) -> None:
        now = time.monotonic()
        if word and now - flight.recorded_at > (RECORD_S if word == flight.word else CHANGED_S):
            self._jobs.polled(flight.known_job.job_id, word)
            flight.word, flight.recorded_at = word, now

    def _learn(self, flight: Flight, before: float | None) -> None:
        """Learn how long a job took that is done at this poll; ``before`` is when it was polled before."""
        began, flight.accepted_at = flight.accepted_at, None
        if began is not None and flight.polled_at is not None:
            self._provider.pace.add(flight.polled_at - began, None if before is None else before - began)

    def _done(self, flight: Flight, status: JobStatus) -> Next:
        """Store cost and facts first: the file can be fetched again, but they may be reported only once."""
        assert status.file is not None
        done = DoneJob(flight.known_job.job_id, status.cost, _facts(status), status.file.expires_in_s)
        with self._successor(flight) as following:
            if following is None or following.submission is None:
                flight.provider_job = self._jobs.done(*done)
                return ToFetch(status.file, following)
            flight.provider_job, following.provider_job = self._jobs.done_and_reserve(
                done, self._new_job(following, following.submission), following.lease, self._provider.limits
            )
            if following.provider_job is None:  # the next step tries to reserve it, and handles the reason
                following.submission = None
            return ToFetch(status.file, following)

    @contextmanager
    def _successor(self, flight: Flight) -> Iterator[Flight | None]:
        """Yield the job that is submitted at the place of one that is done, if one is ready; keep it after an error."""
        is_first = flight.known_job.state is not JobState.DONE
        following = self._ready.take_for_place() if is_first and self._control.may_submit else None
        try:
            if following is not None:
                following.step, following.submission = Step.POST, self._prepared(following)
            yield following
        except BaseException:
            if following is not None:
                self._ready.put_back(following)
            raise

    def _prepared(self, flight: Flight) -> Submission | None:
        """Return the request for a job; None if the job's own step has to handle an error."""
        try:
            reference = flight.unsent_id or new_job_id()
            return self._provider.prepare(flight.lease.variant, reference, self._resources)
        except (TokenError, GenerationError, CardRuleError):
            return None

    def _failed(self, flight: Flight, status: JobStatus) -> Next:
        failure = status.failure or Refused(Cause.VENDOR, message=status.word)
        card, job = self._provider.card, flight.known_job
        if job.state is JobState.DONE:
            return self._lost(flight, f"it was done, but the provider now reports {status.word}")
        is_billed = card.costs_money and card.billed_on_failure != "no"
        self._jobs.failed(job.job_id, failure, status.cost, is_billed=is_billed)
        flight.provider_job = None
        return after_failure(self._catalogue, self._provider, flight, failure, self._control)

    def _cancelled(self, flight: Flight, status: JobStatus) -> Next:
        card, job = self._provider.card, flight.known_job
        failure = status.failure or Refused(Cause.CANCELLED)
        if job.state is JobState.DONE:
            return self._lost(flight, f"it was done, but the provider now reports {status.word}")
        self._jobs.cancelled(job.job_id, failure.message, status.cost, is_billed=card.billed_on_failure == "yes")
        flight.provider_job = None
        if self._control.cancels:  # the variant is planned, so that the campaign can be reopened
            return PutBack()
        return FailedFor(refused_text(card, failure._replace(cause=Cause.CANCELLED)))

    def _gone(self, flight: Flight, status: JobStatus) -> Next:
        flight.gone += 1
        if flight.gone < MAX_GONE:
            return Later(Step.POLL, backoff(flight.gone, self._patience))
        said = status.failure.message if status.failure else ""
        why = f"{self._provider.card.provider} no longer has the job{f' ({said})' if said else ''}"
        if self._provider.card.costs_money and not self._provider.may_see(flight.known_job):
            return hide_job(self._catalogue, self._provider, flight)
        if self._provider.card.costs_money:
            return self._lost(flight, why)
        if flight.is_cancelling:  # servers delete cancelled jobs
            return self._cancelled(flight, status)
        return self._submit_again(flight, why)

    @property
    def _patience(self) -> float:
        """By how much longer a job that seems to be gone is asked for if it is paid: servers recover in a minute."""
        return PAID_FACTOR if self._provider.card.costs_money else 1.0

    def _submit_again(self, flight: Flight, why: str) -> Next:
        """Submit a free job again whose server has lost it."""
        self._jobs.lost(flight.known_job.job_id, why)
        flight.provider_job, flight.gone = None, 0
        flight.resubmissions += 1
        if flight.resubmissions > MAX_GONE:
            return FailedFor(
                f"{why}, {flight.resubmissions} times. Check the server, then run `reelmill retry CAMPAIGN --failed`."
            )
        return Later(Step.SUBMIT)

    def renew(self, flight: Flight, why: str) -> Next:
        """Ask for a new address of the file, because this one could not be used."""
        flight.renewals += 1
        if flight.renewals <= MAX_GONE:
            return Later(Step.POLL, backoff(flight.renewals - 1, self._patience))
        if not self._provider.card.costs_money:
            return self._submit_again(flight, why)
        return self._lost(flight, why)

    def _lost(self, flight: Flight, why: str) -> FailedFor:
        job: ProviderJob = self._jobs.lost(flight.known_job.job_id, why)
        return FailedFor(lost_text(job, why))


def _facts(status: JobStatus) -> Mapping[str, object]:
    return dict(status.facts)
