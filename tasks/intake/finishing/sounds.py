"""Voices and music of a finished row: what this machine can make, and which files exist."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from manifests.brief import Brief
from manifests.errors import ModelError
from manifests.finish.brand import BrandKit
from manifests.finish.choices import DEFAULT, music_of
from manifests.finish.kit import FinishKit
from manifests.finish.languages import language_name, primary
from manifests.finish.wording import NOTHING, script_of, wordings
from manifests.sheet import CellIssue
from models.music.registry import music_problem
from models.sound_tools import NO_TOOLS, SoundTools
from models.voice.registry import engines_for, split_voice, voice_of
from tasks.intake.finishing.sources import SOUNDS, FinishSources, is_file_name

INSTALL = "Install one, such as `apt-get install espeak-ng`, or use a recording."


@dataclass
class Voices:
    """The voice of each language, looked up once.

    Attributes:
        brand: its voices come before those of this machine.
        tools: cards and accounts of voices.
        found: ``engine`` or ``engine:voice`` by language tag; empty if no engine speaks the language.
    """

    brand: BrandKit
    tools: SoundTools = NO_TOOLS
    found: dict[str, str] = field(default_factory=dict)

    def of(self, locale: str) -> str:
        """Return the voice that speaks a locale if the row does not choose one; empty for none."""
        tag = locale or "en"
        if tag not in self.found:
            own = (
                self.brand.voices.get(tag) or self.brand.voices.get(primary(tag)) or self.brand.voices.get(DEFAULT, "")
            )
            usable = own if own and not voice_problem(own, tag, self.tools) else ""
            self.found[tag] = usable or next(iter(engines_for(tag, self.tools)), "")
        return self.found[tag]


def voice_issues(brief: Brief, sources: FinishSources, voices: Voices) -> Iterator[CellIssue]:
    """Yield a recording that cannot be read, and languages that no voice speaks."""
    wanted = brief.voiceover.strip()
    if is_file_name(wanted, SOUNDS):
        if isinstance(found := sources.sound(wanted, "voice"), str):
            yield CellIssue("voiceover", wanted, found)
        return
    spoken = list(dict.fromkeys(each.locale for each in wordings(brief) if script_of(brief, each.locale)))
    if wanted.casefold() in NOTHING or (not spoken and wanted.casefold() in ("", "auto")):
        return
    if wanted.casefold() in ("", "auto"):
        yield from _silent(spoken, voices)
        return
    for locale in spoken or [""]:
        if problem := voice_problem(wanted, locale or "en", sources.tools):
            yield CellIssue("voiceover", wanted, f"cannot be used. {problem}")
            return


def _silent(locales: list[str], voices: Voices) -> Iterator[CellIssue]:
    for locale in locales:
        if not voices.of(locale):
            name = language_name(locale or "en")
            yield CellIssue(
                "script",
                "",
                f"is not spoken in {name}, because no voice on this machine speaks it: these deliverables get captions "
                f"without a voice. {INSTALL}",
                warning=True,
                summary=f"have a script for {name}, which no voice on this machine speaks: these deliverables get "
                f"captions without a voice. {INSTALL}",
            )


def voice_problem(name: str, locale: str, tools: SoundTools = NO_TOOLS) -> str:
    """Return why ``engine`` or ``engine:voice`` cannot speak a language here, one sentence; empty if it can."""
    engine, _ = split_voice(name)
    try:
        languages = voice_of(engine, tools).languages()
    except ModelError as error:
        return str(error)
    if primary(locale) in languages:
        return tools.unattested(engine)
    if not languages:
        return f"{engine} is not installed on this machine. {INSTALL}"
    return f"{engine} does not speak {language_name(locale)}. Use auto, or another engine."


def music_issues(brief: Brief, sources: FinishSources) -> Iterator[CellIssue]:
    """Yield music that does not exist, or that this machine cannot make."""
    wanted = brief.music.strip()
    if is_file_name(wanted, SOUNDS) and wanted not in sources.brand.music:
        if isinstance(found := sources.sound(wanted, "music"), str):
            yield CellIssue("music", wanted, found)
        return
    spec = music_of(brief, FinishKit(brand=sources.brand))
    if spec and (problem := music_problem(spec, sources.tools)):
        yield CellIssue("music", wanted, f"cannot be used. {problem}")


def voices_of(briefs: Iterable[Brief], voices: Voices) -> Mapping[str, str]:
    """Return the voices of all languages that rows with an automatic voice speak."""
    locales = {each.locale or "en" for brief in briefs for each in wordings(brief) if script_of(brief, each.locale)}
    found = {locale: voices.of(locale) for locale in sorted(locales)}
    return {locale: name for locale, name in found.items() if name}
