"""Files of a deliverable: they are made in a temporary folder and moved when all of them are complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.files.durable import sync_folder

VIDEO, POSTER = "deliverable.mp4", "poster.jpg"
SRT, VTT = "captions.srt", "captions.vtt"


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """Yield an empty folder next to ``folder``; at the end its files replace those of ``folder``, the video last.

    After an error or a kill, ``folder`` is unchanged or has no video.
    """
    made = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    try:
        yield made
        _replace(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _replace(made: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VIDEO).unlink(missing_ok=True)
    names = {path.name for path in made.iterdir() if path.is_file()}
    for old in folder.iterdir():
        if old.is_file() and old.name not in names:
            old.unlink()
    for name in sorted(names, key=lambda name: name == VIDEO):
        (made / name).replace(folder / name)
    sync_folder(folder)
