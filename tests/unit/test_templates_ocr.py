"""A text recogniser reads the call to action of the shipped templates, on bright, dark and busy pictures."""

import difflib
import re
import unicodedata
from itertools import pairwise, product

import numpy as np
import pytest

from adapters.media.drawing.layers import drawn_layers
from adapters.media.drawing.still import still
from adapters.presets.templates import load_templates
from manifests.finish.brand import BrandKit
from tests.finish_texts import RATIOS, TIKTOK, frame_of

pytestmark = pytest.mark.slow
CTAS = {
    "en": ["Shop now", "Book your free trial today", "Get 20% off"],
    "de": ["Jetzt kaufen", "Rabatt sichern", "Kostenlos testen"],
    "fr": ["Acheter maintenant", "Réserver", "Découvrir la collection"],
    "es": ["Comprar ahora", "Más información"],
    "it": ["Acquista ora", "Scopri di più"],
    "pl": ["Kup teraz", "Dowiedz się więcej"],
    "pt": ["Compre agora", "Saiba mais"],
}
BRANDS = [{}, {"primary": "#e5322d"}, {"primary": "#0f766e"}, {"primary": "#ffe000"}, {"primary": "#101010"}]
LEAST_READ = 0.98
SIMILAR = 0.85
"""Share of equal letters from which a text counts as read: accents and single letters may be wrong."""


def bright(shape: tuple[int, int, int]) -> np.ndarray:
    return np.full(shape, 235, np.uint8)


def dark(shape: tuple[int, int, int]) -> np.ndarray:
    return np.full(shape, 20, np.uint8)


def busy(shape: tuple[int, int, int]) -> np.ndarray:
    """Return squares of random colours."""
    height, width, _ = shape
    squares = np.random.default_rng(7).integers(0, 255, (height // 20 + 1, width // 20 + 1, 3), np.uint8)
    return np.kron(squares, np.ones((20, 20, 1), np.uint8))[:height, :width]


PICTURES = (bright, dark, busy)


def plain(text: str) -> str:
    """Return the letters and digits without accents, spaces and case."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l"))
    return re.sub(r"[^a-z0-9%]", "", letters)


def is_read(wanted: str, found: list[str]) -> bool:
    """Return whether a text was found, in one line or in several."""
    lines = [plain(line) for line in found]
    candidates = [*lines, *map("".join, pairwise(lines))]
    return any(
        plain(wanted) in each or difflib.SequenceMatcher(None, plain(wanted), each).ratio() >= SIMILAR
        for each in candidates
    )


def test_only_the_wanted_text_counts_as_read():
    assert is_read("Más información", ["Acme", "MAS INFORMACION"])
    assert is_read("Book your free trial today", ["Book your free", "trialtoday"])
    assert not is_read("Saiba mais", ["Acme", "Coffee", "9.90"])
    assert not is_read("Jetzt kaufen", ["Jetzt laufen wir"])


@pytest.mark.timeout(1500)
def test_the_call_to_action_is_read_in_nearly_all_renders(record_property):
    engine = pytest.importorskip("rapidocr").RapidOCR()
    templates = load_templates()
    cases = list(
        product(("clean", "bold", "story"), RATIOS, [(lang, cta) for lang, ctas in CTAS.items() for cta in ctas])
    )
    assert len(cases) >= 200
    missed = []
    for number, (name, ratio, (language, cta)) in enumerate(cases):
        frame = frame_of(ratio, TIKTOK)
        brand = BrandKit(name="Acme", colours=BRANDS[number % len(BRANDS)])
        texts = {"cta": cta, "headline": "Coffee", "price": "9.90", "legal": "Terms apply."}
        layers = drawn_layers(templates[name], brand, texts, frame, language, lambda asset: pytest.fail(asset.name))
        picture = still(PICTURES[number % len(PICTURES)]((frame.height, frame.width, 3)), layers, 2.5)
        found = engine(picture[..., ::-1].copy())
        if not is_read(cta, list(found.txts or ())):
            missed.append((name, ratio, cta, number % len(BRANDS), found.txts))
    total = len(cases)
    record_property("read", f"{total - len(missed)} of {total}")
    print(f"read {total - len(missed)} of {total}; missed: {missed}")
    assert 1 - len(missed) / total >= LEAST_READ
