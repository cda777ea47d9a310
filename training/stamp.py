"""Write revision, hash and size of the shipped weights into their cards, and SHA256SUMS next to the weights.

The card of the student has the same weights as the starter, and a separate folder for its transformer in `parts`.

Run it with `python -m training.stamp`.

The id of a variant includes the revision of its card, so the revision must change if and only if the weights change.
"""

import hashlib
import json
from pathlib import Path

from models.weights.folder_tree import files_of
from models.weights.integrity import SUMS, content_sha256, sums

MODELS = Path(__file__).parent.parent / "models"
CARDS = {"starter.json": "starter/t2v", "starter-openclip.json": "starter/openclip"}
STUDENT = "starter-4step.json"
"""Card of the student (see `training.distil`), which takes its transformer from STUDENT_FOLDER."""
STUDENT_FOLDER = "starter/4step"


def revision_of(folder: Path) -> str:
    """Return 12 hex digits of the BLAKE2b of all file names and contents, without training.json and SHA256SUMS."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("training.json", SUMS):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def size_mb(folder: Path) -> float:
    """Return the size on disk in megabytes, to one decimal."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


def stamped(folder: str) -> dict[str, str | float]:
    """Write SHA256SUMS into a folder below `models/`, and return its entry in a card."""
    place = MODELS / folder
    (place / SUMS).write_text(sums(files_of(place)))
    measured = {"revision": revision_of(place), "sha256": content_sha256(place), "size_mb": size_mb(place)}
    return {"folder": folder} | measured


def write_card(name: str, **changes: object) -> None:
    """Replace fields of a card that ships with the project."""
    card = MODELS / "cards" / name
    content = json.loads(card.read_text()) | changes
    card.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def stamp() -> None:
    for name, folder in CARDS.items():
        write_card(name, weights=stamped(folder))
    if (MODELS / "cards" / STUDENT).exists():
        parts = {"transformer": stamped(STUDENT_FOLDER)}
        write_card(STUDENT, weights=stamped(CARDS["starter.json"]), parts=parts)


if __name__ == "__main__":
    stamp()
