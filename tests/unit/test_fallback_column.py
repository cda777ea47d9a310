"""Fallback models: the column, the next model, and the variant that replaces another one."""

import csv
from pathlib import Path

import pytest

from manifests.brief import Brief
from manifests.placement import Placement
from models.registry import load_cards
from tasks.intake.intake import validate_sheet
from tasks.plan.expand import expand
from tasks.plan.fallback import next_model, variant_for

CARDS = load_cards()


def issues_of(folder: Path, **cells: str) -> list[str]:
    path = folder / "sheet.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["prompt", *cells])
        writer.writeheader()
        writer.writerow({"prompt": "a red circle", **cells})
    checked = validate_sheet(path, CARDS, "starter").checked
    return [problem.sentence for problem in checked.problems] or list(checked.briefs[0].fallbacks)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"model": "starter", "fallback": "Starter-4step"}, ["starter-4step"]),
        ({"Backup Model": "starter-4step"}, ["starter-4step"]),
        ({"fallback": "starter"}, ["is the row's own model. Enter another model, or clear the cell."]),
        ({"fallback": "startr"}, ["is not a known model. Did you mean starter"]),
        (
            {"model": "wan2.1-t2v-1.3b", "fallback": "starter", "duration_s": "5"},
            [
                "is not a length that starter can generate. Enter 2.12, or leave the cell empty, or choose another "
                "model in the column 'fallback'."
            ],
        ),
        (
            {"model": "starter|wan2.1-t2v-1.3b", "min_adherence": "0.5"},
            ["would apply to starter (starter-openclip) and wan2.1-t2v-1.3b (openclip-vit-b-32), whose scorers have"],
        ),
        ({"model": "starter|starter-4step", "min_adherence": "0.5"}, []),
    ],
)
def test_the_column_is_checked_like_the_model(tmp_path: Path, cells: dict[str, str], expected: list[str]):
    found = issues_of(tmp_path, **cells)
    assert len(found) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True))


def test_models_follow_each_other_in_the_order_of_the_cell():
    brief = Brief(2, "b1", ("x",), models=("a", "b"), fallbacks=("c", "d"))
    assert [next_model(brief, name) for name in "abcd"] == ["c", "c", "d", ""]


def test_a_replacement_has_the_shape_of_its_card_and_the_text_and_seed_of_the_variant():
    brief = Brief(2, "b1", ("a red circle",), placements=(Placement("tiktok", "9:16"),), fallbacks=("wan2.1-t2v-1.3b",))
    [planned] = expand([brief], CARDS, "starter", "fast", "spring")
    card = CARDS["wan2.1-t2v-1.3b"]
    made = variant_for(card, brief, planned.placement, planned.variant, dict(planned.labels))
    alone = Brief(2, "b1", ("a red circle",), placements=brief.placements, models=(card.name,))
    [same] = expand([alone], CARDS, "starter", "fast", "spring")
    assert made == same.variant


def test_a_replacement_keeps_the_length_of_its_combination():
    brief = Brief(2, "b1", ("x",), durations_s=(2.0, 4.0), models=("wan2.1-t2v-1.3b",), fallbacks=("ltx-video",))
    lengths = [
        variant_for(CARDS["ltx-video"], brief, each.placement, each.variant, dict(each.labels)).num_frames
        for each in expand([brief], CARDS, "starter", "exact", "spring")
    ]
    assert lengths == [CARDS["ltx-video"].frames_for(2.0), CARDS["ltx-video"].frames_for(4.0)]
