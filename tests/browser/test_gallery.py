"""Find, browse and review clips in the gallery with the keyboard."""

import re
import sqlite3

from decisions import decide
from playwright.sync_api import Page, expect
from sealed_catalogue import open_home

REAL = "/gallery?campaign={}&state=passed"


def current(page: Page):
    return page.locator(".card[aria-current]")


def spring(home) -> str:
    with open_home(home) as catalogue:
        return catalogue.campaigns.get("spring").campaign_id


def test_j_and_k_move_through_pages(open_page):
    page = open_page("/gallery?order=score")
    cards = page.locator("#grid > .card")
    expect(cards).to_have_count(60)
    page.keyboard.press("j")
    expect(cards.first).to_have_attribute("aria-current", "true")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(cards.nth(1)).to_be_focused()
    first = cards.first.get_attribute("data-id")
    for _ in range(59):
        page.keyboard.press("j")
    expect(page).to_have_url(re.compile("after="))
    expect(cards.first).to_have_attribute("aria-current", "true")
    assert cards.first.get_attribute("data-id") != first
    page.keyboard.press("k")
    expect(cards.last).to_have_attribute("aria-current", "true")
    assert cards.first.get_attribute("data-id") == first
    page.go_back()
    expect(page).to_have_url(re.compile("after="))


def test_filters_are_in_the_url_and_clips_are_counted(open_page):
    page = open_page("/gallery")
    expect(page.locator(".count")).to_have_text(re.compile("5,0[0-9]{2} clips"))
    page.get_by_text("Filters and sorting").click()
    page.get_by_label("Search").fill('"prompt 7 of"')
    page.get_by_label("Search").press("Enter")
    expect(page).to_have_url(re.compile("q=%22prompt"))
    expect(page.locator(".count")).to_have_text("250 clips")
    page.get_by_label("failed", exact=True).check()
    expect(page).to_have_url(re.compile("state=failed"))
    expect(page.locator(".card .state").first).to_have_text("failed")
    page.reload()
    expect(page.locator("#results")).to_contain_text('Filters: text "prompt 7 of", state failed.')
    page.get_by_text("Filters and sorting").click()
    expect(page.get_by_label("Search")).to_have_value('"prompt 7 of"')
    page.get_by_label("Save these filters as").fill("Sevens that <b>failed</b>")
    page.get_by_role("button", name="Save view").click()
    page.goto("/gallery")
    page.get_by_role("link", name="Sevens that <b>failed</b>").click()
    expect(page).to_have_url(re.compile("state=failed"))
    page.get_by_role("button", name="Delete the view").click()
    expect(page.get_by_role("link", name="Sevens that")).to_have_count(0)


def test_an_invalid_filter_shows_an_error(open_page):
    page = open_page("/gallery?lowest=much")
    expect(page.locator("main")).to_contain_text("The lowest score 'much' is invalid. Enter a number from -1 to 1.")
    open_page.complaints.clear()  # the browser logs the page's own status 400


def test_approve_moves_to_the_next_clip_and_undo_reverts(open_page, served):
    page = open_page(REAL.format(spring(served.home)))
    page.keyboard.press("j")
    first = current(page).get_attribute("id")
    page.keyboard.press("a")
    expect(page.locator(f"#{first}")).to_have_attribute("data-state", "approved")
    assert current(page).get_attribute("id") != first
    expect(page.locator("#notices")).to_contain_text("1 clip approved.")
    page.keyboard.press("u")
    expect(page.locator(f"#{first}")).to_have_attribute("data-state", "passed")
    expect(page.locator("#notices")).to_contain_text("1 decision undone.")


def test_many_decisions_in_a_row_are_all_saved(open_page):
    page = open_page("/gallery?q=%22prompt+3+of%22&state=passed")
    page.keyboard.press("j")
    for _ in range(12):
        page.keyboard.press("a")
    cards, decided = page.locator("#grid > .card"), re.compile("approved|signing|published|planned")
    for index in range(12):
        expect(cards.nth(index)).to_have_attribute("data-state", decided)
    expect(cards.nth(12)).to_have_attribute("data-state", "passed")


def test_reject_asks_for_reasons_and_number_keys_choose_them(open_page, served):
    page = open_page("/gallery?q=%22prompt+4+of%22&state=passed")
    page.keyboard.press("j")
    key = current(page).get_attribute("data-id")
    page.keyboard.press("r")
    dialog = page.locator("#reject")
    expect(dialog).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("5")
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(f"#c-{key}")).to_have_attribute("data-state", "rejected")
    with open_home(served.home) as catalogue:
        [review] = catalogue.reviews.all(variant_id=key)
    assert (review.outcome, review.codes) == ("rejected", ("brand",))


def test_approving_a_failed_clip_requires_a_reason(open_page, served):
    page = open_page("/gallery?q=%22prompt+4+of%22&state=failed")
    page.keyboard.press("j")
    key = current(page).get_attribute("data-id")
    page.keyboard.press("a")
    page.keyboard.press("Enter")  # the reason is required, so nothing is sent
    expect(page.locator("#override")).to_be_visible()
    page.keyboard.type("the client likes it")
    page.keyboard.press("Enter")
    expect(page.locator(f"#c-{key}")).to_have_attribute("data-state", "approved")
    page.keyboard.press("u")
    expect(page.locator(f"#c-{key}")).to_have_attribute("data-state", "failed")


def test_selected_clips_are_decided_together_after_a_confirmation(open_page):
    page = open_page("/gallery?q=%22prompt+5+of%22&state=passed")
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator("#chosen-count")).to_have_text("3 selected")
    page.keyboard.press("a")
    expect(page.locator("#confirm-title")).to_have_text("Approve 3 clips?")
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("3 clips approved.")
    expect(page.locator("#toolbar")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.locator("#notices")).to_contain_text("3 decisions undone.")


def test_a_bulk_decision_is_counted_first_and_skips_changed_clips(open_page, served):
    page = open_page("/bulk?outcome=rejected&q=%22prompt+6+of%22")
    expect(page.get_by_role("heading", name="Reject 250 clips?")).to_be_visible()
    key = (
        sqlite3.connect(served.home / "catalogue.sqlite")
        .execute("SELECT variant_id FROM variants WHERE prompt LIKE 'stock prompt 6 %' AND state = 'passed'")
        .fetchone()[0]
    )
    with open_home(served.home) as catalogue:
        decide(catalogue, [key], "approved", "person:ben")
    page.get_by_label("off brand").check()
    page.get_by_role("button", name="Reject 250").click()
    expect(page.locator("main")).to_contain_text("249 clips rejected.")
    expect(page.locator("main")).to_contain_text("This clip has changed: ben set it to approved.")


def test_a_stale_decision_is_refused_and_the_current_state_shown(open_page, served):
    page = open_page("/gallery?q=%22prompt+8+of%22&state=passed")
    page.keyboard.press("j")
    key = current(page).get_attribute("data-id")
    with open_home(served.home) as catalogue:
        catalogue.reviews.record(
            {key: catalogue.variants.last_events([key])[key]}, "rejected", "person:ben", codes=["legal"]
        )
    page.keyboard.press("a")
    expect(page.locator("#notices")).to_contain_text("This clip has changed: ben set it to rejected.")
    expect(page.locator(f"#c-{key}")).to_have_attribute("data-state", "rejected")
    expect(page.locator(f"#c-{key}")).not_to_have_class(re.compile("pending"))


def test_hover_and_space_play_a_clip(open_page):
    page = open_page("/gallery")
    page.locator(".thumb").nth(2).hover()
    video = page.locator(".thumb video")
    expect(video).to_have_count(1)
    expect(video).to_have_js_property("paused", False)
    page.mouse.move(5, 5)
    expect(video).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press(" ")
    expect(video).to_have_js_property("paused", False)
    page.keyboard.press(" ")
    expect(video).to_have_count(0)


def test_hover_does_not_play_with_reduced_motion(open_page):
    page = open_page("/gallery", reduced_motion="reduce")
    page.locator(".thumb").nth(2).hover()
    page.wait_for_timeout(400)
    expect(page.locator(".thumb video")).to_have_count(0)


def test_help_lists_the_keys_and_slash_searches(open_page):
    page = open_page("/gallery")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("approve; a failed clip needs a reason")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("jjj")
    expect(current(page)).to_have_count(0)


def test_a_phone_shows_two_columns_and_decides_by_touch(open_page):
    page = open_page(
        "/gallery?q=%22prompt+9+of%22&state=passed",
        viewport={"width": 390, "height": 800},
        has_touch=True,
        is_mobile=True,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".pick").first.tap()
    page.get_by_role("button", name="Reject", exact=True).first.tap()
    page.locator("#reject").get_by_role("button", name="Reject").tap()
    expect(page.locator("#notices")).to_contain_text("1 clip rejected.")
