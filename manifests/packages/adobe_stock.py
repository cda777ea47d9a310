"""The rules of Adobe Stock for AI-generated clips (helpx.adobe.com/stock/contributor, read in November 2026)."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from manifests.packages.file_names import file_name
from manifests.packages.item import PackageItem
from manifests.packages.words import clean_text, keywords_of, title_of, words_of_prompt
from manifests.placements.preset import FrameSize, PlacementPreset

HEADER = ("Filename", "Title", "Keywords", "Category", "Releases")
MAX_ROWS, MAX_BYTES = 5_000, 1_000_000
MAX_FILE_NAME, MAX_TITLE, MAX_KEYWORDS, MIN_KEYWORDS = 30, 70, 50, 5
MAX_OF_MOTIF = 3
CATEGORIES = range(1, 22)
_LANDSCAPE = FrameSize(width=1920, height=1080, min_width=1920, min_height=1080, max_width=4096, max_height=2304)
REQUIREMENTS = PlacementPreset(
    name="adobe-stock",
    title="Adobe Stock",
    sizes=dict.fromkeys(("16:9", "21:9", "2:1", "3:2", "4:3"), _LANDSCAPE),
    min_s=5,
    max_s=60,
    containers=("mp4", "mov"),
    codecs=("h264", "prores"),
    max_bytes=3_900_000_000,
    min_fps=23.97,
    max_fps=60,
)
_STYLE = re.compile(r"\b(?:in the style of|style of|inspired by)\b", re.IGNORECASE)
_AGENCIES = re.compile(r"\b(?:adobe|shutterstock|getty|istock|pond5|alamy|depositphotos|dreamstime)\b", re.IGNORECASE)
CHECKLIST = """Before you submit these clips to Adobe Stock:

1. Upload the video files, then upload the CSV file to fill in titles, keywords, categories and releases.
2. Tick "Created using generative AI tools" for every clip.
3. Tick "People and property are fictional" if a clip shows people or property.
4. Check that titles, keywords and prompts name no artist, real person, fictional character, brand, agency or other
   property of third parties. This program finds only some of these.
5. Submit at most three versions of one motif.
"""


class StockRow(NamedTuple):
    """One line of the CSV file."""

    file_name: str
    title: str
    keywords: tuple[str, ...]
    category: str = ""
    releases: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells in the order of HEADER."""
        return (self.file_name, self.title, ", ".join(self.keywords), self.category, self.releases)


class StockText(NamedTuple):
    """A row, and what people should know about it: problems keep the file out of the package."""

    row: StockRow
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def motif_of(item: PackageItem) -> str:
    """Return what makes clips versions of one motif: their prompt."""
    return " ".join(item.prompt.casefold().split())


def stock_text(item: PackageItem) -> StockText:
    """Return title, keywords, category and releases of a clip: from the sheet, or else from its prompt."""
    given_title, given_words = item.text("title"), item.metadata.get("keywords", ())
    title = title_of(given_title or item.prompt, MAX_TITLE)
    keywords = keywords_of(given_words, MAX_KEYWORDS) or words_of_prompt(item.prompt, MAX_KEYWORDS)
    category = item.text("category").strip()
    is_category = category.isdecimal() and int(category) in CATEGORIES
    row = StockRow(
        file_name((item.brief_id,), item.item_id, longest=MAX_FILE_NAME),
        title,
        keywords,
        str(int(category)) if is_category else "",
        title_of(item.text("releases"), 200),
    )
    notes = [f"{name} of {row.file_name} come from the prompt; check them." for name, given in
             (("Title", given_title), ("Keywords", given_words)) if not given]  # fmt: skip
    if category and not is_category:
        notes.append(
            f"The category {clean_text(category)!r} of {row.file_name} is not a number from 1 to 21; left out."
        )
    return StockText(row, tuple(_problems(item, row)), tuple(notes))


def csv_parts(rows: Iterable[StockRow]) -> Iterator[list[StockRow]]:
    """Yield the rows in parts that fit into one CSV file each."""
    part, size = list[StockRow](), _size(HEADER)
    for row in rows:
        more = _size(row.cells)
        if part and (len(part) + 2 > MAX_ROWS or size + more > MAX_BYTES):
            yield part
            part, size = [], _size(HEADER)
        part.append(row)
        size += more
    if part:
        yield part


def _size(cells: Iterable[str]) -> int:
    """Return an upper bound of the bytes of a line: quotes are doubled, and each cell is quoted."""
    return sum(len(cell.replace('"', '""').encode()) + 3 for cell in cells) + 2


def _problems(item: PackageItem, row: StockRow) -> Iterator[str]:
    if not row.title:
        yield "It has no title. Add a column title."
    if len(row.keywords) < MIN_KEYWORDS:
        yield f"It has {len(row.keywords)} keywords; give at least {MIN_KEYWORDS} in a column keywords."
    for name, text in (("prompt", item.prompt), ("title", row.title), ("keywords", ", ".join(row.keywords))):
        if found := _STYLE.search(text):
            yield f"Its {name} contains {found[0]!r}. Adobe Stock refuses clips in the style of someone."
        if found := _AGENCIES.search(text):
            yield f"Its {name} names {found[0]!r}. Adobe Stock refuses names of agencies and third parties."
