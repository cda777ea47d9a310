"""The files of a model folder: which kinds may be there, and where links may point."""

import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from models.weights.refusal import RefusedFileError, shown

MAX_FILES = 2_000
MAX_DEPTH = 8
UNREAD = (".git", ".cache")
"""Folders of git and of ``hf download --local-dir``, in which no library looks for files."""
CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".sh", ".bat", ".exe", ".ipynb", ".whl", ".egg")
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
"""Pickled weights. Many repositories contain them next to the same weights as safetensors; they are never loaded."""
OTHER_WEIGHTS = (".msgpack", ".h5", ".onnx", ".onnx_data", ".gguf", ".ot", ".tflite", ".pb")
"""Weights for other frameworks, which are never loaded."""
DOCUMENTS = (
    ".md", ".txt", ".pdf", ".html", ".rst", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".mp4", ".webm",
    ".mov", ".mp3", ".wav", ".flac", ".csv", ".yaml", ".yml", ".lock", ".license",
)  # fmt: skip
PLAIN = ("readme", "authors", "usage_policy", "sha256sums", ".gitattributes", ".gitignore", ".ds_store")
LICENCES = ("license", "licence", "notice")
"""Names of documents without a suffix, and beginnings of such names, in lower case."""
LOADED = (".json", ".safetensors", ".model", ".jinja")
LOADED_TEXTS = ("merges.txt", "vocab.txt")


class FolderFile(NamedTuple):
    """A file of a model folder.

    Attributes:
        name: path relative to the folder, with slashes.
    """

    path: Path
    name: str

    @property
    def is_loaded(self) -> bool:
        """Whether a library may read it, by its kind."""
        return self.path.suffix in LOADED or self.path.name in LOADED_TEXTS

    @property
    def where(self) -> str:
        """The file's folder relative to the model folder, ``.`` for the model folder itself."""
        return self.name.rpartition("/")[0] or "."


def files_of(folder: Path, blobs: Path | None = None) -> list[FolderFile]:
    """Return all files of a folder, sorted by name. Nothing is opened.

    Args:
        blobs: the folder outside this one that links may point to.

    Raises:
        RefusedFileError: a file is code, not a regular file, of an unknown kind, or a link that leads elsewhere.
    """
    found: list[FolderFile] = []
    for number, (entry, name) in enumerate(_walk(folder, "", 0)):
        if number >= MAX_FILES:
            raise RefusedFileError(f"it contains more than {MAX_FILES:,} files; name the folder of one model")
        if not entry.is_dir(follow_symlinks=False):
            _check_file(entry, name, folder, blobs)
            found.append(FolderFile(Path(entry.path), name))
    found.sort(key=lambda file: file.name)
    _check_pickles(found)
    return found


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[tuple["os.DirEntry[str]", str]]:
    """Yield all files and folders; one that has too many is not read to its end."""
    if depth > MAX_DEPTH:
        raise RefusedFileError(f"{shown(prefix)} is nested more than {MAX_DEPTH} folders deep; remove it")
    with os.scandir(folder) as entries:
        for entry in sorted(itertools.islice(entries, MAX_FILES + 1), key=lambda each: each.name):
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and name in UNREAD:
                continue
            yield entry, name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{name}/", depth + 1)


def _check_file(entry: "os.DirEntry[str]", name: str, folder: Path, blobs: Path | None) -> None:
    if entry.is_symlink():
        _check_link(Path(entry.path), name, folder, blobs)
    elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
        raise RefusedFileError(f"{shown(name)} is not a regular file but a pipe, socket or device; remove it")
    suffix = Path(entry.name).suffix.lower()
    if suffix in CODE:
        raise RefusedFileError(f"it contains code ({shown(name)}), which is never run; remove the file")
    if not name.isprintable():
        raise RefusedFileError(f"the name of {shown(name)} is not plain text; rename or remove the file")
    if not _is_known(entry.name, suffix):
        raise RefusedFileError(f"{shown(name)} has a type that no model needs, and may contain code; remove the file")


def _is_known(name: str, suffix: str) -> bool:
    if suffix in (*LOADED, *DOCUMENTS, *PICKLES, *OTHER_WEIGHTS):
        return True
    return name.lower() in PLAIN or name.lower().startswith(LICENCES)


def _check_link(path: Path, name: str, folder: Path, blobs: Path | None) -> None:
    """Refuse links to folders, to nothing, in circles, and to places outside the folder and the blobs of its cache."""
    try:
        target = path.resolve(strict=True)
        mode = target.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise RefusedFileError(f"{shown(name)} is a broken link; download the file again") from error
    allowed = (blobs is not None and target.parent == blobs.resolve()) or target.is_relative_to(folder.resolve())
    if not allowed or not stat.S_ISREG(mode):
        raise RefusedFileError(
            f"{shown(name)} is a link to {shown(target)}, outside the model's files; replace it with a copy of the file"
        )


def _check_pickles(files: list[FolderFile]) -> None:
    """Refuse pickled weights that have no safetensors next to them; with those they are never loaded."""
    safe = {file.where for file in files if file.path.suffix == ".safetensors"}
    for file in files:
        if file.path.suffix.lower() in PICKLES and file.where not in safe:
            raise RefusedFileError(
                f"{shown(file.where)} contains only pickled weights ({shown(file.path.name)}), which can run code; "
                "convert them to safetensors"
            )
