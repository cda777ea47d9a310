"""Drafts with components of their own: the draft uses them, and the final clip does not."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import LTXVideoTransformer3DModel

from manifests.errors import IncompleteWeightsError, InvalidCardError
from models.card import ModelCard
from models.registry import HOME, get_card, load_cards, open_generator, weights_problem
from models.weights.integrity import card_digests, content_sha256
from training.harness.studio import variant_of

PROMPT = "a red circle drifting left on a white background"


@pytest.fixture(scope="module")
def few_steps(tmp_path_factory):
    """A folder with another transformer for the starter."""
    folder = tmp_path_factory.mktemp("parts") / "few-steps"
    model = LTXVideoTransformer3DModel.from_pretrained(HOME / "starter" / "t2v" / "transformer", local_files_only=True)
    with torch.no_grad():
        model.proj_out.weight.mul_(0.9)
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def weights(folder):
    digest = content_sha256(folder)
    return {"folder": str(folder), "revision": digest[:12], "sha256": digest, "size_mb": 8}


def card_with(folder, **changes):
    content = get_card("starter").model_dump(mode="json")
    content["weights"]["folder"] = str(HOME / content["weights"]["folder"])
    content["weights"]["revision"] = content["weights"]["sha256"][:12]
    changes = {"draft": {"num_inference_steps": 4, "guidance_scale": 1.0}} | changes
    return ModelCard.model_validate(content | {"draft_parts": {"transformer": weights(folder)}} | changes)


def frames_of(generator, card, draft=False, **changes):
    variant = variant_of(card, PROMPT, seed=3, ratio="1:1")._replace(num_inference_steps=5, **changes)
    (made,) = generator.generate([variant], draft=draft)
    if isinstance(made, Exception):
        raise made
    return made.frames


def test_a_draft_uses_its_parts_and_a_final_does_not(few_steps):
    card = card_with(few_steps)
    generator = open_generator(card)
    before, draft, after = (frames_of(generator, card, draft=draft) for draft in (False, True, False))
    assert np.array_equal(before, after)
    assert not np.array_equal(before, draft)

    alone = card_with(few_steps, parts={"transformer": weights(few_steps)}, draft=None, draft_parts={})
    few = open_generator(alone)
    variant = variant_of(alone, PROMPT, seed=3, ratio="1:1")._replace(num_inference_steps=4, guidance_scale=1.0)
    (made,) = few.generate([variant])
    assert np.array_equal(draft, made.frames)


def test_a_failed_draft_leaves_the_own_components(few_steps, monkeypatch):
    card = card_with(few_steps)
    generator = open_generator(card)
    own = generator.pipeline.transformer
    monkeypatch.setattr(generator, "_cache_steps", lambda *_: 1 / 0)
    (failed,) = generator.generate([variant_of(card, PROMPT, seed=3, ratio="1:1")], draft=True)
    assert "ZeroDivisionError" in str(failed)
    assert generator.pipeline.transformer is own


def test_changed_draft_parts_are_refused(few_steps, tmp_path):
    copied = shutil.copytree(few_steps, tmp_path / "parts")
    card = card_with(copied)
    generator = open_generator(card)
    (copied / "config.json").write_text((copied / "config.json").read_text() + "\n")
    assert "part draft transformer" in weights_problem(card)
    with pytest.raises(IncompleteWeightsError, match="part draft transformer"):
        frames_of(generator, card, draft=True)


def test_verify_names_draft_parts(few_steps):
    assert [digest.field for digest in card_digests(card_with(few_steps))] == ["weights", "draft_parts.transformer"]


def test_draft_parts_decide_no_final_clip(few_steps):
    plain = card_with(few_steps, draft=None, draft_parts={})
    assert card_with(few_steps).recipe("exact") == plain.recipe("exact")


def test_draft_parts_without_a_draft_are_refused(few_steps, tmp_path):
    content = json.loads((HOME / "cards" / "starter.json").read_text())
    content |= {"name": "mine", "draft_parts": {"transformer": weights(few_steps)}}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(InvalidCardError, match="draft_parts requires draft"):
        load_cards([tmp_path])
