"""The fonts of a brand, by role."""

from typing import NamedTuple


class FontSet(NamedTuple):
    """The fonts of a brand.

    Attributes:
        roles: font files by role (``heading``, ``body``), in the order of preference. The shipped fonts follow.
        system: whether installed fonts are used for characters that neither the brand's nor the shipped fonts have.
    """

    roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    system: bool = True

    def files(self, role: str) -> tuple[str, ...]:
        """Return the brand's font files of a role; those of ``body`` if the brand has none for it."""
        by_role = dict(self.roles)
        return by_role.get(role) or by_role.get("body", ())
