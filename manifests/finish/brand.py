"""The brand kit: what all ads of a brand have in common. People write it as ``brand.yaml``."""

from pydantic import Field

from manifests.finish.asset import Asset
from manifests.finish.record import FinishRecord


class BrandKit(FinishRecord):
    """Logos, colours, fonts, voice, music and legal lines.

    Attributes:
        name: of the brand.
        logos: files by name; ``default`` is used unless a template names another one.
        colours: ``#rrggbb`` by name: ``primary``, ``on_primary``, ``accent``, ``text``, ``background``, or any other.
        fonts: files by role (``heading``, ``body``), in the order of preference; shipped fonts follow.
        voices: ``engine`` or ``engine:voice`` by language; ``default`` for others.
        music: files by name or mood; ``default`` is used unless the sheet names another one.
        made_music: music that is not a file, by the same names: ``library:NAME``, ``procedural:MOOD`` or a mood.
        legal: legal lines by market or language, such as ``US`` or ``de``; ``default`` for others.
    """

    name: str = ""
    logos: dict[str, Asset] = Field(default_factory=dict)
    colours: dict[str, str] = Field(default_factory=dict)
    fonts: dict[str, tuple[Asset, ...]] = Field(default_factory=dict)
    voices: dict[str, str] = Field(default_factory=dict)
    music: dict[str, Asset] = Field(default_factory=dict)
    made_music: dict[str, str] = Field(default_factory=dict)
    legal: dict[str, str] = Field(default_factory=dict)
