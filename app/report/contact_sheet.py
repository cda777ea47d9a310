"""Contact sheet of a campaign: three frames of each clip with its prompt, score and verdict."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from PIL import Image

from adapters.catalogue import DeliverableRow, VariantRow
from adapters.files.umask import make_shared_folders
from adapters.media.video_frames import VideoFile
from adapters.sheets.atomic_save import saving
from app.report.deliverable_section import below, deliverable_section
from app.report.fallbacks import NONE, Fallbacks
from app.report.sheet_text import LINE_HEIGHT, Room, SheetText, sheet_text
from manifests.clip import Clip
from manifests.costs.money import Money
from manifests.errors import BucketError, EncodingError
from manifests.scoring.gate import reason_label
from tasks.runtime.files.shared_staging import SHARED, fetch_staged, is_reachable
from tasks.runtime.files.staging import Staging, is_own_file
from tasks.runtime.resources import Resources

log = logging.getLogger(__name__)
MOMENTS = 3
COLUMNS = 3
FRAME_HEIGHT = 110
GAP = 8
CAPTION_HEIGHT = 56
PROMPT_LINES = 2
FOOTER_LINES = 3
MAX_CLIPS = 60
MAX_CANDIDATES = 300
"""The encoded clips of old campaigns are deleted; this limits the search for them."""
INK = {"good": (22, 120, 60), "bad": (170, 40, 40), "text": (40, 40, 44), "paper": (250, 250, 248)}


def write_contact_sheet(
    resources: Resources,
    rows: Sequence[VariantRow],
    out: Path,
    fallbacks: Fallbacks = NONE,
    deliverables: Sequence[DeliverableRow] = (),
) -> Path | None:
    """Write a PNG of at most MAX_CLIPS clips; return None if no clip is available on this machine.

    Passed clips come first, then the others, both in the order of planning. The posters of published deliverables
    follow.

    Args:
        fallbacks: the replacements among the variants.
    """
    made = sorted((row for row in rows if row.clip), key=lambda row: bool(row.reasons))
    paths, text = _paths(resources, made[:MAX_CANDIDATES]), sheet_text()
    cells = list(islice((cell for row, path in paths if (cell := _cell(row, path, text, fallbacks))), MAX_CLIPS))
    grid = _grid(cells) if cells else None
    sheet = below(grid, deliverable_section(resources, deliverables, grid.width if grid else 0, text))
    if sheet is None:
        return None
    if text.note:
        log.warning("%s", text.note)
        sheet = _with_footer(sheet, text)
    make_shared_folders(out.parent)
    with saving(out) as unfinished:
        sheet.save(unfinished, format="PNG", optimize=True)
    return out


def _grid(cells: Sequence[Image.Image]) -> Image.Image:
    lines = -(-len(cells) // COLUMNS)
    cell_width, cell_height = max(cell.width for cell in cells), FRAME_HEIGHT + CAPTION_HEIGHT
    columns = min(COLUMNS, len(cells))
    size = (columns * (cell_width + GAP) + GAP, lines * (cell_height + GAP) + GAP)
    sheet = Image.new("RGB", size, INK["paper"])
    for index, cell in enumerate(cells):
        line, column = divmod(index, COLUMNS)
        sheet.paste(cell, (GAP + column * (cell_width + GAP), GAP + line * (cell_height + GAP)))
    return sheet


def _with_footer(sheet: Image.Image, text: SheetText) -> Image.Image:
    """Return the sheet with a note about its text below the clips."""
    taller = Image.new("RGB", (sheet.width, sheet.height + FOOTER_LINES * LINE_HEIGHT + GAP), INK["paper"])
    taller.paste(sheet, (0, 0))
    text.draw(taller, (GAP, sheet.height), text.note, INK["bad"], Room(sheet.width - 2 * GAP, FOOTER_LINES))
    return taller


def _paths(resources: Resources, rows: Iterable[VariantRow]) -> Iterator[tuple[VariantRow, Path]]:
    """Yield the clips on this machine, and those that can be fetched from shared staging.

    An unreachable bucket is asked only once.
    """
    is_away = False
    staging = Staging(resources.staging)
    for row in rows:
        clip = staging.located(row.clip) if row.clip and is_reachable(resources, row.clip) else None
        if clip and clip.machine == SHARED:
            try:
                clip = None if is_away else fetch_staged(resources, clip)
            except BucketError:
                clip, is_away = None, True  # a missing clip is not an error: the sheet can be written again
        if clip and is_own_file(clip.path):
            yield row, clip.path


def _cell(row: VariantRow, path: Path, text: SheetText, fallbacks: Fallbacks) -> Image.Image | None:
    try:
        video = VideoFile(path)
        frames = video.at([0, video.num_frames // 2, video.num_frames - 1])
    except EncodingError:
        return None
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures = [picture.resize((picture.width * FRAME_HEIGHT // picture.height, FRAME_HEIGHT)) for picture in pictures]
    width = sum(picture.width for picture in pictures) + (MOMENTS - 1) * 2
    cell = Image.new("RGB", (max(width, 360), FRAME_HEIGHT + CAPTION_HEIGHT), INK["paper"])
    left = 0
    for picture in pictures:
        cell.paste(picture, (left, 0))
        left += picture.width + 2
    _caption(cell, row, text, fallbacks.note(row.variant_id))
    return cell


def _caption(cell: Image.Image, row: VariantRow, text: SheetText, note: str = "") -> None:
    words = ", ".join(reason_label(reason.code) for reason in row.reasons)
    head, ink = (f"failed: {words}", INK["bad"]) if row.reasons else (row.state, INK["good"])
    value = _value_text(row)
    value_width = text.width(value)
    room = cell.width - value_width - GAP
    text.draw(cell, (0, FRAME_HEIGHT + 3), head, ink, Room(room))
    text.draw(cell, (min(room, text.width(head)) + GAP, FRAME_HEIGHT + 3), value, ink, Room(value_width))
    prompt = Room(cell.width, PROMPT_LINES - bool(note))
    lines = text.draw(cell, (0, FRAME_HEIGHT + 19), row.variant.prompt, INK["text"], prompt)
    if note:
        top = FRAME_HEIGHT + 19 + LINE_HEIGHT * lines
        text.draw(cell, (0, top), f"{row.variant.card}, {note}", INK["text"], Room(cell.width))


def _value_text(row: VariantRow) -> str:
    """Return what the clip has cost, and its score."""
    cost = _cost_text(row.clip) if row.clip and row.clip.cost_micros is not None else ""
    score = f"{row.score.prompt_adherence:.3f}" if row.score and row.score.prompt_adherence is not None else ""
    return ", ".join(part for part in (cost, score) if part)


def _cost_text(clip: Clip) -> str:
    """Return what a provider has billed for a clip."""
    cost = str(Money(clip.cost_micros or 0, clip.currency))
    return f"{cost} estimated" if clip.cost_is_estimate and clip.cost_micros else cost
