"""Uploads of the same content show their own file name and the person who uploaded them."""

import asyncio
from pathlib import Path

import pytest
from dashboard_client import SAME_SITE, client_of, session_in
from starlette.responses import Response

from app.dashboard.auth.roles import Person, Role
from app.dashboard.middleware.request_limits import RequestLimits
from app.session import Session

SHEET = b"prompt\na red ball rolls over grass\n"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return session_in(tmp_path / "home")


def upload(client, name: str, content: bytes = SHEET) -> str:
    answer = client.post("/upload", headers=SAME_SITE, files={"sheet": (name, content, "text/csv")})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_each_upload_of_the_same_bytes_keeps_its_own_name_and_person(session: Session):
    reviewer, admin = client_of(session, "reviewer"), client_of(session, "admin")
    places = [upload(reviewer, "first.csv"), upload(reviewer, "second.csv"), upload(admin, "second.csv")]
    assert len(set(places)) == 3
    shown = [reviewer.get(place).text for place in places]
    assert "<h1>first:" in shown[0]
    assert all("<h1>second:" in text for text in shown[1:])
    assert ["Uploaded by reviewer." in text for text in shown] == [True, True, False]
    assert "Uploaded by admin." in shown[2]
    assert upload(reviewer, "first.csv") == places[0]


def test_a_file_that_cannot_be_read_shows_its_own_name_too(session: Session):
    broken = b"%PDF-1.7 no sheet"
    client = client_of(session, "reviewer")
    places = [upload(client, name, broken) for name in ("one.csv", "two.csv")]
    for place, name in zip(places, ("one.csv", "two.csv"), strict=True):
        text = client.get(place).text
        assert f"{name} cannot be read" in text
        assert "Uploaded by reviewer." in text


@pytest.mark.parametrize(
    "name", ["a\x00b.csv", "../../x.csv", "..\\x.csv", ".csv", "\ud800.csv", "x" * 3000 + ".csv", "a\nb.csv"]
)
def test_a_hostile_file_name_is_refused_or_made_plain(session: Session, name: str):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="sheet"; filename="'
        + name.encode("utf-8", "surrogatepass").replace(b"\n", b"%0A")
        + b'"\r\nContent-Type: text/csv\r\n\r\n'
        + SHEET
        + b"\r\n--b--\r\n"
    )
    client = client_of(session, "reviewer")
    headers = SAME_SITE | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/upload", headers=headers, content=body)
    assert answer.status_code in (303, 400, 422), answer.text
    if answer.status_code == 303:
        key = answer.headers["location"].rpartition("/")[2]
        folder = session.settings.home / "uploads" / key
        [sheet] = folder.glob("*.csv")
        assert len(sheet.name) < 200
        assert client.get(answer.headers["location"]).status_code == 200
    assert not list(session.settings.home.parent.glob("*.csv"))


@pytest.mark.parametrize(("role", "is_read"), [(Role.VIEWER, False), (Role.REVIEWER, True), (Role.ADMIN, True)])
def test_the_body_of_a_person_without_the_role_is_not_read(role: Role, is_read: bool):
    """Reading it would fill the disk with temporary files before the route refuses the request."""
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())

    async def receive():
        return {"type": "http.request", "body": b"sheet", "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/upload",
        "headers": [],
        "state": {"person": Person("ann", role)},
    }
    asyncio.run(RequestLimits(app)(scope, receive, None))
    assert [message["body"] for message in seen] == [b"sheet" if is_read else b""]


def test_the_sign_in_form_is_small(session: Session):
    answer = client_of(session).post("/signin", headers=SAME_SITE, content=b"&" * 20_000)
    assert answer.status_code == 413
    assert "larger than 16 kB" in answer.text


def test_a_person_can_send_two_uploads_at_the_same_time(session: Session):
    sent, answers = asyncio.Event(), []

    async def app(scope, receive, send):
        await sent.wait()
        await Response("stored")(scope, receive, send)

    async def upload_once(limits: RequestLimits, name: str) -> None:
        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                answers.append((name, message["status"]))

        person = Person(name, Role.REVIEWER)
        scope = {"type": "http", "method": "POST", "path": "/upload", "headers": [], "state": {"person": person}}
        await limits(scope, receive, send)

    async def main() -> None:
        limits = RequestLimits(app)
        first = [asyncio.create_task(upload_once(limits, name)) for name in ("ann", "ann", "ben")]
        await asyncio.sleep(0)
        await upload_once(limits, "ann")
        sent.set()
        await asyncio.gather(*first)
        await upload_once(limits, "ann")

    asyncio.run(main())
    assert answers == [("ann", 429), ("ann", 200), ("ann", 200), ("ben", 200), ("ann", 200)]
