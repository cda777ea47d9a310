"""Voices and music of a finished row: what this machine can make, and which files exist."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from manifests.brief import Brief
from manifests.errors import ModelError
from manifests.finish.brand import BrandKit
from manifests.finish.captions.timing import Clause
from manifests.finish.choices import DEFAULT, brand_name, music_of
from manifests.finish.kit import FinishKit
from manifests.finish.length import LEAD_S
from manifests.finish.spec import MusicSpec
from manifests.finish.texts.languages import language_name, primary
from manifests.finish.texts.wording import NOTHING, header_for, script_of, wordings
from manifests.pluralize import any_of, one_or_more
from manifests.sheet import CellIssue
from models.card import GeneratorCard, ModelCard
from models.hosted_card import HostedCard
from models.music.registry import LIBRARY, music_problem
from models.sound_tools import NO_TOOLS, SoundTools
from models.voice import hibari
from models.voice.espeak import PROGRAM as ESPEAK
from models.voice.registry import HIBARI, engines_for, split_voice, voice_of
from tasks.intake.finishing.checks import preset_of
from tasks.intake.finishing.sources import SOUNDS, FinishSources, is_file_name

SPOKEN = 20
"""Scripts that are spoken when a sheet is read; the others are spoken when their deliverables are made."""
LOCAL = (HIBARI, ESPEAK)
"""Voices that are tried: they need a fraction of a second and no account."""
WITH_SOUND = ("LTX2", "Cosmos3", "Kandinsky6")
"""Beginnings of the names of pipelines that may generate sound; see ``models.diffusers.families``."""
INSTALL = "Install one, such as `apt-get install espeak-ng`, or use a recording."


class Trial(NamedTuple):
    """A script that was spoken.

    Attributes:
        problem: why it cannot be spoken; empty if it can.
        seconds: its length.
        clauses: (text, start, end) in seconds.
    """

    problem: str = ""
    seconds: float = 0.0
    clauses: tuple[Clause, ...] = ()


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
    trials: dict[tuple[str, str, str], Trial] = field(default_factory=dict)

    def chosen(self, brief: Brief, locale: str) -> str:
        """Return ``engine`` or ``engine:voice`` that speaks a row's script in a locale; empty for none."""
        wanted = brief.voiceover.strip()
        if not script_of(brief, locale) or wanted.casefold() in NOTHING or is_file_name(wanted, SOUNDS):
            return ""
        return self.of(locale) if wanted.casefold() in ("", "auto") else wanted

    def trial(self, brief: Brief, locale: str) -> Trial | None:
        """Speak a row's script on this machine; None if it has no voice, one with an account, or was not tried."""
        engine, voice = split_voice(self.chosen(brief, locale))
        key = (script_of(brief, locale), locale, f"{engine}:{voice}")
        if engine in LOCAL and key not in self.trials and len(self.trials) < SPOKEN:
            try:
                speech = voice_of(engine, self.tools).speak(key[0], locale or "en", voice)
            except ModelError as error:
                self.trials[key] = Trial(str(error))
            else:
                seconds = speech.samples.shape[1] / speech.rate
                self.trials[key] = Trial("", seconds, tuple((c.text, c.start_s, c.end_s) for c in speech.clauses))
        return self.trials.get(key)

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
    else:
        problems = (voice_problem(wanted, locale or "en", sources.tools) for locale in spoken or [""])
        if problem := next(filter(None, problems), ""):
            yield CellIssue("voiceover", wanted, f"cannot be used. {problem}")
            return
    for locale in spoken:
        yield from _trial_issues(brief, locale, sources, voices)


def _trial_issues(brief: Brief, locale: str, sources: FinishSources, voices: Voices) -> Iterator[CellIssue]:
    """Yield a script that its voice cannot speak, or that takes longer than a placement allows."""
    trial, script = voices.trial(brief, locale), script_of(brief, locale)
    column = header_for(brief, "script", locale)
    if trial is None:
        return
    if trial.problem:
        yield CellIssue(column, script, f"cannot be spoken. {trial.problem}")
    for placement in brief.placements:
        most = placement.duration_s or preset_of(placement, sources.presets).max_s
        if most and trial.seconds + LEAD_S > most:
            yield CellIssue(
                column,
                script,
                f"takes {trial.seconds:.1f} s to speak, but {placement.label} has at most {most:g} s. Shorten the "
                "script, or use another length.",
            )


def is_spoken(brief: Brief) -> bool:
    """Return whether a row has a voice, so that its deliverables last at least until the voice ends."""
    wanted = brief.voiceover.strip()
    if is_file_name(wanted, SOUNDS):
        return True
    return wanted.casefold() not in NOTHING and any(script_of(brief, each.locale) for each in wordings(brief))


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
    engine, voice = split_voice(name)
    try:
        languages = voice_of(engine, tools).languages()
    except ModelError as error:
        return str(error)
    known = hibari.voices() if engine == HIBARI and voice else {}
    if known and voice not in known:
        return f"There is no voice {name}. Use {any_of(f'{HIBARI}:{each}' for each in known)}."
    if primary(locale) in languages:
        return tools.unattested(engine)
    if not languages:
        return f"{engine} is not installed on this machine. {INSTALL}"
    return (
        f"{engine} does not speak {language_name(locale)}. Enter auto; to choose a voice for each language, name them "
        f"in brand.yaml, such as voices: {{en: {HIBARI}, {primary(locale)}: {ESPEAK}}}."
    )


def silence_issues(
    brief: Brief, sources: FinishSources, voices: Voices, cards: Iterable[GeneratorCard]
) -> Iterator[CellIssue]:
    """Yield the placements that need sound, if the deliverables of a row have none in some locale.

    Args:
        cards: of the row's models. A row of a sequence may have the sound of another row, so it is left out.
    """
    needing = [each.label for each in brief.placements if preset_of(each, sources.presets).needs_audio]
    if not needing or brief.sequence or music_of(brief, FinishKit(brand=sources.brand)) or _has_own_sound(brief, cards):
        return
    if is_file_name(brief.music, SOUNDS) or is_file_name(brief.voiceover, SOUNDS):
        return
    silent = [each.locale for each in wordings(brief) if not voices.chosen(brief, each.locale)]
    if silent:
        locales = " and ".join(dict.fromkeys(filter(None, silent)))
        need = f"{' and '.join(needing)} {one_or_more(len(needing), 'needs', 'need')} sound"
        message = (
            f"is empty, but {need}, and its ads{f' for {locales}' if locales else ''} would be silent. Enter music, "
            "such as auto, or what a voice says in a column 'script'."
        )
        yield CellIssue("music", "", message, warning=True)


def _has_own_sound(brief: Brief, cards: Iterable[GeneratorCard]) -> bool:
    """Return whether the clips may have sound, which is kept."""
    return brief.sound != "mute" and bool(brief.continued or any(map(_makes_sound, cards)))


def _makes_sound(card: GeneratorCard) -> bool:
    if isinstance(card, HostedCard):
        return card.audio == "always" or (card.audio == "switch" and card.sound)
    return isinstance(card, ModelCard) and card.pipeline.startswith(WITH_SOUND)


def music_issues(brief: Brief, sources: FinishSources) -> Iterator[CellIssue]:
    """Yield music that does not exist, or that this machine cannot make."""
    wanted = brief.music.strip()
    if is_file_name(wanted, SOUNDS) and wanted not in {*sources.brand.music, *sources.brand.made_music}:
        if isinstance(found := sources.sound(wanted, "music"), str):
            yield CellIssue("music", wanted, found)
        return
    spec = music_of(brief, FinishKit(brand=sources.brand))
    if spec and (problem := music_problem(spec, sources.tools)):
        yield CellIssue("music", wanted, _unusable_music(wanted, spec, problem, sources.brand))


def _unusable_music(wanted: str, spec: MusicSpec, problem: str, brand: BrandKit) -> str:
    name = brand_name(wanted, brand)
    if made := brand.made_music.get(name):
        return f"cannot be used, because the brand kit has '{made}' as the music '{name}'. {problem}"
    own = sorted({*brand.music, *brand.made_music})
    if not own or spec.source != LIBRARY or ":" in wanted:
        return f"cannot be used. {problem}"
    if near := get_close_matches(wanted, own, 1, 0.6):
        return f"is neither in the brand kit nor a mood. Did you mean {near[0]}? The brand kit has: {', '.join(own)}."
    return f"cannot be used. {problem} The brand kit has: {', '.join(own)}."


def voices_of(briefs: Iterable[Brief], voices: Voices) -> Mapping[str, str]:
    """Return the voices of all languages that rows with an automatic voice speak."""
    locales = {each.locale or "en" for brief in briefs for each in wordings(brief) if script_of(brief, each.locale)}
    found = {locale: voices.of(locale) for locale in sorted(locales)}
    return {locale: name for locale, name in found.items() if name}
