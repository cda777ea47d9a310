"""Lists for prompts: ``__colours__`` stands for each line of ``wildcards/colours.txt`` in the folder of the sheet."""

from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from manifests.sheet.cells import clean, invalid_reason
from manifests.sheet.row_check import no_wildcards

FOLDER = "wildcards"
SUFFIX = ".txt"
MAX_BYTES = 1_000_000
MAX_LINES = 10_000
MAX_FILES = 2_000
COMMENT = "#"


class WildcardLists:
    """Reads each list of a sheet once.

    Args:
        folder: the sheet's folder.
        confined: read only files that are in this folder and not links to others, because the sheet comes from another
            machine.
    """

    def __init__(self, folder: Path, *, confined: bool = False) -> None:
        self._sheets_folder = folder
        self._folder = folder / FOLDER
        self._confined = confined
        self._read: dict[str, tuple[str, ...] | ValueError] = {}

    def __call__(self, name: str) -> tuple[str, ...]:
        """Return the values of a list.

        Raises:
            ValueError: there is no such list, or it has no values; the message continues after the wildcard.
        """
        if name not in self._read:
            try:
                self._read[name] = self._values(name)
            except ValueError as error:
                self._read[name] = error
        found = self._read[name]
        if isinstance(found, ValueError):
            raise found
        return found

    def _values(self, name: str) -> tuple[str, ...]:
        path = self._path(name)
        shown = f"{FOLDER}/{name}{SUFFIX}"
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            lines = data.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"cannot be used, because {shown} is not UTF-8 text. Save it as UTF-8.") from None
        except OSError as error:
            raise ValueError(
                f"cannot be used, because {shown} cannot be read ({error.strerror}). Check the file."
            ) from error
        values = tuple(dict.fromkeys(value for line in lines if (value := _value(line))))
        if len(data) > MAX_BYTES or len(values) > MAX_LINES:
            raise ValueError(f"cannot be used, because {shown} has more than {MAX_LINES:,} lines. Shorten the file.")
        if not values:
            raise ValueError(f"cannot be used, because {shown} is empty. Enter one value in each line.")
        for value in values:
            if reason := invalid_reason(value):
                raise ValueError(f"cannot be used, because a line of {shown} {reason}")
        return values

    def _path(self, name: str) -> Path:
        """Return the file of a list, which is always below the folder of lists."""
        parts = PurePosixPath(name).parts
        path = self._folder.joinpath(*parts[:-1], parts[-1] + SUFFIX)
        if self._is_inside(name, path) and path.is_file():
            return path
        raise ValueError(self._missing(name))

    def _missing(self, name: str) -> str:
        """Return the message for a missing list; the folder of a confined sheet is internal, so it is not shown."""
        near = get_close_matches(name, [other for other in self._names() if other != name], 1, 0.7)
        if near:
            return f"is not a list. Did you mean __{near[0]}__?"
        if self._confined:
            try:
                no_wildcards(name)
            except ValueError as error:
                return str(error)
        return (
            f"is not a list. Create the file '{self._folder / (name + SUFFIX)}' with one value in each line. If the "
            "underscores are text, put a space between them."
        )

    def _is_inside(self, name: str, path: Path) -> bool:
        parts = PurePosixPath(name).parts
        if PurePosixPath(name).is_absolute() or ".." in parts:
            return False
        return not self._confined or path.resolve().is_relative_to(self._sheets_folder.resolve() / FOLDER)

    def _names(self) -> list[str]:
        """Return the names of the lists of this sheet; at most MAX_FILES files are looked at."""
        names: list[str] = []
        if self._confined and self._folder.is_symlink():
            return names
        for number, path in enumerate(self._folder.rglob("*" + SUFFIX)):
            if number >= MAX_FILES:
                break
            names.append(path.relative_to(self._folder).with_suffix("").as_posix())
        return sorted(names)


def _value(line: str) -> str:
    """Return the value of a line; empty for a blank line and a comment."""
    text = clean(line)
    return "" if text.startswith(COMMENT) else text
