"""A plain loop around a sleeping device: device, file, poster, score, checks and row, one after the other."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from diffusers.utils import export_to_video
from PIL import Image
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from adapters.catalogue import open_catalogue
from benchmarks.render import plain_postprocess
from benchmarks.render.footage import FPS, as_floats
from models.openclip.scorer import OpenClipScorer


class Base(DeclarativeBase):
    """Tables of the loop."""


class Row(Base):
    """A clip with its score."""

    __tablename__ = "clips"
    clip_id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    score: Mapped[float]
    checks: Mapped[str]


def seconds_a_clip(
    folder: Path, scorer: OpenClipScorer, clips: Sequence[np.ndarray], prompts: Sequence[str], device_s: float
) -> list[float]:
    """Generate, write and score a clip for each prompt. Return the wall time of each clip.

    Args:
        clips: Frames, uint8 (n, height, width, 3), used in turn. The loop gets them as floats, as from a pipeline.
        device_s: Device time of a clip, during which nothing else runs.
    """
    folder.mkdir()
    open_catalogue(f"sqlite:///{folder / 'own.db'}").close()  # sets the same journal and sync mode as ours
    engine = create_engine(f"sqlite:///{folder / 'clips.db'}")
    Base.metadata.create_all(engine)
    floats = [as_floats(clip) for clip in clips]
    seconds = []
    for number, prompt in enumerate(prompts):
        frames = floats[number % len(floats)]
        started = time.monotonic()
        time.sleep(device_s)
        path = folder / f"{number}.mp4"
        export_to_video(list(frames), str(path), fps=FPS)
        poster = (frames[len(frames) // 2] * 255).astype(np.uint8)
        Image.fromarray(poster).save(path.with_suffix(".jpg"), quality=90)
        score = plain_postprocess.score(path, scorer, prompt)
        checks = plain_postprocess.checks(frames)
        with Session(engine) as session:
            session.add(Row(clip_id=number, path=str(path), score=score, checks=json.dumps(checks)))
            session.commit()
        seconds.append(time.monotonic() - started)
    engine.dispose()
    return seconds
