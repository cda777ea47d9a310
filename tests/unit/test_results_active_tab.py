"""The results workbook opens on the campaign's tab."""

import openpyxl
import pytest
from sheets.making import MAIN, saved
from test_results_workbook import parts_of, written

from adapters.sheets.package.active_tab import with_active_tab, with_selection


def with_instructions(active: int, selected: tuple[int, ...], state: str = "visible") -> bytes:
    """Return a workbook whose campaign is on its second tab."""
    book = openpyxl.Workbook()
    book.active.title = "Instructions"
    book.active.append(["How to fill this in"])
    tab = book.create_sheet("Ads")
    for row in (["prompt", "aspect"], ["a cup", "16:9"], ["a ball", "1:1"]):
        tab.append(row)
    book.create_sheet("Notes").append(["see Ann"])
    tab.sheet_state = state
    book.active = active
    for number, each in enumerate(book.worksheets):
        each.sheet_view.tabSelected = number in selected
    return saved(book)


@pytest.mark.parametrize(("active", "selected"), [(0, (0,)), (2, (2,)), (0, (0, 1, 2)), (1, (1,)), (2, ())])
def test_the_workbook_opens_on_the_campaigns_tab_and_only_it_is_selected(tmp_path, active, selected):
    book = openpyxl.load_workbook(written(tmp_path, with_instructions(active, selected)))
    assert book.active.title == "Ads"
    assert [tab.title for tab in book if tab.sheet_view.tabSelected] == ["Ads"]


def test_a_workbook_that_opens_on_the_tab_keeps_its_other_tabs_byte_for_byte(tmp_path):
    out = written(tmp_path, with_instructions(1, (1,)))
    before, after = parts_of(tmp_path / "plan.xlsx"), parts_of(out)
    for name in ("xl/worksheets/sheet1.xml", "xl/worksheets/sheet3.xml"):
        assert after[name] == before[name]


def test_a_workbook_without_views_gets_one_before_its_tabs():
    tabs = '<x:sheets><x:sheet name="A"/><x:sheet name="B"/></x:sheets>'
    start = f'<x:workbook xmlns:x="{MAIN}"><x:workbookPr/>'
    found = with_active_tab(f"{start}{tabs}</x:workbook>".encode(), "B").decode()
    view = '<x:bookViews><x:workbookView activeTab="1"/></x:bookViews>'
    assert found == f"{start}{view}{tabs}</x:workbook>"
    assert with_active_tab(f"{start}{tabs}</x:workbook>".encode(), "A").decode() == f"{start}{tabs}</x:workbook>"


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_tab_is_not_opened(state):
    tabs = f'<sheets><sheet name="A"/><sheet name="B" state="{state}"/></sheets>'
    data = f'<workbook xmlns="{MAIN}">{tabs}</workbook>'.encode()
    assert with_active_tab(data, "B") == data


def test_a_selection_keeps_the_other_settings_of_the_view():
    start, end = f"<worksheet xmlns='{MAIN}'><sheetViews><sheetView ", "<sheetData/></worksheet>"
    data = f"{start}showGridLines='0' tabSelected='true' workbookViewId='0'/></sheetViews>{end}".encode()
    plain = f"{start}showGridLines='0' workbookViewId='0'/></sheetViews>{end}".encode()
    assert with_selection(data, False) == plain
    assert with_selection(data, True) == data
    assert b'<sheetView tabSelected="1" showGridLines' in with_selection(plain, True)
