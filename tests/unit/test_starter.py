"""The weights that ship with the project match their cards, the page and the measurements."""

import json

import open_clip
import pytest
from diffusers import DiffusionPipeline, LTXPipeline

from models.registry import HOME, load_cards, load_scorer_cards, weights_problem
from models.weights.folder_tree import files_of
from models.weights.integrity import SUMS, content_sha256, sums
from training import page
from training.distil.compare import CARD as FEW_STEPS
from training.distil.compare import revision_of as revision_of_card
from training.evaluate import HOME as MEASURED
from training.evaluate import PARTS, SHOWCASE
from training.harness.studio import revisions
from training.scenes.scene import MOTIFS, MOTIONS, is_drawable
from training.stamp import CARDS, revision_of

MAX_MEGABYTES = 40


@pytest.mark.parametrize(("card", "folder"), CARDS.items())
def test_a_cards_revision_is_the_hash_of_its_weights(card, folder):
    content = json.loads((HOME / "cards" / card).read_text())
    assert content["weights"]["revision"] == revision_of(HOME / folder)
    assert content["weights"]["sha256"] == content_sha256(HOME / folder)
    assert (HOME / folder / SUMS).read_text() == sums(files_of(HOME / folder))


def test_no_weights_are_missing():
    assert weights_problem(load_cards()["starter"]) is None
    assert weights_problem(load_scorer_cards()["starter-openclip"]) is None


@pytest.mark.filterwarnings("ignore")
def test_stock_classes_load_the_folders():
    pipeline = DiffusionPipeline.from_pretrained(HOME / "starter" / "t2v", local_files_only=True)
    assert type(pipeline) is LTXPipeline
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{HOME / 'starter' / 'openclip'}")
    assert type(model) is open_clip.CLIP
    assert preprocess is not None


def test_the_total_size_stays_small():
    files = [path for path in (HOME / "starter").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_MEGABYTES * 1e6


def test_all_weights_are_safetensors():
    heavy = {path.suffix for path in (HOME / "starter").rglob("*") if path.is_file() and path.stat().st_size > 200_000}
    assert heavy <= {".safetensors"}


def test_the_example_prompts_are_within_the_vocabulary():
    card = load_cards()["starter"]
    vocabulary = json.loads((HOME / card.vocabulary).read_text())
    assert len(vocabulary["examples"]) == 3
    for prompt in vocabulary["examples"]:
        assert card.outside_vocabulary(prompt) == ()


def figures():
    return json.loads((MEASURED / "figures.json").read_text())


@pytest.mark.parametrize("part", PARTS)
def test_every_figure_was_measured_on_the_shipped_weights(part):
    assert figures()[part]["weights"] == revisions()


def test_page_and_cards_show_the_measured_figures():
    assert page.table(figures()) in page.PAGE.read_text()
    for cards in (load_cards(), load_scorer_cards()):
        for name in cards.keys() & {"starter", "starter-openclip"}:
            assert cards[name].measured == {
                line.what: line.measured for line in page.lines(figures()) if line.card == name
            }
            assert cards[name].measured


def test_the_contact_sheet_shows_every_motif_and_motion():
    scenes = [scene for _, scene in SHOWCASE]
    assert len(scenes) == 16
    assert {scene.motif for scene in scenes} == set(MOTIFS)
    assert {scene.motion for scene in scenes} == set(MOTIONS)
    assert all(map(is_drawable, scenes))
    assert all(load_cards()["starter"].outside_vocabulary(prompt) == () for prompt, _ in SHOWCASE)


@pytest.mark.skipif(FEW_STEPS not in load_cards(), reason="no student is shipped yet")
def test_the_shipped_student_holds_next_to_its_teacher():
    card, found = load_cards()[FEW_STEPS], json.loads(page.FEW_STEPS.read_text())
    assert weights_problem(card) is None
    assert found["revision"] == revision_of_card(FEW_STEPS)
    assert found["holds"]
    assert min(found["times_faster"].values()) >= page.FASTER
    assert page.few_step_table(found) in page.PAGE.read_text()
    assert card.measured == {line.what: line.measured for line in page.few_step_lines(found)}
