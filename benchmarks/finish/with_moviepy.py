"""The same deliverable in MoviePy 1.0.3, from layers and sounds that are drawn and stored before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.media.compose.layer import DrawnLayer
from adapters.media.soundtrack.samples import RATE
from adapters.media.video import PRESET
from manifests.finish.bitrate import AUDIO_KBPS, CRF
from manifests.finish.length import LEAD_S

DEFAULTS: Mapping[str, Any] = {}
"""MoviePy's own settings: x264's preset medium and crf 23."""
OURS: Mapping[str, Any] = {
    "preset": PRESET,
    "threads": 2,
    "ffmpeg_params": ["-crf", str(CRF), "-movflags", "+faststart"],
    "audio_fps": 48_000,
    "audio_bitrate": f"{AUDIO_KBPS}k",
}
"""The settings of x264 and AAC that we use."""
MUSIC_VOLUME, DUCKED, DUCKING_S = 0.5, 0.25, 0.3


def write_with_moviepy(
    source: Path,
    layers: Sequence[DrawnLayer],
    sounds: tuple[Path, Path],
    out: Path,
    seconds: int,
    settings: Mapping[str, Any] = DEFAULTS,
) -> None:
    """Compose and encode the film as MoviePy's documentation shows.

    Args:
        sounds: voice and music.
    """
    from moviepy.audio.fx.all import audio_normalize
    from moviepy.editor import AudioFileClip, CompositeAudioClip, CompositeVideoClip, VideoFileClip

    with VideoFileClip(str(source), audio=False) as film:
        voice, music = (AudioFileClip(str(path)) for path in sounds)
        spoken = (LEAD_S, LEAD_S + voice.duration)
        parts = [music.fl(lambda frame, time: _ducked(frame(time), time, spoken)), voice.set_start(LEAD_S)]
        sound = CompositeAudioClip(parts).set_duration(seconds).set_fps(RATE).fx(audio_normalize)
        clips = [film.subclip(0, seconds), *(_image(layer) for layer in layers)]
        made = CompositeVideoClip(clips).set_duration(seconds).set_audio(sound)
        made.save_frame(str(out.with_suffix(".jpg")), t=seconds / 2, withmask=False)
        made.write_videofile(
            str(out),
            codec="libx264",
            audio_codec="aac",
            temp_audiofile=str(out.with_suffix(".m4a")),
            logger=None,
            **settings,
        )


def _ducked(samples: np.ndarray, time: Any, spoken: tuple[float, float]) -> np.ndarray:
    """Lower the music while the voice speaks; ``time`` is a number or an array of seconds."""
    start, end = spoken
    gain = np.interp(time, [start - DUCKING_S, start, end, end + DUCKING_S], [1, DUCKED, DUCKED, 1]) * MUSIC_VOLUME
    return np.asarray(samples * (gain[:, None] if np.ndim(time) else gain))


def _image(layer: DrawnLayer) -> Any:
    from moviepy.editor import ImageClip

    clip = ImageClip(np.ascontiguousarray(layer.pixels), transparent=True)
    placed = clip.set_position((layer.x, layer.y)).set_start(layer.start_s).set_duration(layer.end_s - layer.start_s)
    return placed.crossfadein(layer.enter.seconds) if layer.enter.kind == "fade" else placed
