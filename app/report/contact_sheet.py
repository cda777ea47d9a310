"""Contact sheet of a campaign: three frames of each clip with its prompt, score and verdict."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from adapters.catalogue import DeliverableRow, VariantRow
from adapters.files.umask import make_shared_folders
from adapters.media.video_frames import VideoFile
from adapters.sheets.atomic_save import saving
from app.report.deliverable_section import below, deliverable_section
from app.report.drawable_text import drawable, shortened, wrapped
from app.report.fallbacks import NONE, Fallbacks
from manifests.clip import Clip
from manifests.costs.money import Money
from manifests.errors import BucketError, EncodingError
from manifests.scoring.gate import reason_label
from tasks.runtime.files.shared_staging import SHARED, fetch_staged, is_reachable
from tasks.runtime.files.staging import Staging, is_own_file
from tasks.runtime.resources import Resources

MOMENTS = 3
COLUMNS = 3
FRAME_HEIGHT = 110
GAP = 8
CAPTION_HEIGHT = 56
PROMPT_LINES = 2
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
    paths = _paths(resources, made[:MAX_CANDIDATES])
    cells = list(islice((cell for row, path in paths if (cell := _cell(row, path, fallbacks))), MAX_CLIPS))
    grid = _grid(cells) if cells else None
    sheet = below(grid, deliverable_section(resources, deliverables, grid.width if grid else 0))
    if sheet is None:
        return None
    make_shared_folders(out.parent)
    with saving(out) as unfinished:
        sheet.save(unfinished, format="PNG", optimize=True)
    return out


def _grid(cells: Sequence[Image.Image]) -> Image.Image:
    lines = -(-len(cells) // COLUMNS)
    cell_width, cell_height = max(cell.width for cell in cells), FRAME_HEIGHT + CAPTION_HEIGHT
    columns = min(COLUMNS, len(cells))
    sheet = Image.new("RGB", (columns * (cell_width + GAP) + GAP, lines * (cell_height + GAP) + GAP), INK["paper"])
    for index, cell in enumerate(cells):
        line, column = divmod(index, COLUMNS)
        sheet.paste(cell, (GAP + column * (cell_width + GAP), GAP + line * (cell_height + GAP)))
    return sheet


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


def _cell(row: VariantRow, path: Path, fallbacks: Fallbacks) -> Image.Image | None:
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
    _caption(cell, row, fallbacks.note(row.variant_id))
    return cell


def _caption(cell: Image.Image, row: VariantRow, note: str = "") -> None:
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(size=12)
    assert isinstance(font, ImageFont.FreeTypeFont)
    score = row.score.prompt_adherence if row.score else None
    words = ", ".join(reason_label(reason.code) for reason in row.reasons)
    cost = f"   {_cost_text(row.clip)}" if row.clip and row.clip.cost_micros is not None else ""
    value = f"{cost}   {score:.3f}" if score is not None else cost
    room = cell.width - font.getlength(value)
    head = shortened(drawable(f"failed: {words}" if row.reasons else row.state, font), font, room) + value
    draw.text((0, FRAME_HEIGHT + 3), head, INK["bad" if row.reasons else "good"], font)
    lines = wrapped(drawable(row.variant.prompt, font), font, cell.width, PROMPT_LINES - bool(note))
    if note:
        lines = [*lines, shortened(drawable(f"{row.variant.card}, {note}", font), font, cell.width)]
    draw.text((0, FRAME_HEIGHT + 19), "\n".join(lines), INK["text"], font)


def _cost_text(clip: Clip) -> str:
    """Return what a provider has billed for a clip."""
    cost = str(Money(clip.cost_micros or 0, clip.currency))
    return f"{cost} estimated" if clip.cost_is_estimate and clip.cost_micros else cost
