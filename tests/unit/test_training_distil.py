"""Distillation: the segments follow the teacher exactly, held-out ones are not trained on, and training resumes."""

import json
import operator
import shutil

import numpy as np
import pytest
import torch

from models.card import ModelCard
from models.registry import HOME, get_card, open_generator, weights_problem
from models.weights import integrity
from training import page, stamp
from training.distil import compare, segments, ship, student, teacher
from training.harness import run
from training.harness.studio import variant_of
from training.scenes.captions import plain
from training.scenes.codes import code
from training.scenes.scene import is_held_out
from training.video import predict, use_one_token
from training.video_model import build

SHAPE = (2, 2, 3)

pytestmark = pytest.mark.usefixtures("default_matmul")


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Two small models as teacher and student, and an empty folder of runs."""

    def small(seed=0, compile_blocks=False):
        torch.manual_seed(seed)
        model = build(layers=1, heads=1)
        torch.nn.init.normal_(model.proj_out.weight, std=0.02)
        use_one_token(model)
        return model.eval().requires_grad_(False)

    for module in (segments, student, run):
        monkeypatch.setattr(module, "RUNS", tmp_path)
    for module in (segments, student):
        monkeypatch.setattr(module, "load_teacher", small)
    monkeypatch.setattr(segments, "SHARD", 2)
    monkeypatch.setattr(segments, "latent_shape", lambda _height, _width: SHAPE)
    (tmp_path / "segments").mkdir()
    return small


def noise_and_slots():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, 12, 32, generator=generator), torch.tensor([[1, 2, 3, 4], [5, 1, 2, 0]])


def test_segments_start_at_the_noise_levels_of_the_student():
    steps, scale = teacher.defaults()
    assert (steps, scale) == (16, 3.0)
    assert torch.equal(teacher.noise_levels(steps)[:: steps // teacher.SEGMENTS], teacher.noise_levels(4))


def test_the_mean_flows_lead_to_the_teachers_result(tiny):
    noise, slots = noise_and_slots()
    steps, scale = teacher.defaults()
    starts, flows = teacher.walk(tiny(), noise, slots, SHAPE)
    widths = teacher.noise_levels(teacher.SEGMENTS).diff()
    end = noise + sum(width * flows[:, i] for i, width in enumerate(widths))
    assert torch.allclose(end, teacher.follow(tiny(), noise, teacher.noise_levels(steps), slots, SHAPE, scale))
    assert torch.equal(starts[:, 0], noise)
    assert torch.allclose(starts[:, 1], noise + widths[0] * flows[:, 0])


def test_guidance_moves_away_from_the_blank_prompt(tiny):
    noise, slots = noise_and_slots()
    model, sigma = tiny(), torch.tensor(0.5)
    asked = predict(model, noise, sigma.expand(2), code(slots), SHAPE)
    blank = predict(model, noise, sigma.expand(2), code(torch.zeros_like(slots)), SHAPE)
    assert torch.allclose(teacher.guided(model, noise, sigma, slots, SHAPE, 3.0), 3 * asked - 2 * blank, atol=1e-5)


def test_a_later_round_starts_segments_from_the_students_states(tiny):
    noise, slots = noise_and_slots()
    pupil = tiny(seed=1)
    starts, _ = teacher.walk(tiny(), noise, slots, SHAPE, pupil)
    state = noise
    for i, level in enumerate(teacher.noise_levels(teacher.SEGMENTS)[:-1]):
        assert torch.allclose(starts[:, i], state)
        width = teacher.noise_levels(teacher.SEGMENTS).diff()[i]
        state = state + width * predict(pupil, state, level.expand(2), code(slots), SHAPE)


def fill(count, turn=0):
    plan = segments.SegmentPlan(part=f"segments-{turn}", minutes=0, batch=count, workers=1)
    segments.fill(plan, 0)


@pytest.mark.filterwarnings("ignore")
def test_shards_are_kept_and_the_first_of_each_size_is_held_out(tiny, tmp_path):
    fill(8)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "segments").iterdir()}
    fill(10)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "segments").iterdir()}
    assert len(before) == 4
    assert len(after) == 5
    assert before.items() <= after.items()
    assert (len(segments.Segments.read()), len(segments.Segments.read(held_out=True))) == (4, 6)


@pytest.mark.filterwarnings("ignore")
def test_a_batch_has_the_noise_level_and_flow_of_each_segment(tiny):
    fill(8)
    everything = segments.Segments.read()
    shape, states, flows, levels, slots, chosen = everything.draw(np.random.default_rng(0), tokens=60)
    assert (shape, states.shape, flows.shape, slots.shape) == (SHAPE, (5, 12, 32), (5, 12, 32), (5, 4))
    assert torch.equal(levels, teacher.noise_levels(teacher.SEGMENTS)[chosen])


@pytest.mark.filterwarnings("ignore")
def test_the_student_learns_and_resumes(tiny, monkeypatch):
    fill(10)
    monkeypatch.setattr(run, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(run, "LOG_SECONDS", 0.0)
    kept = segments.Segments.read(held_out=True)
    before = sum(student.held_out(tiny().state_dict(), kept).values())
    student.train(student.StudentPlan(part=student.PART, minutes=0.05, batch=48), 0)
    facts = json.loads((run.RUNS / "student" / "run.json").read_text())
    after = sum(student.held_out(student.load().state_dict(), kept).values())
    assert after < before
    student.train(student.StudentPlan(part=student.PART, minutes=0.07, batch=48), 0)
    assert json.loads((run.RUNS / "student" / "run.json").read_text())["steps"] > facts["steps"]


def test_missing_segments_and_students_are_reported_with_the_command(tiny):
    with pytest.raises(SystemExit, match=r"Run `python -m training\.distil\.segments` first"):
        student.train(student.StudentPlan(part=student.PART, minutes=0.01), 0)
    with pytest.raises(SystemExit, match=r"Run `python -m training\.distil\.student` first"):
        student.load()


def test_the_shipped_form_equals_the_trained_one_up_to_half_precision(tiny):
    noise, slots = noise_and_slots()
    model = tiny()
    shipped = student.as_shipped(model)
    sigma, codes = torch.full((2,), 0.4), code(slots)
    many = shipped(
        hidden_states=noise,
        encoder_hidden_states=codes[:, None].repeat(1, 7, 1),
        timestep=sigma * 1000,
        encoder_attention_mask=torch.ones(2, 7),
        num_frames=SHAPE[0],
        height=SHAPE[1],
        width=SHAPE[2],
        rope_interpolation_scale=(0.5, 16, 16),
    ).sample
    assert torch.allclose(many, predict(model, noise, sigma, codes, SHAPE), atol=2e-2)


def test_the_prompts_of_both_wordings_are_judged():
    asked = compare.clips_asked(12, ["16:9", "1:1", "9:16"])
    assert [one.prompt == plain(one.scene) for one in asked] == [True] * 12 + [False] * 6
    assert [is_held_out(one.scene) for one in asked] == [False] * 6 + [True] * 12
    assert {one.ratio for one in asked[:12]} == {"16:9", "1:1", "9:16"}
    assert asked == compare.clips_asked(12, ["16:9", "1:1", "9:16"])


def measured(motif):
    return {"clips": 8, "motif": motif, "colours": 1.0, "motion": 1.0, "adherence": [0.1, 0.5, 0.3]}


def compared(motif):
    sides = {"teacher": measured(0.925), "student": measured(motif)}
    seconds = {"teacher": {"1:1": 0.6}, "student": {"1:1": 0.15}}
    return {"machine": "one core", **sides, **compare.compare(sides, seconds)}


@pytest.mark.parametrize(("motif", "holds"), [(0.895, True), (0.894, False)])
def test_a_student_holds_within_three_points(motif, holds):
    found = compared(motif)
    assert found["holds"] is holds
    assert found["times_faster"] == {"1:1": 4.0}
    assert found["adherence_correlation"] == 1.0


def test_both_sides_are_timed_in_turn(monkeypatch):
    order = []

    class Timed:
        ratios = ("1:1", "16:9")

        def __init__(self, name, seconds):
            self.name, self.seconds = name, iter(seconds)

        def make(self, _prompt, seed, ratio):
            order.append((seed, ratio, self.name))
            return None, next(self.seconds)

    monkeypatch.setattr(compare, "TIMED", 3)
    sides = {"teacher": Timed("teacher", (9, 9, 4, 4, 5, 5, 6, 6)), "student": Timed("student", (9, 9) + (1, 2) * 3)}
    found = compare.seconds_a_clip(sides)
    assert found == {"teacher": {"1:1": 5, "16:9": 5}, "student": {"1:1": 1, "16:9": 2}}
    assert [name for _, _, name in order] == ["teacher", "student"] * 8


def test_the_students_card_differs_only_in_what_was_distilled():
    starter = json.loads(teacher.CARD.read_text())
    card = ModelCard.model_validate(ship.card_content(starter) | {"weights": starter["weights"]})
    changed = {"num_inference_steps": 4, "guidance_scale": 1.0}
    assert card.defaults == get_card("starter").defaults.model_copy(update=changed)
    kept = operator.attrgetter("sizes", "rules", "vocabulary", "call")
    assert kept(card) == kept(get_card("starter"))
    assert card.recipe("fast") == card.recipe("exact")


def test_a_shipped_student_loads_as_the_transformer_of_its_card(tiny, monkeypatch, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(HOME / "starter" / "t2v", models / "starter" / "t2v")
    (models / "cards").mkdir()
    for name in ("starter", "starter-openclip"):
        shutil.copy(HOME / "cards" / f"{name}.json", models / "cards")
    shutil.copytree(HOME / "starter" / "openclip", models / "starter" / "openclip")
    monkeypatch.setattr(stamp, "MODELS", models)
    monkeypatch.setattr(integrity, "BUNDLED", models)
    monkeypatch.setattr(ship, "load", lambda: trained)
    monkeypatch.setattr(ship, "facts", lambda part: {part: {"steps": 1}})
    trained = teacher.load_teacher()
    ship.write_weights()
    ship.write_card()
    content = json.loads((models / "cards" / "starter-4step.json").read_text())
    card = ModelCard.model_validate(content | {"home": models})
    assert weights_problem(card) is None
    assert card.weights.revision == get_card("starter").weights.revision
    generator = open_generator(card)
    shipped = generator.pipeline.transformer.state_dict()
    assert all(torch.equal(value.half().float(), shipped[name]) for name, value in trained.state_dict().items())
    variant = variant_of(card, "a red circle pulsing on a white background", seed=1, ratio="1:1")
    (made,) = generator.generate([variant])
    assert made.frames.shape == (17, 96, 96, 3)
    assert sum(path.stat().st_size for path in models.rglob("*") if path.is_file()) <= 40e6


def test_the_page_marks_what_the_student_misses():
    text = page.few_step_table(compared(0.85))
    assert "| correct motif | 85.0% of 8 clips; 92.5% in 16 steps | at most 3 points less | ✗ |" in text
    assert "| one clip, 1:1 | 0.15 s; 4.0 times faster | ≥ 3 times | ✓ |" in text
