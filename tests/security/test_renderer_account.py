"""Compose's store: the account of the renderers is created with a policy for staging/, and again without harm."""

import json
import runpy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import boto3
import pytest
from infra_files import INFRA
from moto import mock_aws

SCRIPT = INFRA / "compose" / "make-bucket.py"


class Gateway(BaseHTTPRequestHandler):
    """The admin API of Versity's gateway, as its client uses it: signed PATCH requests with an XML body."""

    accounts: dict[str, dict[str, str]]
    refuses = 0

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = {each.tag: each.text for each in ElementTree.fromstring(body)}
        place = urlsplit(self.path)
        if not self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=root-key/"):
            return self.answer(403)
        if self.refuses:
            return self.answer(self.refuses)
        if place.path == "/create-user":
            if fields["Access"] in self.accounts:
                return self.answer(409)
            self.accounts[fields.pop("Access")] = fields
            return self.answer(201)
        self.accounts[parse_qs(place.query)["access"][0]].update(fields)
        return self.answer(200)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def aws() -> Iterator[None]:
    """S3, simulated by moto in this process. It also sets AWS_ACCESS_KEY_ID, so it comes first."""
    with mock_aws():
        yield


@pytest.fixture
def gateway(aws, monkeypatch) -> Iterator[type[Gateway]]:
    handler = type("Handler", (Gateway,), {"accounts": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    values = {
        "ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "BUCKET": "clips",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "root-key",
        "AWS_SECRET_ACCESS_KEY": "root-secret",
        "RENDERER_ACCESS_KEY": "renderer",
        "RENDERER_SECRET_KEY": "first",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def run(monkeypatch) -> None:
    """Run the script; S3 itself is moto's, in this process."""
    real = boto3.client
    monkeypatch.setattr(boto3, "client", lambda name, **_: real(name))
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_the_account_is_created_and_a_second_run_changes_its_secret(gateway: type[Gateway], monkeypatch):
    run(monkeypatch)
    assert gateway.accounts == {"renderer": {"Secret": "first", "Role": "user", "UserID": "0", "GroupID": "0"}}
    monkeypatch.setenv("RENDERER_SECRET_KEY", "second")
    run(monkeypatch)
    assert gateway.accounts["renderer"]["Secret"] == "second"
    client = boto3.client("s3")
    assert client.get_bucket_versioning(Bucket="clips")["Status"] == "Enabled"
    policy = json.loads(client.get_bucket_policy(Bucket="clips")["Policy"])
    objects, listing = policy["Statement"]
    assert {part["Effect"] for part in policy["Statement"]} == {"Allow"}
    assert all(part["Principal"] == {"AWS": ["renderer"]} for part in policy["Statement"])
    assert (objects["Action"], objects["Resource"]) == (
        ["s3:GetObject", "s3:PutObject"],
        ["arn:aws:s3:::clips/staging/*"],
    )
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "staging/*"}}


def test_a_refusal_stops_the_start(gateway: type[Gateway], monkeypatch):
    gateway.refuses = 403
    with pytest.raises(SystemExit, match="refused create-user with status 403"):
        run(monkeypatch)


def test_the_renderers_need_a_key_of_their_own(gateway: type[Gateway], monkeypatch):
    monkeypatch.setenv("RENDERER_ACCESS_KEY", "root-key")
    with pytest.raises(SystemExit, match="Choose another key"):
        run(monkeypatch)
