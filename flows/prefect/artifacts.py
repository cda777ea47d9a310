"""Artifacts of a campaign's flow run in Prefect: progress, clips by state, and a link to the dashboard."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Protocol
from uuid import UUID

from adapters.catalogue import Catalogue
from flows.settings import Settings
from manifests.errors import ReelmillError
from manifests.states import done_in
from tasks.runtime.resources import Resources, catalogue_of

BEAT_S = 10.0
EFFORT = 20.0
"""Pause between updates, as a multiple of the duration of an update."""
LAST_S = 5.0
"""How long a run waits for its last artifacts, if earlier ones were accepted."""
FAILURES = 3
"""Failures in a row after which no further artifacts are created; they are only for display."""

log = logging.getLogger(__name__)


class AnyRun(Protocol):
    """The part of `flows.runtime.run.Run` that is used here."""

    campaign_id: str
    outcome: str


@contextmanager
def showing_progress(settings: Settings, resources: Resources, run: AnyRun, beat_s: float = BEAT_S) -> Iterator[None]:
    """Show the progress of the run on the page of its flow run during the block, and its result at the end.

    A separate thread does this, so an unreachable server neither fails nor delays the run. Outside of a flow run,
    nothing is shown.
    """
    if not _within_a_flow_run():
        yield
        return
    artifacts = RunArtifacts(catalogue_of(resources), run, settings.review_url)
    ended = threading.Event()
    thread = threading.Thread(
        target=copy_context().run, args=(_follow, artifacts, ended, beat_s), name="artifacts", daemon=True
    )
    thread.start()
    try:
        yield
    except BaseException:
        artifacts.is_failed = True
        raise
    finally:
        ended.set()
        thread.join(LAST_S if artifacts.is_accepted else 0.0)


class RunArtifacts:
    """The artifacts of one run.

    Attributes:
        is_accepted: whether the server accepted the last artifact.
        is_failed: whether the run ended with an error; this overrides its outcome.
    """

    def __init__(self, catalogue: Catalogue, run: AnyRun, review_url: str) -> None:
        self._catalogue = catalogue
        self._run = run
        self._review_url = review_url.rstrip("/")
        self._progress_id: UUID | None = None
        self.is_accepted = False
        self.is_failed = False

    def show_progress(self) -> None:
        """Create or update the progress artifact."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        states = self._catalogue.progress.tally(self._run.campaign_id)
        share, words = share_of(states), progress_text(states)
        if self._progress_id is None:
            self._progress_id = _id(
                create_progress_artifact(share, key=f"progress-{self._run.campaign_id}", description=words)
            )
        else:
            update_progress_artifact(self._progress_id, share, description=words)
        self.is_accepted = True

    def show_result(self) -> None:
        """Create the table of states and, if its URL is known, the link to the dashboard."""
        from prefect.artifacts import create_link_artifact, create_table_artifact

        campaign_id = self._run.campaign_id
        states = self._catalogue.progress.tally(campaign_id)
        outcome = "failed" if self.is_failed else self._run.outcome
        create_table_artifact(
            key=f"states-{campaign_id}",
            description=f"{outcome.capitalize()}: {progress_text(states)}",
            table=[{"state": state, "clips": number} for state, number in sorted(states.items())],
        )
        if self._review_url:
            create_link_artifact(
                f"{self._review_url}/campaigns/{campaign_id}",
                link_text="Review dashboard",
                key=f"review-{campaign_id}",
                description=f"Clips of {campaign_id}",
            )


def share_of(states: Mapping[str, int]) -> float:
    """Return the percentage of a campaign's clips that need no further device time, 0..100."""
    total = sum(states.values())
    return 100.0 * done_in(states) / total if total else 0.0


def progress_text(states: Mapping[str, int]) -> str:
    """Return ``12 of 40 clips: 2 failed, 10 published, 28 planned``."""
    total, done = sum(states.values()), done_in(states)
    counted = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
    return f"{done:,} of {total:,} clips: {counted or 'nothing planned'}"


def _follow(artifacts: RunArtifacts, ended: threading.Event, beat_s: float) -> None:
    failures = 0
    while failures < FAILURES:
        is_last = ended.is_set()
        began = time.monotonic()
        is_shown = _try(artifacts, artifacts.show_progress) and (not is_last or _try(artifacts, artifacts.show_result))
        failures = 0 if is_shown else failures + 1
        if is_last:
            return
        ended.wait(max(beat_s, EFFORT * (time.monotonic() - began)))


def _try(artifacts: RunArtifacts, show: Callable[[], None]) -> bool:
    try:
        show()
        return True
    except ReelmillError as error:
        log.debug("The progress cannot be shown at the moment: %s", error)
    except Exception as error:  # noqa: BLE001 - Prefect's client raises many kinds of errors; none may fail the run
        log.debug("Prefect did not accept an artifact: %s", type(error).__name__)
    artifacts.is_accepted = False
    return False


def _within_a_flow_run() -> bool:
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def _id(created: Any) -> UUID:
    """Narrow the type: Prefect's functions are typed as possibly async, but in a thread without a loop they are not."""
    assert isinstance(created, UUID)
    return created
