"""Sounds for tests of soundtracks, and an encoder that writes them as MP4."""

from pathlib import Path

import av
import numpy as np

from adapters.media.soundtrack.aac import aac_packets, add_aac_stream
from adapters.media.soundtrack.samples import RATE


def tone(seconds: float, hertz: float = 440.0, level: float = 0.2) -> np.ndarray:
    """Return a sine tone, float32 (2, n)."""
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    """Return white noise, different on both sides."""
    return (np.random.default_rng(seed).standard_normal((2, round(seconds * RATE))) * level).astype(np.float32)


def clicks(seconds: float, every_s: float = 0.25) -> np.ndarray:
    """Return short full-scale clicks: the hardest sound to make loud without peaks."""
    made = np.zeros((2, round(seconds * RATE)), np.float32)
    made[:, :: round(every_s * RATE)] = 1.0
    return made


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Return noise in bursts like those of speech, which starts and ends with sound."""
    rng = np.random.default_rng(seed)
    num = round(seconds * RATE)
    bursts = np.repeat(rng.uniform(0.1, 1, num // 4800 + 1), 4800)[:num]
    smooth = np.convolve(rng.standard_normal(num), np.ones(12) / 12, "same")
    return np.stack([smooth * bursts * 0.3] * 2).astype(np.float32)


def write_mp4(path: Path, samples: np.ndarray, video_s: float = 0.0) -> Path:
    """Write samples as AAC, with a black video of 25 frames per second if it has a length."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        picture = container.add_stream("libx264", rate=25) if video_s else None
        sound = add_aac_stream(container)
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            for _ in range(round(video_s * 25)):
                frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        for packet in aac_packets(sound, samples):
            container.mux(packet)
    return path
