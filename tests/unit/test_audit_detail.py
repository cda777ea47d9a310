"""The column "Details" of the audit log."""

from pathlib import Path

import pytest
from dashboard_client import client_of, session_in

from app.dashboard.audit_detail import detail_text

ACCOUNT = {"role": "admin", "disabled": 0, "issuer": None, "subject": None, "password_sha256": "ab" * 32}


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ({}, ""),
        ({"role": "viewer", "password_hash": "new", "reason": ""}, "role: viewer; password_hash: new"),
        ({"disabled": 0}, "disabled: no"),
        ({"priority": 0}, "priority: 0"),
        ({"accounts": {"ann": ACCOUNT}}, "accounts: ann: role admin"),
        (
            {"accounts": {"ann": ACCOUNT, "ben": {**ACCOUNT, "role": "viewer", "disabled": 1}}, "tokens": {}},
            "accounts: ann: role admin, ben: role viewer disabled yes",
        ),
        ({"tokens": {"0123abcd": ["ann", 1.7e9]}}, "tokens: 0123abcd ann, 2023-11-14 22:13 UTC"),
        ({"codes": ["blurred", "off-brand"], "clip_s": 1.5}, "codes: blurred, off-brand; clip_s: 1.5"),
        ({"expires_at": 1.7e9}, "expires_at: 2023-11-14 22:13 UTC"),
        ({"lost": [[7, "ab"], [9, "cd"]]}, "lost: 7, ab, 9, cd"),
    ],
)
def test_details_are_text(detail: dict[str, object], text: str):
    assert detail_text(detail) == text


def test_the_page_shows_no_python(tmp_path: Path):
    session = session_in(tmp_path / "home")
    session.catalogue.audit.note("system", "sealed", "catalogue", accounts={"ann": ACCOUNT})
    page = client_of(session, "admin").get("/audit").text
    assert "<td>accounts: ann: role admin</td>" in page
    assert "{&#39;" not in page
