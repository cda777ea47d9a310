"""`reelmill models`: the cards, and whether their weights are here."""

import json
from typing import Annotated, Any

import typer

from app.options import AsJson
from app.output import say, say_json, show_table
from app.session import Session
from models.card import ModelCard
from models.registry import get_card, weights_path, weights_problem

models = typer.Typer(no_args_is_help=False, help="List the model cards, or show one.")


@models.callback(invoke_without_command=True)
def list_cards(context: typer.Context, as_json: AsJson = False) -> None:
    """List the cards with size, licence, rules, and whether the weights are here."""
    if context.invoked_subcommand:
        return
    session = Session.open()
    cards = list(session.cards.values())
    if as_json:
        say_json([_as_json(session, card) for card in cards])
        return
    show_table("", ["model", "size", "licence", "makes", "weights"], [
        (card.name, f"{card.weights.size_mb:,.0f} MB", card.licence.name, rules_text(card),
         "missing" if weights_problem(card, session.settings.weights_root) else "here") for card in cards])
    for card in cards:
        if problem := weights_problem(card, session.settings.weights_root):
            say(f"\n{problem}")


@models.command()
def show(name: Annotated[str, typer.Argument(help="Name of a card.")], as_json: AsJson = False) -> None:
    """Show one card: what it makes, its vocabulary, example prompts, limits."""
    session = Session.open()
    card = get_card(name, session.settings.model_folders)
    if as_json:
        say_json(_as_json(session, card))
        return
    problem = weights_problem(card, session.settings.weights_root)
    say(f"{card.title} ({card.name})\n{card.description}\n")
    say(f"Pipeline: {card.pipeline}\nMakes: {rules_text(card)}\nLicence: {card.licence.name} {card.licence.limits}")
    say(f"Weights: {problem or weights_path(card, session.settings.weights_root)}")
    if card.vocabulary:
        _show_vocabulary(json.loads((card.home / card.vocabulary).read_text(encoding="utf-8")))


def rules_text(card: ModelCard) -> str:
    """Return ``17 frames (9 to 33) at 8 fps; 16:9 160x90, 1:1 96x96``."""
    rules = card.rules
    sizes = ", ".join(f"{ratio} {size.width}x{size.height}" for ratio, size in card.sizes.items())
    return (f"{card.defaults.num_frames} frames ({rules.min_frames} to {rules.max_frames}) at {rules.fps} fps; "
            f"{sizes}")


def _show_vocabulary(vocabulary: dict[str, Any]) -> None:
    for name in ("colours", "motifs", "motions", "backgrounds"):
        if vocabulary.get(name):
            say(f"\n{name.capitalize()}: {', '.join(vocabulary[name])}")
    if vocabulary.get("examples"):
        say("\nExample prompts:")
        for prompt in vocabulary["examples"]:
            say(f"  {prompt}")


def _as_json(session: Session, card: ModelCard) -> dict[str, Any]:
    problem = weights_problem(card, session.settings.weights_root)
    return {**card.model_dump(mode="json"), "weights_present": problem is None, "weights_problem": problem}
