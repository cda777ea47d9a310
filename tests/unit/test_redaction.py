"""Secrets are redacted in any quoting and position, whether they are known or only look like secrets."""

import json
import logging
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.runtime.logs.redaction import MASK, MIN_SECRET_LENGTH, Redaction

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40).filter(
    lambda text: len(text.strip()) >= 8 and MASK not in text
)
FEW = settings(max_examples=40, deadline=None)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WAYS = {
    "plain": str,
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "json": json.dumps,
    "json unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps({"a": text})),
    "json in repr": lambda text: repr(json.dumps({"a": text})),
    "repr in json": lambda text: json.dumps(repr({"a": text})),
    "quoted": lambda text: quote(text, safe=""),
    "quoted path": quote,
    "quoted plus": quote_plus,
    "quoted in json": lambda text: json.dumps(f"https://host/?a={quote_plus(text)}"),
    "quoted twice": lambda text: quote(quote(text, safe=""), safe=""),
    "lower": lambda text: quote(text, safe="").lower(),
    "dict": lambda text: str({"key": (text, [text])}),
    "error": lambda text: repr(ValueError(text)),
    "log": lambda text: logging.Formatter("%(message)s").format(
        logging.LogRecord("a", 20, "a", 1, "said %r and %s", (text, text), None)
    ),
}


@pytest.mark.parametrize("way", WAYS)
@FEW
@given(secret=SECRETS, before=AROUND, after=AROUND)
@example(secret="p'a\"s\\s/w+o r%d", before="", after="")
@example(secret="line\nbreak\t\x00\x7f", before="", after="")
@example(secret="gemälde€☂𝄞𝄞", before="", after="")
def test_a_known_secret_is_redacted_in_any_quoting(way, secret, before, after):
    redact = Redaction()
    redact.learn([secret])
    written = WAYS[way](secret)
    text = redact(f"{before}{written}{after}")
    assert secret not in text
    assert written not in text
    assert MASK in text


@FEW
@given(st.lists(SECRETS, min_size=2, max_size=4))
def test_overlapping_secrets_are_redacted_completely(secrets):
    whole = "".join(secrets)
    redact = Redaction()
    redact.learn([*secrets, whole])
    assert not any(each in redact(f"a {whole} b") for each in (*secrets, whole))


@FEW
@given(AROUND)
def test_text_without_a_secret_is_unchanged(text):
    plain = re.sub(r"[^a-z ]", "", text)
    redact = Redaction()
    redact.learn(["Correct Horse 7", "abc"])
    assert redact(plain) == plain


def test_very_short_secrets_are_ignored():
    redact = Redaction()
    redact.learn(["", "a", "x" * (MIN_SECRET_LENGTH - 1)])
    assert redact("a xxx b") == "a xxx b"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://reel:hunter2@db/reelmill refused", "hunter2"),
        ("postgresql+psycopg://reel:p%40ss@db:5432/x", "p%40ss"),
        ("https://user:tok@host/x and on", "user"),
        ("POST https://hooks.slack.com/services/T01/B02/abcDEF failed", "abcDEF"),
        ("'https://discord.com/api/webhooks/12/abcDEF'", "abcDEF"),
        ("https://acme.webhook.office.com/webhookb2/abcDEF@x/y", "abcDEF"),
        ("https://chat.example/hooks/abcDEF", "abcDEF"),
        ("https://chat.example/api/webhooks/12/abcDEF", "abcDEF"),
        ("https://n8n.example/webhook/abcDEF", "abcDEF"),
        ("https://teams.example/a/b/webhooks/abcDEF", "abcDEF"),
        ("postgresql://reel:p/w@db/reelmill refused", "p/w"),
        ("postgresql://reel:p@s/w@db/reelmill refused", "s/w"),
        ("https://user:p/w@host/x", "p/w"),
        ("https://user:p@ssw@host/x", "ssw"),
        ("Cookie: reelmill_session=abcdefgh; theme=dark", "abcdefgh"),
        ("Set-Cookie: reelmill_session=abcdefgh; HttpOnly", "abcdefgh"),
        ("{'cookie': 'reelmill_session=abcdefgh'}", "abcdefgh"),
        ("headers=[(b'cookie', b'reelmill_session=abcdefgh')]", "abcdefgh"),
        ("sent reelmill_session=abcdefgh to /", "abcdefgh"),
        ("header Basic dXNlcjpwYXNzd29yZA== was refused", "dXNlcjpwYXNzd29yZA"),
        ("Server=db;UID=reel;PWD=hunter22;", "hunter22"),
        ("pwd: hunter22", "hunter22"),
        ('{"pwd": "hunter22"}', "hunter22"),
        ("POSTGRES_PASSWORD=hunter22 docker compose up", "hunter22"),
        ("GET https://b.s3.amazonaws.com/k?X-Amz-Signature=abcdef0123&X-Amz-Date=2026", "abcdef0123"),
        ("https://x/?X-Amz-Credential=AKIAABCDEFGHIJKLMNOP%2Fx", "AKIAABCDEFGHIJKLMNOP"),
        ("key AKIAABCDEFGHIJKLMNOP was refused", "AKIAABCDEFGHIJKLMNOP"),
        ("git fetch refused glpat-ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST"),
        ("ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 has expired", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
        ("hf_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh was refused", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh"),
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh.ijkl"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("headers=[(b'authorization', b'Bearer abcdefgh')]", "abcdefgh"),
        ("the bearer abcdefghijkl is wrong", "abcdefghijkl"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ('{"client_secret": "s3 cr3t"}', "s3 cr3t"),
        ("password=hunter2;host=db", "hunter2"),
        ("REELMILL_BUCKET_SECRET_KEY='two words'", "two words"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "MHcCAQEE"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQEE cut off", "MHcCAQEE"),
        ("/share/abcdefghijklmnopqrst/media", "abcdefghijklmnopqrst"),
        ("/signin/once?secret=abcdefgh", "abcdefgh"),
    ],
)
def test_text_that_looks_like_a_secret_is_redacted(text, secret):
    found = Redaction()(text)
    assert secret not in found
    assert MASK in found


@pytest.mark.parametrize(
    "text",
    [
        "Campaign Spring (spring-0123456789) has finished. 3 published.",
        "postgresql://db/reelmill does not answer",
        "See https://review.example/campaigns/spring-0123",
        "The token is wrong; ask an admin.",
        "a password is asked for",
        "12 tokens/s, key frames: 4",
        "s3://clips/autumn/spring/0f.mp4",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "2 briefs share the clip 0123456789abcdef",
        "mail ann@example.org",
        "PWD=/srv/reelmill OLDPWD=/root",
        "hf_model_name is not supported, hf_hub_download_timeout neither",
        "a basic question about basic functionality",
        "http://127.0.0.1:8642/campaigns?by=ann@example.org",
        "http://[::1]:8642/campaigns/@ann",
        "https://review.example/campaigns/@ann",
        "Cookie banners: none. The session cookie, which has a name, expired.",
        "2 sessions were ended; session=3",
    ],
)
def test_ordinary_messages_are_unchanged(text):
    assert Redaction()(text) == text


def test_redaction_of_long_texts_is_fast():
    redact = Redaction()
    redact.learn(["hunter2 and more"])
    parts = (
        "password ",
        "x://",
        "a",
        "a.",
        "secret-",
        "secret='",
        'token="',
        "token\\",
        "http://a",
        "x:// ",
        "-----BEGIN ",
        "api_key = ",
        "authorization",
        "bearer ",
        "?sig",
        "https://a.",
        "token: ",
        "x://a:",
        "https://a:b/",
        "https://a/b/",
        "cookie: a",
        "basic a",
        "a_session",
        "pwd=",
    )
    began = time.process_time()
    for part in parts:
        redact(part * (100_000 // len(part)))
    assert time.process_time() - began < 20


HINTS = (
    "Send the header `Authorization: Bearer TOKEN` with the server's token.",
    "an Authorization header using Bearer auth (i.e. Authorization: Bearer API_KEY). You can obtain",
    "use the header 'Authorization: Key API_KEY'",
)


@pytest.mark.parametrize("hint", HINTS)
def test_the_hint_of_a_server_stays_readable(hint):
    assert Redaction()(hint) == hint


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer TOKEN-hunter22",
        "Authorization: Bearer TOKEN hunter22",
        "Authorization: Bearer token` hunter22",
        "Authorization: KEY hunter22",
        "Authorization: hunter22 Bearer TOKEN`",
        "Authorization: Bearer hunter22 TOKEN`",
    ],
)
def test_a_value_beside_the_word_token_is_redacted(text):
    assert "hunter22" not in Redaction()(text)


def test_redaction_is_idempotent():
    redact = Redaction()
    redact.learn(["hunter2"])
    once = redact("password=hunter2 https://u:p@h/x Authorization: Bearer abcdefghijk")
    assert redact(once) == once
