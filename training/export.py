"""Export the trained weights to the folder that ships with the project: `python -m training.export`.

Each folder is built under a temporary name and then renamed, so that readers never see an incomplete one.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from training import openclip
from training.harness.run import RUNS
from training.judges import motif_judge
from training.latents import Cache
from training.pipeline import build_pipeline
from training.scenes import captions, fields, motion, renderer, scene, shapes, tokenizer, words
from training.scenes.scene import COLOURS, FIELDS, FPS, MOTIFS, MOTIONS, NUM_FRAMES, OBJECTS, SIZES, UNSEEN, Scene

STARTER = Path(__file__).parent.parent / "models" / "starter"
EXAMPLES = (
    Scene("circle", "red", "white", "drifting left"),
    Scene("cup", "yellow", "blue", "pulsing"),
    Scene("stripes", "pink", "teal", "drifting up"),
)


def vocabulary() -> dict:
    """Return the vocabulary of the starter, for people and for the check of prompts."""
    nouns = {motif: list(words.SINGULAR.get(motif, ()) + words.PLURAL.get(motif, ())) for motif in MOTIFS}
    return {
        "colours": list(COLOURS),
        "motifs": list(MOTIFS),
        "fields": list(FIELDS),
        "objects": list(OBJECTS),
        "motions": list(MOTIONS),
        "backgrounds": list(COLOURS),
        "not_rendered": [f"{motif} {motion}" for motif, motion in sorted(UNSEEN)],
        "rgb": {name: list(value) for name, value in COLOURS.items()},
        "synonyms": {
            "colours": {name: list(options) for name, options in words.COLOUR_WORDS.items()},
            "motifs": nouns,
            "motions": {name: list(options) for name, options in words.MOTION_WORDS.items()},
        },
        "filler": sorted({*words.FILLERS, *words.OPENINGS, *words.ADJECTIVES, *words.ADVERBS}),
        "words": words.vocabulary(),
        "sizes": [list(size) for size in SIZES],
        "num_frames": NUM_FRAMES,
        "fps": FPS,
        "examples": [captions.plain(scene) for scene in EXAMPLES],
    }


def facts(*parts: str) -> dict:
    """Return the run.json of each part: plan, seed, commit, seconds and steps."""
    return {part: json.loads((RUNS / part / "run.json").read_text()) for part in parts}


def data() -> dict:
    """Describe the training clips: size of the grammar, held-out share, and a hash of the code that draws them."""
    drawing = (captions, fields, motion, renderer, scene, shapes, words)
    digest = hashlib.blake2b(b"".join(Path(part.__file__).read_bytes() for part in drawing), digest_size=6)
    return {
        "motifs": len(MOTIFS),
        "colours": len(COLOURS),
        "motions": len(MOTIONS),
        "sizes": SIZES,
        "held_out_percent": scene.HELD_OUT_PERCENT,
        "renderer": digest.hexdigest(),
    }


def cached() -> dict:
    """Return the numbers of clips and stills in the training cache of the video model."""
    return {kind: len(Cache.read(kind)) for kind in ("stills", "clips")}


def swap_in(fresh: Path, place: Path) -> None:
    """Replace a folder by the finished new one, and make its weights readable for all users."""
    for file in fresh.rglob("*.safetensors"):
        file.chmod(0o644)
    old = place.with_suffix(".old")
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def export_video() -> None:
    fresh = STARTER / ".t2v.new"
    shutil.rmtree(fresh, ignore_errors=True)
    pipe = build_pipeline()
    for part in (pipe.vae, pipe.transformer):
        part.half()
    pipe.save_pretrained(fresh, safe_serialization=True)
    tokenizer.save(pipe.tokenizer, fresh / "tokenizer")
    index = fresh / "model_index.json"
    index.write_text(index.read_text().replace('"TokenizersBackend"', '"PreTrainedTokenizerFast"'))
    notes = {"data": {**data(), **cached()}, **facts("vae", "text", "video")}
    (fresh / "training.json").write_text(json.dumps(notes, indent=1) + "\n")
    swap_in(fresh, STARTER / "t2v")


def export_openclip() -> None:
    fresh = STARTER / ".openclip.new"
    shutil.rmtree(fresh, ignore_errors=True)
    openclip.save(fresh)
    (fresh / "training.json").write_text(json.dumps({"data": data(), **facts("openclip")}, indent=1) + "\n")
    swap_in(fresh, STARTER / "openclip")


def export_vocabulary() -> None:
    STARTER.mkdir(parents=True, exist_ok=True)
    text_ = json.dumps(vocabulary(), indent=1) + "\n"
    (STARTER / "vocabulary.json").write_text(text_)


EXPORTS = {
    "video": export_video,
    "openclip": export_openclip,
    "vocabulary": export_vocabulary,
    "judge": motif_judge.save,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one or more of {', '.join(EXPORTS)}. Default: all.")
    parts = parser.parse_args().parts or list(EXPORTS)
    unknown = sorted(set(parts) - set(EXPORTS))
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}: choose from {', '.join(EXPORTS)}")
    for part in parts:
        EXPORTS[part]()


if __name__ == "__main__":
    main()
