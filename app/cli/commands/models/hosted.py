"""Hosted models in `reelmill models`: the second table of the list, and the details of one card."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.cli.output import say
from app.cli.table import show_table
from app.hosted_facts import (
    AUDIO,
    RECONCILE,
    limits_text,
    output_text,
    price_lines,
    retention_text,
    retirement_text,
    seed_text,
    short_price,
    time_text,
)
from app.session import Session
from models.card import CONDITIONS
from models.hosted_card import HostedCard
from tasks.runtime.providers.readiness import Readiness, key_variable, pauses_of, readiness_of, unknown_providers

STABILITY = "Stability AI's Stable Video Diffusion is available as the local model svd-xt."
SHORT_KIND = {"hosted-text-to-video": "text", "hosted-image-to-video": "image"}


def states_of(session: Session, cards: Sequence[HostedCard]) -> dict[str, Readiness]:
    """Return whether models can be used, by name."""
    pauses = pauses_of(session.catalogue) if cards else {}
    return {card.name: readiness_of(session.resources, card, pauses) for card in cards}


def show_hosted(session: Session, cards: Sequence[HostedCard]) -> None:
    """Print the table of hosted models."""
    states = states_of(session, cards)
    say("\nHosted models:\n")
    show_table(
        ["model", "from", "provider", "price", "state"],
        [
            (card.name, SHORT_KIND[card.kind], card.provider, short_price(card), str(states[card.name].state))
            for card in cards
        ],
    )
    say(f"\n{STABILITY}")
    for warning in unknown_providers(session.resources):
        say(f"Warning: {warning}")


def show_card(session: Session, card: HostedCard) -> None:
    """Print the details of a hosted model, except its licence."""
    found = states_of(session, [card])[card.name]
    say(f"State: {found.state}{f'. {found.problem}' if found.problem else ''}")
    if found.is_final:
        return
    if notice := card.notice_on(datetime.now(UTC).date()):
        say(f"Warning: the model {notice}")
    if retirement := retirement_text(card):
        say(f"Retirement: {retirement}")
    say(f"Provider: {card.provider}, model {card.model}, protocol {card.protocol}{_dialect(card)}")
    say(f"Key: {key_variable(card.provider)}{'' if card.costs_money else ', if the server needs one'}")
    say(f"Generates from: {_sources(card)}")
    say(f"Output: {output_text(card)}, {AUDIO[card.audio]}{_requested_sound(card)}")
    say(f"Seed: {seed_text(card)}")
    say(f"Negative prompt: {'used' if card.supports_negative_prompt else 'not used'}")
    if card.max_prompt_chars:
        say(f"Longest prompt: {card.max_prompt_chars:,} characters")
    _show_list("Price", price_lines(card))
    say(f"Failed jobs are billed: {card.billed_on_failure}")
    say(f"Account: {limits_text(card)}; a job is overdue after {time_text(card.deadline_s)}")
    say(f"The provider keeps files for: {retention_text(card)}")
    say(f"An uncertain job {RECONCILE[card.reconcile]}")
    say(f"The provider's Content Credential: {card.keeps_c2pa}")
    say(f"Watermark: {card.watermark}")


def show_unconfirmed(card: HostedCard) -> None:
    """Print what has not been confirmed with an account."""
    _show_list("Not confirmed", card.unconfirmed)


def hosted_json(found: Readiness, card: HostedCard) -> dict[str, Any]:
    """Return the state of a hosted model for programs."""
    return {
        "state": str(found.state),
        "problem": found.problem,
        "key_variable": key_variable(card.provider),
        "price": short_price(card),
    }


def _dialect(card: HostedCard) -> str:
    return f" ({card.dialect})" if card.dialect else ""


def _requested_sound(card: HostedCard) -> str:
    if card.audio != "switch":
        return ""
    return " (requested with sound)" if card.sound else " (requested without sound)"


def _sources(card: HostedCard) -> str:
    required = "text and a first frame" if card.needs_first_frame else "text"
    optional = " or ".join(CONDITIONS[condition] for condition in card.accepts)
    return f"{required}; optionally {optional}" if optional else required


def _show_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        say(f"{title}:")
    for line in lines:
        say(f"  {line}")
