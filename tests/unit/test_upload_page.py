"""The upload page shows how a file was read, and runs it as it was shown."""

import re
from pathlib import Path

import pytest
from dashboard_client import SAME_SITE, client_of, session_in
from openpyxl import Workbook
from priced_cards import priced_card
from sheets.making import saved
from starlette.testclient import TestClient

from app.dashboard.background.jobs import Jobs
from tasks.intake.sources.sheet_store import SHEET_SUFFIXES

FILES = Path(__file__).with_name("workbooks")


@pytest.fixture
def client(tmp_path) -> TestClient:
    return client_of(session_in(tmp_path / "home"), "reviewer")


@pytest.fixture
def started(monkeypatch) -> list[tuple[str, ...]]:
    """Collect the options of jobs instead of running them."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(Jobs, "run", lambda self, campaign_id, sheet, *options: found.append((campaign_id, *options)))
    return found


def uploaded(client: TestClient, name: str, data: bytes) -> str:
    answer = client.post("/upload", files={"sheet": (name, data)}, headers=SAME_SITE)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def two_markets() -> bytes:
    """Return a workbook with two tabs, a hidden row and a hidden column."""
    book = Workbook()
    book.active.title = "US"
    for row in (["prompt", "notes"], ["a red circle", "x"], ["a blue circle", "y"]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.active.column_dimensions["B"].hidden = True
    other = book.create_sheet("DE & AT")
    other.append(["prompt"])
    other.append(["a yellow circle"])
    return saved(book)


@pytest.mark.parametrize("name", ["libreoffice.xlsx", "libreoffice.ods", "libreoffice.xls", "base.xlsb"])
def test_every_kind_of_workbook_can_be_uploaded(client, name):
    text = client.get(uploaded(client, name, (FILES / name).read_bytes())).text
    assert "Rows of the sheet" in text


def test_the_form_lists_the_kinds_of_files(client):
    text = client.get("/upload").text
    assert f'accept="{",".join(SHEET_SUFFIXES)}"' in text
    answer = client.post("/upload", files={"sheet": ("plan.pdf", b"%PDF")}, headers=SAME_SITE)
    assert answer.status_code == 400
    assert ".xls, .ods" in answer.text


def test_what_was_left_out_is_shown_above_the_rows(client):
    text = client.get(uploaded(client, "plan.xlsx", two_markets())).text
    above = text[: text.index("Rows of the sheet")]
    assert "1 row is hidden or filtered out (row 3) and is left out." in above
    assert "Column B &#39;notes&#39; is hidden and is left out." in above
    assert "The tab &#39;DE &amp; AT&#39; has a prompt column and 1 row" in above
    assert '<input type="checkbox" name="hidden" value="1" >' in above
    assert '<option value="DE &amp; AT" >' in above
    assert "a blue circle" not in text


def test_the_choices_are_used_for_the_page_the_copy_and_the_run(client, started):
    place = uploaded(client, "plan.xlsx", two_markets())
    text = client.get(place, params={"tab": "US", "hidden": "1"}).text
    assert "a blue circle" in text
    assert '<input type="checkbox" name="hidden" value="1" checked>' in text
    assert f'href="{place}/annotated?tab=US&amp;hidden=1"' in text
    data = {"review": "required", "tab": "US", "hidden": "1", "encoding": ""}
    assert client.post(f"{place}/run", data=data, headers=SAME_SITE).status_code == 303
    assert started[0][1:] == ("--review", "required", "--tab=US", "--include-hidden")
    data = {"review": "required", "tab": "DE & AT", "hidden": "", "encoding": ""}
    assert client.post(f"{place}/run", data=data, headers=SAME_SITE).status_code == 303
    assert started[1][1:] == ("--review", "required", "--tab=DE & AT")
    assert started[0][0] != started[1][0]


def test_the_chosen_encoding_is_used_for_the_page_and_the_run(client, started):
    place = uploaded(client, "plan.csv", "prompt\nкрасный круг\n".encode("cp1251"))
    assert "красный круг" in client.get(place, params={"encoding": "cp1251"}).text
    data = {"review": "required", "encoding": "cp1251"}
    assert client.post(f"{place}/run", data=data, headers=SAME_SITE).status_code == 303
    assert started[0][1:] == ("--review", "required", "--encoding=cp1251")


def test_an_unknown_tab_is_an_error_that_names_the_tabs(client):
    place = uploaded(client, "plan.xlsx", two_markets())
    answer = client.get(place, params={"tab": "FR"})
    assert answer.status_code == 400
    assert "has no tab" in answer.text
    assert "DE &amp; AT" in answer.text


def test_a_plain_sheet_offers_no_choices(client):
    text = client.get(uploaded(client, "plan.csv", b"prompt\na red circle\n")).text
    assert "What is read" not in text


def test_an_ambiguous_encoding_can_be_chosen_on_the_page(client, started):
    place = uploaded(
        client, "plan.csv", "prompt,notes\nžuto svjetlo i šalica,x\nčist zrak već u šumi,y\n".encode("iso8859_2")
    )
    answer = client.get(place)
    assert answer.status_code == 400
    assert "Line 2 reads &#39;žuto svjetlo i šalica,x&#39; in ISO-8859-2 (Central European)" in answer.text
    assert "Choose the right one under Encoding" in answer.text
    assert "--" not in answer.text.partition("<main")[2]
    options = re.findall(r'<option value="([^"]+)"', answer.text)
    assert {"iso8859-2", "cp1250"} == set(options[:2])
    assert 'href="/upload"' in answer.text
    for option in options[:2]:
        assert "Rows of the sheet" in client.get(place, params={"encoding": option}).text
    assert client.post(f"{place}/run", data={"encoding": "iso8859-2"}, headers=SAME_SITE).status_code == 303
    assert "--encoding=iso8859-2" in started[0]


@pytest.mark.parametrize("tab", ["FR", "de"])
def test_an_unknown_tab_can_be_chosen_again(client, tab):
    answer = client.get(uploaded(client, "plan.xlsx", two_markets()), params={"tab": tab})
    assert answer.status_code == 400
    assert '<option value="DE &amp; AT" >' in answer.text
    assert "a red circle" in answer.text
    assert "Run campaign" not in answer.text


def test_the_page_names_its_fields_and_no_options_of_the_command_line(client):
    text = client.get(uploaded(client, "plan.xlsx", two_markets())).text.partition("<main")[2]
    assert "choose it under Tab." in text
    assert "or select Include hidden rows and columns." in text
    guessed = client.get(uploaded(client, "plan.csv", "prompt\nкрасный круг\n".encode("cp1251"))).text.partition(
        "<main"
    )[2]
    assert "or choose it under Encoding." in guessed
    assert "--" not in text + guessed


def test_hidden_rows_can_be_included_if_there_are_no_others(client):
    book = Workbook()
    for row in (["prompt"], ["a red circle"], ["a blue circle"]):
        book.active.append(row)
    for hidden in (2, 3):
        book.active.row_dimensions[hidden].hidden = True
    place = uploaded(client, "plan.xlsx", saved(book))
    text = client.get(place).text
    assert "all 2 rows below the header are hidden or filtered out" in text
    assert 'name="hidden"' in text
    assert "a blue circle" in client.get(place, params={"hidden": "1"}).text
    book.active.row_dimensions[1].hidden = True
    place = uploaded(client, "plan2.xlsx", saved(book))
    answer = client.get(place)
    assert answer.status_code == 400
    assert "has only hidden rows. Unhide them, or select Include hidden rows and columns." in answer.text
    assert "a blue circle" in client.get(place, params={"hidden": "1"}).text


def test_prices_are_shown_before_a_run_and_the_advice_names_the_setting(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "hosted.json").write_text(priced_card().model_dump_json())
    session = session_in(tmp_path / "home", model_folders=(tmp_path / "cards",), budget="1 USD")
    client = client_of(session, "reviewer")
    sheet = b"brief_id,prompt,placements,variants,model\nred,a red ball,16:9,10,hosted\n"
    page = " ".join(client.get(uploaded(client, "s.csv", sheet)).text.split())
    assert 'id="prices"' in page
    assert '<td class="number">0.25 USD</td><td class="number">2.50 USD</td>' in page
    assert "Total: 2.50 USD." in page
    assert "Unconfirmed prices as of 2026-11-01: hosted." in page
    assert "10 clips would cost 2.50 USD, which is over the budget of 1.00 USD." in page
    assert "Enter a smaller number of clips, or raise the setting REELMILL_BUDGET." in page
    assert "--budget" not in page


def test_deliverables_are_counted_before_a_run(client):
    sheet = b"prompt,placements,finish,cta\na red circle,16:9|tiktok,clean,Go\n"
    page = client.get(uploaded(client, "ads.csv", sheet)).text
    assert "<p>Deliverables: 2</p>" in page
    assert "<li>tiktok 9:16: 1</li>" in " ".join(page.split())


def test_a_call_to_action_that_is_not_drawn_names_no_option_of_the_command_line(client):
    page = client.get(uploaded(client, "plain.csv", b"prompt,cta\na red circle,Go\n")).text.partition("<main")[2]
    assert "enter a finish template in a column" in page
    assert "--finish" not in page
    assert "deliverables" not in page
