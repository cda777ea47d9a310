"""For each placement a file that fits, and files with one violation: (preset, rule, what is seeded, the file)."""

from fractions import Fraction
from typing import NamedTuple

from seeded_clips import Picture, Recipe

from manifests.placements.facts import DrawnBox

LINKEDIN_FPS = Fraction(30000, 1001)
TIKTOK = Picture(540, 960)
CLEAN: dict[str, Recipe] = {
    "generic": Recipe(Picture(320, 180)),
    "tiktok-auction": Recipe(TIKTOK._replace(kbps=600)),
    "tiktok-reservation": Recipe(TIKTOK._replace(kbps=2800, seconds=5)),
    "meta-reels": Recipe(Picture(270, 480)),
    "meta-stories": Recipe(Picture(270, 480)),
    "meta-feed": Recipe(Picture(320, 320)),
    "youtube": Recipe(Picture(480, 480)),
    "youtube-shorts": Recipe(Picture(480, 480)),
    "google-app": Recipe(Picture(480, 480, seconds=10)),
    "google-demand-gen": Recipe(Picture(480, 480, seconds=5)),
    "linkedin": Recipe(Picture(360, 360, LINKEDIN_FPS, seconds=3, kbps=300)),
    "pinterest": Recipe(Picture(240, 360, seconds=4)),
    "snapchat": Recipe(Picture(1080, 1920, seconds=3), level=0.159),
    "x": Recipe(Picture(320, 320)),
    "ctv": Recipe(Picture(1920, 1080, seconds=15, kbps=8400), level=0.0633, audio_kbps=224),
}
"""At the smallest size and length, so that they are written fast."""


class Seed(NamedTuple):
    """A file with one violation."""

    preset: str
    rule: str
    what: str
    recipe: Recipe

    @property
    def label(self) -> str:
        """Name of the test."""
        return f"{self.preset} {self.rule}: {self.what}"

    @property
    def is_slow(self) -> bool:
        """Whether the file takes long to write and to measure."""
        return is_slow(self.recipe)


def is_slow(recipe: Recipe) -> bool:
    """Return whether a file takes long to write and to measure."""
    picture = recipe.picture
    return picture.width * picture.height * picture.seconds * picture.fps > 30_000_000 or picture.seconds > 70


def _seed(preset: str, rule: str, what: str, **changes: object) -> Seed:
    return Seed(preset, rule, what, CLEAN[preset].changed(**changes))


def _of_every_placement() -> list[Seed]:
    seeds = []
    for name, recipe in CLEAN.items():
        quiet, size = (recipe.level or 0) / 3, recipe.picture
        corner = DrawnBox("button", 0, 0, size.width * 0.4, size.height * 0.1)
        seeds += [
            _seed(name, "ratio", "21:10", width=size.height * 21 // 20 * 2, height=size.height),
            _seed(name, "container", "Matroska", container="mkv"),
            _seed(name, "loudness", "10 dB too quiet", level=quiet),
            _seed(name, "true peak", "a click at full scale", peak=0.99),
            _seed(name, "safe zone", "a box in the corner", boxes=(corner,)),
        ]
    return seeds


VARIABLE = [_seed(name, "frame rate", "variable", is_variable=True) for name in
            ("meta-reels", "meta-stories", "meta-feed", "ctv")]  # fmt: skip
STRETCHED = [
    _seed(name, "size", "pixels of 4:3", aspect=Fraction(4, 3), width=round(CLEAN[name].picture.width * 0.75 / 2) * 2)
    for name in ("meta-reels", "meta-stories", "meta-feed")
]
TOO_SHORT = [
    _seed(name, "duration", f"{length} s", seconds=length)
    for name, length in (
        ("tiktok-reservation", 4),
        ("meta-reels", 0.75),
        ("meta-stories", 0.75),
        ("meta-feed", 0.75),
        ("google-app", 9),
        ("google-demand-gen", 4),
        ("linkedin", 2),
        ("pinterest", 3),
        ("snapchat", 2),
        ("ctv", 10),
    )
]
TOO_LONG = [
    _seed(name, "duration", f"{length} s", seconds=length, fps=fps)
    for name, length, fps in (
        ("tiktok-auction", 610, Fraction(1, 2)),
        ("tiktok-reservation", 62, Fraction(4)),
        ("meta-feed", 14_600, Fraction(1, 50)),
        ("youtube-shorts", 185, Fraction(1)),
        ("google-app", 62, Fraction(2)),
        ("linkedin", 1810, Fraction(1, 2)),
        ("pinterest", 910, Fraction(1, 2)),
        ("x", 145, Fraction(1)),
    )
]
TOO_LARGE = [
    _seed(name, "file size", "over the limit", padded_to=size)
    for name, size in (
        ("tiktok-auction", 500_100_000),
        ("tiktok-reservation", 500_100_000),
        ("meta-reels", 4_000_100_000),
        ("meta-stories", 4_000_100_000),
        ("meta-feed", 4_000_100_000),
        ("linkedin", 500_100_000),
        ("pinterest", 2_000_100_000),
        ("snapchat", 1_000_100_000),
        ("ctv", 500_100_000),
    )
]
CODECS = [
    _seed(name, "codec", "MJPEG", codec="mjpeg", pixel_format="yuvj420p", container="mov", kbps=3000)
    for name in ("tiktok-auction", "meta-reels", "meta-feed", "pinterest", "snapchat")
]
OTHERS = [
    _seed("tiktok-auction", "size", "too small", width=360, height=640),
    _seed("tiktok-reservation", "size", "too small", width=360, height=640),
    _seed("youtube", "size", "too small", width=360, height=360),
    _seed("google-app", "size", "too small", width=640, height=360),
    _seed("linkedin", "size", "too small", width=240, height=240),
    _seed("linkedin", "size", "too large", width=2048, height=1152),
    _seed("snapchat", "size", "too small", width=720, height=1280),
    _seed("x", "size", "too small", width=540, height=960),
    _seed("x", "size", "too large", width=1440, height=2560),
    _seed("ctv", "size", "720p", width=1280, height=720),
    _seed("meta-feed", "size", "too small", width=100, height=100),
    _seed("ctv", "duration", "17 s", seconds=17),
    _seed("tiktok-auction", "bitrate", "no floor", kbps=0),
    _seed("tiktok-reservation", "bitrate", "600 kbit/s", kbps=600),
    _seed("ctv", "bitrate", "3 Mbit/s", kbps=3000),
    _seed("x", "bitrate", "30 Mbit/s", kbps=30_000),
    _seed("linkedin", "file size", "less than 75 kB", kbps=0, audio_kbps=32),
    _seed("linkedin", "frame rate", "30", fps=Fraction(30)),
    _seed("x", "frame rate", "75", fps=Fraction(75)),
    _seed("ctv", "frame rate", "15", fps=Fraction(15)),
    _seed("ctv", "frame rate", "50", fps=Fraction(50)),
    _seed("tiktok-auction", "audio", "none", level=None),
    _seed("tiktok-reservation", "audio", "none", level=None),
    _seed("ctv", "audio", "none", level=None),
    _seed("linkedin", "audio", "MP3", audio_codec="libmp3lame"),
    _seed("snapchat", "audio", "MP3", audio_codec="libmp3lame"),
    _seed("x", "audio", "MP3", audio_codec="libmp3lame"),
    _seed("x", "codec", "4:4:4", pixel_format="yuv444p"),
    _seed("ctv", "codec", "4:2:2", pixel_format="yuv422p"),
    _seed("linkedin", "captions", "only WebVTT", captions=("vtt",)),
    _seed("youtube", "captions", "only WebVTT", captions=("vtt",)),
    _seed("meta-feed", "captions", "only WebVTT", captions=("vtt",)),
]
SEEDED = [*_of_every_placement(), *VARIABLE, *STRETCHED, *TOO_SHORT, *TOO_LONG, *TOO_LARGE, *CODECS, *OTHERS]
