"""All pages: accessibility in light, dark and phone layouts; campaigns, sheets, people and calibration."""

import re
import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from review_program import HOSTILE, program
from sealed_catalogue import open_home

from adapters.catalogue import Filter
from benchmarks.review.rows import HOSTILE_BRIEF, fill
from tasks.intake.sources.sheet_store import SHEET_SUFFIXES

PAGES = [
    "/campaigns",
    "/campaigns/{spring}",
    "/campaigns/{stock}",
    "/gallery",
    "/gallery?q=nothing+like+it",
    "/clips/{clip}",
    "/clips/{failed}",
    "/compare?brief=stock-1&size=3",
    "/second-review",
    "/calibration",
    "/calibration?campaign={stock}",
    "/people",
    "/jobs",
    "/audit",
    "/audit?verify=true",
    "/api/docs",
    "/upload",
    "/signin",
    "/bulk?outcome=rejected&brief=stock-1",
    "/no-such-page",
]
QUICK = ("/campaigns", "/campaigns/{spring}", "/gallery", "/clips/{failed}", "/upload", "/signin", "/no-such-page")
"""The pages that `make test` checks; `make test-slow` checks all, in light, dark and phone layouts."""
SLOW = pytest.mark.slow
LOOKS = [
    pytest.param(path, look, marks=[] if look == "light" and path in QUICK else SLOW)
    for path in PAGES
    for look in ("light", "dark", "phone")
]


@pytest.fixture(scope="module")
def names(home) -> dict[str, str]:
    with open_home(home) as catalogue:
        spring = catalogue.campaigns.get("spring").campaign_id
        clips = {
            state: catalogue.gallery.page(Filter(campaign=spring, states=(state,))).rows[0].variant_id
            for state in ("passed", "failed")
        }
        reviewed(catalogue, catalogue.campaigns.get("stock").campaign_id)
        return {
            "spring": spring,
            "stock": catalogue.campaigns.get("stock").campaign_id,
            "clip": clips["passed"],
            "failed": clips["failed"],
        }


def reviewed(catalogue, campaign_id: str) -> None:
    """Record 120 reviews by Ann, who is stricter than the gate, and 40 blind second reviews by Ben."""
    catalogue.campaigns.set_second_share(campaign_id, 1.0, "person:ann")
    rows = [
        row
        for state in ("passed", "failed")
        for row in catalogue.gallery.page(Filter(campaign=campaign_id, states=(state,)), "newest").rows
    ]
    for row in rows:
        assert row.prompt_adherence is not None
        good = row.prompt_adherence + 0.02 * (row.variant.seed % 5 - 2) > 0.7
        catalogue.reviews.record(
            {row.variant_id: row.seen}, "approved" if good else "rejected", "person:ann", reason="by eye", undo_s=3600
        )
    for index, key in enumerate(catalogue.blind_reviews.pending(campaign_id, "person:ben", 40)):
        state = catalogue.variants.states([key])[key]
        catalogue.blind_reviews.add(key, "person:ben", state if index % 8 else "rejected")


@pytest.mark.parametrize(("path", "look"), LOOKS)
def test_axe_finds_no_violations(open_page, names, path: str, look: str):
    options = {"color_scheme": "dark"} if look == "dark" else {}
    if look == "phone":
        options = {"viewport": {"width": 390, "height": 800}, "is_mobile": True, "has_touch": True}
    page = open_page(path.format(**names), **options)
    page.wait_for_load_state("networkidle")
    if look == "phone":
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for summary in page.locator("details > summary").all():
        summary.click()
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    if path == "/no-such-page":
        open_page.complaints.clear()  # the browser logs the page's own status 404


@pytest.mark.parametrize(
    "dialog",
    ["reject", *(pytest.param(name, marks=SLOW) for name in ("help", "override", "confirm", "withdraw", "reroll"))],
)
def test_axe_finds_no_violations_in_dialogs(open_page, dialog: str):
    page = open_page("/gallery")
    page.evaluate("name => document.getElementById(name).showModal()", dialog)
    found = Axe().run(page, context=f"#{dialog}").response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


def test_a_campaign_page_links_to_its_clips_and_files(open_page, names):
    page = open_page("/")
    expect(page).to_have_url(re.compile("/campaigns$"))
    row = page.get_by_role("row", name=re.compile("spring"))
    expect(row).to_contain_text("8 of 8")
    page.get_by_role("link", name="spring", exact=True).click()
    expect(page.locator("#status")).to_contain_text("8 of 8 done, 75% passed")
    expect(page.get_by_role("row", name=re.compile("^strict"))).to_contain_text("does not match the prompt: 2")
    page.get_by_role("link", name=re.compile("^does not match the prompt: 2")).click()
    expect(page).to_have_url(re.compile("reason=adherence"))
    expect(page.locator("#results")).to_contain_text("failure reason does not match the prompt")
    expect(page.locator("#grid > .card")).to_have_count(2)
    page.go_back()
    for name, content in (
        ("Uploaded sheet", b"brief_id,prompt"),
        ("Clip table (CSV)", b"variant_id"),
        ("Sheet with results", b",Reelmill status,Reelmill passed"),
    ):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        assert content in download.value.path().read_bytes()


def test_the_slider_shows_how_many_clips_would_pass(open_page, names, home):
    page = open_page(f"/campaigns/{names['stock']}")
    with open_home(home) as catalogue:
        would = catalogue.gallery.count(Filter(campaign=names["stock"], lowest=0.75)).number
    page.locator("#slider").evaluate("slider => { slider.value = 0.75; slider.dispatchEvent(new Event('input')); }")
    expect(page.locator("#preview")).to_contain_text(f"{would:,} clips would pass at 0.750")
    page.locator("#slider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#preview")).to_contain_text("clips would pass at 0.755")
    page.keyboard.press("End")
    expect(page.locator("#preview")).to_contain_text(re.compile("device-minutes|is unknown"))


def test_a_sheet_is_validated_before_it_runs(open_page, tmp_path, home):
    sheet = tmp_path / "Sommer Aktion.csv"
    sheet.write_text(
        "prompt,placements,variants,loacle\na red circle drifting right on a white background,16:9,1,de\n"
        "a blue circle,7:3,1,\n=1+1,16:9,zero,\n"
    )
    page = open_page("/upload")
    page.get_by_label("Sheet (CSV").set_input_files(sheet)
    page.get_by_role("button", name="Validate sheet").click()
    expect(page.locator("h1")).to_contain_text("errors")
    expect(page.get_by_role("row", name=re.compile("^3 "))).to_contain_text("'7:3'")
    expect(page.locator("td.marked").first).to_have_text("7:3")
    expect(page.get_by_role("row", name=re.compile("^1 Header row"))).to_contain_text("Did you mean 'locale'?")
    expect(page.locator("main")).to_contain_text("Valid rows: 1 of 3.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download annotated sheet").click()
    assert download.value.path().read_bytes()[:2] == b"PK"
    page.get_by_label(re.compile("Skip 2 rows with errors and run 1 valid row")).check()
    page.get_by_role("button", name="Run campaign").click()
    expect(page).to_have_url(re.compile("/campaigns/sommer-aktion-"), timeout=60_000)
    expect(page.locator("#status")).to_contain_text("1 of 1 done", timeout=120_000)
    expect(page.locator("#status")).to_contain_text("passed")
    expect(page.locator("#scores")).to_contain_text("1 clip would pass", timeout=60_000)
    expect(page.locator("#briefs")).to_contain_text("Sheet with results")


def test_the_template_can_be_downloaded_and_the_menu_shows_a_count(open_page):
    page = open_page("/upload")
    with page.expect_download() as download:
        page.get_by_role("link", name="sheet template").click()
    assert download.value.path().read_bytes()[:2] == b"PK"
    expect(page.locator(".waiting")).to_have_text(re.compile("^[1-9]"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "sheet.pdf",
            b"%PDF",
            f"'sheet.pdf' is not a sheet. Upload a file of type {', '.join(SHEET_SUFFIXES)}.",
        ),
        ("empty.csv", b"", "'empty.csv' is empty"),
        ("bomb.xlsx", b"PK\x03\x04broken", "'bomb.xlsx' is damaged or incomplete"),
    ],
)
def test_an_invalid_file_is_refused(open_page, tmp_path, name: str, content: bytes, sentence: str):
    (tmp_path / name).write_bytes(content)
    page = open_page("/upload")
    page.locator("input[name=sheet]").set_input_files(tmp_path / name)
    page.get_by_role("button", name="Validate sheet").click()
    expect(page.locator("main")).to_contain_text(sentence)
    open_page.complaints.clear()  # the browser logs the page's own status 400


def test_an_uploaded_sheet_cannot_read_files_of_the_server(open_page, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("prompt,model,first_frame\na cup,svd-xt,/etc/passwd\na cup,svd-xt,../../machine.id\n")
    page = open_page("/upload")
    page.locator("input[name=sheet]").set_input_files(sheet)
    page.get_by_role("button", name="Validate sheet").click()
    expect(page.locator("main")).to_contain_text("is a path on another machine")
    expect(page.locator("main")).to_contain_text("Valid rows: 0 of 2.")


def test_calibration_proposes_and_applies_a_threshold(open_page, names, home):
    page = open_page(f"/calibration?campaign={names['stock']}")
    expect(page.locator("main")).to_contain_text("120 clips reviewed")
    expect(page.locator("main")).to_contain_text("40 clips have a blind second review")
    expect(page.locator("main")).to_contain_text("Cohen's kappa")
    page.locator("#slider").focus()
    page.keyboard.press("Home")
    expect(page.locator("#preview")).to_contain_text("Of all approved clips, 100% would pass (recall)")
    page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(page.locator("h1")).to_contain_text("Threshold of campaign stock set to")
    expect(page.locator(".notice")).to_contain_text(re.compile("[1-9][0-9]* verdicts changed"))
    with open_home(home) as catalogue:
        threshold = catalogue.campaigns.get("stock").thresholds.get("starter")
        assert threshold is not None
        below = Filter(campaign=names["stock"], states=("passed",), highest=threshold - 1e-4)
        assert catalogue.gallery.count(below).number == 0
        assert catalogue.audit.verify().ok
    page.goto(f"/calibration?campaign={names['stock']}")
    page.get_by_role("button", name="Reset to the model's default").click()
    expect(page.locator("h1")).to_contain_text("reset to the default of model starter")


def test_a_second_review_shows_neither_score_nor_state(open_page, names):
    page = open_page(f"/second-review?campaign={names['stock']}")
    main = page.locator("main")
    expect(main).to_contain_text("The score and the first decision are hidden")
    expect(main).not_to_contain_text(re.compile(r"0\.[0-9]{3}|approved|passed"))
    before = page.locator(".clip").get_attribute("data-id")
    page.keyboard.press("r")
    page.keyboard.press("2")
    expect(page.locator(".clip")).to_have_attribute("data-id", before)
    page.keyboard.press("Enter")
    expect(page.locator(".clip")).not_to_have_attribute("data-id", before)


def test_people_tokens_and_links(open_page, names, served, browser):
    page = open_page("/people")
    accounts = page.locator("section", has_text="Add an account")
    accounts.get_by_label("Name", exact=True).fill("Zoë (Berlin)")
    accounts.get_by_label("Role").last.select_option("viewer")
    accounts.get_by_label("Password (at least 10").fill("correct horse")
    accounts.get_by_role("button", name="Add account").click()
    expect(page.get_by_role("rowheader", name="Zoë (Berlin)")).to_be_visible()
    page.locator("form[action='/people/tokens'] [name=label]").fill("DAM")
    page.get_by_role("button", name="Create token").click()
    token = page.locator(".secret").inner_text()
    answer = page.request.get("/api/clips?limit=2", headers={"Authorization": f"Bearer {token}"})
    assert len(answer.json()["clips"]) == 2
    page.goto("/people")
    expect(page.locator(".secret")).to_have_count(0)
    approve_all(served.home, names["spring"])
    page.locator("form[action='/people/shares'] [name=campaign]").select_option(names["spring"])
    page.get_by_role("button", name="Create share link").click()
    link = page.locator(".secret").inner_text()
    stranger = browser.new_context().new_page()
    stranger.goto(link)
    expect(stranger.locator("article")).to_have_count(6)
    expect(stranger.locator("video").first).to_be_visible()
    assert stranger.goto(f"{served.url}/gallery").url.startswith(f"{served.url}/signin")
    stranger.get_by_label("Name").fill("Zoë (Berlin)")
    stranger.get_by_label("Password").fill("correct horse")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger).to_have_url(re.compile("/gallery$"))
    expect(stranger.get_by_role("button", name="Approve")).to_have_count(0)
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger).to_have_url(re.compile("/signin"))
    page.goto("/people")
    page.get_by_role("button", name="Revoke the link to spring").click()
    assert stranger.goto(link).status == 404
    stranger.context.close()


def approve_all(home, campaign_id: str) -> None:
    with open_home(home) as catalogue:
        rows = catalogue.gallery.page(Filter(campaign=campaign_id, states=("passed",))).rows
        catalogue.reviews.record({row.variant_id: row.seen for row in rows}, "approved", "person:ann", undo_s=3600)


@pytest.mark.slow
def test_hostile_texts_are_not_executed(open_page, served, names, home):
    with open_home(home) as catalogue:
        campaign = fill(catalogue, home, (20 + len(HOSTILE)) * 3, "hostile", HOSTILE)
        rows = catalogue.gallery.page(Filter(campaign=campaign), limit=200).rows
        hostile = [row for row in rows if row.variant.prompt in HOSTILE]
        assert {row.variant.prompt for row in hostile} == set(HOSTILE)
        for row, text in zip(hostile, HOSTILE * 5, strict=False):
            catalogue.reviews.add_comment(row.variant_id, f"person:{text}", text, 0.5)
            if row.state in ("passed", "failed"):
                catalogue.reviews.record({row.variant_id: row.seen}, "rejected", f"person:{text}", reason=text)
        for text in HOSTILE:
            catalogue.saved_views.save("root", text[:60], f"q={text}")
    paths = [
        f"/campaigns/{campaign}",
        f"/gallery?campaign={campaign}",
        f"/compare?campaign={campaign}",
        "/audit",
        "/people",
        f"/calibration?campaign={campaign}",
        f"/second-review?campaign={campaign}",
        *(f"/clips/{row.variant_id}" for row in hostile[:18]),
        *(
            f"/gallery?q={text}&brief={text}&order=newest"
            for text in ("%3Cscript%3Ewindow.hacked=1%3C/script%3E", "%22%20onfocus=%22window.hacked=1")
        ),
    ]
    page = open_page("/gallery")
    for path in paths:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        page.locator("main").click(position={"x": 3, "y": 3})
        for target in page.locator(".card, .comments li, h1").all()[:6]:
            target.hover()
        assert page.evaluate("window.hacked") is None, path
    page.goto(f"/gallery?campaign={campaign}&q=%3Cscript%3E")
    expect(page.locator(".prompt").first).to_contain_text("<script>")
    page.keyboard.press("j")
    page.keyboard.press("g")
    expect(page.locator("#reroll textarea")).to_have_value(re.compile("<script>"))
    assert page.evaluate("window.hacked") is None
    assert HOSTILE_BRIEF in [brief.brief_id for brief in briefs_of(home, campaign)]


def briefs_of(home, campaign: str):
    with open_home(home) as catalogue:
        return catalogue.campaigns.briefs(campaign)


def test_the_content_security_policy_blocks_inline_scripts(open_page):
    page = open_page("/gallery")
    page.evaluate(
        "() => { const it = document.createElement('script'); it.textContent = 'window.hacked=1';"
        " document.body.append(it); document.body.setAttribute('onclick', 'window.hacked=1'); }"
    )
    page.locator("main").click(position={"x": 3, "y": 3})
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in each for each in open_page.complaints)
    open_page.complaints.clear()


def test_pages_contain_no_secrets(open_page, served, signed_in):
    page = open_page("/people")
    secret = next(each["value"] for each in signed_in["cookies"] if each["name"].startswith("reelmill-"))
    for path in ("/people", "/campaigns", "/audit", "/api/docs"):
        page.goto(path)
        assert secret not in page.content()
    assert page.evaluate("document.cookie") == ""


def test_the_cli_lists_accounts_and_verifies_the_audit_log(served):
    ended: subprocess.CompletedProcess[str] = program(served.home, "audit", "verify")
    assert ended.returncode == 0, ended.stderr
    assert "the log is intact" in ended.stdout
    assert "admin" in program(served.home, "accounts", "list").stdout
