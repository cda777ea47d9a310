"""The tab on which a workbook opens."""

from collections.abc import Iterable

from adapters.sheets.package.xml_splice import Edit, Element, elements, markup, splice, with_attribute

_HIDDEN = ("hidden", "veryHidden")


def with_active_tab(workbook: bytes, title: str) -> bytes:
    """Return the workbook part so that the workbook opens on a tab; a hidden tab cannot be opened."""
    tabs = elements(workbook, "sheet")
    index = next(number for number, tab in enumerate(tabs) if tab.attributes["name"] == title)
    if tabs[index].attributes.get("state") in _HIDDEN:
        return workbook
    if views := elements(workbook, "workbookView"):
        return splice(workbook, _set(workbook, views, "activeTab", index))
    if not index:
        return workbook
    [sheets] = elements(workbook, "sheets")
    p = sheets.prefix
    view = markup(f'<{p}bookViews><{p}workbookView activeTab="{index}"/></{p}bookViews>')
    return splice(workbook, [Edit(sheets.start, sheets.start, view)])


def active_tab(workbook: bytes) -> str:
    """Return the name of the tab on which a workbook opens."""
    tabs = elements(workbook, "sheet")
    index = next((int(view.attributes.get("activeTab", 0)) for view in elements(workbook, "workbookView")), 0)
    return tabs[index if index < len(tabs) else 0].attributes["name"]


def with_selection(sheet: bytes, is_selected: bool) -> bytes:
    """Return a tab that is selected or not: programs write into all selected tabs at once."""
    views = elements(sheet, "sheetView", before="sheetData")
    return splice(sheet, _set(sheet, views, "tabSelected", int(is_selected)))


def _set(data: bytes, views: Iterable[Element], name: str, number: int) -> Iterable[Edit]:
    """Yield the edits that give an attribute a number; 0 is its default."""
    for view in views:
        if view.attributes.get(name, "0").replace("true", "1").replace("false", "0") == str(number):
            continue
        tag = with_attribute(data[view.start : view.inner_start], name, None)
        if number:
            head = f"<{view.tag}".encode()
            tag = head + markup(f' {name}="{number}"') + tag[len(head) :]
        yield Edit(view.start, view.inner_start, tag)
