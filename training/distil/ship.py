"""Ship the student: `python -m training.distil.ship`.

Writes the averaged weights of the latest checkpoint to `models/starter/4step` and the card `starter-4step`, which
takes everything else from the starter. Ship a student only if `training.distil.compare` says that it holds.
"""

import json
import shutil

from training import stamp
from training.distil.segments import Segments
from training.distil.student import PART, as_shipped, load
from training.distil.teacher import CARD, SEGMENTS
from training.export import facts, swap_in

LIMITS = (
    "Distilled for exactly 4 steps without guidance: other step counts or guidance scales reduce the quality, and "
    "negative prompts are ignored."
)
MOTION = {"min_motion": 8.0, "max_drift": 65.0}
"""What the slowest and the most changeable clips of the starter pass: in 240 clips of six prompts, the lowest speed was
9.8 % per second and the largest drift 59 of 255. The
defaults would fail clips that rotate slowly, as the prompt asks."""
KEPT = ("kind", "pipeline", "licence", "sizes", "rules", "call", "vocabulary", "scorer", "worker")
"""Fields of the starter's card that are also true of the student."""


def card_content(starter: dict) -> dict:
    """Return the student's card without its weights, from the content of the starter's."""
    return {
        "name": "starter-4step",
        "title": f"Reelmill starter, {SEGMENTS} steps",
        "description": f"The starter with a transformer that was distilled from its own: {SEGMENTS} forward passes per "
        "clip instead of 32. The same prompt and seed give a similar clip.",
        **{name: starter[name] for name in KEPT},
        "defaults": starter["defaults"] | {"num_inference_steps": SEGMENTS, "guidance_scale": 1.0},
        "supports_negative_prompt": False,
        "distilled": MOTION,
        "limits": [LIMITS, *starter["limits"]],
    }


def write_weights() -> None:
    """Write the folder of the student's transformer, in half precision like the starter's."""
    place = stamp.MODELS / stamp.STUDENT_FOLDER
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    as_shipped(load()).half().save_pretrained(fresh, safe_serialization=True)
    teacher = json.loads(CARD.read_text())["weights"]["revision"]
    notes = {"teacher": teacher, "clips": len(Segments.read()), **facts(PART)}
    (fresh / "training.json").write_text(json.dumps(notes, indent=1) + "\n")
    swap_in(fresh, place)


def write_card() -> None:
    """Write the student's card, with the hashes of the weights."""
    starter = stamp.MODELS / "cards" / CARD.name
    (stamp.MODELS / "cards" / stamp.STUDENT).write_text(json.dumps(card_content(json.loads(starter.read_text()))))
    stamp.stamp()


if __name__ == "__main__":
    write_weights()
    write_card()
