import math
import re

import pytest
import tiny_weights
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifests.errors import CardRuleError
from models.registry import load_cards, local_cards

CARDS = load_cards()
LOCAL = local_cards(CARDS)
STARTER = CARDS["starter"]
RANGED = STARTER.model_copy(update={"rules": STARTER.rules.model_copy(update={"min_frames": 9, "max_frames": 33})})


@pytest.mark.parametrize("name", LOCAL)
@given(st.floats(0.1, 30))
def test_frames_are_the_nearest_that_the_rules_allow(name, duration_s):
    card = CARDS[name]
    wanted = duration_s * card.rules.fps
    allowed = [count for count in range(1, card.rules.max_frames + 1) if card.rules.allows(count)]
    nearest = min(allowed, key=lambda count: (abs(count - wanted), -count))
    try:
        assert card.frames_for(duration_s) == nearest
    except CardRuleError:
        assert abs(nearest - wanted) >= card.rules.frame_multiple / 2


@pytest.mark.parametrize(("duration_s", "num_frames"), [(2, 17), (1, 9), (2.125, 17), (1.8, 13), (4.1, 33)])
def test_a_duration_gets_the_nearest_supported_length(duration_s, num_frames):
    assert RANGED.frames_for(duration_s) == num_frames


@pytest.mark.parametrize(("duration_s", "best"), [(30, "4.12"), (0.2, "1.12"), (0, "1.12"), (-3, "1.12")])
def test_a_duration_out_of_range_names_the_range_and_the_nearest_length(duration_s, best):
    with pytest.raises(CardRuleError) as caught:
        RANGED.frames_for(duration_s)
    assert str(caught.value) == (
        f"starter supports clips of 1.12 to 4.12 s, not {duration_s} s; the nearest supported length is {best} s"
    )


def test_a_card_with_one_length_reports_it():
    with pytest.raises(CardRuleError, match=r"^starter only supports clips of 2.12 s, not 5 s$"):
        STARTER.frames_for(5)


@pytest.mark.parametrize("duration_s", [math.nan, math.inf, -math.inf])
def test_a_non_finite_duration_is_refused(duration_s):
    with pytest.raises(CardRuleError):
        CARDS["starter"].frames_for(duration_s)


def test_an_unknown_ratio_lists_the_supported_ones():
    with pytest.raises(CardRuleError, match=r"^starter does not support the aspect ratio 4:5; use 16:9, 1:1, 9:16$"):
        CARDS["starter"].size_for("4:5")


SIZES = [(name, ratio) for name, card in CARDS.items() for ratio in card.sizes]


@pytest.mark.parametrize(("name", "ratio"), SIZES)
def test_kept_sizes_match_their_ratio_exactly_and_can_be_encoded(name, ratio):
    size = CARDS[name].size_for(ratio)
    width, height = map(int, ratio.split(":"))
    difference = abs(size.width * height / (size.height * width) - 1)
    assert difference == 0 if name in LOCAL else difference < 0.03  # a provider decides its sizes
    assert size.width % 2 == size.height % 2 == 0


@pytest.mark.parametrize("name", [name for name, card in LOCAL.items() if not card.unsupported])
def test_card_rules_match_the_pipeline(name):
    """Compare with the rules in the source of diffusers.

    A card may be stricter than check_inputs: some pipelines round a size down or fail later, see
    tests/contract/test_families_rules.py. HunyuanVideo derives its size from the picture.
    """
    import inspect

    import diffusers

    card = CARDS[name]
    pipeline = getattr(diffusers, card.pipeline)
    stated = re.search(r"height % (\d+) != 0", inspect.getsource(pipeline.check_inputs))
    assert stated is None or card.rules.size_multiple % int(stated[1]) == 0
    parameters = inspect.signature(pipeline.__call__).parameters
    accepted = set(parameters)
    assert set(card.call) <= accepted
    assert "num_frames" in accepted
    assert accepted & {"num_inference_steps", "pyramid_num_inference_steps_list"}
    assert {"height", "width"} <= accepted or "image" in accepted
    if card.needs_first_frame:
        assert accepted & {"image", "conditions"}
    else:
        assert "image" not in accepted or parameters["image"].default is None
    guidance = accepted & {"guidance_scale", "max_guidance_scale"}
    assert guidance or "guider" in inspect.signature(pipeline).parameters


BROKEN = [
    ({"sizes": {}}, "sizes"),
    ({"sizes": {"1:1": {"height": 63, "width": 64, "render_height": 64, "render_width": 64}}}, "multiple of 2"),
    ({"sizes": {"1:1": {"height": 64, "width": 98, "render_height": 64, "render_width": 96}}}, "must not exceed"),
    ({"sizes": {"1:1": {"height": 64, "width": 64, "render_height": 80, "render_width": 64}}}, "multiples of 32"),
    ({"weights": {"folder": "x", "hub_id": "a/b", "revision": "1", "size_mb": 1}}, "either folder or hub_id"),
    ({"weights": {"hub_id": "a/b", "revision": "main", "size_mb": 1}}, "branches change"),
    (
        {"defaults": {"num_frames": 10, "num_inference_steps": 2, "guidance_scale": 1, "min_adherence": 0}},
        "not allowed by rules",
    ),
    ({"name": "Tiny LTX"}, "pattern"),
    ({"surprise": 1}, "Extra inputs"),
]


@pytest.mark.parametrize(("change", "sentence"), BROKEN, ids=[sentence for _, sentence in BROKEN])
def test_an_inconsistent_card_is_refused(tmp_path, change, sentence):
    with pytest.raises(ValidationError, match=sentence):
        tiny_weights.ltx_card(tmp_path, **change)


def test_parts_and_loras_are_part_of_a_cards_recipe():
    card = CARDS["animatediff-sd1.5"]
    other = card.parts["motion_adapter"].model_copy(update={"revision": "b" * 40})
    assert card.model_copy(update={"parts": {"motion_adapter": other}}).recipe("exact") != card.recipe("exact")
    fast = CARDS["wan2.2-t2v-a14b-4step"]
    assert fast.model_copy(update={"loras": fast.loras[::-1]}).recipe("exact") != fast.recipe("exact")


def test_the_shipped_weights_name_no_folder_of_the_machine_that_trained_them():
    configs = list((STARTER.home / "starter").rglob("*.json"))
    assert configs
    assert [path.name for path in configs if "_name_or_path" in path.read_text(encoding="utf-8")] == []


def test_cards_state_the_conditions_that_bind_the_operator():
    conditions = {name: " ".join(card.licence.conditions()) for name, card in CARDS.items()}
    assert conditions["wan2.2-i2v-a14b"] == conditions["mochi-1"] == ""
    assert "10,000,000" in conditions["ltx-2"]
    assert "1,000,000" in conditions["svd-xt"]
    assert "stability.ai" in conditions["svd-xt"]
    assert "DE" in conditions["hunyuanvideo-1.5-480p-i2v"]
    assert "1 million visits" in conditions["cogvideox-5b-i2v"]
    assert "have that settled" in conditions["animatediff-sd1.5"]
    assert all(card.licence.url for name, card in LOCAL.items() if not name.startswith("starter"))
