"""`reelmill models`: list, show and verify model cards."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from app.cli.commands.models.hosted import hosted_json, show_card, show_hosted, show_unconfirmed, states_of
from app.cli.options import AsJson
from app.cli.output import say, say_json, warn
from app.cli.table import show_table
from app.session import Session
from manifests.errors import IncompleteWeightsError
from models.card import CONDITIONS, Card, GeneratorCard, LocalCard, ModelCard
from models.hosted_card import HostedCard
from models.placement.table import rungs_by_size
from models.registry import (
    get_any_card,
    get_card_with_weights,
    invalid_cards,
    load_scorer_cards,
    load_sound_cards,
    weights_path,
    weights_problem,
)
from models.sound_card import HostedSpeechCard, MusicCard, SoundCard, SpeechCard
from models.weights import CardDigest, card_digests
from models.weights.integrity import REVISION_DIGITS
from tasks.plan.licence import Clearance, clearance_of, clearances_of
from tasks.runtime.providers.readiness import Readiness

PUBLISHING = {
    "free": "allowed",
    "attested": "allowed (attested)",
    "attest first": "needs attestation",
    "–": "–",
}
"""Texts of the list by ``publishing_text``, whose values are part of the JSON output."""

PULL = "reelmill models pull"

models = typer.Typer(no_args_is_help=False, help="List the model cards, or show, download or verify one.")


@models.callback(invoke_without_command=True)
def list_cards(context: typer.Context, as_json: AsJson = False) -> None:
    """List the model cards, whether their clips can be published, and whether their weights are present."""
    if context.invoked_subcommand:
        return
    session = Session.open().without_invalid_cards()
    folders = session.settings.model_folders
    others = (load_scorer_cards(folders, skip_invalid=True), load_sound_cards(folders))
    cards: list[Card] = [*session.cards.values(), *(card for found in others for card in found.values())]
    hosted = [card for card in cards if isinstance(card, HostedCard)]
    if as_json:
        states = states_of(session, hosted)
        say_json([_as_json(session, card, states) for card in cards])
        _warn_of_invalid_cards(session)
        return
    clearances = clearances_of(session.resources)
    show_table(
        ["model", "kind", "publishing", "weights"],
        [
            (
                card.name,
                card.kind,
                PUBLISHING[publishing_text(clearances.get(card.name))],
                _state(session, card),
            )
            for card in cards
            if isinstance(card, LocalCard)
        ],
    )
    show_hosted(session, hosted)
    voices = [card.name for card in cards if isinstance(card, HostedSpeechCard)]
    say(f"\nHosted voices: {', '.join(voices)}. `reelmill voices` shows whether they can be used.")
    say(
        "\n`reelmill models show MODEL` shows the licence of a model, the attestation that it needs for publishing, "
        "its sizes, vocabulary and prices, and why it cannot be used. `reelmill models pull MODEL` downloads weights."
    )
    _warn_of_invalid_cards(session)


@models.command()
def show(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model card.")], as_json: AsJson = False
) -> None:
    """Show a model card: output, licence, weights, vocabulary, example prompts, limits and measurements."""
    session = Session.open().without_invalid_cards()
    card = get_any_card(name, session.settings.model_folders)
    hosted = [card] if isinstance(card, HostedCard) else []
    if as_json:
        say_json(_as_json(session, card, states_of(session, hosted)))
        return
    say(f"{card.title} ({card.name})\n{card.description}\n")
    if isinstance(card, ModelCard):
        say(f"Pipeline: {card.pipeline}, scored by {card.scorer}")
        say(f"Generates from: {sources_text(card)}")
    if isinstance(card, HostedCard):
        show_card(session, card)
    else:
        say(f"Output: {makes_text(card)}")
    say(f"Licence: {card.licence.name} {card.licence.url}".rstrip())
    if isinstance(card, GeneratorCard | SoundCard):
        _show_clearance(card, clearance_of(session.resources, card))
    if isinstance(card, LocalCard):
        _show_weights(session, card)
    _show_list("Limits", card.limits)
    if isinstance(card, HostedCard):
        show_unconfirmed(card)
    _show_list("Measured", [f"{what}: {value}" for what, value in card.measured.items()])
    if isinstance(card, ModelCard):
        for name, profile in card.profiles.items():
            _show_list(f"Profile {name} ({', '.join(profile.summary())})", profile.evidence)
    if isinstance(card, ModelCard) and card.vocabulary:
        _show_vocabulary(json.loads((card.home / card.vocabulary).read_text(encoding="utf-8")))


def _warn_of_invalid_cards(session: Session) -> None:
    """Print why cards are not in the list. Commands that use models are refused until the cards are fixed."""
    for sentence in invalid_cards(session.settings.model_folders):
        warn(f"\nError: {sentence}")


def _show_weights(session: Session, card: LocalCard) -> None:
    """Print the size of the weights, the GPUs that they fit, and the folder, or how to download them."""
    say(f"Size: {card.weights.size_mb:,.0f} MB")
    if isinstance(card, ModelCard):
        if rungs := rungs_by_size(card):
            say("On a GPU with " + "; ".join(f"{gb} GB: {rung}" for gb, rung in rungs.items()))
        if card.unsupported:
            say(f"This version cannot run it: {card.unsupported}")
            return
    problem = weights_problem(card, session.settings.weights_root, quick=True)
    say(f"Weights: {_with_command(problem) if problem else weights_path(card, session.settings.weights_root)}")


@models.command()
def verify(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model card.")], as_json: AsJson = False
) -> None:
    """Read all weights of a model, print their hashes for its card, and check them.

    The first time, this takes one to three seconds per GB on one core. `run` makes the same check for the
    models that it uses.
    """
    session = Session.open()
    card = get_card_with_weights(name, session.settings.model_folders)
    problem = weights_problem(card, session.settings.weights_root)
    try:
        digests = card_digests(card, session.settings.weights_root)
    except IncompleteWeightsError:  # the problem says why
        digests = []
    if as_json:
        say_json({"digests": {each.field: each.sha256 for each in digests}, "weights_problem": problem})
    else:
        for each in digests:
            _show_digest(each)
        say(_with_command(problem) if problem else f"The weights of {name} are complete and unchanged.")
    if problem:
        raise typer.Exit(1)


def _show_digest(digest: CardDigest) -> None:
    revision = digest.sha256[:REVISION_DIGITS] if digest.weights.hub_id is None else digest.weights.revision
    if digest.sha256 == digest.weights.sha256:
        revision = digest.weights.revision
    say(f'{digest.path}\n  {digest.field}: "revision": "{revision}", "sha256": "{digest.sha256}"\n')


def _state(session: Session, card: LocalCard) -> str:
    """Return ``present``, ``missing``, ``refused`` for weights that must not be loaded, or ``unusable``."""
    if isinstance(card, ModelCard) and card.unsupported:
        return "unusable"
    if not (problem := weights_problem(card, session.settings.weights_root, quick=True)):
        return "present"
    return "refused" if " cannot be used: " in problem else "missing"


def publishing_text(clearance: Clearance | None) -> str:
    """Return ``free``, ``attested`` or ``attest first``; a dash for a scorer, which generates nothing to publish."""
    if clearance is None:
        return "–"
    if not clearance.reasons:
        return "free"
    return "attested" if clearance.is_given else "attest first"


def _show_clearance(card: Card, clearance: Clearance) -> None:
    if card.licence.sentence:
        say(card.licence.sentence)
    if card.retired and isinstance(card, LocalCard):
        say(f"Retired: {card.retired}")
    for notice in clearance.notices:
        say(notice)
    if not clearance.reasons and isinstance(card, LocalCard):
        say("Publishing: free")
    elif not clearance.reasons:
        if not card.retired:
            say("Publishing: no attestation is needed")
    elif clearance.attestation:
        say(f"Publishing: attested (terms {clearance.terms}): {clearance.attestation.statement}")
    else:
        say(
            f"Publishing: requires an attestation, since {' and '.join(clearance.reasons)}."
            + (f" The existing attestation is for other terms ({clearance.outdated})." if clearance.outdated else "")
            + f" When the condition is met, add this to reelmill.toml, with your own statement:\n\n"
            f'[attestations."{card.name}"]\nterms = "{clearance.terms}"\n'
            'statement = ""  # who attests what\n\nExample of a statement: '
            "Jane Doe, 24 November 2026: we have been registered since May.\n"
        )


def sources_text(card: ModelCard) -> str:
    """Return ``text and a first frame; optionally a last frame``."""
    required = "text and a first frame" if card.needs_first_frame else "text"
    optional = " or ".join(CONDITIONS[condition] for condition in card.accepts)
    return f"{required}; optionally {optional}" if optional else required


def makes_text(card: Card) -> str:
    """Return ``9 to 33 frames at 8 fps; 16:9 160x90, 1:1 96x96``, or what a scorer does."""
    if isinstance(card, SpeechCard | HostedSpeechCard):
        voices = f"; voices: {', '.join(card.voices)}" if card.voices else ""
        return f"speech in {', '.join(card.languages)}{voices}"
    if isinstance(card, MusicCard):
        return f"music of up to {card.longest_s:g} s"
    if not isinstance(card, ModelCard):
        return "scores of how well frames match prompts"
    rules = card.rules
    sizes = ", ".join(f"{ratio} {size.width}x{size.height}" for ratio, size in card.sizes.items())
    one_length = rules.min_frames == rules.max_frames
    frames = rules.max_frames if one_length else f"{rules.min_frames} to {rules.max_frames}"
    return f"{frames} frames at {rules.fps} fps; {sizes}"


def _with_command(problem: str) -> str:
    """Put the download command, if there is one, on a separate line that can be copied to a shell."""
    text, found, command = problem.partition(f" {PULL} ")
    return f"{text}\n\n  {PULL} {command}" if found else problem


def _show_vocabulary(vocabulary: dict[str, Any]) -> None:
    synonyms = vocabulary.get("synonyms", {})
    for name in ("colours", "motifs", "motions"):
        words = {word: synonyms.get(name, {}).get(word, ()) for word in vocabulary.get(name, ())}
        _show_list(name.capitalize(), [_with_synonyms(word, others) for word, others in words.items()])
    if vocabulary.get("backgrounds"):
        say(f"\nBackgrounds: {', '.join(vocabulary['backgrounds'])}")
    _show_list("Example prompts", vocabulary.get("examples", ()))


def _with_synonyms(word: str, others: Iterable[str]) -> str:
    others = [other for other in others if other != word]
    return f"{word} (also: {', '.join(others)})" if others else word


def _show_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        say(f"\n{title}:")
    for line in lines:
        say(f"  {line}")


def _as_json(session: Session, card: Card, states: Mapping[str, Readiness]) -> dict[str, Any]:
    problem = weights_problem(card, session.settings.weights_root, quick=True) if isinstance(card, LocalCard) else None
    answer: dict[str, Any] = {"weights_present": problem is None, "weights_problem": problem}
    if isinstance(card, HostedCard):
        answer |= hosted_json(states[card.name], card)
    if isinstance(card, GeneratorCard | SoundCard):
        clearance = clearance_of(session.resources, card)
        answer |= {"publishing": publishing_text(clearance), "terms": clearance.terms}
    return {**card.model_dump(mode="json"), **answer}
