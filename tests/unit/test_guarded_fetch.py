"""The guard of downloads: which addresses, redirects and bodies it refuses, against a real TLS server."""

import gzip
import ipaddress
import socket
import ssl
import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tls_server import body, redirect

from adapters.web import FetchError, GuardedFetcher, is_public

PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "localhost",
    "2130706433",
    "0x7f.1",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_a_public_address_is_allowed(address):
    assert is_public(address)


def is_special(address) -> bool:
    kinds = address.is_private, address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified
    return any(kinds)


@given(st.ip_addresses(v=4))
def test_no_form_of_a_private_ipv4_address_is_public(address):
    embedded = int(address)
    forms = [
        ipaddress.IPv6Address(0xFFFF << 32 | embedded),
        ipaddress.IPv6Address(embedded),
        ipaddress.IPv6Address((0x64FF9B << 96) | embedded),
        ipaddress.IPv6Address((0x2002 << 112) | (embedded << 80)),
    ]
    if not is_public(str(address)):
        assert not any(is_public(str(form)) for form in forms)
    else:
        assert address.is_global
        assert not is_special(address)
        assert not address.is_reserved


@given(st.ip_addresses(v=6))
def test_a_public_ipv6_address_is_global_unicast(address):
    if is_public(str(address)):
        assert address.is_global
        assert address.ipv4_mapped is None
        assert address.teredo is None
        assert not is_special(address)
        assert address in ipaddress.ip_network("2000::/3") or address in ipaddress.ip_network("64:ff9b::/96")


@given(st.text(max_size=40))
def test_a_text_is_an_address_or_refused(text):
    if is_public(text):
        ipaddress.ip_address(text)


def loopback(host, port):
    return ["127.0.0.1"]


def fetcher(server, **options) -> GuardedFetcher:
    """Return a fetcher that may connect to the test server."""
    options = {"resolver": loopback, "is_allowed": lambda _: True, "context": server.context, "total_s": 10} | options
    return GuardedFetcher(**options)


def get(server, path, *, host="pictures.test", most=1000, **options):
    return fetcher(server, **options).get(server.url(path, host), accept="image/png", max_bytes=most)


def refusal(server, path, **options) -> str:
    with pytest.raises(FetchError) as error:
        get(server, path, **options)
    return str(error.value)


def test_a_file_is_downloaded_with_its_type_and_name(server):
    server.pages["/a%20b.png?q=%C3%A4"] = body(
        b"data", "Image/PNG; charset=x", Content_Disposition="attachment; filename*=UTF-8''Fr%C3%BChling%20-%20A.csv"
    )
    found = get(server, "/a b.png?q=ä#part")
    assert found.content == b"data"
    assert found.media_type == "image/png"
    assert found.file_name == "Frühling - A.csv"
    assert found.is_complete


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\x\\\\y.csv"', "y.csv"),
        ("attachment", ""),
        ("attachment; filename*=nonsense''%FF", "ÿ"),
        ("inline; filename=plain.png", "plain.png"),
    ],
)
def test_a_suggested_name_has_no_folder(server, disposition, name):
    server.pages["/x"] = body(b"data", Content_Disposition=disposition)
    assert get(server, "/x").file_name == name


def test_the_request_asks_for_an_uncompressed_body_and_sends_no_secrets(server):
    seen = {}

    def respond(request):
        seen.update(request.headers.items())
        body(b"x")(request)

    server.pages["/x"] = respond
    get(server, "/x")
    assert seen["Accept-Encoding"] == "identity"
    assert seen["Host"] == f"pictures.test:{server.port}"
    assert not {"Cookie", "Authorization", "Referer"} & seen.keys()


@pytest.mark.parametrize("address", [address for address in PRIVATE if "." in address or ":" in address])
def test_a_public_name_with_a_private_address_is_refused_before_connecting(server, address):
    server.pages["/x"] = body(b"secret")
    said = refusal(server, "/x", resolver=lambda *_: [address], is_allowed=is_public)
    assert said.startswith("is not on the public internet: pictures.test has a private or reserved address.")
    assert not server.asked


def test_a_name_with_a_public_and_a_private_address_is_refused(server):
    assert "private or reserved" in refusal(
        server, "/x", resolver=lambda *_: ["8.8.8.8", "10.0.0.1"], is_allowed=is_public
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f000001", "127.1", "localhost"])
def test_an_address_in_the_url_is_refused_by_the_real_resolver(server, host):
    server.pages["/x"] = body(b"secret")
    with pytest.raises(FetchError, match=r"private or reserved address|there is no host"):
        GuardedFetcher(context=server.context).get(server.url("/x", host), accept="*/*", max_bytes=10)
    assert not server.asked


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://pictures.test/x.png", "is not encrypted. Use a URL that starts with https://."),
        ("ftp://pictures.test/x.png", "is not an https:// URL."),
        ("file:///etc/passwd", "is not an https:// URL."),
        ("https://user:secret@pictures.test/x.png", "contains a user name or a password."),
        ("https://user@pictures.test/x.png", "contains a user name or a password."),
        ("https:///x.png", "is not a valid URL."),
        ("https://pictures.test:port/x.png", "is not a valid URL."),
        ("https://[::1/x.png", "is not a valid URL."),
        ("https://pictures.test/" + "x" * 5000, "is not a valid URL."),
    ],
)
def test_a_url_that_may_not_be_requested_is_refused(server, url, words):
    with pytest.raises(FetchError) as error:
        fetcher(server).get(url, accept="*/*", max_bytes=10)
    assert str(error.value).startswith(words)
    assert "secret" not in str(error.value)


def test_a_host_name_that_tls_cannot_check_is_refused(server):
    with pytest.raises(FetchError, match="is not a valid URL"):
        fetcher(server).get(server.url("/x", ".test"), accept="*/*", max_bytes=10)


def test_a_redirect_is_followed_to_another_host(server):
    server.pages["/a"] = redirect(server.url("/b", "other.test"), 307)
    server.pages["/b"] = redirect("/c?d")
    server.pages["/c?d"] = body(b"data")
    assert get(server, "/a").url == server.url("/c?d", "other.test")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://pictures.test/x.png", "redirects to http://pictures.test, which is not encrypted."),
        ("file:///etc/passwd", "redirects to file://, which is not an https:// URL."),
        ("https://user:secret@other.test/", "redirects to https://other.test, which contains a user name"),
        ("https://[::1", "redirects to an invalid URL."),
        ("http://..xn--", "redirects to http://..xn--, which is not encrypted."),
        ("https://443xn--/", "redirects to 443xn--, which"),
    ],
)
def test_a_redirect_to_a_forbidden_url_is_refused(server, location, words):
    server.pages["/a"] = redirect(location)
    said = refusal(server, "/a")
    assert said.startswith(words)
    assert "secret" not in said


@pytest.mark.parametrize("private", ["127.0.0.2", "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_a_redirect_to_a_private_address_is_refused(server, private):
    server.pages["/a"] = redirect("https://metadata.test/latest")
    server.pages["/latest"] = body(b"secret")
    said = refusal(
        server,
        "/a",
        resolver=lambda host, _: ["127.0.0.1"] if host == "pictures.test" else [private],
        is_allowed=lambda address: address == "127.0.0.1" or is_public(address),
    )
    assert said.startswith("redirects to metadata.test, which is not on the public internet")
    assert "/latest" not in server.asked


def test_an_endless_redirect_is_refused(server):
    server.pages["/a"] = redirect("/a")
    assert refusal(server, "/a").startswith("redirects more than 5 times.")
    assert server.asked["/a"] == 6


def test_a_name_is_resolved_once_so_that_rebinding_has_no_effect(server):
    """The second answer of the name server would be private; the connection goes to the checked first one."""
    server.pages["/x"] = body(b"data")
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return next(answers)

    assert get(server, "/x", resolver=rebinding, is_allowed=lambda address: address == "127.0.0.1").content == b"data"
    assert asked == ["pictures.test"]


def test_each_hop_of_a_redirect_to_the_same_host_is_checked_again(server):
    server.pages["/a"] = redirect("/b")
    server.pages["/b"] = body(b"secret")
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    said = refusal(server, "/a", resolver=lambda *_: next(answers), is_allowed=lambda address: address == "127.0.0.1")
    assert "private or reserved" in said
    assert "/b" not in server.asked


def test_the_certificate_must_be_valid_for_the_host_name(server):
    server.pages["/x"] = body(b"data")
    said = refusal(server, "/x", host="evil.test")
    assert said.startswith("cannot be downloaded: the TLS certificate of evil.test is not valid (")
    said = refusal(server, "/x", context=ssl.create_default_context())
    assert "the TLS certificate of pictures.test is not valid" in said


def test_a_server_without_tls_is_reported(server):
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve():
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(10_000)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(FetchError, match="does not use TLS correctly"):
            fetcher(server).get(f"https://pictures.test:{plain.getsockname()[1]}/", accept="*/*", max_bytes=10)
        thread.join(10)


def test_a_body_above_the_limit_is_refused_with_and_without_a_length(server):
    server.pages["/declared"] = body(b"x" * 1001)

    def undeclared(request):
        request.send_response(200)
        request.end_headers()
        while not server.released.is_set():
            request.wfile.write(b"x" * 500)

    server.pages["/endless"] = undeclared
    for path in ("/declared", "/endless"):
        assert refusal(server, path) == "is larger than 0 MB. Reduce its size."


def test_a_compressed_body_is_refused(server):
    bomb = gzip.compress(b"0" * 1_000_000)
    assert len(bomb) < 2000
    server.pages["/x"] = body(bomb, Content_Encoding="gzip")
    assert refusal(server, "/x", most=2000).startswith("is compressed in transit (gzip), which is not accepted.")


def dripping(server, first: bytes):
    def respond(request):
        request.wfile.write(first)
        while not server.released.wait(0.05):
            request.wfile.write(b"a")
            request.wfile.flush()

    return respond


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["silent start", "headers", "body with a length", "body without a length"],
)
def test_a_slow_response_ends_at_the_time_limit(server, first):
    server.pages["/x"] = dripping(server, first)
    started = time.monotonic()
    assert refusal(server, "/x", total_s=0.6) == ("was not downloaded within 0.6 s. Try again, or use a faster server.")
    assert time.monotonic() - started < 5


def test_a_server_that_never_answers_ends_at_the_time_limit(server):
    server.pages["/x"] = lambda _: server.released.wait(15)
    assert "was not downloaded within 0.4 s" in refusal(server, "/x", total_s=0.4)


def test_a_name_server_that_never_answers_ends_at_the_time_limit(server):
    released = threading.Event()
    said = refusal(server, "/x", resolver=lambda *_: released.wait(15) and [], total_s=0.3)
    released.set()
    assert "was not downloaded within 0.3 s" in said


def test_a_truncated_body_is_refused(server):
    def short(request):
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"x" * 50)

    def short_chunked(request):
        request.protocol_version = "HTTP/1.1"
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"5\r\nabcde\r\n")

    server.pages["/short"], server.pages["/chunked"] = short, short_chunked
    for path in ("/short", "/chunked"):
        assert refusal(server, path).startswith("was not downloaded completely")


def test_a_body_without_a_declared_end_is_marked(server):
    def open_ended(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"abc")

    server.pages["/x"] = open_ended
    found = get(server, "/x")
    assert (found.content, found.media_type, found.is_complete) == (b"abc", "", False)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "needs a sign-in."),
        (403, "needs a sign-in."),
        (404, "does not exist. Check the URL (status 404)."),
        (410, "no longer exists."),
        (418, "cannot be downloaded."),
        (429, "is not available now. Try again later"),
        (503, "is not available now. Try again later"),
        (204, "cannot be downloaded."),
        (206, "cannot be downloaded."),
        (302, "cannot be downloaded."),
    ],
)
def test_another_status_is_reported(server, status, words):
    server.pages["/x"] = body(b"", status=status)
    with pytest.raises(FetchError) as error:
        get(server, "/x")
    assert str(error.value).startswith(words)
    assert error.value.status == status
    assert error.value.is_transient is (status in (429, 503))


def test_an_unreachable_host_is_reported_as_such(server):
    def missing(*_):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FetchError, match=r"there is no host pictures\.test") as error:
        get(server, "/x", resolver=missing)
    assert error.value.is_host_down
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(FetchError, match=f"does not respond on port {port}") as error:
        fetcher(server).get(f"https://pictures.test:{port}/", accept="*/*", max_bytes=10)
    assert error.value.is_host_down


@pytest.mark.parametrize(("code", "is_transient"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
def test_a_name_server_that_does_not_respond_is_a_transient_error(server, code, is_transient):
    def failing(*_):
        raise socket.gaierror(code, "failed")

    with pytest.raises(FetchError, match=r"there is no host") as error:
        get(server, "/x", resolver=failing)
    assert error.value.is_transient is is_transient


URL_PARTS = st.sampled_from(
    [
        "https://",
        "http://",
        "//",
        "@",
        ":",
        "443",
        "[",
        "]",
        "::1",
        "%",
        "%00",
        "\\",
        "#",
        "?",
        "/",
        "..",
        "a.test",
        "xn--",
    ]
)


@given(st.lists(URL_PARTS | st.text(max_size=5), max_size=8).map("".join))
@example("..xn--")
@example("443xn--")
def test_any_text_is_downloaded_or_refused_with_a_sentence(text):
    """No text reaches another host than the one that was resolved and checked."""
    asked = []

    def resolver(host, port):
        asked.append((host, port))
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(FetchError) as error:
        GuardedFetcher(resolver=resolver).get(f"https://{text}", accept="*/*", max_bytes=10)
    assert str(error.value).endswith(".")
    assert len(asked) <= 1


def test_an_unusable_address_is_followed_by_the_next_one(server):
    server.pages["/x"] = body(b"data")
    assert get(server, "/x", resolver=lambda *_: ["::1", "127.0.0.1"]).content == b"data"
