"""Gallery pages: every filter is compared with plain Python, and every clip is on one page in any order."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from databases import database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.catalogue import Catalogue, Filter, open_catalogue
from adapters.catalogue.views import gallery, metadata_search
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import CatalogueError
from manifests.placement import Placement
from manifests.scoring.score import Score
from manifests.variant import PlannedVariant

PROMPTS = ("a red ball on 100% grass", "a blue_cup at sea", "a Red kite")


Items = dict[str, PlannedVariant]


@pytest.fixture(scope="module")
def filled_file(new_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Items]:
    """A filled SQLite file, for copies: filling takes a hundred transactions."""
    path = tmp_path_factory.mktemp("gallery") / "filled.db"
    shutil.copy(new_file, path)
    with open_catalogue(f"sqlite:///{path}") as catalogue:
        return path, fill(catalogue)


@pytest.fixture(scope="module")
def filled_database(postgres_server_url: str, new_database: str) -> Iterator[tuple[str, Items]]:
    """The name of a filled PostgreSQL database, for copies."""
    with database(postgres_server_url, new_database) as url:
        with open_catalogue(url) as catalogue:
            items = fill(catalogue)
        yield url.rpartition("/")[2], items


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Catalogue, Items]]:
    """A filled catalogue of its own for each test, on each engine in turn."""
    if request.param == "sqlite":
        path, items = request.getfixturevalue("filled_file")
        shutil.copy(path, tmp_path / "filled.db")
        with open_catalogue(f"sqlite:///{tmp_path / 'filled.db'}") as catalogue:
            yield catalogue, items
        return
    template, items = request.getfixturevalue("filled_database")
    with (
        database(request.getfixturevalue("postgres_server_url"), template) as url,
        open_catalogue(url) as catalogue,
    ):
        yield catalogue, items


@pytest.fixture
def catalogue(opened: tuple[Catalogue, Items]) -> Catalogue:
    return opened[0]


@pytest.fixture
def filled(opened: tuple[Catalogue, Items]) -> Items:
    return dict(opened[1])


def fill(catalogue: Catalogue) -> dict[str, PlannedVariant]:
    """Add 36 variants in two campaigns. Two of three are generated, and several of their scores are equal."""
    items: dict[str, PlannedVariant] = {}
    for name, brief, locales in (("spring", "b1", ("de",)), ("autumn", "b2", ("fr", "en"))):
        rows = (
            Brief(2, brief, PROMPTS, locales=locales, notes=f"{name} mailing, Ärger", metadata={"Client": ("100%",)}),
        )
        campaign = Campaign(name, name.encode().hex().ljust(64, "0"), rows)
        catalogue.campaigns.add(campaign, {})
        planned = []
        for index, (prompt, seed) in enumerate(itertools.product(PROMPTS, range(6))):
            variant = samples.variant(seed + 10 * (name == "autumn"), prompt)
            labels = (("locale", locales[index % 2]),) if len(locales) > 1 else ()
            planned.append(
                PlannedVariant(
                    brief, Placement(("tiktok", "youtube")[index % 2], "9:16"), variant, variant.variant_id, labels
                )
            )
        catalogue.campaigns.add_variants(campaign.campaign_id, planned)
        items |= {item.variant_id: item for item in planned}
    for index, key in enumerate(items):
        if index % 3:
            judge(catalogue, key, 0.1 * (index % 5), index % 2 == 0)
    return items


def judge(catalogue: Catalogue, key: str, adherence: float, passes: bool) -> None:
    [lease] = samples.take(catalogue, [key])
    catalogue.results.mark_rendered(lease, samples.clip(key))
    catalogue.results.mark_judged(
        lease, Score(key, {}, adherence, 1, 7), samples.passed(key) if passes else samples.failed(key)
    )


def walk(catalogue: Catalogue, chosen: Filter, order: str, limit: int) -> list[str]:
    """Return the ids of all pages, read forward and then checked backward."""
    found, cursor, pages = [], None, []
    while True:
        page = catalogue.gallery.page(chosen, order, after=cursor, limit=limit)
        pages.append([row.variant_id for row in page.rows])
        found += pages[-1]
        if page.after is None:
            break
        cursor = page.after
    for earlier in reversed(pages[:-1]):
        assert page.before is not None
        page = catalogue.gallery.page(chosen, order, before=page.before, limit=limit)
        assert [row.variant_id for row in page.rows] == earlier
    assert page.before is None
    return found


@pytest.mark.parametrize("order", gallery.ORDERS)
@pytest.mark.parametrize("limit", [1, 7, 18, 100])
@pytest.mark.parametrize("campaign", ["", "spring"])
def test_each_clip_is_on_one_page_in_order(
    catalogue: Catalogue, filled, order: str, limit: int, campaign: str, monkeypatch
):
    for small in (0, 100):
        monkeypatch.setattr(gallery, "SMALL", small)
        chosen = Filter(campaign=catalogue.campaigns.get(campaign).campaign_id if campaign else "")
        found = walk(catalogue, chosen, order, limit)
        assert len(found) == len(set(found)) == (18 if campaign else 36)
        keys = [row.key for row in catalogue.gallery.page(chosen, order, limit=100).rows]
        assert keys == sorted(keys, reverse=order in ("score", "newest"))
        assert catalogue.gallery.count(chosen).number == len(found)


CASES = {
    "states": (Filter(states=("planned",)), lambda row, item: row.state == "planned"),
    "two states": (Filter(states=("passed", "failed")), lambda row, item: row.state in ("passed", "failed")),
    "verdict": (Filter(verdict="failed"), lambda row, item: row.state == "failed"),
    "passed": (Filter(verdict="passed"), lambda row, item: row.state == "passed"),
    "reason": (Filter(reason="black"), lambda row, item: row.state == "failed"),
    "part of a reason": (Filter(reason="blac"), lambda row, item: False),
    "lowest": (Filter(lowest=0.25), lambda row, item: (row.prompt_adherence or -2) >= 0.25),
    "highest": (Filter(highest=0.15), lambda row, item: row.state != "planned" and row.prompt_adherence <= 0.15),
    "brief": (Filter(brief="b2"), lambda row, item: item.brief_id == "b2"),
    "placement": (Filter(placement="tiktok 9:16"), lambda row, item: item.placement.label == "tiktok 9:16"),
    "only locale": (Filter(locale="de"), lambda row, item: item.brief_id == "b1"),
    "one of the locales": (Filter(locale="fr"), lambda row, item: ("locale", "fr") in item.labels),
    "notes": (Filter(details="SPRING mailing"), lambda row, item: item.brief_id == "b1"),
    "another case than ASCII": (Filter(details="ÄRGER spring"), lambda row, item: item.brief_id == "b1"),
    "words in two columns": (Filter(details="autumn 100%"), lambda row, item: item.brief_id == "b2"),
    "a phrase of a column": (Filter(details='"mailing spring"'), lambda row, item: False),
    "the value of the clip's axis": (Filter(details="fr autumn"), lambda row, item: ("locale", "fr") in item.labels),
    "a prompt is not metadata": (Filter(details="kite"), lambda row, item: False),
    "the name of a field is not metadata": (Filter(details="metadata"), lambda row, item: False),
    "metadata and state": (
        Filter(details="mailing", states=("passed", "failed")),
        lambda row, item: row.state in ("passed", "failed"),
    ),
    "words": (Filter(text="RED ball"), lambda row, item: "ball" in item.variant.prompt),
    "a phrase": (Filter(text='"red BALL on" grass'), lambda row, item: "red ball on" in item.variant.prompt),
    "words out of order": (Filter(text='"ball red"'), lambda row, item: False),
    "percent is not a wildcard": (Filter(text="100%"), lambda row, item: "100%" in item.variant.prompt),
    "underscore is not a wildcard": (Filter(text="_cup"), lambda row, item: "_cup" in item.variant.prompt),
    "seed": (Filter(seed=13), lambda row, item: item.variant.seed == 13),
    "model": (Filter(model="starter"), lambda row, item: True),
    "no model": (Filter(model="wan"), lambda row, item: False),
    "generated": (Filter(since=1.0), lambda row, item: row.state != "planned"),
    "generated before": (Filter(until=1.0), lambda row, item: False),
    "unreviewed": (Filter(reviewed="no"), lambda row, item: True),
    "both": (
        Filter(states=("passed",), text="kite"),
        lambda row, item: row.state == "passed" and "kite" in item.variant.prompt,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_filters(catalogue: Catalogue, filled, case: str):
    chosen, fits = CASES[case]
    everything = catalogue.gallery.page(Filter(), limit=100).rows
    expected = {row.variant_id for row in everything if fits(row, filled[row.variant_id])}
    assert {row.variant_id for row in catalogue.gallery.page(chosen, limit=100).rows} == expected
    assert catalogue.gallery.count(chosen).number == len(expected)


def test_the_beginning_of_an_id_finds_the_clip(catalogue: Catalogue, filled):
    key = next(iter(filled))
    assert key in {row.variant_id for row in catalogue.gallery.page(Filter(text=key[:10].upper())).rows}


def test_reviewed_clips_are_filtered(catalogue: Catalogue, filled):
    key = catalogue.gallery.page(Filter(states=("passed",))).rows[0]
    catalogue.reviews.record({key.variant_id: key.seen}, "rejected", "person:ann")
    catalogue.reviews.add_comment(key.variant_id, "person:ann", "dull")
    [row] = catalogue.gallery.page(Filter(reviewed="yes")).rows
    assert (row.variant_id, row.comments, row.state) == (key.variant_id, 1, "rejected")
    assert row.seen == catalogue.variants.last_events([row.variant_id])[row.variant_id] > key.seen


def test_counting_stops_at_the_limit(catalogue: Catalogue, filled):
    assert catalogue.gallery.count(Filter(), most=10) == (10, True)
    assert catalogue.gallery.count(Filter(), most=36) == (36, False)


def test_facets(catalogue: Catalogue, filled):
    facets = catalogue.gallery.facets(catalogue.campaigns.get("autumn").campaign_id)
    assert facets == {"brief": ["b2"], "placement": ["16:9"], "locale": ["en", "fr"]}


@pytest.mark.parametrize("asked", [{"order": "best"}, {"after": "nonsense"}, {"after": "nan~a"}, {"before": "~"}])
def test_an_invalid_order_or_cursor_raises(catalogue: Catalogue, filled, asked: dict):
    with pytest.raises(CatalogueError, match=r"Use score|Start at the first page"):
        catalogue.gallery.page(Filter(), **asked)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=20))
def test_any_text_can_be_searched_for(catalogue: Catalogue, text: str):
    text = text.replace("\x00", "")
    assert catalogue.gallery.page(Filter(text=text, brief="x", reason="y")).rows == ()
    assert catalogue.gallery.page(Filter(details=text, brief="x", reason="y")).rows == ()


def test_one_clip_for_several_locales_is_found_by_each(catalogue: Catalogue):
    """`de|fr` in a row whose prompt does not use {locale}: one clip, which belongs to both."""
    item = samples.planned(1)[0]._replace(labels=())
    briefs = (Brief(2, "b1", ("x",), locales=("de", "fr"), ctas=("Kaufen",), metadata={"Client": ("ACME", "Zeta")}),)
    catalogue.campaigns.add(Campaign("both", "b" * 64, briefs), {})
    catalogue.campaigns.add_variants("both-bbbbbbbbbb", [item])
    for locale, number in (("de", 1), ("fr", 1), ("d", 0), ("e|f", 0), ("de|fr", 1), ("%", 0)):
        chosen = Filter(campaign="both-bbbbbbbbbb", locale=locale)
        assert len(catalogue.gallery.page(chosen).rows) == catalogue.gallery.count(chosen).number == number
    [row] = catalogue.gallery.rows([item.variant_id])
    assert row.metadata == {"locale": ("de", "fr"), "cta": ("Kaufen",), "Client": ("ACME", "Zeta")}
    assert row.places == ("b1 · tiktok 9:16 · de|fr",)
    [member] = catalogue.campaigns.memberships("both-bbbbbbbbbb")
    assert member.locale == "de|fr"


def test_a_search_that_matches_too_many_rows_is_refused(catalogue: Catalogue, filled, monkeypatch):
    monkeypatch.setattr(metadata_search, "MAX_FOUND", 2)
    with pytest.raises(CatalogueError, match="Choose a campaign, or enter more text"):
        catalogue.gallery.page(Filter(details="mailing"))
    spring = catalogue.campaigns.get("spring").campaign_id
    assert catalogue.gallery.count(Filter(details="mailing", campaign=spring)).number == 18


def test_only_some_briefs_can_be_read(catalogue: Catalogue, filled):
    spring = catalogue.campaigns.get("spring").campaign_id
    assert [brief.brief_id for brief in catalogue.campaigns.briefs(spring, ["b1", "b2"])] == ["b1"]
    assert catalogue.campaigns.briefs(spring, []) == ()
