"""The package for Adobe Stock: video files with safe names, the CSV file, and a checklist."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from adapters.bucket import Bucket
from adapters.files.durable import write_shared
from adapters.media.file_facts import measure
from adapters.packages.csv_file import write_csv
from manifests.errors import EncodingError
from manifests.packages.adobe_stock import (
    CHECKLIST,
    HEADER,
    MAX_OF_MOTIF,
    REQUIREMENTS,
    StockRow,
    StockText,
    csv_parts,
    motif_of,
    stock_text,
)
from manifests.packages.errors import PackageError
from manifests.packages.item import LeftOut, PackageItem
from manifests.placements.linter import lint
from tasks.package.fetch import fetch
from tasks.package.result import Package

README = "READ-ME-FIRST.txt"


def write_stock_package(bucket: Bucket, clips: Sequence[PackageItem], folder: Path) -> Package:
    """Write the package of the unfinished clips: logos and captions are not allowed on stock clips.

    Raises:
        PackageError: no clip fits; the message says why.
    """
    made = _StockPackage(bucket, folder)
    for clip in sorted(clips, key=lambda clip: (clip.row, -(clip.adherence or 0), clip.item_id)):
        made.add(clip)
    if not made.rows:
        raise PackageError(_nothing_fits(made.left_out))
    return made.finished()


class _StockPackage:
    """Collects the rows of a package."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self.rows: list[StockRow] = []
        self.left_out: list[LeftOut] = []
        self._bucket, self._folder = bucket, folder
        self._motifs, self._notes = Counter[str](), list[str]()

    def add(self, clip: PackageItem) -> None:
        """Add a clip, or note why it is left out."""
        text = stock_text(clip)
        problems = self._text_problems(clip, text) or self._file_problems(clip, text.row.file_name)
        if problems:
            self.left_out += [LeftOut(clip, problem) for problem in problems]
            return
        self._motifs[motif_of(clip)] += 1
        self.rows.append(text.row)
        self._notes += text.notes

    def finished(self) -> Package:
        """Write the CSV files and the checklist."""
        parts = list(csv_parts(self.rows))
        names = [f"adobe-stock{f'-{number}' if len(parts) > 1 else ''}.csv" for number in range(1, len(parts) + 1)]
        for name, part in zip(names, parts, strict=True):
            write_csv(self._folder / name, HEADER, [row.cells for row in part])
        write_shared(self._folder / README, CHECKLIST.encode())
        return Package(self._folder, len(self.rows), (*names, README), tuple(self.left_out), tuple(self._notes))

    def _text_problems(self, clip: PackageItem, text: StockText) -> tuple[str, ...]:
        if self._motifs[motif_of(clip)] >= MAX_OF_MOTIF:
            return (f"{MAX_OF_MOTIF} versions of its motif are in the package already.",)
        if any(row.file_name == text.row.file_name for row in self.rows):
            return (f"Another clip is called {text.row.file_name}.",)
        return text.problems

    def _file_problems(self, clip: PackageItem, name: str) -> tuple[str, ...]:
        path = self._folder / name
        fetch(self._bucket, clip.key, clip.sha256, path)
        try:
            found = lint(measure(path, caption_files=(), with_loudness=False), REQUIREMENTS)
            problems = tuple(_without_advice(violation.message) for violation in found)
        except EncodingError as error:
            problems = (str(error),)
        if problems:
            path.unlink()
        return problems


def _without_advice(message: str) -> str:
    """Return what is wrong. The advice is for ads: stock clips must not be scaled, padded or extended."""
    return f"{message.partition('. ')[0].removesuffix('.')}."


def _nothing_fits(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return "The campaign has no published clips. Publish some, then run the command again."
    reasons = Counter(each.reason for each in left_out).most_common(3)
    why = " ".join(reason for reason, _ in reasons)
    return f"No clip of the campaign fits Adobe Stock: {why} Generate clips that meet this; changed ones are refused."
