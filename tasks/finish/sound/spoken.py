"""The voice of a deliverable: synthesised, or a recording."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.soundtrack.decode import decode
from adapters.media.soundtrack.samples import RATE, as_stereo
from manifests.finish.asset import Asset
from manifests.finish.spec import DeliverableSpec
from models.sound_tools import NO_TOOLS, SoundTools

FindAsset = Callable[[Asset], Path]
"""Returns the path of an asset in the asset store."""


class Sounds(NamedTuple):
    """Where voices and music are from.

    Attributes:
        find_asset: returns the path of a file.
        tools: cards, weights and accounts.
    """

    find_asset: FindAsset
    tools: SoundTools = NO_TOOLS


class Spoken(NamedTuple):
    """A voice.

    Attributes:
        samples: float32 (2, n) at 48 kHz.
        clauses: (text, start, end) in seconds from the start of the voice; empty for a recording.
        title: for people.
        agent, agent_version: the software; empty for a recording.
        note: what people should know; empty for nothing.
        path: the recording; None for a synthesised voice.
        source_type: last part of the IPTC digital source type; empty for a recording.
    """

    samples: np.ndarray
    clauses: tuple[tuple[str, float, float], ...] = ()
    title: str = ""
    agent: str = ""
    agent_version: str = ""
    note: str = ""
    path: Path | None = None
    source_type: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / RATE)


def spoken_of(spec: DeliverableSpec, sounds: Sounds) -> Spoken | None:
    """Return the voice of a deliverable; None for none.

    Raises:
        ModelError: the voice is not available on this machine.
        EncodingError: the recording cannot be read.
        FinishError: the recording is not in the asset store.
    """
    wanted = spec.sound.voice
    if wanted is None:
        return None
    if wanted.recording is not None:
        path = sounds.find_asset(wanted.recording)
        return Spoken(decode(path), title=wanted.recording.name, path=path)
    from models.voice.registry import voice_of  # loads the engine's libraries

    speech = voice_of(wanted.engine, sounds.tools).speak(wanted.text, spec.locale or "en", wanted.voice)
    return Spoken(
        as_stereo(speech.samples, speech.rate),
        tuple((clause.text, clause.start_s, clause.end_s) for clause in speech.clauses),
        f"Voice: {speech.engine}",
        speech.engine,
        speech.engine_version,
        speech.note,
        source_type=speech.source_type,
    )
