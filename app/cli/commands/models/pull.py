"""`reelmill models pull`: download the weights of a model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from adapters.hub import online
from app.cli.options import AsJson
from app.cli.output import errors, say, say_json, warn
from app.session import Session
from manifests.pluralize import count_of
from models.card import LocalCard, ModelCard
from models.registry import get_card_with_weights, get_scorer_card, weights_problem
from models.weights import hub_weights_of, repair_of
from tasks.plan.licence import refuse_unsupported
from tasks.pull import PullPlan, plan_pull
from tasks.pull import pull as download

STEP = 0.1
"""Share of the download after which a line is printed if the output is not a terminal."""


def pull(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model card.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files and their sizes, without downloading them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download the weights of a model from the Hugging Face hub, with its parts, its LoRAs and its scorer.

    Only files that the loaders read are downloaded, at the revision of the card, and compared with the hashes of the
    hub. An interrupted download continues where it stopped. Set HF_TOKEN for models whose terms have to be accepted.
    """
    session = Session.open()
    refuse_unsupported(session.resources, [name])
    cards = _with_scorer(get_card_with_weights(name, session.settings.model_folders), session)
    with online():
        plan = plan_pull(cards, session.settings.weights_root)
        if not dry_run:
            with _progress(plan, shown=not as_json) as report:
                download(plan, report)
    problems = [] if dry_run else _problems(cards, session)
    if as_json:
        say_json(_as_json(plan) | ({} if dry_run else {"weights_problem": problems[0] if problems else None}))
    elif dry_run:
        _show_plan(cards[0], plan)
    elif not problems:
        say(_ending(cards, plan))
    for problem in problems:
        warn(problem)
    if problems:
        raise typer.Exit(1)


def _with_scorer(card: LocalCard, session: Session) -> list[LocalCard]:
    if not isinstance(card, ModelCard):
        return [card]
    return [card, get_scorer_card(card.scorer, session.settings.model_folders)]


def _problems(cards: list[LocalCard], session: Session) -> list[str]:
    """Return what is wrong with the weights; all of them are read, as `models verify` does."""
    found = {card.name: (card, weights_problem(card, session.settings.weights_root)) for card in cards}
    return [_without_repair(problem, card) for card, problem in found.values() if problem]


def _without_repair(problem: str, card: LocalCard) -> str:
    """Replace the advice to download the files, which was just done: they have the hashes that the hub lists."""
    return problem.replace(repair_of(card), "The files match those of the hub. Enter another revision in the card.")


def _ending(cards: list[LocalCard], plan: PullPlan) -> str:
    names = " and ".join(card.name for card in cards)
    if not plan.snapshots:
        return f"The weights of {names} are on this machine and unchanged. None of them come from the hub."
    return f"The weights of {names} are complete and unchanged ({plan.total_bytes / 1e9:.1f} GB in {plan.cache.root})."


def _show_plan(card: LocalCard, plan: PullPlan) -> None:
    if card.retired:
        say(f"Retired: {card.retired}")
    if not hub_weights_of(card):
        say(f"The weights of {card.name} do not come from the hub.")
    for each in plan.snapshots:
        say(f"{each.hub_id} at {each.revision}")
        for file in each.files:
            there = "  present" if plan.cache.is_present(each.hub_id, file) else ""
            say(f"  {file.size / 1e9:8.3f} GB  {file.name}{there}")
    number = count_of(sum(len(each.files) for each in plan.snapshots), "file")
    say(
        f"{number}, {plan.total_bytes / 1e9:.1f} GB, of which {plan.missing_bytes / 1e9:.1f} GB are missing. The disk "
        f"of {plan.cache.root} has {plan.cache.free_bytes() / 1e9:.1f} GB free."
    )


@contextmanager
def _progress(plan: PullPlan, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show one bar for the whole download, or a line for each tenth of it if the output is not a terminal."""
    if not shown or not plan.missing_bytes:
        yield lambda _: None
    elif not errors.is_terminal:
        yield _Lines(plan.missing_bytes).add
    else:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(TextColumn("{task.description}"), *columns, console=errors) as bar:
            task = bar.add_task("Downloading", total=plan.missing_bytes)
            yield lambda number: bar.advance(task, number)


class _Lines:
    """Prints how much is downloaded. Calls from several threads may print a line twice, which does no harm."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._next = STEP * total

    def add(self, number: int) -> None:
        self._done += number
        if self._done >= self._next:
            self._next = (self._done // (STEP * self._total) + 1) * STEP * self._total
            warn(f"Downloaded {self._done / 1e9:.1f} of {self._total / 1e9:.1f} GB.")


def _as_json(plan: PullPlan) -> dict[str, Any]:
    files = [
        {
            "repository": each.hub_id,
            "revision": each.revision,
            "name": file.name,
            "bytes": file.size,
            "present": plan.cache.is_present(each.hub_id, file),
        }
        for each in plan.snapshots
        for file in each.files
    ]
    return {
        "folder": str(plan.cache.root),
        "files": files,
        "total_bytes": plan.total_bytes,
        "missing_bytes": plan.missing_bytes,
        "free_bytes": plan.cache.free_bytes(),
    }
