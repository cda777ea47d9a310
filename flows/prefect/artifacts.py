"""A campaign's flow run as Prefect's pages show it: how far it is, how its clips stand, where to look at them."""

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
from manifests.states import UNFINISHED
from tasks.runtime.resources import Resources, catalogue_of

BEAT_S = 10.0
EFFORT = 20.0
"""What took a second to count and to show is shown anew after twenty."""
LAST_S = 5.0
"""What a run waits at most for its last artifacts, where the ones before were taken."""
FAILURES = 3
"""After so many in a row nothing more is shown; Prefect is for display."""

log = logging.getLogger(__name__)


class AnyRun(Protocol):
    """What is asked of `flows.runtime.run.Run`."""

    campaign_id: str
    outcome: str


@contextmanager
def shown(settings: Settings, resources: Resources, run: AnyRun, beat_s: float = BEAT_S) -> Iterator[None]:
    """Show the run on its flow run's page while the block lasts, and its result after it.

    All of it is done by a thread beside: a server that is away neither fails nor holds the run. Outside of a flow run
    nothing is shown.
    """
    if not _within_a_flow_run():
        yield
        return
    board = Board(catalogue_of(resources), run, settings.review_url)
    ended = threading.Event()
    thread = threading.Thread(
        target=copy_context().run, args=(_follow, board, ended, beat_s), name="artifacts", daemon=True
    )
    thread.start()
    try:
        yield
    except BaseException:
        board.is_failed = True
        raise
    finally:
        ended.set()
        thread.join(LAST_S if board.is_taken else 0.0)


class Board:
    """One run's artifacts.

    Attributes:
        is_taken: the last artifact was taken by the server.
        is_failed: the run ended by an error, whatever its outcome says so far.
    """

    def __init__(self, catalogue: Catalogue, run: AnyRun, review_url: str) -> None:
        self._catalogue = catalogue
        self._run = run
        self._review_url = review_url.rstrip("/")
        self._progress_id: UUID | None = None
        self.is_taken = False
        self.is_failed = False

    def show_progress(self) -> None:
        """Create or update the progress artifact."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        states = self._catalogue.progress.tally(self._run.campaign_id)
        share, words = share_of(states), words_of(states)
        if self._progress_id is None:
            self._progress_id = _id(
                create_progress_artifact(share, key=f"progress-{self._run.campaign_id}", description=words)
            )
        else:
            update_progress_artifact(self._progress_id, share, description=words)
        self.is_taken = True

    def show_result(self) -> None:
        """Create the table of states, and the link to the dashboard where one is known."""
        from prefect.artifacts import create_link_artifact, create_table_artifact

        campaign_id = self._run.campaign_id
        states = self._catalogue.progress.tally(campaign_id)
        outcome = "failed" if self.is_failed else self._run.outcome
        create_table_artifact(
            key=f"states-{campaign_id}",
            description=f"{outcome.capitalize()}: {words_of(states)}",
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
    """Return how much of a campaign needs no device any more, 0..100."""
    total = sum(states.values())
    return 100.0 * (total - sum(states.get(state, 0) for state in UNFINISHED)) / total if total else 0.0


def words_of(states: Mapping[str, int]) -> str:
    """Return ``12 of 40 clips: 2 failed, 10 published, 28 planned``."""
    total = sum(states.values())
    done = total - sum(states.get(state, 0) for state in UNFINISHED)
    counted = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
    return f"{done:,} of {total:,} clips: {counted or 'nothing planned'}"


def _follow(board: Board, ended: threading.Event, beat_s: float) -> None:
    failures = 0
    while failures < FAILURES:
        is_last = ended.is_set()
        began = time.monotonic()
        is_shown = _try(board, board.show_progress) and (not is_last or _try(board, board.show_result))
        failures = 0 if is_shown else failures + 1
        if is_last:
            return
        ended.wait(max(beat_s, EFFORT * (time.monotonic() - began)))


def _try(board: Board, show: Callable[[], None]) -> bool:
    try:
        show()
        return True
    except ReelmillError as error:
        log.debug("Nothing is shown for now: %s", error)
    except Exception as error:  # noqa: BLE001 - Prefect and its client raise many kinds, and none is worth a run
        log.debug("Prefect did not take an artifact: %s", type(error).__name__)
    board.is_taken = False
    return False


def _within_a_flow_run() -> bool:
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def _id(created: Any) -> UUID:
    """Prefect types its functions as if they could be awaited here; in a thread without a loop they cannot."""
    assert isinstance(created, UUID)
    return created
