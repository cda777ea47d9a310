"""`reelmill voices`: list the voices and the music on this machine."""

from typing import Annotated

import typer

from app.cli.options import AsJson
from app.cli.output import say, say_json
from app.cli.table import show_table
from app.session import Session
from models.music.listing import MusicEntry, music_entries
from models.voice.listing import VoiceEntry, voice_entries
from tasks.runtime.providers.speech import sound_tools_of

MANY = 12
"""Longer lists of languages are counted."""


def voices(
    language: Annotated[
        str, typer.Option("--language", metavar="LANGUAGE", help="Only voices of this language, such as de or en-GB.")
    ] = "",
    music: Annotated[bool, typer.Option("--music", help="List the sources of music, with moods and tracks.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the voices for the column voiceover: their languages, whether they work here, and how to get them."""
    tools = sound_tools_of(Session.open().resources)
    if music:
        _show_music(music_entries(tools), as_json)
        return
    primary = language.replace("_", "-").split("-")[0].lower()
    found = [entry for entry in voice_entries(tools) if not primary or primary in entry.languages]
    if as_json:
        say_json([{**entry._asdict(), "state": entry.state} for entry in found])
        return
    if found:
        rows = [(entry.name, entry.description, _languages(entry), entry.state) for entry in found]
        show_table(["voice", "description", "languages", "state"], rows)
    else:
        say(f"No voice speaks {language!r}. Use a recording: write the path of a sound file into the column voiceover.")
    _show_problems([(entry.name, entry.problem) for entry in found])


def _show_music(entries: tuple[MusicEntry, ...], as_json: bool) -> None:
    if as_json:
        say_json([entry._asdict() for entry in entries])
        return
    rows = [(each.source, each.description, ", ".join(each.moods), _state(each)) for each in entries]
    show_table(["music", "description", "moods", "state"], rows)
    for entry in entries:
        if entry.tracks:
            say(f"\nTracks of {entry.source}: {', '.join(entry.tracks)}")
    _show_problems([(entry.source, entry.problem) for entry in entries])


def _state(entry: MusicEntry) -> str:
    return "missing" if entry.problem else "ready"


def _languages(entry: VoiceEntry) -> str:
    if len(entry.languages) > MANY:
        return f"{len(entry.languages)} languages"
    return ", ".join(entry.languages) or "–"


def _show_problems(problems: list[tuple[str, str]]) -> None:
    for name, problem in problems:
        if problem:
            say(f"\n{name}: {problem}")
