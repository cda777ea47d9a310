"""espeak-ng, a program that speaks many languages. It is used if the operator has installed it; it sounds robotic."""

import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from manifests.errors import ModelError
from models.voice.clauses import clauses_of
from models.voice.english import spoken_english
from models.voice.speech import Speech
from models.voice.stringing import SpokenClause, check_text, strung

PROGRAM = "espeak-ng"
RATE = 22_050
WORDS_A_MINUTE = 155
LIMIT_S = 30.0
"""Time limit of one clause in seconds; it usually takes 20 ms."""
SOURCE_TYPE = "algorithmicMedia"
"""Its formant synthesis has no trained model."""
NOTE = "The voice is espeak-ng, which sounds robotic."
MISSING = (
    "The voice espeak-ng is not installed on this machine. Install it with: apt-get install espeak-ng (on macOS: "
    "brew install espeak-ng), or use another voice; list them with `reelmill voices`."
)
_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)?")


class EspeakVoice:
    """Speaks all languages of the installed espeak-ng."""

    def languages(self) -> frozenset[str]:
        """Return the primary tags of all its languages; none if it is not installed."""
        path = _program()
        return frozenset(tag.split("-")[0] for tag in _tags(path)) if path else frozenset()

    def speak(self, text: str, language: str, voice: str = "") -> Speech:
        """Speak a text; raises as ``Voice.speak`` does.

        Args:
            voice: a voice of espeak-ng, such as ``en-gb-scotland`` or ``de+f3``.
        """
        check_text(text)
        path = _program()
        if not path:
            raise ModelError(MISSING)
        name = _checked(voice) if voice else _voice_for(path, language)
        _check_script(text, name)
        is_english = name.split("-")[0] == "en"
        spoken = [
            SpokenClause(clause, _spoken(path, spoken_english(clause.text) if is_english else clause.text, name))
            for clause in clauses_of(text)
        ]
        return strung(spoken, RATE, PROGRAM, _version(path), NOTE)._replace(source_type=SOURCE_TYPE)


def _program() -> str:
    """Return the path of the program; empty if it is not installed."""
    return shutil.which(PROGRAM) or ""


@cache
def _tags(path: str) -> frozenset[str]:
    """Return the language tags that it knows, in lower case."""
    lines = _run([path, "--voices"]).splitlines()[1:]
    tags = {tag for line in lines for tag in [*line.split()[1:2], *re.findall(r"\((\S+) \d+\)", line)]}
    return frozenset(tag.lower() for tag in tags)


@cache
def _version(path: str) -> str:
    found = re.search(r"\d+(\.\d+)+", _run([path, "--version"]))
    return found[0] if found else ""


def _voice_for(path: str, language: str) -> str:
    tag = (language or "en").lower().replace("_", "-")
    for name in (tag, tag.split("-")[0]):
        if name in _tags(path):
            return "en-us" if name == "en" else name
    raise ModelError(
        f"espeak-ng does not speak the language {language!r}. Use a recording, or another voice; list them with "
        "`reelmill voices`."
    )


def _checked(voice: str) -> str:
    """Return the name of a voice that cannot be taken for an option or a path."""
    if not _NAME.fullmatch(voice) or voice.startswith("-"):
        raise ModelError(f"{voice!r} is not an espeak-ng voice. List the voices with: espeak-ng --voices")
    return voice


def _check_script(text: str, name: str) -> None:
    """Raise if the text has kanji in Japanese: espeak-ng says ``Chinese letter`` for each of them."""
    kanji = next((letter for letter in text if "\u4e00" <= letter <= "\u9fff"), "")
    if name.split("-")[0] == "ja" and kanji:
        raise ModelError(
            f"espeak-ng cannot read the kanji {kanji!r}. Write the script in hiragana, or use a recording in the "
            "column voiceover."
        )


def _spoken(path: str, text: str, name: str) -> np.ndarray:
    """Return the sound of one clause, float32 (n,) at 22,050 Hz."""
    with tempfile.TemporaryDirectory(prefix="reelmill-voice-") as folder:
        out = Path(folder) / "clause.wav"
        _run(
            [path, "-v", name, "-s", str(WORDS_A_MINUTE), "-b", "1", "--stdin", "-w", str(out)],
            text,
            f" with the voice {name!r}",
        )
        try:
            with wave.open(str(out)) as file:
                rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
                levels = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        except (OSError, wave.Error, EOFError, ValueError) as error:
            raise ModelError(f"espeak-ng made no sound for {text!r} with the voice {name}: {error}") from error
    if (rate, width, channels) != (RATE, 2, 1):
        raise ModelError(f"The espeak-ng voice {name} has {rate} Hz instead of {RATE}. Use a voice that is not MBROLA.")
    return (levels / 32768).astype(np.float32)


def _run(command: Sequence[str], text: str = "", what: str = "") -> str:
    """Run the program with the text as its input; no shell is involved."""
    try:
        done = subprocess.run(  # noqa: S603 - the words of the text are input, never arguments
            command, input=text.encode(), capture_output=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"espeak-ng did not answer within {LIMIT_S:g} s. Shorten the script.") from error
    except OSError as error:
        raise ModelError(f"espeak-ng cannot be started: {error}. Install it again.") from error
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise ModelError(f"espeak-ng failed{what}: {why.rstrip('.')}. List its voices with: espeak-ng --voices")
    return done.stdout.decode(errors="replace")
