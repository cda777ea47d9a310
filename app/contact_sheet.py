"""A picture of a campaign: three moments of each clip, its prompt, score and verdict."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from adapters.catalogue import VariantRow
from adapters.video import read_frames
from manifests.errors import EncodingFailed

MOMENTS = 3
COLUMNS = 3
FRAME_HEIGHT = 110
GAP = 8
CAPTION_HEIGHT = 56
MOST_CLIPS = 60
INK = {"good": (22, 120, 60), "bad": (170, 40, 40), "text": (40, 40, 44), "paper": (250, 250, 248)}


def write_contact_sheet(rows: Sequence[VariantRow], out: Path) -> Path | None:
    """Write a PNG of at most MOST_CLIPS clips; None where no clip lies here to be shown.

    Clips that passed come first, then the others; within both in the order of planning.
    """
    shown = sorted((row for row in rows if row.clip and row.clip.path.is_file()), key=lambda row: bool(row.reasons))
    cells = [cell for row in shown[:MOST_CLIPS] if (cell := _cell(row))]
    if not cells:
        return None
    lines = -(-len(cells) // COLUMNS)
    cell_width, cell_height = max(cell.width for cell in cells), FRAME_HEIGHT + CAPTION_HEIGHT
    columns = min(COLUMNS, len(cells))
    sheet = Image.new("RGB", (columns * (cell_width + GAP) + GAP, lines * (cell_height + GAP) + GAP), INK["paper"])
    for index, cell in enumerate(cells):
        line, column = divmod(index, COLUMNS)
        sheet.paste(cell, (GAP + column * (cell_width + GAP), GAP + line * (cell_height + GAP)))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, optimize=True)
    return out


def _cell(row: VariantRow) -> Image.Image | None:
    assert row.clip is not None
    try:
        frames = read_frames(row.clip.path)
    except EncodingFailed:
        return None
    pictures = [Image.fromarray(frames[index]) for index in (0, len(frames) // 2, len(frames) - 1)]
    pictures = [picture.resize((picture.width * FRAME_HEIGHT // picture.height, FRAME_HEIGHT)) for picture in pictures]
    width = sum(picture.width for picture in pictures) + (MOMENTS - 1) * 2
    cell = Image.new("RGB", (max(width, 360), FRAME_HEIGHT + CAPTION_HEIGHT), INK["paper"])
    left = 0
    for picture in pictures:
        cell.paste(picture, (left, 0))
        left += picture.width + 2
    _caption(cell, row)
    return cell


def _caption(cell: Image.Image, row: VariantRow) -> None:
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(size=12)
    score = row.score.prompt_adherence if row.score else None
    verdict = row.state if not row.reasons else "failed: " + ", ".join(reason.code for reason in row.reasons)
    head = f"{verdict}   {score:.3f}" if score is not None else verdict
    draw.text((0, FRAME_HEIGHT + 3), head, INK["bad" if row.reasons else "good"], font)
    prompt = textwrap.wrap(row.variant.prompt, width=cell.width // 7, max_lines=2, placeholder="…")
    draw.text((0, FRAME_HEIGHT + 19), "\n".join(prompt), INK["text"], font)
