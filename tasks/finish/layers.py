"""The layers of a deliverable: those of its template, and captions."""

from collections.abc import Sequence
from typing import NamedTuple

from adapters.media.compose.layer import DrawnLayer
from adapters.media.subtitles import cues_of
from manifests.errors import FinishError
from manifests.finish.cue import Cue
from manifests.finish.deliverable import Edit
from manifests.finish.design.frame import Frame
from manifests.finish.design.template import Layer as TemplateLayer
from manifests.finish.design.template import LogoLayer, TextLayer
from manifests.finish.length import LEAD_S
from manifests.finish.spec import DeliverableSpec
from manifests.finish.texts.words import filled, with_brand_texts
from tasks.finish.footage import PEOPLE
from tasks.finish.sound.spoken import FindAsset, Spoken

LONGEST_TEXT = 200
"""Characters of the texts that a description quotes."""


class Layers(NamedTuple):
    """What is drawn: layers from back to front, captions last, and how many of them are captions."""

    drawn: tuple[DrawnLayer, ...]
    captions: int = 0


def cues_for(spec: DeliverableSpec, frame: Frame, voice: Spoken | None) -> list[Cue]:
    """Return the captions with their times from the start of the deliverable; they end with the footage or the voice.

    Raises:
        FinishError: the captions cannot be read or do not fit.
    """
    if spec.captions is None:
        return []
    start_s = frame.intro_s + (LEAD_S if voice else 0.0)
    end_s = max(frame.intro_s + frame.footage_s, start_s + voice.seconds if voice else 0.0)
    clauses = voice.clauses if voice else ()
    return cues_of(spec.captions.text, spec.locale, min(end_s, frame.seconds), clauses, start_s)


def layers_of(spec: DeliverableSpec, frame: Frame, cues: Sequence[Cue], find_asset: FindAsset) -> Layers:
    """Draw the layers of a deliverable.

    Raises:
        FinishError: a text does not fit, a glyph is missing, or the template has no such caption style.
    """
    from adapters.media.drawing.captioning.captioned import captioned_layers  # Skia is part of an extra
    from adapters.media.drawing.layers import drawn_layers

    def draw(scale: float, of_cards: float) -> list[DrawnLayer]:
        texts = dict(spec.texts)
        return drawn_layers(spec.template, spec.brand, texts, frame, spec.locale, find_asset, scale, of_cards)

    def draw_captions(scale: float) -> Sequence[DrawnLayer]:
        return _captions(spec, frame, cues, find_asset, scale)

    drawn, captions = captioned_layers(spec.template, frame, draw, draw_captions)
    return Layers((*drawn, *captions), len(captions))


def _captions(
    spec: DeliverableSpec, frame: Frame, cues: Sequence[Cue], find_asset: FindAsset, scale: float
) -> Sequence[DrawnLayer]:
    if not cues or spec.captions is None or not spec.captions.style:
        return ()
    style = spec.template.captions.get(spec.captions.style)
    if style is None:
        known = ", ".join(spec.template.captions) or "none"
        raise FinishError(
            f'The finish template "{spec.template.name}" has no caption style "{spec.captions.style}". It has: {known}.'
        )
    from adapters.media.drawing.captioning.captions import caption_layers
    from adapters.media.drawing.fonts import fonts_for

    return caption_layers(
        cues, style, frame, fonts_for(spec.brand, find_asset), spec.locale, 0.0, spec.brand.colours, scale
    )


def all_layers(spec: DeliverableSpec) -> list[TemplateLayer]:
    """Return the layers of the template and its cards."""
    cards = [card for card in (spec.template.intro, spec.template.end_card) if card]
    return [*spec.template.layers, *(layer for card in cards for layer in card.layers)]


def layer_edits(spec: DeliverableSpec, layers: Layers, logos: Sequence[str]) -> list[Edit]:
    """Return the edits for the Content Credential.

    Args:
        logos: names of the components of the logos.
    """
    edits = [
        Edit(action="c2pa.placed", source_type=PEOPLE, description="The logo was placed on the clip.", component=name)
        for name in logos
    ]
    words = with_brand_texts(dict(spec.texts), spec.brand, spec.locale)
    texts = [filled(layer.text, words) for layer in all_layers(spec) if isinstance(layer, TextLayer)]
    if shown := [text for text in texts if text]:
        edits.append(_text_edit(f"Text was added: {' · '.join(dict.fromkeys(shown))}"))
    if layers.captions:
        edits.append(_text_edit("Captions were added."))
    cards = [name for name, card in (("intro", spec.template.intro), ("end card", spec.template.end_card)) if card]
    if cards:
        text = f"An {' and an '.join(cards)} {'was' if len(cards) == 1 else 'were'} added."
        edits.append(Edit(action="c2pa.edited", source_type=PEOPLE, description=text))
    return edits


def _text_edit(text: str) -> Edit:
    shown = " ".join(text.split())
    shown = shown if len(shown) <= LONGEST_TEXT else f"{shown[: LONGEST_TEXT - 1]}…"
    return Edit(action="c2pa.addedText", source_type=PEOPLE, description=shown)


def logo_names(spec: DeliverableSpec) -> tuple[str, ...]:
    """Return the names of the brand's logos that the template shows, each once."""
    names = (layer.logo for layer in all_layers(spec) if isinstance(layer, LogoLayer))
    return tuple(dict.fromkeys(name for name in names if name in spec.brand.logos))
