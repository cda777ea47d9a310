"""Open the resources of the steps, once per process, from plain values that can be sent to any host."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from adapters.bucket import Bucket, open_bucket
from adapters.c2pa.signer import DevelopmentCA, KeyFile, Signer, SignerSource, TimeStamps, open_signer
from adapters.catalogue import Catalogue, open_catalogue
from adapters.proxies import check_proxy
from manifests.credentials.attestation import Attestation
from manifests.errors import CatalogueError, ModelError, SettingsError, UnknownCardError
from models.card import GeneratorCard, ModelCard, ScorerCard
from models.hosted_card import HostedCard
from models.protocols import FrameScorer
from models.registry import (
    as_local,
    find_devices,
    load_cards,
    load_scorer_cards,
    open_scorer,
    sound_cards,
)
from models.sound_card import SoundCard
from tasks.runtime.files.assets import AssetStore
from tasks.runtime.files.earlier_clips import EarlierClips
from tasks.runtime.files.first_frames import FirstFrames
from tasks.runtime.lost_catalogue import check_not_emptied, check_not_lost
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.sealed_catalogues import has_sealed_any, is_known_as_sealed, remember_as_sealed

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """The bucket that clips are published to; without access keys, boto3's credential chain is used."""

    location: str
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """The signer in use, and its files and keys."""

    kind: str
    folder: Path
    chain: Path | None = None
    key: Path | None = None
    kms_key: str | None = None
    kms_endpoint: str | None = None
    kms_region: str | None = None
    anchors: Path | None = None
    tsa_url: str | None = None
    tsa_anchors: Path | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that a step needs to open its catalogue, bucket, signer and models.

    Attributes:
        machine: id of this installation; clips staged on another one are not touched.
        shared: whether masters wait under the bucket's staging prefix, which every host can read.
        staging: folder for masters and signed files that are not published yet.
        first_frames: folder of the stored first frames.
        speech: folder of the sounds that hosted voices have returned.
        devices: names such as ``cpu`` or ``cuda:0``, with one warm model on each; empty for all GPUs of the machine
            that does the work, or its CPU.
        device_processes: whether each device has a separate process: ``auto``, ``on`` or ``off``. Ray workers are
            such processes already.
        lease_s, attempts, master_crf, finish_master_crf, attestations: see Settings; attestations are pairs of a
            model card's name and its attestation.
        audit_key: key that seals decisions; empty in processes that only render, and then nothing can be decided.
        audit_anchor_h: hours between two anchors of the audit log in the bucket; 0 writes none.
        audit_key_problem: why there is no audit key, although this installation has sealed the catalogue.
        seal_history: seal a catalogue of an earlier version. False if other installations have the same audit key,
            because one of them may have sealed the catalogue before; nor if this one has sealed any.
        sealed_catalogues: file that lists the catalogues which this installation has sealed.
        log_marks: folder with the newest known entry of the audit log of each catalogue.
        providers: accounts at providers; empty in processes on other hosts, which never get their keys.
        skips_invalid_cards: leave invalid cards out, for lists; otherwise each of them is an error.
    """

    catalogue_url: str = field(repr=False)
    bucket: BucketConfig
    signer: SignerConfig
    staging: Path
    first_frames: Path = Path("first-frames")
    speech: Path = Path("speech")
    master_crf: int = 23
    finish_master_crf: int = 18
    machine: str = ""
    shared: bool = False
    devices: tuple[str, ...] = ()
    device_processes: str = "off"
    threads: int | None = None
    model_folders: tuple[Path, ...] = ()
    weights_root: Path | None = None
    lease_s: float = 60.0
    attempts: int = 5
    training_mining: str = "notAllowed"
    disclose_prompt: bool = False
    attestations: tuple[tuple[str, Attestation], ...] = ()
    prompt_key: bytes = field(default=b"", repr=False)
    audit_key: bytes = field(default=b"", repr=False)
    audit_key_problem: str = ""
    seal_history: bool = True
    sealed_catalogues: Path | None = None
    log_marks: Path | None = None
    audit_anchor_h: float = 0.0
    providers: tuple[ProviderAccount, ...] = field(default=(), repr=False)
    skips_invalid_cards: bool = False


_opening = threading.RLock()
_openers: list[Any] = []


def opened_once(opener: Callable[..., T]) -> "_lru_cache_wrapper[T]":
    """Return an opener whose results are kept until ``close_resources``, one for each combination of arguments."""
    kept = cache(opener)
    _openers.append(kept)
    return kept


@contextmanager
def pause_opening() -> Iterator[None]:
    """Let no other thread open a catalogue, bucket or signer during the block."""
    with _opening:
        yield


def catalogue_of(resources: Resources) -> Catalogue:
    """Return this process's catalogue.

    Raises:
        CatalogueError: it cannot be opened, or was deleted or emptied although this installation has used it.
    """
    with _opening:
        check_not_lost(resources.catalogue_url, resources.staging, resources.sealed_catalogues)
        return _catalogue(_access_of(resources))


class _Access(NamedTuple):
    """What decides how a catalogue is opened; processes open it once for each."""

    url: str
    audit_key: bytes
    key_problem: str
    seal_history: bool
    sealed: Path | None
    log_marks: Path | None


def _access_of(resources: Resources) -> _Access:
    return _Access(
        resources.catalogue_url,
        resources.audit_key,
        resources.audit_key_problem,
        resources.seal_history,
        resources.sealed_catalogues,
        resources.log_marks,
    )


@opened_once
def _catalogue(access: _Access) -> Catalogue:
    check_not_emptied(access.url, access.sealed)
    catalogue = _open(access)
    if access.audit_key and access.sealed and catalogue.audit.head().key_id:
        remember_as_sealed(access.sealed, access.url)
    return catalogue


def _open(access: _Access) -> Catalogue:
    return open_catalogue(
        access.url,
        audit_key=access.audit_key or None,
        seal_history=access.seal_history and not has_sealed_any(access.sealed),
        was_sealed=is_known_as_sealed(access.sealed, access.url),
        key_problem=access.key_problem,
        log_marks=access.log_marks,
    )


def loss_of(resources: Resources) -> str:
    """Return that the catalogue was deleted or emptied although this installation has used it; empty if not."""
    try:
        check_not_lost(resources.catalogue_url, resources.staging, resources.sealed_catalogues)
        check_not_emptied(resources.catalogue_url, resources.sealed_catalogues)
    except CatalogueError as error:
        return str(error)
    return ""


def catalogue_to_seal(resources: Resources) -> Catalogue:
    """Return the catalogue for a person who accepts it as it is, even if it was deleted or emptied."""
    return _open(_access_of(resources))


def bucket_of(resources: Resources, *, patient: bool = True) -> Bucket:
    """Return this process's bucket; ``patient=False`` for requests that a person waits for."""
    with _opening:
        return _bucket(resources.bucket, patient)


@opened_once
def _bucket(place: BucketConfig, patient: bool) -> Bucket:
    return open_bucket(
        place.location,
        endpoint=place.endpoint,
        region=place.region,
        access_key=place.access_key,
        secret_key=place.secret_key,
        public_url=place.public_url,
        patient=patient,
    )


def first_frames_of(resources: Resources) -> FirstFrames:
    """Return the stored first frames; with shared staging, they are stored in the bucket as well."""
    return FirstFrames(resources.first_frames, bucket_of(resources) if resources.shared else None)


def assets_of(resources: Resources) -> AssetStore:
    """Return the stored logos, fonts, music and recordings; with shared staging, they are in the bucket as well."""
    root = resources.staging.parent / "assets"
    return AssetStore(root, bucket_of(resources) if resources.shared else None)


def earlier_clips_of(resources: Resources) -> EarlierClips:
    """Return the stored clips that other clips continue."""
    return EarlierClips(resources.first_frames, bucket_of(resources) if resources.shared else None)


def scorer_of(resources: Resources, card: GeneratorCard) -> FrameScorer:
    """Return the warm scorer of a card; while one is being opened, only callers that need the same one wait."""
    key = card.scorer, resources.model_folders, resources.weights_root, resources.devices
    with _opening:
        lock = _scorer_lock(*key)
    with lock:
        return _scorer(*key)


@cache
def _scorer_lock(*_key: object) -> threading.Lock:
    return threading.Lock()


@opened_once
def _scorer(name: str, folders: tuple[Path, ...], weights_root: Path | None, devices: tuple[str, ...]) -> FrameScorer:
    gpus = [device for device in devices or find_devices() if device.startswith("cuda")]
    return open_scorer(name, gpus=gpus, extra_folders=folders, weights_root=weights_root)


def signer_of(resources: Resources) -> AbstractContextManager[Signer]:
    """Return a signer as a context manager.

    Raises:
        SignerUnavailableError: on entering, if a file or a setting is invalid.
        SettingsError: a setting is missing, or the proxy for the timestamp authority cannot be used.
    """
    place = resources.signer
    if place.tsa_url:
        check_proxy(place.tsa_url)
    with _opening:
        source = _source(place)
    return open_signer(source, TimeStamps(place.tsa_url, place.tsa_anchors) if place.tsa_url else None)


def _source(place: SignerConfig) -> SignerSource:
    if place.kind == "development":
        return DevelopmentCA(place.folder)
    if place.chain is None:
        raise SettingsError("The signer needs a certificate chain. Set REELMILL_SIGNER_CHAIN to a PEM file.")
    if place.kind == "pem":
        if place.key is None:
            raise SettingsError("The signer needs a private key. Set REELMILL_SIGNER_KEY to a PEM file.")
        return KeyFile(place.chain, place.key, place.anchors)
    if place.kms_key is None:
        raise SettingsError("The signer needs a key. Set REELMILL_SIGNER_KMS_KEY to an AWS KMS key id or ARN.")
    from adapters.c2pa.kms import kms_key  # boto3 is slow to import, and other signers do not need it

    return kms_key(place.chain, place.kms_key, place.anchors, region=place.kms_region, endpoint=place.kms_endpoint)


def cards_of(resources: Resources) -> dict[str, GeneratorCard]:
    """Return the model cards, including those of the configured folders.

    Raises:
        InvalidCardError: a card is invalid, unless the resources leave such cards out.
    """
    return _cards(resources.model_folders, resources.skips_invalid_cards)


def scorers_of(resources: Resources) -> dict[str, ScorerCard]:
    """Return the scorer cards, including those of the configured folders."""
    return _scorers(resources.model_folders)


def sound_cards_of(resources: Resources) -> Mapping[str, SoundCard]:
    """Return the cards of voices and music, including those of the configured folders; invalid ones are left out."""
    return sound_cards(resources.model_folders)


@cache
def _scorers(folders: tuple[Path, ...]) -> dict[str, ScorerCard]:
    return load_scorer_cards(folders)


@opened_once
def _cards(folders: tuple[Path, ...], skip_invalid: bool) -> dict[str, GeneratorCard]:
    return load_cards(folders, skip_invalid=skip_invalid)


def card_of(resources: Resources, name: str) -> GeneratorCard:
    """Return one model card.

    Raises:
        UnknownCardError: this machine does not have the card.
    """
    if name not in cards_of(resources):
        raise UnknownCardError(
            f"The model card {name} is not available on this machine. Add its folder to REELMILL_MODEL_FOLDERS."
        )
    return cards_of(resources)[name]


def local_card_of(resources: Resources, name: str) -> ModelCard:
    """Return the card of a local model; raises as ``card_of`` does.

    Raises:
        ModelError: a provider runs the model.
    """
    return as_local(card_of(resources, name))


def hosted_card_of(resources: Resources, name: str) -> HostedCard:
    """Return the card of a model that a provider runs; raises as ``card_of`` does.

    Raises:
        ModelError: it is a local model.
    """
    card = card_of(resources, name)
    if not isinstance(card, HostedCard):
        raise ModelError(f"{name} is a local model and has no provider.")
    return card


def close_resources() -> None:
    """Drop all opened resources, for tests and forked processes."""
    with _opening:
        for opener in _openers:
            opener.cache_clear()
