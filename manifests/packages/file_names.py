"""Safe and unique file names in packages."""

from collections.abc import Iterable

from manifests.identity import slug

ID_LENGTH = 8


def file_name(parts: Iterable[str], item_id: str, ending: str = "mp4", longest: int = 80) -> str:
    """Return a name of ``a-z0-9-`` that ends with the beginning of the id, so that names differ.

    Args:
        parts: texts such as brief and placement; they are shortened.
        longest: length of the whole name in characters.
    """
    room = longest - ID_LENGTH - len(ending) - 2
    words = slug("-".join(part for part in parts if part) or "clip", max(1, room))
    return f"{words}-{item_id[:ID_LENGTH]}.{ending}"
