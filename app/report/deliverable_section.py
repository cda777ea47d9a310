"""The part of the contact sheet with the posters of published deliverables."""

import io
from collections.abc import Iterable, Iterator, Sequence

from PIL import Image

from adapters.catalogue import DeliverableRow
from app.report.sheet_text import LINE_HEIGHT, Room, SheetText
from manifests.errors import BucketError
from manifests.finish.deliverable import DeliverableState
from tasks.runtime.resources import Resources, bucket_of

HEIGHT = 220
"""Height of the posters in pixels."""
CAPTION = 36
GAP = 8
LEAST_WIDTH = 150
MAX_POSTERS = 90
MAX_POSTER_BYTES = 10_000_000
INK, PAPER = (40, 40, 44), (250, 250, 248)


def deliverable_section(
    resources: Resources, rows: Iterable[DeliverableRow], width: int, text: SheetText
) -> Image.Image | None:
    """Return the posters of at most MAX_POSTERS published deliverables in lines; None if there are none.

    Args:
        width: width of the contact sheet in pixels; a wider poster makes it wider.
        text: draws the captions.
    """
    published = [row for row in rows if row.state == DeliverableState.PUBLISHED][:MAX_POSTERS]
    cells = [_cell(row, poster, text) for row, poster in _posters(resources, published)]
    if not cells:
        return None
    width = max(width, 4 * (LEAST_WIDTH + GAP), max(cell.width for cell in cells) + 2 * GAP)
    lines = list(_lines(cells, width))
    section = Image.new("RGB", (width, len(lines) * (HEIGHT + CAPTION + GAP) + GAP), PAPER)
    for number, line in enumerate(lines):
        left = GAP
        for cell in line:
            section.paste(cell, (left, GAP + number * (HEIGHT + CAPTION + GAP)))
            left += cell.width + GAP
    return section


def below(first: Image.Image | None, second: Image.Image | None) -> Image.Image | None:
    """Return the two pictures, one below the other; None if there is neither."""
    if first is None or second is None:
        return first or second
    both = Image.new("RGB", (max(first.width, second.width), first.height + second.height), PAPER)
    both.paste(first, (0, 0))
    both.paste(second, (0, first.height))
    return both


def _posters(resources: Resources, rows: Sequence[DeliverableRow]) -> Iterator[tuple[DeliverableRow, Image.Image]]:
    """Yield the posters in the bucket; if it does not respond, the sheet can be written again later."""
    bucket = bucket_of(resources)
    for row in rows:
        key = row.signed.poster_key if row.signed else ""
        try:
            size = bucket.size(key) if key else None
            if size is None or size > MAX_POSTER_BYTES:
                continue
            picture = Image.open(io.BytesIO(bucket.read(key))).convert("RGB")
        except BucketError:
            return
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        yield row, picture.resize((max(1, picture.width * HEIGHT // picture.height), HEIGHT))


def _cell(row: DeliverableRow, poster: Image.Image, text: SheetText) -> Image.Image:
    cell = Image.new("RGB", (max(poster.width, LEAST_WIDTH), HEIGHT + CAPTION), PAPER)
    cell.paste(poster, (0, 0))
    seconds = f"{row.file.duration_s:.1f} s" if row.file else ""
    lines = [", ".join(filter(None, (row.placement, row.locale))), f"{row.brief_id} {seconds}"]
    for number, line in enumerate(lines):
        text.draw(cell, (0, HEIGHT + 3 + LINE_HEIGHT * number), line, INK, Room(cell.width))
    return cell


def _lines(cells: Sequence[Image.Image], width: int) -> Iterator[list[Image.Image]]:
    """Yield the cells line by line."""
    line: list[Image.Image] = []
    used = GAP
    for cell in cells:
        if line and used + cell.width + GAP > width:
            yield line
            line, used = [], GAP
        line.append(cell)
        used += cell.width + GAP
    if line:
        yield line
