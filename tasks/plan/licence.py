"""Whether clips of a model may be published: what its licence asks, and who has attested that it is met."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from manifests.credentials.attestation import Attestation
from manifests.errors import LicenceNotAttestedError
from manifests.identity import content_id
from models.card import ModelCard
from tasks.runtime.resources import Resources, cards_of

TERMS_DIGITS = 8


class Clearance(NamedTuple):
    """What stands between a card's clips and their publication.

    Attributes:
        reasons: why somebody has to attest first, a phrase each; none where everybody may publish.
        terms: digest of what has to be attested; it changes with the licence, its conditions or a retirement.
        attestation: the operator's word where it covers these terms.
        outdated: terms that were attested instead of these; empty where none were.
        notices: what the licence wants to be said wherever a clip is shown, a sentence each.
        binds_use: the licence forbids some operators the mere use of the model, published or not.
    """

    card: str
    reasons: tuple[str, ...]
    terms: str
    attestation: Attestation | None
    outdated: str
    notices: tuple[str, ...]
    binds_use: bool

    @property
    def is_given(self) -> bool:
        """True where clips may be published."""
        return not self.reasons or self.attestation is not None

    def covers(self, attestation: Attestation | None) -> bool:
        """True where what was signed under an attestation may go out as it is."""
        return not self.reasons or (attestation is not None and attestation.terms == self.terms)

    @property
    def why(self) -> str:
        """The reasons and how to go on, in one sentence's second half."""
        mend = f"attest that all is met, as `reelmill models show {self.card}` says, and run again"
        if self.outdated:
            mend = f"what was attested is of other terms ({self.outdated}, now {self.terms}), so {mend}"
        return f"{', and '.join(self.reasons)}; {mend}."

    def waiting(self, number: int) -> str:
        """Return the sentence for clips that are held back."""
        clips = "1 clip" if number == 1 else f"{number:,} clips"
        return f"{clips} of {self.card} {'waits' if number == 1 else 'wait'} unpublished: {self.why}"


def clearance_of(resources: Resources, card: ModelCard) -> Clearance:
    """Return whether the card's clips may be published."""
    given = dict(resources.attestations).get(card.name)
    terms = terms_of(card)
    reasons = tuple(_reasons(card))
    return Clearance(
        card=card.name,
        reasons=reasons,
        terms=terms,
        attestation=given if reasons and given and given.terms == terms else None,
        outdated=given.terms if reasons and given and given.terms != terms else "",
        notices=tuple(notices_of(card)),
        binds_use=bool(card.licence.excluded_territories),
    )


def clearances_of(resources: Resources) -> dict[str, Clearance]:
    """Return the same of all cards by name."""
    return {name: clearance_of(resources, card) for name, card in cards_of(resources).items()}


def held_cards(resources: Resources) -> frozenset[str]:
    """Return the cards whose clips are made and kept, and not published until somebody attests."""
    return frozenset(name for name, clearance in clearances_of(resources).items() if not clearance.is_given)


def terms_of(card: ModelCard) -> str:
    """Return the digest of what has to be attested for a card."""
    licence = card.licence
    return content_id([licence.name, licence.url, list(licence.conditions()), card.retired])[:TERMS_DIGITS]


def notices_of(card: ModelCard) -> Iterator[str]:
    """Yield what has to be said to those who see a clip, a sentence each."""
    if card.licence.disclosure:
        yield (
            "The licence asks you to say that a machine made it, where people can read it: "
            f"“This video was made by a machine ({card.title}).”"
        )
    if card.licence.attribution:
        yield f"The licence asks you to show beside it: “{card.licence.attribution}”"


def refuse_unattested_use(resources: Resources, names: Iterable[str]) -> None:
    """Refuse to render with cards that some operators must not even run, until it is attested that they may.

    Raises:
        LicenceNotAttestedError: says which card, why, and how to go on.
    """
    clearances = clearances_of(resources)
    for name in names:
        if name in clearances and clearances[name].binds_use and not clearances[name].is_given:
            raise LicenceNotAttestedError(f"{name} must not be run yet: {clearances[name].why}")


def doubts(resources: Resources) -> Iterator[str]:
    """Yield a sentence for each attestation that does nothing."""
    clearances = clearances_of(resources)
    for name, _ in resources.attestations:
        if name not in clearances:
            yield f"The setting attestations names {name!r}, and there is no such model card; mend the name."
        elif not clearances[name].reasons:
            yield f"The setting attestations names {name!r}, and its licence has no conditions; the entry does nothing."


def licence_record(card: ModelCard, clearance: Clearance) -> dict[str, Any]:
    """Return what the record beside a clip says of the licence under which it was made and published."""
    licence = card.licence
    return {
        "name": licence.name,
        "url": licence.url,
        "sentence": licence.sentence,
        "conditions": list(clearance.reasons),
        "terms": clearance.terms,
        "notices": list(clearance.notices),
        "attestation": asdict(clearance.attestation) if clearance.attestation else None,
    }


def waiting_sentences(numbers: Mapping[str, int], clearances: Mapping[str, Clearance]) -> Iterator[str]:
    """Yield a sentence for each card of which so many clips are, or would be, held back."""
    for name, number in numbers.items():
        if number and name in clearances and not clearances[name].is_given:
            yield clearances[name].waiting(number)


def _reasons(card: ModelCard) -> Iterator[str]:
    conditions = [condition.rstrip(".") for condition in card.licence.conditions()]
    if conditions:
        yield f"its licence ({card.licence.name}) sets conditions: {'; '.join(conditions)}"
    if card.retired:
        yield f"the model is retired ({card.retired.rstrip('.')})"
