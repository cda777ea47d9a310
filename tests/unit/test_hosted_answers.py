"""Reading of answers whose content cannot be trusted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.costs.money import Money
from manifests.hosted.wire import Answer
from models.hosted.table.body import address, at, money, number, parse, reference, retry_after, text
from models.hosted.table.links import own_link

BASE = "https://queue.example.com/v1"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"a": [{"type": "image"}, {"type": "video", "url": "u"}], "b": 1}),
        ("b", 1),
        ("a.0.type", "image"),
        ("a.-1.url", "u"),
        ("a.type=video.url", "u"),
        ("a.type=sound.url", None),
        ("a.2", None),
        ("a.-3", None),
        ("a.x", None),
        ("b.c", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_none(path, value):
    body = {"a": [{"type": "image"}, {"type": "video", "url": "u"}], "b": 1}
    assert at(body, path) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_none(content):
    parse(content)


@pytest.mark.parametrize("content", [b"[" * 200_000, b"9" * 5000, b"\xff", b"", b"{", b"NaN x"])
def test_what_is_no_json_is_none(content):
    assert parse(content) is None


def test_numbers_that_json_does_not_have_are_none_inside_a_body():
    assert parse(b'{"a": NaN, "b": -Infinity, "c": 0.1}') == {"a": None, "b": None, "c": Decimal("0.1")}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (5, Decimal(5)),
        ("0.42", Decimal("0.42")),
        (Decimal("5.041"), Decimal("5.041")),
        (0, Decimal(0)),
        (True, None),
        (-1, None),
        ("nan", None),
        ("1e13", None),
        (Decimal("1e999999"), None),
        (Decimal("1e-999999"), Decimal(0)),
        ("1" * 41, None),
        (None, None),
        ([], None),
    ],
)
def test_a_number_is_finite_and_not_negative(value, found):
    assert number(value) == found


def test_money_is_exact_and_a_part_of_a_micro_unit_is_rounded_up():
    assert money(60, "USD", Decimal("0.01")) == Money(600_000, "USD")
    assert money("0.0000001", "USD") == Money(1, "USD")
    assert money("free", "USD") is None


@given(st.text(max_size=1200))
def test_a_message_is_one_printable_line_of_500_characters(value):
    shown = text(value)
    assert len(shown) <= 500
    assert shown.isprintable()
    shown.encode()


def test_a_message_keeps_its_words():
    assert text("too\x00 many\n\njobs\ud800") == "too many jobs"
    assert (text(404), text(True), text(None), text([])) == ("404", "true", "", "")


@pytest.mark.parametrize(
    "value", ["", ".", "..", " ", "a\tb", "x" * 301, True, None, 1.5, {}, pytest.param(10**5000, id="huge")]
)
def test_what_cannot_be_a_reference_is_empty(value):
    assert reference(value) == ""


def test_references_may_be_numbers_and_paths():
    assert reference(8001) == "8001"
    assert reference("projects/p/operations/o1") == "projects/p/operations/o1"


@pytest.mark.parametrize(
    "value",
    ["ftp://x/v", "https://", "https://u:p@x/v", "https://x/\nv", "https://x:0/", "https://[::1/", "//x/v", 5, None],
)
def test_what_is_no_address_of_a_file_is_empty(value):
    assert address(value) == ""


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", None), ("nan", None), ("soon", None), ("99999999", 86400), ("", None)],
)
def test_retry_after_in_seconds(header, seconds):
    assert retry_after(Answer(429, {"retry-after": header}, b"")) == seconds


def test_retry_after_as_a_date_counts_from_the_date_of_the_answer():
    now = datetime(2020, 5, 1, 12, tzinfo=UTC)  # the clocks need not agree
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    headers = {"retry-after": later, "date": format_datetime(now, usegmt=True)}
    assert retry_after(Answer(429, headers, b"")) == 90
    past = {**headers, "date": format_datetime(now + timedelta(hours=1), usegmt=True)}
    assert retry_after(Answer(429, past, b"")) == 0


def test_retry_after_as_a_date_without_a_date_of_the_answer_counts_from_now():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    assert 500 < (retry_after(Answer(503, {"retry-after": later}, b"")) or 0) <= 600


@pytest.mark.parametrize(
    ("link", "is_own"),
    [
        ("https://queue.example.com/requests/r1", True),
        ("https://status.vendor.io/r1", True),
        ("http://status.vendor.io/r1", False),
        ("https://status.vendor.io:8443/r1", False),
        ("https://vendor.io/r1", False),
        ("http://queue.example.com/requests/r1", False),
        ("https://queue.example.com:444/r1", False),
        ("https://queue.example.com.evil.net/r1", False),
        ("https://queue.example.com@evil.net/r1", False),
        ("https://evil.net/r1", False),
        (None, False),
    ],
)
def test_only_links_on_the_providers_hosts_are_followed_with_the_key(link, is_own):
    assert own_link(link, BASE, ("*", "*.vendor.io")) == (link if is_own else "")
