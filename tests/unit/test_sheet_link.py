"""Links to sheets: Google Sheets in every form that people copy, and files on the web."""

import io
import socket
from pathlib import Path
from urllib.parse import urlsplit

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tls_server import body, redirect

from adapters.sheets import read_table
from adapters.web import GuardedFetcher, is_public
from tasks.intake.sources.google_sheets import export_url
from tasks.intake.sources.sheet_link import SheetLinkError, download_sheet, fetch_sheet, is_link
from tasks.intake.sources.sheet_store import SheetStore

ID = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"
PUBLISHED = "2PACX-1vQ_abc-DEF"
CSV = b"prompt,placements\na red cup,16:9\n"
EXPORT = f"/spreadsheets/d/{ID}/export?format=csv"


def workbook() -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["prompt"])
    book.active.append(["a red cup"])
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("link", "export"),
    [
        (f"/d/{ID}/edit#gid=0", f"/d/{ID}/export?format=csv&gid=0"),
        (f"/d/{ID}/edit?gid=12#gid=12", f"/d/{ID}/export?format=csv&gid=12"),
        (f"/d/{ID}/edit?usp=sharing", f"/d/{ID}/export?format=csv"),
        (f"/d/{ID}/edit?usp=sharing#gid=7&range=A1:B2", f"/d/{ID}/export?format=csv&gid=7"),
        (f"/d/{ID}", f"/d/{ID}/export?format=csv"),
        (f"/d/{ID}/", f"/d/{ID}/export?format=csv"),
        (f"/d/{ID}/view", f"/d/{ID}/export?format=csv"),
        (f"/d/{ID}/htmlview?gid=3", f"/d/{ID}/export?format=csv&gid=3"),
        (f"/d/{ID}/copy", f"/d/{ID}/export?format=csv"),
        (f"/u/1/d/{ID}/edit#gid=5", f"/d/{ID}/export?format=csv&gid=5"),
        (f"/d/{ID}/export?format=csv&gid=9", f"/d/{ID}/export?format=csv&gid=9"),
        (f"/d/{ID}/export?format=xlsx", f"/d/{ID}/export?format=csv"),
        (f"/d/{ID}/gviz/tq?tqx=out:csv&gid=4", f"/d/{ID}/export?format=csv&gid=4"),
        (f"/d/{ID}/edit?resourcekey=0-ab#gid=1", f"/d/{ID}/export?format=csv&gid=1&resourcekey=0-ab"),
        (f"/d/e/{PUBLISHED}/pubhtml", f"/d/e/{PUBLISHED}/pub?output=csv"),
        (f"/d/e/{PUBLISHED}/pub?output=csv", f"/d/e/{PUBLISHED}/pub?output=csv"),
        (f"/d/e/{PUBLISHED}/pubhtml?gid=8&single=true", f"/d/e/{PUBLISHED}/pub?output=csv&single=true&gid=8"),
    ],
)
def test_a_link_to_a_google_sheet_becomes_its_csv_export(link, export):
    base = "https://docs.google.com/spreadsheets"
    assert export_url(base + link) == base + export
    if link.startswith("/d/"):
        assert export_url(f"https://docs.google.com/a/example.com/spreadsheets{link}") == base + export


@pytest.mark.parametrize(
    "link",
    [
        "https://docs.google.com/document/d/abc/edit",
        "https://docs.google.com.evil.test/spreadsheets/d/abc/edit",
        "https://evil.test/https://docs.google.com/spreadsheets/d/abc",
        "https://docs.google.com/spreadsheets",
        "https://pictures.test/sheet.csv",
    ],
)
def test_other_links_are_no_google_sheets(link):
    assert export_url(link) is None


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_an_export_url_always_stays_at_google(path, query, fragment):
    try:
        found = export_url(f"https://docs.google.com/spreadsheets/d/{path}?{query}#{fragment}")
    except ValueError:
        return
    if found:
        parts = urlsplit(found)
        assert (parts.scheme, parts.hostname) == ("https", "docs.google.com")
        assert parts.path.startswith("/spreadsheets/d/")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("https://pictures.test/a.csv", True),
        ("HTTPS://pictures.test/a.csv", True),
        ("https:/pictures.test/a.csv", True),  # a path object loses a slash
        ("http://pictures.test/a.csv", True),
        ("docs.google.com/spreadsheets/d/x/edit", True),
        ("sheet.csv", False),
        ("/home/me/https/sheet.csv", False),
        ("s3://bucket/sheet.csv", False),
        ("httpsheet.csv", False),
        ("https.csv", False),
        ("", False),
    ],
)
def test_a_link_is_told_from_a_path(reference, expected):
    assert is_link(reference) is expected


@given(st.text(max_size=40))
def test_any_link_is_refused_with_a_sentence(text):
    def resolver(host, port):
        raise OSError("unknown")

    for link in (f"https://{text}", f"https://docs.google.com/spreadsheets/d/{text}"):
        if is_link(link):
            with pytest.raises(SheetLinkError) as error:
                download_sheet(link, GuardedFetcher(resolver=resolver))
            assert str(error.value).endswith(".")


@pytest.fixture
def fetcher(server):
    return GuardedFetcher(
        resolver=lambda *_: ["127.0.0.1"], is_allowed=lambda _: True, context=server.context, total_s=10
    )


@pytest.fixture
def google(server):
    """Google's export, as it was observed: a redirect to another host, which names the file."""
    port = server.port
    server.pages[EXPORT + "&gid=7"] = redirect(f"https://sheets.googleusercontent.com:{port}/export/x", 307)
    server.pages["/export/x"] = body(
        CSV,
        "text/csv",
        Content_Disposition="attachment; filename=\"a.csv\"; filename*=UTF-8''Fr%C3%BChling%20-%20Shoes.csv",
    )
    return f"https://docs.google.com:{port}/spreadsheets/d/{ID}/edit#gid=7"


def test_a_google_sheet_is_kept_with_a_readable_name(google, fetcher, tmp_path, server):
    store = SheetStore(tmp_path / "home")
    path = fetch_sheet(google, store, fetcher)
    assert path.name == "fruhling-shoes.csv"
    assert path.read_bytes() == CSV
    assert store.is_upload(path)  # its cells cannot name files on this machine
    assert read_table(path).name == "fruhling-shoes"
    assert fetch_sheet(google, store, fetcher) == path
    server.pages["/export/x"] = body(CSV + b"a blue cup,1:1\n", "text/csv")
    changed = fetch_sheet(google, store, fetcher)
    assert changed.parent != path.parent
    assert changed.name == "google-sheet-1bximvs0xra5.csv"
    assert path.read_bytes() == CSV


def test_a_path_object_of_a_link_works_as_well(google, fetcher, tmp_path):
    assert fetch_sheet(str(Path(google)), SheetStore(tmp_path), fetcher).read_bytes() == CSV


def test_a_local_path_is_returned_without_a_request(tmp_path, fetcher):
    assert fetch_sheet("sheets/a b.csv", SheetStore(tmp_path), fetcher) == Path("sheets/a b.csv")
    assert not list(tmp_path.iterdir())


def sign_in(server):
    server.pages["/ServiceLogin"] = body(b"<!doctype html><title>Sign in</title>", "text/html; charset=utf-8")
    return redirect(f"https://accounts.google.com:{server.port}/ServiceLogin")


PRIVATE = {
    "sign-in page": sign_in,
    "401": lambda _: body(b"", "text/html", 401),
    "403": lambda _: body(b"", "text/html", 403),
    "page with status 200": lambda _: body(b"<html>Sign in</html>", "text/csv"),
    "sign-in not reachable": lambda server: redirect("https://accounts.google.com:1/ServiceLogin"),
}


@pytest.mark.parametrize("answer", PRIVATE)
def test_a_google_sheet_that_is_not_shared_says_how_to_share_it(server, fetcher, answer):
    server.pages[EXPORT] = PRIVATE[answer](server)
    link = f"https://docs.google.com:{server.port}/spreadsheets/d/{ID}/edit"
    with pytest.raises(SheetLinkError) as error:
        download_sheet(link, fetcher)
    assert str(error.value) == (
        f"The sheet {link} is not shared. In Google Sheets, choose Share and give anyone with the link the role "
        "Viewer, or choose File > Download and use the downloaded XLSX or CSV file."
    )


def test_a_google_sheet_that_does_not_exist_is_reported(server, fetcher):
    with pytest.raises(SheetLinkError, match="or its tab does not exist, or the sheet is not shared"):
        download_sheet(f"https://docs.google.com:{server.port}/spreadsheets/d/{ID}/edit", fetcher)


@pytest.mark.parametrize(
    ("path", "media_type", "disposition", "name"),
    [
        ("/spring.csv", "text/plain", "", "spring.csv"),
        ("/Spring%20Sale.CSV?token=x", "application/octet-stream", "", "spring-sale.csv"),
        ("/download", "text/csv", "", "download.csv"),
        ("/download", "application/octet-stream", 'attachment; filename="plan.tsv"', "plan.tsv"),
        ("/", "text/tab-separated-values", "", "sheet.tsv"),
        ("/x.csv", "text/csv", 'attachment; filename="../../evil.csv"', "evil.csv"),
    ],
)
def test_a_file_on_the_web_is_downloaded(server, fetcher, path, media_type, disposition, name):
    server.pages[path] = body(CSV, media_type, **({"Content_Disposition": disposition} if disposition else {}))
    assert download_sheet(server.url(path), fetcher) == (name, CSV)


def test_a_workbook_on_the_web_is_read(server, fetcher, tmp_path):
    server.pages["/plan.xlsx"] = body(workbook(), "application/octet-stream")
    path = fetch_sheet(server.url("/plan.xlsx"), SheetStore(tmp_path), fetcher)
    assert [row.cells for row in read_table(path).rows] == [("a red cup",)]


def without_length(request):
    request.send_response(200)
    request.send_header("Content-Type", "text/csv")
    request.end_headers()
    request.wfile.write(CSV)


WRONG = {
    "/page": (body(b"<html>", "text/html"), "is a web page, not a sheet. Use a link that downloads a CSV or XLSX file"),
    "/data": (
        body(CSV, "application/octet-stream"),
        "is a file, not a sheet. Use a link to a file that ends with .csv",
    ),
    "/film": (body(b"x", "video/mp4"), "is a file of the type video/mp4, not a sheet."),
    "/empty.csv": (body(b"", "text/csv"), "is empty. Check the link."),
    "/gone.csv": (body(b"", "text/csv", 404), "does not exist. Check the URL (status 404)."),
    "/open.csv": (without_length, "was sent without its length, so that a broken download could not be noticed."),
    "/inner.csv": (
        redirect("https://10.0.0.1/secret.csv"),
        "redirects to 10.0.0.1, which is not on the public internet",
    ),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_link_that_leads_to_no_sheet_is_reported(server, path):
    server.pages[path], words = WRONG[path]
    fetcher = GuardedFetcher(
        resolver=lambda host, port: ["127.0.0.1"] if host == "pictures.test" else [host],
        is_allowed=lambda address: address == "127.0.0.1" or is_public(address),
        context=server.context,
    )
    with pytest.raises(SheetLinkError) as error:
        download_sheet(server.url(path) + "?token=secret" * (path == "/gone.csv"), fetcher)
    assert str(error.value).startswith(f"The sheet {server.url(path)} {words}")


def test_a_sheet_above_the_size_limit_is_refused(server, fetcher, monkeypatch):
    monkeypatch.setattr("tasks.intake.sources.sheet_link.MAX_SHEET_BYTES", 10)
    server.pages["/a.csv"] = body(CSV, "text/csv")
    with pytest.raises(SheetLinkError, match="is larger than 0 MB"):
        download_sheet(server.url("/a.csv"), fetcher)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("http://pictures.test/a.csv", "The sheet http://pictures.test/a.csv is not encrypted."),
        ("https://me:secret@pictures.test/a.csv", "contains a user name or a password."),
        ("https://[::1/a.csv", "is not a valid URL."),
    ],
)
def test_a_link_that_may_not_be_requested_is_refused(link, words, fetcher):
    with pytest.raises(SheetLinkError) as error:
        download_sheet(link, fetcher)
    assert words in str(error.value)


def test_without_a_network_the_message_says_so(server):
    def offline(*_):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    with pytest.raises(SheetLinkError, match=r"there is no host docs\.google\.com"):
        download_sheet(f"docs.google.com/spreadsheets/d/{ID}/edit", GuardedFetcher(resolver=offline))
