"""Good sheets with the damage that people and programs do: plans equal what a person sees, or a finding names it.

Each example is a sheet of prompts, a file format with its encoding and quoting, and a few accidents: hidden rows, other
tabs, totals, running numbers, damaged bytes. The expected prompts are computed from the values, never from our reader.
"""

import csv
import datetime
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from manifests.errors import UnreadableSheetError
from manifests.sheet.reading import ReadingOptions
from models.registry import load_cards, load_scorer_cards
from tasks.intake.intake import Intake, validate_sheet
from tasks.intake.prompt_length import PromptLengths
from tasks.plan.expand import expand

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")

CARDS, SCORERS = load_cards(), load_scorer_cards()

LANGUAGES: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "English": (["a red circle", "“quoted” cup", "café at dusk", "it’s 20 € off"], ("utf-8", "utf-8-sig", "cp1252")),
    "German": (["schöne Grüße", "für Äpfel und Öl", "weiße Straße"], ("utf-8", "cp1252", "utf-16", "mac_roman")),
    "Polish": (["żółta łódź", "święta i prezenty", "ciężarówka ściąga śnieg"], ("utf-8", "cp1250", "iso8859_2")),
    "Russian": (["красный круг на белом фоне", "синяя чашка вращается"], ("utf-8", "cp1251", "koi8_r", "utf-16")),
    "Greek": (["κόκκινος κύκλος σε λευκό φόντο", "μπλε φλιτζάνι"], ("utf-8", "cp1253", "iso8859_7")),
    "Chinese": (["红色的圆圈在白色背景上", "蓝色的杯子慢慢旋转"], ("utf-8", "gb18030", "utf-8-sig")),
    "Taiwanese": (["紅色的圓圈在白色背景上", "藍色的杯子慢慢旋轉"], ("utf-8", "big5")),
    "Korean": (["흰 배경의 빨간 원", "파란 컵이 천천히 돌아간다"], ("utf-8", "euc_kr")),
    "Japanese": (["白い背景の赤い円", "青いカップがゆっくり回る"], ("utf-8", "shift_jis")),
}

SHOWN: tuple[tuple[object, str, str], ...] = (
    (0.5, "0%", "50%"),
    (0.125, "0.0%", "12.5%"),
    (19.9, '"$"#,##0.00', "$19.90"),
    (1234.5, "#,##0.00", "1,234.50"),
    (42, "00000", "00042"),
    (7, "General", "7"),
    (datetime.datetime(2026, 12, 24), "d mmm yyyy", "24 Dec 2026"),
    (datetime.datetime(2026, 12, 24), "yyyy-mm-dd", "2026-12-24"),
    (3, '0" pcs"', "3 pcs"),
)
"""A value of a workbook, its number format, and what a person sees."""


@dataclass
class Line:
    """A row as a person sees it; ``number`` indexes SHOWN, and a prompt with {price} shows it."""

    prompt: str
    variants: int
    number: int
    hidden: bool = False

    @property
    def seen(self) -> list[str]:
        return [self.prompt.replace("{price}", SHOWN[self.number][2])] * self.variants


@dataclass
class Sheet:
    """An example."""

    lines: list[Line]
    encoding: str
    format: str
    title: bool
    total: bool
    running_numbers: int
    comment: bool
    other_tabs: list[str] = field(default_factory=list)
    damage: int | None = None
    quote_all: bool = False

    @property
    def seen(self) -> Counter[str]:
        shows_hidden = self.format not in WORKBOOKS
        return Counter(text for line in self.lines if shows_hidden or not line.hidden for text in line.seen)


WORKBOOKS = ("xlsx", "xlsx help first", "xlsx filtered")
TEXTS = ("csv", "semicolons", "tsv", "json", "jsonl", "txt")


@st.composite
def sheets(draw: Callable[..., object]) -> Sheet:
    words, encodings = LANGUAGES[draw(st.sampled_from(sorted(LANGUAGES)))]
    prompts = st.lists(st.sampled_from(words), min_size=1, max_size=3).map(", ".join)
    decorated = st.sampled_from(["{}", "{} for {{price}}", '{} "new"', "{}; {}", "{}, slowly\tand {}"])
    lines = draw(
        st.lists(
            st.builds(
                lambda prompt, shape, count, number, hidden: Line(
                    shape.format(prompt, prompt).replace("\t", " "), count, number, hidden
                ),
                prompts,
                decorated,
                st.integers(1, 3),
                st.integers(0, len(SHOWN) - 1),
                st.booleans(),
            ),
            min_size=2,
            max_size=8,
        )
    )
    lines[0].hidden = False
    return Sheet(
        lines,
        draw(st.sampled_from(encodings)),
        draw(st.sampled_from(WORKBOOKS + TEXTS)),
        title=draw(st.booleans()),
        total=draw(st.booleans()),
        running_numbers=draw(st.integers(0, 3)),
        comment=draw(st.booleans()),
        other_tabs=draw(st.lists(st.sampled_from(["DE", "FR", "Lookup"]), unique=True, max_size=2)),
        damage=draw(st.one_of(st.none(), st.none(), st.integers(0, 10_000))),
        quote_all=draw(st.booleans()),
    )


HEADER = ("No", "Prompt", "Variants", "Price")


def table_of(sheet: Sheet) -> list[list[str]]:
    rows = [["Spring campaign"]] if sheet.title and sheet.format not in ("json", "jsonl", "txt") else []
    rows.append(list(HEADER))
    rows += [
        [str(place), line.prompt, str(line.variants), SHOWN[line.number][2]]
        for place, line in enumerate(sheet.lines, 1)
    ]
    rows += [[str(len(sheet.lines) + 1 + extra), "", "", ""] for extra in range(sheet.running_numbers)]
    rows += [["Total", "", str(sum(line.variants for line in sheet.lines)), ""]] if sheet.total else []
    rows += [["# ask Ann about the budget", "", "", ""]] if sheet.comment else []
    return rows


def text_of(sheet: Sheet) -> str:
    if sheet.format == "txt":
        return "".join(f"{line.prompt.replace('{price}', 'less')}\n" for line in sheet.lines)
    if sheet.format in ("json", "jsonl"):
        items = [
            {"prompt": line.prompt, "variants": line.variants, "price": SHOWN[line.number][2]} for line in sheet.lines
        ]
        dump = [json.dumps(item, ensure_ascii=False) for item in items]
        return "\n".join(dump) if sheet.format == "jsonl" else f"[{', '.join(dump)}]"
    out = io.StringIO(newline="")
    delimiter = {"csv": ",", "semicolons": ";", "tsv": "\t"}[sheet.format]
    if sheet.format == "tsv" and not sheet.quote_all:
        return "".join(delimiter.join(row) + "\n" for row in table_of(sheet))
    quoting = csv.QUOTE_ALL if sheet.quote_all else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=delimiter, quoting=quoting).writerows(table_of(sheet))
    return out.getvalue()


def workbook_of(sheet: Sheet) -> bytes:
    book = Workbook()
    book.remove(book.active)
    if sheet.format == "xlsx help first":
        tab = book.create_sheet("How to")
        for row in (["How to fill in this sheet"], ["Prompt", "what the clip shows"], ["Variants", "how many clips"]):
            tab.append(row)
    tab = book.create_sheet("Campaign")
    offset = 2 if sheet.title else 1
    if sheet.title:
        tab.append(["Spring campaign"])
    tab.append(list(HEADER))
    for place, line in enumerate(sheet.lines, 1):
        value, number_format, _ = SHOWN[line.number]
        tab.append([place, line.prompt, line.variants, value])
        tab.cell(offset + place, 4).number_format = number_format
        tab.row_dimensions[offset + place].hidden = line.hidden
    for extra in range(sheet.running_numbers):
        tab.append([len(sheet.lines) + 1 + extra])
    if sheet.total:
        tab.append(["Total", None, sum(line.variants for line in sheet.lines)])
    if sheet.comment:
        tab.append(["# ask Ann about the budget"])
    if sheet.format == "xlsx filtered":
        tab.auto_filter.ref = f"A{offset}:D{offset + len(sheet.lines)}"
    for name in sheet.other_tabs:
        other = book.create_sheet(name)
        other.append(["colour", "code"] if name == "Lookup" else ["Prompt", "Variants"])
        other.append(["red", "#f00"] if name == "Lookup" else [f"a cup for {name}", 1])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bytes_of(sheet: Sheet) -> bytes:
    if sheet.format in WORKBOOKS:
        return workbook_of(sheet)
    data = text_of(sheet).encode(sheet.encoding, "replace")
    if sheet.damage is not None and sheet.encoding == "utf-8":
        places = [index for index, byte in enumerate(data) if byte >= 0x80]
        if places:
            place = places[sheet.damage % len(places)]
            data = data[:place] + data[place + 1 :]
    return data


def planned(intake: Intake) -> Counter[str]:
    found = expand(intake.checked.briefs, CARDS, "starter")
    return Counter(item.variant.prompt for item in found)


def check(sheet: Sheet, folder: Path, read: Callable[..., Intake]) -> None:
    suffix = "xlsx" if sheet.format in WORKBOOKS else {"semicolons": "csv"}.get(sheet.format, sheet.format)
    path = folder / f"sheet.{suffix}"
    path.write_bytes(bytes_of(sheet))
    seen = sheet.seen
    if sheet.format == "txt":
        seen = Counter(line.prompt.replace("{price}", "less") for line in sheet.lines)
    try:
        intake = read(path)
    except UnreadableSheetError:
        return  # refused with a reason
    findings = [each.sentence for each in (*intake.checked.problems, *intake.checked.warnings)]
    if sheet.format in WORKBOOKS:
        assert planned(intake) == seen
        assert any("hidden" in text for text in findings) == any(line.hidden for line in sheet.lines)
        assert all(any(f"'{tab}'" in text for text in findings) for tab in sheet.other_tabs if tab != "Lookup")
    elif planned(intake) + of_rows_with_errors(sheet, intake) != seen:
        assert intake.table.reading.is_guess, f"{planned(intake)} instead of {seen}, and nothing was said"
        assert any("its encoding seems to be" in text for text in findings)


def of_rows_with_errors(sheet: Sheet, intake: Intake) -> Counter[str]:
    """Return what a person sees in the rows that are reported as errors."""
    above = intake.table.header_row
    wrong = {problem.row for problem in intake.checked.problems}
    lines = (line for place, line in enumerate(sheet.lines, above + 1) if place in wrong)
    if sheet.format == "txt":
        return Counter(line.prompt.replace("{price}", "less") for line in lines)
    return Counter(text for line in lines for text in line.seen)


def read_here(path: Path) -> Intake:
    lengths = PromptLengths(CARDS, SCORERS, "starter")
    return validate_sheet(path, CARDS, "starter", reading=ReadingOptions(), lengths=lengths)


RELAXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, deadline=None, suppress_health_check=RELAXED)
@given(sheets())
def test_what_is_planned_is_what_a_person_sees(tmp_path_factory, sheet):
    check(sheet, tmp_path_factory.mktemp("mangled"), read_here)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=RELAXED)
@given(sheets())
def test_what_is_planned_is_what_a_person_sees_in_2000_sheets(tmp_path_factory, sheet):
    check(sheet, tmp_path_factory.mktemp("mangled"), read_here)
