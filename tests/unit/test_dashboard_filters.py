"""Filters in URLs: parsed, written back, and refused with one message if invalid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dashboard.filters import NAMES, GalleryQuery, InvalidFilterError, parse_query
from app.dashboard.routes.decisions import is_local, parse_seen
from manifests.errors import CatalogueError, ReelmillError

TEXTS = st.text(max_size=12)


def test_all_filters_are_parsed():
    query = parse_query(
        "campaign=c&brief=b&placement=tiktok+9%3A16&locale=de&state=passed&state=failed&verdict=failed"
        "&reason=black&lowest=0,25&highest=.5&model=starter&since=2026-11-23&until=2026-11-24&q=red+ball"
        "&seed=7&reviewed=no&parent=p&order=newest&hack=1"
    )
    chosen = query.filter
    assert (chosen.campaign, chosen.placement, chosen.states) == ("c", "tiktok 9:16", ("passed", "failed"))
    assert (chosen.lowest, chosen.highest, chosen.seed, chosen.text) == (0.25, 0.5, 7, "red ball")
    assert chosen.since is not None
    assert chosen.until == chosen.since + 2 * 86_400
    assert query.order == "newest"
    assert parse_query(query.query_string).filter == chosen
    assert "hack" not in query.query_string


@given(
    st.dictionaries(
        st.sampled_from(
            [name for name in NAMES if name not in ("lowest", "highest", "since", "until", "seed", "state", "order")]
        ),
        TEXTS,
    ),
    st.lists(TEXTS, max_size=3),
)
def test_a_query_string_round_trips(texts: dict[str, str], states: list[str]):
    query = GalleryQuery(texts, tuple(states))
    again = parse_query(query.query_string)
    assert again.values == query.values
    assert again.states == query.states


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("lowest=much", "'much' is invalid. Enter a number from -1 to 1"),
        ("highest=1.5", "Enter a number from -1 to 1"),
        ("lowest=nan", "Enter a number"),
        ("seed=-1", "'-1' is invalid. Enter a whole number"),
        ("seed=٣", "Enter a whole number"),
        ("order=best", "The order 'best' does not exist. Use one of score, -score, newest, oldest"),
        ("since=24.11.2026", "Enter it as YYYY-MM-DD, for example 2026-11-24"),
    ],
)
def test_an_invalid_filter_is_refused(query: str, sentence: str):
    with pytest.raises(InvalidFilterError, match=sentence):
        parse_query(query)


def test_other_values_replace_those_of_the_query():
    query = parse_query("q=red&state=passed&order=newest")
    assert parse_query(query.with_(after="1~a", q=None)).values == {"order": "newest"}
    assert query.with_(state=("failed",)).endswith("state=failed")


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/gallery?q=1", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("", False),
        ("/a\nb", False),
        ("/\t/evil.example", False),
        ("javascript:1", False),
    ],
)
def test_redirects_stay_on_this_site(path: str, local: bool):
    assert is_local(path) is local


def test_seen_events_are_parsed():
    assert parse_seen(" a:1  b:22 ") == {"a": 1, "b": 22}
    for text in ("a", "a:", "a:x", "a:-1", "a:" + "9" * 30):
        with pytest.raises(CatalogueError, match="Reload the page"):
            parse_seen(text)
    with pytest.raises(ReelmillError, match="1,001 clips are too many"):
        parse_seen(" ".join(f"{number}:1" for number in range(1001)))
