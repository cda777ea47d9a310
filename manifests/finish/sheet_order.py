"""The order of deliverables in reports: that of the sheet."""

from collections.abc import Iterable, Sequence

from manifests.brief import Brief
from manifests.finish.texts.wording import tag_of


class SheetOrder:
    """Sorts deliverables by row, then by placement and locale in the row's order."""

    def __init__(self, briefs: Iterable[Brief]) -> None:
        """Use the order of the briefs; it is that of the sheet."""
        self._rows = {brief.brief_id: (number, brief) for number, brief in enumerate(briefs)}

    def key(self, brief_id: str, placement: str, locale: str) -> tuple[int, int, int]:
        """Return the places of row, placement and locale; unknown ones are last."""
        if brief_id not in self._rows:
            return len(self._rows), 0, 0
        number, brief = self._rows[brief_id]
        labels = [each.label for each in brief.placements]
        return number, _place(placement, labels), _place(locale, [tag_of(each) for each in brief.locales])


def _place(value: str, known: Sequence[str]) -> int:
    return known.index(value) if value in known else len(known)
