"""Territories that a licence excludes, and the locales of a sheet."""

from pathlib import Path

import pytest

from manifests.sheet import Row, Table, check_table
from models.licence import Licence
from models.registry import load_cards
from tasks.intake.intake import card_check

CARDS = load_cards()
TENCENT = "hunyuanvideo-1.5-480p"


def problems(**cells: str) -> list[str]:
    """Return the errors of a sheet with one row."""
    row = {"prompt": "a red circle", **cells}
    table = Table(Path("p.csv"), "p", "ab" * 32, tuple(row), 1, (Row(2, tuple(row.values())),))
    return [problem.sentence for problem in check_table(table, [card_check(CARDS, "starter")]).problems]


@pytest.mark.parametrize(
    ("locale", "territory"),
    [
        ("de-DE", "DE"),
        ("fr_fr", "FR"),
        ("zh-Hant-GB", "GB"),
        ("en-UK", "GB"),
        ("ko-KR", "KR"),
        ("en-US", None),
        ("de", None),
        ("pt-BR", None),
        ("", None),
    ],
)
def test_a_locale_names_a_territory_by_its_region(locale: str, territory: str | None):
    assert CARDS[TENCENT].licence.excluded_by(locale) == territory


def test_a_licence_without_territories_excludes_no_locale():
    assert Licence(name="Apache-2.0").excluded_by("de-DE") is None


def test_a_row_for_an_excluded_territory_is_an_error():
    [problem] = problems(model=TENCENT, locale="en-US|de-DE")
    assert (
        "is for DE, where the licence of hunyuanvideo-1.5-480p does not allow its clips to be shown. Remove the "
        "locale, or choose another model in the column 'model'."
    ) in problem


@pytest.mark.parametrize("cells", [{"locale": "en-US", "model": TENCENT}, {"locale": "de-DE", "model": "starter"}])
def test_the_suggested_fixes_work(cells: dict[str, str]):
    assert problems(**cells) == []


def test_minimax_h3_is_excluded_in_whole_territories():
    licence = CARDS["minimax-h3"].licence
    assert [licence.excluded_by(f"en-{code}") for code in ("US", "GB", "DE", "KR")] == ["US", "GB", "DE", "KR"]
    assert licence.excluded_by("pt-BR") is None
    assert licence.revenue_limit_usd == 20_000_000
    [problem] = problems(model="minimax-h3", locale="en-US")
    assert "is for US, where the licence of minimax-h3 does not allow its clips to be shown" in problem
