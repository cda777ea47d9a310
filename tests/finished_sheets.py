"""Sheets with finishing: what their messages suggest, and the sheets after each fix."""

import csv
import io
import wave
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import ModelError
from manifests.finish.captions.split import letters_in
from models.voice.speech import Clause, Speech
from tasks.intake.finishing import sounds
from tasks.intake.finishing.finishing import Finishing
from tasks.intake.finishing.sources import FinishSources
from tasks.runtime.files.assets import AssetStore

PROMPT = "a red circle drifting left on a white background"
SRT = "1\n00:00:00,000 --> 00:00:01,000\n{}\n"
LONG = "far too many characters for a caption of one second"
HOUSE = """
name: house
layers:
  - {name: offer, kind: text, text: "{offer} {cta}", size: 0.12, min_size: 0.12, max_lines: 1}
"""


class CalmVoice:
    """Speaks ten letters a second, without any sound.

    Args:
        tags: languages that it speaks.
    """

    def __init__(self, tags: Collection[str]) -> None:
        self._tags = frozenset(tags)

    def languages(self) -> frozenset[str]:
        return self._tags

    def speak(self, text: str, language: str, voice: str = "") -> Speech:
        if "夏" in text:
            raise ModelError("espeak-ng cannot read the kanji '夏'. Write the script in hiragana.")
        seconds = letters_in(text) / 10
        return Speech(np.zeros((1, int(seconds * 8000))), 8000, (Clause(text, 0.0, seconds),), "calm", "1")


def use_voices(monkeypatch: pytest.MonkeyPatch, engines: Mapping[str, tuple[str, ...]]) -> None:
    """Replace the voices of this machine by calm ones.

    Args:
        engines: names by language.
    """
    monkeypatch.setattr(sounds, "engines_for", lambda tag, _: engines.get(tag.partition("-")[0], ()))

    def calm(engine: str, tools: object = None) -> CalmVoice:
        return CalmVoice([tag for tag, names in engines.items() if engine in names])

    monkeypatch.setattr(sounds, "voice_of", calm)


def finished(**cells: str) -> bytes:
    """Return a sheet of one row that is finished with the template clean."""
    return rows({"finish": "clean", "cta": "Shop now", **cells})


def rows(*briefs: dict[str, str]) -> bytes:
    """Return a sheet with a prompt and these cells in each row; names with ``__`` have a hyphen."""
    headers = list(dict.fromkeys(name for brief in briefs for name in brief))
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["prompt", *headers])
    for number, brief in enumerate(briefs):
        writer.writerow([PROMPT.replace("red", ("red", "blue")[number]), *(brief.get(name, "") for name in headers)])
    return stream.getvalue().encode()


def finishing_in(folder: Path, **options: object) -> Finishing:
    """Return the checks for a sheet in a folder, which also gets the files that sheets name."""
    (folder / "talk.srt").write_text(SRT.format("Hello."))
    (folder / "latin.srt").write_bytes(SRT.format("Grüße").encode("cp1252"))
    (folder / "huge.srt").write_text(SRT.format("x" * 300_000))
    (folder / "many.vtt").write_text("WEBVTT\n\n" + "\n".join("00:00.000 --> 00:01.000\nHi\n" for _ in range(501)))
    (folder / "noise.mp3").write_text("no sound")
    if not any((folder / name).exists() for name in ("brand.yaml", "brand.yml")):
        (folder / "brand.yaml").write_text("name: Acme\n")
    (folder / "finish").mkdir(exist_ok=True)
    (folder / "finish" / "house.yaml").write_text(HOUSE)
    with wave.open(str(folder / "take.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    home = folder / "home"
    return Finishing(FinishSources(folder, home, AssetStore(home / "assets"), **options))


def _srt(text: str, seconds: int = 1) -> str:
    return SRT.format(text).replace("00:00:01", f"00:00:{seconds:02}")


FINISHED = (
    # Templates and texts
    (finished(finish="claen"), "Did you mean clean?", (finished(finish="clean"),)),
    (finished(finish="pretty"), "or none.", (finished(finish="minimal"), finished(finish="none"))),
    (rows({"cta": "Buy"}), "enter a finish template in a column 'finish'", (finished(cta="Buy"),)),
    (finished(cta=""), "Enter a text, or use a template", (finished(cta="Go"), finished(cta="", finish="minimal"))),
    (
        finished(cta="\U000103a0"),
        "cannot be drawn. No font has",
        (finished(cta="Shop"),),
    ),
    (
        finished(finish="house", offer="An offer that is far too long for one line of this size"),
        "does not fit for 16:9",
        (finished(finish="house", offer="-50 %", cta="x"),),
    ),
    # Languages
    (finished(locale="english"), "Did you mean en?", (finished(locale="en"),)),
    (finished(locale="Klingon"), "Use a tag such as en, de-AT or pt-BR", (finished(locale="de-AT"),)),
    (
        finished(locale="en|de"),
        "Add a column 'cta_de', or remove de",
        (finished(locale="en|de", cta_de="Los"), finished(locale="en")),
    ),
    (
        finished(locale="en|de", cta_de="Los", captions="Hello.", duration_s="2.12"),
        "Add a column 'captions_de'",
        (finished(locale="en|de", cta_de="Los", captions="Hello.", captions_de="Hallo."),),
    ),
    (
        finished(locale="en|de", cta_de="Los", cta_fr="Allez"),
        "Enter fr in the column 'locale'",
        (finished(locale="en|de|fr", cta_de="Los", cta_fr="Allez"), finished(locale="en|de", cta_de="Los")),
    ),
    # Placements
    (
        finished(placements="stories 16:9"),
        "is not a ratio of",
        (finished(placements="stories 9:16"),),
    ),
    (
        finished(placements="snapchat 1s"),
        "which Snapchat",
        (finished(placements="snapchat 3s"), finished(placements="snapchat")),
    ),
    (
        finished(placements="16:9|1:1", reframe="9:16=crop"),
        "has no placement 9:16. Use 16:9 or 1:1, or remove it",
        (finished(placements="16:9|1:1", reframe="1:1=crop"), finished(placements="16:9|1:1")),
    ),
    (finished(reframe="crpo"), "Did you mean crop?", (finished(reframe="crop"),)),
    (
        finished(reframe="zoom"),
        "Use native, crop, blur or colour",
        tuple(finished(reframe=fit) for fit in ("native", "crop", "blur", "colour")),
    ),
    (
        finished(reframe="crop 30"),
        "such as crop 30%, or with times in seconds, such as crop 0s:30% 2.5s:60%",
        tuple(finished(reframe=value) for value in ("crop 30%", "crop 0s:30% 2.5s:60%", "9:16=crop 62.5 %")),
    ),
    (finished(reframe="crop 130%"), "beyond 100 %", (finished(reframe="crop 100%"),)),
    (
        finished(reframe="crop 2s:30% 1s:60%"),
        "does not have its times in order",
        (finished(reframe="crop 1s:60% 2s:30%"),),
    ),
    (
        finished(placements="9:16|tiktok", music="auto", reframe="tall=crop"),
        "such as 9:16=crop or tiktok=crop",
        tuple(
            finished(placements="9:16|tiktok", music="auto", reframe=value) for value in ("9:16=crop", "tiktok=crop")
        ),
    ),
    # Sound and captions
    (finished(sound="loud"), "Use keep", (finished(sound="keep"), finished(sound="mute"))),
    (
        finished(transition="fade"),
        "Use cut, or the seconds",
        tuple(finished(transition=value) for value in ("cut", "0.1", "5", "0.5 s")),
    ),
    (
        finished(placements="16:9|tiktok"),
        "tiktok 9:16 needs sound, and its ads would be silent. Enter music, such as auto, or what",
        tuple(finished(placements="16:9|tiktok", **sound) for sound in ({"music": "auto"}, {"script": "Shop now."})),
    ),
    (
        finished(locale="en|de", cta_de="Los", voiceover_de="auto"),
        "has no effect: the column 'voiceover' applies to all languages of a row. Enter auto there",
        (finished(locale="en|de", cta_de="Los", voiceover="auto"),),
    ),
    (
        finished(locale="en|de", cta_de="Los", music_de="auto"),
        "Use a row for each language",
        (rows(*({"finish": "clean", "cta": "Go", "locale": tag, "music": "auto"} for tag in ("en", "de"))),),
    ),
    (finished(voiceover="tke.wav"), "Did you mean take.wav?", (finished(voiceover="take.wav"),)),
    (finished(voiceover="http://x/take.wav"), "Save the file in the sheet's folder", (finished(voiceover="take.wav"),)),
    (finished(music="other.mp3"), "Enter its path relative to the folder of the sheet", (finished(music="take.wav"),)),
    (finished(music="noise.mp3"), "Save it as WAV", (finished(music="take.wav"),)),
    (finished(captions="tlk.srt"), "Did you mean talk.srt?", (finished(captions="talk.srt"),)),
    (finished(captions="latin.srt"), "is not UTF-8 text", (finished(captions="talk.srt"),)),
    (finished(captions="huge.srt"), "is larger than", (finished(captions="talk.srt"),)),
    (finished(captions="many.vtt"), "Use at most 500", (finished(captions="talk.srt"),)),
    (finished(captions="WEBVTT"), "Write a line with two times", (finished(captions=_srt("Hello.")),)),
    (
        finished(captions=_srt(LONG)),
        "Shorten the text, or let this caption end later",
        (finished(captions=_srt("Short")), finished(captions=_srt(LONG, 4), placements="snapchat 5s")),
    ),
    (finished(captions=_srt("x" * 60, 9), placements="16:9 10s"), "fit in this language", ()),
    (
        finished(captions=_srt("Hello.", 8)),
        "but the video has 2.1 s",
        (finished(captions=_srt("Hello.", 2)), finished(captions=_srt("Hello.", 8), placements="16:9 8s")),
    ),
    (finished(script="x" * 5001), "Shorten it to at most 5,000", (finished(script="Shop now."),)),
    # Sequences
    (
        finished(sequence="film"),
        "Enter the same text in the rows that belong together",
        (rows(*[{"finish": "clean", "cta": "Go", "sequence": "film"}] * 2), finished()),
    ),
    (
        rows(
            {"finish": "clean", "cta": "Go", "sequence": "film", "placements": "16:9"},
            {"finish": "clean", "cta": "Go", "sequence": "film", "placements": "1:1"},
        ),
        "Enter the same in both rows",
        (
            rows(*[{"finish": "clean", "cta": "Go", "sequence": "film", "placements": "1:1"}] * 2),
            rows({"finish": "clean", "cta": "Go", "sequence": "film"}, {"finish": "clean", "sequence": "film"}),
        ),
    ),
)
