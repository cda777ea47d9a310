"""Which files of the hub the weights of cards consist of, and how much of them is missing on this machine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.hub import HubCache, HubError, HubFile, Snapshot, list_files, read_file
from models.card import LocalCard
from models.weights import HubWeights, check_total_size, hub_cache, hub_weights_of
from models.weights.pipeline_index import INDEX
from models.weights.refusal import RefusedFileError


@dataclass(frozen=True, slots=True)
class PullPlan:
    """A download.

    Attributes:
        snapshots: one for each repository and revision, with the files that the loaders read.
        total_bytes: size of these files.
        missing_bytes: size of those, or of the ends of those, that are not on this machine.
    """

    cache: HubCache
    snapshots: tuple[Snapshot, ...]
    total_bytes: int
    missing_bytes: int


def plan_pull(cards: Iterable[LocalCard], weights_root: Path | None) -> PullPlan:
    """Ask the hub for the files of cards; nothing is written.

    Raises:
        HubError: the hub refuses or does not answer, or a repository has no weights that could be loaded.
    """
    snapshots = tuple(_merged(map(_snapshot_of, _unique(cards))))
    cache = HubCache(hub_cache(weights_root))
    blobs = {(each.hub_id, file.blob): file.size for each in snapshots for file in each.files}
    return PullPlan(cache, snapshots, sum(blobs.values()), cache.missing_bytes(snapshots))


def _unique(cards: Iterable[LocalCard]) -> Iterator[HubWeights]:
    for card in {card.name: card for card in cards}.values():
        yield from hub_weights_of(card)


def _snapshot_of(source: HubWeights) -> Snapshot:
    """Return the wanted files of one repository; what the loaders would refuse is refused before it is downloaded."""
    hub_id, revision = source.weights.hub_id or "", source.weights.revision
    listed = {file.name: file for file in list_files(hub_id, revision)}
    try:
        wanted = source.wanted(listed, lambda: read_file(hub_id, revision, INDEX))
        files = tuple(listed[name] for name in wanted)
        check_total_size(source.weights, sum(file.size for file in files))
    except RefusedFileError as error:
        raise HubError(f"{source.what} in {hub_id} at the revision {revision} cannot be used: {error}.") from error
    return Snapshot(hub_id, revision, files)


def _merged(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """Yield one snapshot for each repository and revision: a card and its LoRAs may share one."""
    found: dict[tuple[str, str], dict[str, HubFile]] = {}
    for each in snapshots:
        found.setdefault((each.hub_id, each.revision), {}).update({file.name: file for file in each.files})
    for (hub_id, revision), files in found.items():
        yield Snapshot(hub_id, revision, tuple(sorted(files.values(), key=lambda file: file.name)))
