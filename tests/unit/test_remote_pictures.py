"""The column first_frame with https:// and s3:// URLs: refusals, one download per URL, and reuse."""

import hashlib
import io
import threading
import zlib

import pytest
import s3_server
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tls_server import body

from adapters.inbox.s3_objects import S3Objects, split_s3_url
from adapters.media.picture import InvalidPictureError
from adapters.web import GuardedFetcher
from manifests.errors import DiskFullError
from models.registry import load_cards
from tasks.intake import remote_pictures
from tasks.intake.intake import Intake, validate_sheet
from tasks.intake.pictures import KeptPictures, keep_pictures
from tasks.intake.remote_pictures import RemotePictures
from tasks.intake.remote_sources import RemoteSources, is_remote
from tasks.runtime.files.first_frames import FirstFrames

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS = load_cards()
TAKES = "wan2.1-i2v-14b-480p"


def encoded(kind: str = "png", colour=(9, 99, 200), size=(848, 480)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def world(server, tmp_path):
    return World(server, tmp_path)


class World:
    """A machine that keeps pictures, and a clock."""

    def __init__(self, server, folder) -> None:
        self.server = server
        self.folder = folder
        self.store = FirstFrames(folder / "first-frames")
        self.clock = 1_800_000_000.0
        self.progress: list[tuple[int, int, int]] = []
        self.objects = S3Objects()

    def read(
        self, *cells: str, name="plan", kept=None, prefixes=None, offline=False, limit_s=60.0, total_s=10
    ) -> Intake:
        sheet = self.folder / f"{name}.csv"
        rows = "".join(f'a cup {number},"{cell}"\n' for number, cell in enumerate(cells))
        sheet.write_text(f"prompt,first_frame\n{rows}")
        fetcher = GuardedFetcher(
            resolver=lambda *_: ["127.0.0.1"],
            is_allowed=lambda _: True,
            context=self.server.context,
            total_s=total_s,
        )
        remote = RemotePictures(
            self.store,
            name,
            None if offline else RemoteSources(fetcher, self.objects, prefixes),
            on_progress=self.progress.append,
            limit_s=limit_s,
            now=lambda: self.clock,
        )
        return validate_sheet(sheet, CARDS, TAKES, kept, confined=prefixes is not None, remote=remote)

    def errors(self, *cells: str, **options) -> list[str]:
        return [problem.sentence for problem in self.read(*cells, **options).checked.problems]

    def url(self, path: str) -> str:
        return self.server.url(path)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("media_type", ["right", "image/jpg", "application/octet-stream", "binary/octet-stream"])
def test_a_picture_is_downloaded_and_identified_by_its_hash(world, kind, media_type):
    data = encoded(kind)
    world.server.pages["/cup"] = body(data, f"image/{kind}" if media_type == "right" else media_type)
    intake = world.read(world.url("/cup"))
    sha256 = hashlib.sha256(data).hexdigest()
    assert intake.checked.problems == intake.checked.warnings == ()
    assert intake.checked.briefs[0].first_frames == (world.url("/cup"),)
    assert intake.checked.briefs[0].first_frame_hashes == (sha256,)
    assert intake.pictures[0].path == world.store.path(sha256)
    keep_pictures(world.store, intake.pictures)


def test_local_and_remote_pictures_with_the_same_pixels_give_the_same_hash(world):
    world.server.pages["/cup"] = body(encoded())
    (world.folder / "cup.png").write_bytes(encoded())
    remote, local = world.read(f"{world.url('/cup')}|cup.png").checked.briefs[0].first_frame_hashes
    assert remote == local


def test_a_url_in_many_rows_is_downloaded_once_for_plan_run_and_rerun(world):
    world.server.pages["/cup"] = body(encoded())
    world.server.pages["/shoe"] = body(encoded(colour=(0, 0, 0)))
    cells = [world.url("/cup"), f"{world.url('/cup')}|{world.url('/shoe')}", world.url("/cup")]
    first = world.read(*cells)
    assert world.server.asked == {"/cup": 1, "/shoe": 1}
    assert world.progress == [(1, 0, 2), (2, 0, 2)]
    world.server.pages.clear()  # the URLs have expired
    assert world.read(*cells).campaign == first.campaign
    assert world.read(*cells, offline=True).campaign == first.campaign
    assert world.server.asked == {"/cup": 1, "/shoe": 1}


def test_an_older_copy_is_reported_and_the_suggested_fragment_downloads_the_picture_again(world):
    world.server.pages["/cup"] = body(encoded())
    first = world.read(world.url("/cup"))
    world.server.pages["/cup"] = body(encoded(colour=(0, 0, 0)))
    world.clock += 3599
    assert world.read(world.url("/cup")).checked.warnings == ()
    world.clock += 2
    [warning] = world.read(world.url("/cup")).checked.warnings
    assert warning.message == (
        "was downloaded at 2027-01-15 08:00 UTC, and this copy is used. To download it again, add # and any text to "
        "the end of the URL."
    )
    again = world.read(world.url("/cup") + "#2")
    assert again.checked.warnings == ()
    assert again.checked.briefs[0].first_frame_hashes != first.checked.briefs[0].first_frame_hashes
    assert again.campaign.campaign_id != first.campaign.campaign_id


def test_a_sheet_with_another_name_downloads_its_own_copy(world):
    world.server.pages["/cup"] = body(encoded())
    world.read(world.url("/cup"))
    world.server.pages["/cup"] = body(encoded(colour=(0, 0, 0)))
    world.clock += 9999
    assert world.read(world.url("/cup"), name="other").checked.warnings == ()
    assert world.server.asked["/cup"] == 2


def test_another_machine_uses_the_copy_that_a_campaign_has_kept(world):
    world.server.pages["/cup"] = body(encoded())
    first = world.read(world.url("/cup"))
    for entry in (world.store.root / "urls").glob("*.json"):
        entry.unlink()
    kept = KeptPictures(world.store, lambda: first.checked.briefs)
    again = world.read(world.url("/cup"), kept=kept)
    assert again.campaign == first.campaign
    assert [warning.message[:48] for warning in again.checked.warnings] == [
        "was downloaded for an earlier run, and this copy"
    ]
    assert world.server.asked["/cup"] == 1


def test_a_picture_that_was_changed_in_the_store_is_downloaded_again(world):
    world.server.pages["/cup"] = body(encoded())
    [picture] = world.read(world.url("/cup")).pictures
    picture.path.write_bytes(b"damaged")
    assert world.errors(world.url("/cup")) == []
    assert world.server.asked["/cup"] == 2


HTML = b"<!DOCTYPE html><title>Sign in</title>"
WRONG = {
    "text/html": (HTML, "is a web page, not a picture. Open the picture alone in the browser, and use that URL."),
    "image/png": (HTML, "is a web page, not a picture."),
    "application/json": (b"{}", "is a file of the type application/json, not a picture. Use a PNG, JPEG or WebP."),
    "text/plain": (encoded(), "is a file of the type text/plain, not a picture."),
    "image/gif": (b"GIF89a...", "is a GIF file. Save it as PNG, JPEG or WebP."),
    "image/avif": (b"\0\0\0\x1cftypavif", "is an AVIF file. Save it as PNG, JPEG or WebP."),
    "image/heic": (b"\0\0\0\x1cftypheic", "is a HEIC file. Save it as PNG, JPEG or WebP."),
    "image/svg+xml": (b"<svg></svg>", "is an SVG file. Save it as PNG, JPEG or WebP."),
    "image/x": (b"nonsense", "is not a readable picture. Save it as PNG, JPEG or WebP."),
    "image/cut": (encoded()[:-200], "is damaged or incomplete. Copy or save it again."),
    "image/small": (encoded(size=(63, 64)), "has 63 × 64 pixels. Use a picture with at least 64 × 64 pixels."),
    "": (b"", "is empty. Copy or save it again."),
}


@pytest.mark.parametrize("media_type", WRONG)
def test_a_file_that_is_no_usable_picture_is_reported_and_not_kept(world, media_type):
    data, words = WRONG[media_type]
    world.server.pages["/x"] = body(data, media_type)
    [sentence] = world.errors(world.url("/x"))
    shown = world.url("/x")
    assert sentence.startswith(f"Row 2, column B 'first_frame': '{shown}' {words}")
    world.server.pages["/x"] = body(encoded())  # the owner has fixed it
    assert world.errors(world.url("/x")) == []


@pytest.mark.parametrize(
    ("host", "shared", "advice", "direct"),
    [
        ("www.dropbox.com", "/s/x/a.png?dl=0", "Replace dl=0 at the end of the link by dl=1.", "/s/x/a.png?dl=1"),
        (
            "drive.google.com",
            "/file/d/abc/view",
            "and use https://drive.google.com/uc?export=download&id=ID with the ID that the link contains after /d/.",
            "/uc?export=download&id=abc",
        ),
    ],
)
def test_a_link_for_people_to_a_shared_file_says_what_the_direct_link_is(world, host, shared, advice, direct):
    world.server.pages[shared] = body(HTML, "text/html")
    world.server.pages[direct] = body(encoded(), "application/octet-stream")
    [sentence] = world.errors(world.server.url(shared, host))
    assert sentence.endswith(advice)
    assert world.errors(world.server.url(direct, host)) == []


def test_a_picture_with_a_broken_credential_is_downloaded_again_after_it_was_fixed(world):
    data = encoded()
    store = b"caBX" + b"not a store!"
    chunk = (len(store) - 4).to_bytes(4, "big") + store + zlib.crc32(store).to_bytes(4, "big")
    world.server.pages["/x"] = body(data[:33] + chunk + data[33:])
    [sentence] = world.errors(world.url("/x"))
    assert "has an invalid Content Credential" in sentence
    world.server.pages["/x"] = body(data)
    assert world.errors(world.url("/x")) == []


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("http://pictures.test/x.png", "is not encrypted. Use a URL that starts with https://."),
        ("www.pictures.test/x.png", "is a URL without a scheme. Put https:// in front of it."),
        ("ftp://pictures.test/x.png", "cannot be downloaded. Use an https:// or s3:// URL, or the name of a file."),
        ("gs://pictures/x.png", "cannot be downloaded. Use an https:// or s3:// URL, or the name of a file."),
        ("file:///etc/x.png", "is the URL of a local file. Enter the path of the file instead."),
        ("data:image/png;base64,AAAA", "is an embedded picture. Save it as a file"),
        ("https://a.test/x.png, https://a.test/y.png", "contains several URLs. Separate them with |."),
        ("https://me:pass@pictures.test/x.png", "contains a user name or a password."),
        ("https:/pictures.test/x.png", "is not a valid URL."),
        ("https://[::1/x.png", "is not a valid URL."),
        ("s3://bucket", "is not the URL of an object. Use s3://bucket/key."),
        ("s3://bucket/folder/", "is not the URL of an object. Use s3://bucket/key."),
    ],
)
def test_a_url_that_cannot_be_used_is_reported_without_a_request(world, cell, words):
    [sentence] = world.errors(cell)
    assert f"' {words}" in sentence
    assert not world.server.asked


@pytest.mark.parametrize("name", ["cup.png", "C:\\pictures\\cup.png", "a:b.png", "folder/cup.png", "httpscup.png"])
def test_names_of_files_are_no_urls(name):
    assert not is_remote(name)


def test_a_host_that_does_not_respond_is_tried_once(world):
    asked = []

    def resolver(host, port):
        asked.append(host)
        raise OSError("unknown")

    sources = RemoteSources(GuardedFetcher(resolver=resolver), world.objects)
    remote = RemotePictures(world.store, "plan", sources, limit_s=30)
    urls = [f"https://missing.test/{number}.png" for number in range(200)]
    remote.download(urls)
    assert len(asked) <= remote_pictures.WORKERS
    for url in urls:
        with pytest.raises(ValueError, match=r"there is no host missing\.test"):
            remote.path(url)


def test_a_sheet_with_many_urls_downloads_them_side_by_side(world):
    """Each response waits until as many requests have arrived as there are workers."""
    together = threading.Barrier(remote_pictures.WORKERS, timeout=20)
    for number in range(remote_pictures.WORKERS):

        def respond(request, number=number):
            together.wait()
            body(encoded(colour=(number, 0, 0)))(request)

        world.server.pages[f"/{number}"] = respond
    cells = [world.url(f"/{number}") for number in range(remote_pictures.WORKERS)]
    assert world.errors(*cells, total_s=20) == []


def test_five_hundred_urls_are_read_in_one_sheet(world):
    data = encoded(size=(64, 64))
    for number in range(500):
        world.server.pages[f"/{number}"] = body(data)
    assert world.errors(*(world.url(f"/{number}") for number in range(500))) == []
    assert world.progress[-1] == (500, 0, 500)
    assert sum(world.server.asked.values()) == 500


def test_slow_downloads_end_at_the_limit_of_the_sheet_and_finished_ones_are_kept(world):
    world.server.pages["/quick"] = body(encoded())
    released = threading.Event()
    for number in range(20):
        world.server.pages[f"/{number}"] = lambda _: released.wait(20)
    cells = [world.url("/quick"), *(world.url(f"/{number}") for number in range(20))]
    sentences = world.errors(*cells, limit_s=3.0)
    released.set()
    assert len(sentences) == 20
    assert all("took longer than 3 s. Try again: finished downloads are kept." in each for each in sentences)
    assert sum(world.server.asked.values()) <= remote_pictures.WORKERS + 1
    for number in range(20):
        world.server.pages[f"/{number}"] = body(encoded())
    assert world.errors(*cells) == []
    assert world.server.asked["/quick"] == 1


def test_a_full_disk_ends_the_reading(world, monkeypatch):
    world.server.pages["/cup"] = body(encoded())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(remote_pictures, "write_durably", full)
    with pytest.raises(DiskFullError):
        world.read(world.url("/cup"))


def test_the_kept_sheet_of_a_campaign_downloads_nothing(world):
    world.server.pages["/cup"] = body(encoded())
    [sentence] = world.errors(world.url("/cup"), offline=True)
    assert "is not kept on this machine" in sentence
    assert not world.server.asked


def test_a_token_in_a_url_is_not_stored(world):
    world.server.pages["/cup?token=secret"] = body(encoded())
    world.read(world.url("/cup?token=secret"))
    entries = list((world.store.root / "urls").glob("*.json"))
    assert len(entries) == 1
    assert b"secret" not in entries[0].read_bytes()


PARTS = st.sampled_from(
    ["https://", "s3://", "http:", "data:", "www.", "a.test", "bucket", "/", "|", "#", "[", "::1", "%"]
)


@given(st.lists(PARTS | st.text(max_size=5), max_size=8).map("".join))
def test_any_text_of_a_cell_is_refused_with_a_sentence(text):
    def resolver(host, port):
        raise OSError("unknown")

    sources = RemoteSources(GuardedFetcher(resolver=resolver), S3Objects(), ())
    if is_remote(text):
        with pytest.raises(InvalidPictureError) as error:
            sources.read(text)
        assert str(error.value).endswith(".")


@pytest.fixture
def bucket(world, s3_endpoint, s3_bucket_name):
    world.objects = S3Objects(endpoint=s3_endpoint, **s3_server.S3_KEYS)
    store = s3_server.client(s3_endpoint)

    def put(key: str, data: bytes) -> str:
        store.put_object(Bucket=s3_bucket_name, Key=key, Body=data)
        return f"s3://{s3_bucket_name}/{key}"

    return put


@pytest.mark.parametrize("key", ["cup.png", "spring/a cup #1?x=50%25.png", "frühling/cup.webp"])
def test_an_object_is_read_with_the_configured_account(world, bucket, key):
    data = encoded()
    intake = world.read(bucket(key, data))
    assert intake.checked.problems == ()
    assert intake.checked.briefs[0].first_frame_hashes == (hashlib.sha256(data).hexdigest(),)


def test_an_object_that_cannot_be_used_is_reported(world, bucket, monkeypatch):
    url = bucket("cup.png", encoded())
    [sentence] = world.errors(url.replace("cup", "cop"))
    assert f"does not exist in the bucket {url.split('/')[2]}. Check its key." in sentence
    [sentence] = world.errors("s3://no-such-bucket-of-ours/cup.png")
    assert "cannot be read. The bucket" in sentence
    monkeypatch.setattr("tasks.intake.remote_sources.MAX_PICTURE_BYTES", 100)
    [sentence] = world.errors(url)
    assert "is larger than 0 MB. Reduce its size." in sentence
    [sentence] = world.errors(bucket("x.png", b"GIF89a"))
    assert "is a GIF file." in sentence


def test_an_uploaded_sheet_may_read_only_the_configured_locations(world, bucket):
    public, secret = bucket("public/cup.png", encoded()), bucket("public-not/cup.png", encoded(colour=(0, 0, 0)))
    location = public.removesuffix("/cup.png")
    assert world.errors(public, prefixes=(location,)) == []
    for url in (secret, public.replace("public/", "public/../public-not/"), public.replace("public/", "/public/")):
        [sentence] = world.errors(url, prefixes=(location,))
        assert sentence.endswith(
            "is in a location that sheets from other machines may not read. Use an https:// URL, or add the location "
            "to REELMILL_PICTURE_PREFIXES."
        )
    [sentence] = world.errors(public, prefixes=())
    assert "may not read" in sentence
    assert world.errors(secret) == []  # a sheet on this machine, and now the picture is kept
    [sentence] = world.errors(secret, prefixes=(location,))
    assert "may not read" in sentence
    assert len(list((world.store.root / "urls").glob("*.json"))) == 2  # a refusal does not delete kept pictures
    kept = KeptPictures(world.store, lambda: world.read(secret).checked.briefs)
    [sentence] = world.errors(secret, prefixes=(location,), kept=kept)
    assert "may not read" in sentence


def test_an_uploaded_sheet_may_use_https_urls(world):
    world.server.pages["/cup"] = body(encoded())
    assert world.errors(world.url("/cup"), prefixes=()) == []


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "s3://bucket/", "https://bucket/key", "bucket/key"])
def test_an_incomplete_s3_url_is_refused(url):
    with pytest.raises(ValueError, match="is not s3://bucket/key"):
        split_s3_url(url)
