"""The clip page, the comparison of clips, and a clip's way: approved, signed, published, withdrawn, regenerated."""

import hashlib
import re
import zipfile
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from sealed_catalogue import open_home

from adapters.c2pa.verifier import verify
from adapters.catalogue import Filter, GalleryRow

SPRING = "spring"


def rows(home, **filters) -> tuple[GalleryRow, ...]:
    with open_home(home) as catalogue:
        chosen = Filter(campaign=catalogue.campaigns.get(SPRING).campaign_id, **filters)
        return catalogue.gallery.page(chosen).rows


def row_of(home, key: str):
    with open_home(home) as catalogue:
        return catalogue.variants.get(key)


def zip_of(open_page, served, keys: list[str]) -> dict[str, bytes]:
    """Select clips in the gallery and download them; return the files in the ZIP by name."""
    page = open_page(f"/gallery?campaign={spring_id(served.home)}")
    for key in keys:
        page.locator(f"#c-{key} .pick").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZIP").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def spring_id(home) -> str:
    with open_home(home) as catalogue:
        return catalogue.campaigns.get(SPRING).campaign_id


def test_frames_are_stepped_one_by_one(open_page, served):
    row = rows(served.home, states=("passed",))[0]
    page = open_page(f"/clips/{row.variant_id}")
    expect(page.locator("#player")).to_have_js_property("readyState", 4)
    for number in (2, 3, 4):
        page.keyboard.press(".")
        expect(page.locator("#frame")).to_have_text(f"frame {number} of {row.variant.num_frames}")
    page.keyboard.press(",")
    expect(page.locator("#frame")).to_have_text(re.compile("^frame 3 "))
    page.locator("#position").fill(str(row.variant.num_frames - 1))
    expect(page.locator("#frame")).to_have_text(re.compile(f"^frame {row.variant.num_frames} "))
    page.keyboard.press("Escape")
    page.locator("main").click(position={"x": 2, "y": 2})
    page.keyboard.press(" ")
    expect(page.locator("#player")).to_have_js_property("paused", False)
    page.keyboard.press(" ")
    expect(page.locator("#player")).to_have_js_property("paused", True)


def test_all_facts_of_a_clip_are_shown(open_page, served):
    row = rows(served.home, states=("failed",))[0]
    page = open_page(f"/clips/{row.variant_id}")
    main = page.locator("main")
    for text in (
        "threshold 0.990",
        "it does not match the prompt well enough",
        "temporal flickering",
        "match rank among the campaign's prompts",
        "movement between frames",
        "contrast",
        "invalid pixels",
        "guidance scale",
        row.variant_id,
        "starter-openclip@",
        "No Content Credential yet",
        "rendered",
        "brief strict",
        ", de",
    ):
        expect(main).to_contain_text(text)


def test_next_and_previous_follow_the_order_of_the_gallery(open_page, served):
    page = open_page("/gallery?q=%22prompt+1+of%22&order=-score")
    ids = page.locator("#grid > .card").evaluate_all("cards => cards.map((card) => card.dataset.id)")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(ids[1]))
    page.wait_for_load_state("load")
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(ids[2]))
    page.wait_for_load_state("load")
    page.keyboard.press("k")
    page.wait_for_url(re.compile(ids[1]))
    page.get_by_role("link", name="← Gallery").click()
    expect(page).to_have_url(re.compile("order=-score"))


def test_a_comment_on_a_frame(open_page, served):
    row = rows(served.home, states=("passed",))[1]
    page = open_page(f"/clips/{row.variant_id}")
    expect(page.locator("#player")).to_have_js_property("readyState", 4)
    page.locator("#position").fill("8")
    expect(page.locator("#frame")).to_have_text(re.compile("^frame 9 "))
    page.get_by_role("textbox", name="Comment").fill("here <i>it</i> jumps")
    page.get_by_label("at the current frame").check()
    page.get_by_role("button", name="Add").click()
    comment = page.locator("#comments li").last
    expect(comment).to_contain_text("here <i>it</i> jumps")
    expect(comment).to_contain_text(f"at {8.5 / row.variant.fps:.2f} s")
    page.locator("#position").fill("0")
    comment.get_by_role("button").click()
    expect(page.locator("#frame")).to_have_text(re.compile("^frame 9 "))


def test_the_prompt_is_copied(open_page, served):
    row = rows(served.home, states=("passed",))[1]
    page = open_page(f"/clips/{row.variant_id}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy prompt").click()
    expect(page.locator("#notices")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == row.variant.prompt


def test_a_clip_is_approved_signed_published_and_withdrawn(open_page, served, signed_in, tmp_path):
    key = rows(served.home, states=("passed",))[2].variant_id
    page = open_page(f"/clips/{key}")
    page.keyboard.press("a")
    expect(page.locator("#state")).to_have_text("approved")
    for _ in range(60):
        if row_of(served.home, key).state == "published":
            break
        page.wait_for_timeout(500)
    page.reload()
    expect(page.locator("#state")).to_have_text("published")
    credential = page.locator("#credential")
    expect(credential).to_contain_text("trusted: intact, and signed by a trusted signer")
    expect(credential.locator(".raw")).to_contain_text("human_validated")
    row = row_of(served.home, key)
    assert row.signed is not None
    with page.expect_download() as download:
        page.get_by_role("link", name="Clip", exact=True).click()
    clip = tmp_path / "clip.mp4"
    download.value.save_as(clip)
    assert hashlib.sha256(clip.read_bytes()).hexdigest() == row.signed.sha256
    assert verify(clip).state == "valid"
    for name in ("Poster", "Credential file (.c2pa)", "Record (JSON)"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.path().stat().st_size > 100
    zipped = zip_of(open_page, served, [key, rows(served.home, states=("passed",))[0].variant_id])
    [signed] = [name for name in zipped if name.endswith(f"{key[:12]}.mp4")]
    assert zipped[signed] == clip.read_bytes()
    assert {Path(name).suffix for name in zipped if key[:12] in name} == {".mp4", ".c2pa", ".json"}
    assert [name for name in zipped if name.startswith("unsigned/")]
    [table] = [name for name in zipped if name.endswith(".csv")]
    assert re.search(rf"{key},.*published.*approved by person:", zipped[table].decode())

    page.keyboard.press("w")
    page.keyboard.type("rights ran out")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_have_text("withdrawn")
    assert [name for name in row.signed.keys if (served.home / "bucket" / name).exists()] == []
    assert row_of(served.home, key).url is None


@pytest.mark.slow
def test_a_regenerated_clip_is_generated_and_names_its_parent(open_page, served):
    parent = rows(served.home, states=("failed",))[0]
    page = open_page(f"/clips/{parent.variant_id}")
    page.keyboard.press("g")
    expect(page.get_by_label("Same prompt, new seed")).to_be_checked()
    page.get_by_label("Text of the new prompt").fill("a red cup zooming in on a blue background")
    expect(page.get_by_label("New prompt", exact=True)).to_be_checked()
    page.locator("#reroll").get_by_role("button", name="Regenerate").click()
    expect(page.locator("#notices")).to_contain_text("Regenerating 1 clip:")
    page.locator("#notices a").first.click()
    expect(page.locator("h1")).to_have_text("a red cup zooming in on a blue background")
    expect(page.locator("main")).to_contain_text(f"regenerated from {parent.variant_id[:12]}")
    key = page.locator(".clip").get_attribute("data-id")
    for _ in range(240):
        if row_of(served.home, key).state not in ("planned", "leased", "rendered"):
            break
        page.wait_for_timeout(500)
    row = row_of(served.home, key)
    assert row.clip is not None
    assert row.variant.seed == parent.variant.seed
    assert row.variant.prompt == "a red cup zooming in on a blue background"


def test_a_decision_can_be_undone_on_the_next_clip(open_page, served):
    page = open_page("/gallery?q=%22prompt+11+of%22&state=passed")
    page.keyboard.press("j")
    key = page.locator(".card[aria-current]").get_attribute("data-id")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(key))
    page.wait_for_load_state("load")
    page.keyboard.press("a")
    expect(page.locator("#state")).to_have_text("approved")
    page.keyboard.press("j")
    page.wait_for_url(re.compile(f"/clips/(?!{key})"))
    page.wait_for_load_state("load")
    page.keyboard.press("U")
    expect(page.locator("#notices")).to_contain_text("1 decision undone.")
    assert row_of(served.home, key).state == "passed"


@pytest.mark.slow
def test_the_gallery_shows_when_an_approved_clip_is_published(open_page, served):
    page = open_page(f"/gallery?campaign={spring_id(served.home)}&state=passed")
    page.keyboard.press("j")
    key = page.locator(".card[aria-current]").get_attribute("data-id")
    page.keyboard.press("a")
    expect(page.locator(f"#c-{key}")).to_have_attribute("data-state", "published", timeout=40_000)
    clip = open_page(f"/clips/{key}")
    expect(clip.locator("#credential")).to_contain_text("human validated")


def test_c_compares_the_clips_of_a_brief(open_page, served):
    page = open_page("/gallery?q=stock&order=-score")
    page.keyboard.press("j")
    prompt = page.locator(".card[aria-current]").get_attribute("data-prompt")
    page.keyboard.press("c")
    page.wait_for_url(re.compile("/compare.*brief="))
    expect(page.locator("#grid > .card")).to_have_count(4)
    assert set(page.locator("#grid > .card").evaluate_all("all => all.map((each) => each.dataset.prompt)")) == {prompt}


def test_compared_clips_play_in_sync(open_page, served):
    page = open_page("/gallery?campaign=" + "&q=teal+waves")
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.keyboard.press("c")
    videos = page.locator("#grid video")
    expect(videos).to_have_count(3)
    for index in range(3):
        expect(videos.nth(index)).to_have_js_property("readyState", 4)
    page.keyboard.press(".")
    page.keyboard.press(".")
    expect(page.locator("#frame")).to_have_text(re.compile("^frame 3 "))
    times = videos.evaluate_all("all => all.map((each) => each.currentTime)")
    assert max(times) - min(times) < 0.001
    page.keyboard.press(" ")
    page.wait_for_timeout(700)
    times = videos.evaluate_all("all => all.map((each) => each.currentTime)")
    assert max(times) - min(times) < 0.2
    assert not any(videos.evaluate_all("all => all.map((each) => each.paused)"))
    page.keyboard.press("2")
    expect(page.locator(".card").nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    expect(page.locator(".card").nth(1).locator(".state")).to_have_text("rejected")


def test_clips_of_a_brief_are_compared_page_by_page(open_page, served):
    page = open_page("/compare?brief=stock-2&order=score&size=2")
    expect(page.locator("#grid > .card")).to_have_count(2)
    first = page.locator(".card").first.get_attribute("data-id")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_url(re.compile("after="))
    assert page.locator(".card").first.get_attribute("data-id") != first
    page.get_by_role("link", name="3-up").click()
    expect(page.locator("#grid > .card")).to_have_count(3)


def test_media_supports_range_requests(served, signed_in):
    cookies = {each["name"]: each["value"] for each in signed_in["cookies"]}
    key = rows(served.home, states=("passed", "failed", "published"))[0].variant_id
    with httpx.Client(base_url=served.url, cookies=cookies) as client:
        part = client.get(f"/media/{key}/clip", headers={"Range": "bytes=0-99"})
        assert (part.status_code, len(part.content)) == (206, 100)
        assert "max-age" in part.headers["cache-control"]
        assert "private" in part.headers["cache-control"]
        assert client.get("/media/" + "0" * 32 + "/clip").status_code == 404
        assert client.get("/media/..%2f..%2fetc/poster").status_code == 404
    assert httpx.get(f"{served.url}/media/{key}/poster").status_code in (303, 401)
