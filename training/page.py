"""Puts the measured figures into `docs/starter.md` and the cards: `python -m training.page`.

Figures come from `docs/starter/figures.json`, which `training.evaluate` wrote; nobody types them.
"""

import json
import math
from collections.abc import Iterator
from typing import NamedTuple

from training.evaluate import HOME
from training.stamp import MODELS

PAGE = HOME.with_suffix(".md")
BEGIN, END = "<!-- figures: written by training.page -->", "<!-- end of figures -->"


class Line(NamedTuple):
    """One measured figure beside its aim; `card` names the card that tells it, if any."""

    what: str
    measured: str
    aim: str
    part: str
    reached: bool
    card: str = ""


def lines(figures: dict) -> Iterator[Line]:
    """Every figure that the starter is held to."""
    judges, clips, vae = figures["judges"], figures["clips"], figures["autoencoder"]
    openclip, speed = figures["openclip"], figures["speed"]
    worst = min(vae["by_motif"], key=vae["by_motif"].__getitem__)

    def share(what: str, value: float, of: str, aim: float, part: str, card: str = "") -> Line:
        shown = math.floor(1000 * value) / 10  # 99.98 % is not 100.0 %
        return Line(what, f"{shown:.1f}% of {of}", f"≥ {aim:.0%}", part, value >= aim, card)

    renders, made = f"{judges['renders']} renders", f"{clips['clips']} clips"
    yield share("judge of motifs right on held-out renders", judges["motif"], renders, 0.9, "judges")
    yield share("judge of colours right on held-out renders", judges["colours"], renders, 0.95, "judges")
    yield share("judge of motion right on held-out renders", judges["motion"], renders, 0.95, "judges")
    yield share("motif right", clips["motif"], made, 0.8, "clips", "starter")
    yield share("both colours right and not swapped", clips["colours"], made, 0.95, "clips", "starter")
    yield share("motion right", clips["motion"], made, 0.6, "clips", "starter")
    yield share("own prompt beats another clip's prompt (starter OpenCLIP)", clips["own_prompt_wins"],
                f"all pairs of {made}", 0.95, "clips", "starter")  # fmt: skip
    loose, worded = figures["wording"], f"{figures['wording']['clips']} clips"
    yield share("loose wording: motif right", loose["motif"], worded, 0.8, "wording")
    yield share("loose wording: colours right", loose["colours"], worded, 0.95, "wording")
    yield share("loose wording: motion right", loose["motion"], worded, 0.6, "wording")
    yield share("right caption of 64 found for a held-out render", openclip["top1_of_64"],
                f"{openclip['renders']} renders", 0.95, "openclip", "starter-openclip")  # fmt: skip
    yield Line("autoencoder, held-out renders", f"{vae['psnr']:.1f} dB", "≥ 28 dB", "autoencoder", vae["psnr"] >= 28)
    lowest = vae["by_motif"][worst]
    yield Line("autoencoder, worst motif", f"{lowest:.1f} dB ({worst})", "≥ 22 dB", "autoencoder", lowest >= 22)
    seconds, load, memory = speed["seconds_a_clip"], speed["load_seconds"], speed["peak_mb_with_scorer"]
    yield Line("a clip of 17 frames, 160x90, 16 steps", f"{seconds:.2f} s", "≤ 3 s", "speed", seconds <= 3, "starter")
    yield Line("loading, without Python's imports", f"{load:.2f} s", "≤ 5 s", "speed", load <= 5)
    yield Line("largest memory, with the scorer", f"{memory:,.0f} MB", "≤ 1,500 MB", "speed", memory <= 1500, "starter")


def table(figures: dict) -> str:
    """Markdown: the lines, then the shares of each motif and motion, then what failed."""
    text = ["| what | measured | aim | | `python -m training.evaluate …` |", "|---|---|---|---|---|"]
    for line in lines(figures):
        text.append(f"| {line.what} | {line.measured} | {line.aim} | {'✓' if line.reached else '✗'} | `{line.part}` |")
    clips, vae = figures["clips"], figures["autoencoder"]
    text += ["", f"Speed and memory: {figures['speed']['machine']}.", ""]
    text += ["| motif | clips with the right motif | autoencoder, dB |", "|---|---|---|"]
    for motif, right in clips["by_motif"].items():
        text.append(f"| {motif} | {right:.0%} | {vae['by_motif'][motif]} |")
    text += ["", "| motion | clips with the right motion |", "|---|---|"]
    text += [f"| {motion} | {right:.0%} |" for motion, right in clips["by_motion"].items()]
    held_out = clips["held_out"]
    text += [
        "",
        f"Of the {clips['clips']} clips the {clips['clips'] - clips['clips'] // 2} that show combinations held out "
        f"from training: motif {held_out['motif']:.1%}, colours {held_out['colours']:.1%}, "
        f"motion {held_out['motion']:.1%}.",
        "",
        "Loose wording means prompts such as: " + "; ".join(f'"{one}"' for one in figures["wording"]["examples"]) + ".",
        "",
        f"Of the sheet's {figures['sheet']['clips']} prompts the judges fault "
        f"{len(figures['sheet']['failed']) or 'none'}{':' if figures['sheet']['failed'] else '.'}",
    ]
    text += [f"- {one['prompt']}: {', '.join(one['wrong'])}" for one in figures["sheet"]["failed"]]
    failed = clips["failed"]
    text += ["", f"<details><summary>The {len(failed)} of {clips['clips']} clips with a fault</summary>", ""]
    text += [f"- {one['prompt']}: {', '.join(one['wrong'])}" for one in failed]
    return "\n".join([*text, "", "</details>"])


def write_page(figures: dict) -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{table(figures)}\n{END}{after}")


def write_cards(figures: dict) -> None:
    for name in ("starter", "starter-openclip"):
        path = MODELS / "cards" / f"{name}.json"
        content = json.loads(path.read_text())
        content["measured"] = {line.what: line.measured for line in lines(figures) if line.card == name}
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    figures = json.loads((HOME / "figures.json").read_text())
    write_page(figures)
    write_cards(figures)


if __name__ == "__main__":
    main()
