import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import tiny_weights
import torch
from diffusers import LTXPipeline
from engine_variants import variant

from manifests.errors import GenerationError, InvalidCardError, ModelError
from models.cpu_matmul import fast_matmul
from models.diffusers import families
from models.diffusers.generator import DiffusersVideo, _to_uint8

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generator() -> DiffusersVideo:
    return DiffusersVideo(tiny_weights.ltx_card())


def counted(monkeypatch, target, name) -> list:
    calls = []
    original = getattr(target, name)

    def counting(*args, **kwargs):
        calls.append((args, kwargs))
        return original(*args, **kwargs)

    monkeypatch.setattr(target, name, counting)
    return calls


def test_each_text_is_encoded_once(monkeypatch):
    generator = DiffusersVideo(tiny_weights.ltx_card())
    calls = counted(monkeypatch, generator.pipeline.text_encoder, "forward")
    wanted = [variant(seed=seed, prompt=prompt) for seed in (1, 2) for prompt in ("a red circle", "a blue square")]
    made = [*generator.generate(wanted), *generator.generate(wanted)]
    assert all(not isinstance(item, Exception) for item in made)
    assert len(calls) == 3


@pytest.mark.parametrize("card", [tiny_weights.ltx_card, tiny_weights.wan_card])
@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_embeddings_give_the_same_pixels_as_texts(card, guidance_scale, monkeypatch):
    generator = DiffusersVideo(card())
    wanted = variant(card().name, guidance_scale=guidance_scale, revision=card().weights.revision)
    [embedded] = generator.generate([wanted])
    monkeypatch.setitem(families.FAMILIES, card().pipeline, families.Family())
    [worded] = DiffusersVideo(card()).generate([wanted])
    assert np.array_equal(embedded.frames, worded.frames)


def plain_diffusers(width: int) -> np.ndarray:
    """Return the frames that plain diffusers gives for the same folder and seed."""
    pipeline = LTXPipeline.from_pretrained(tiny_weights.ltx_folder(), dtype=torch.float32)
    with fast_matmul(torch.device("cpu")):
        frames = pipeline(
            prompt="a red circle", negative_prompt="blue", height=64, width=width, num_frames=9, frame_rate=8,
            num_inference_steps=2, guidance_scale=3.0, max_sequence_length=16, output_type="np",
            generator=torch.Generator("cpu").manual_seed(1),
        ).frames[0]  # fmt: skip
    return (frames * 255).round().astype(np.uint8)


def test_the_frames_are_those_of_a_plain_diffusers_call(generator):
    [made] = generator.generate([variant()])
    assert np.array_equal(made.frames, plain_diffusers(64))


def test_a_larger_render_is_cropped_to_its_centre(generator):
    [made] = generator.generate([variant(width=90)])
    assert np.array_equal(made.frames, plain_diffusers(96)[:, :, 3:93])


def test_fast_matmul_changes_pixels_by_rounding_only(generator, monkeypatch):
    [fast] = generator.generate([variant()])
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    exact, other = generator.generate([variant(), variant(seed=2)])
    near = np.abs(fast.frames.astype(int) - exact.frames).mean()
    far = np.abs(other.frames.astype(int) - exact.frames).mean()
    assert near < far / 10


def test_a_negative_prompt_changes_the_pixels(generator):
    one, other = generator.generate([variant(), variant(negative_prompt="a square on a white background")])
    assert not np.array_equal(one.frames, other.frames)


def test_non_finite_values_are_counted_and_rendered_black(monkeypatch):
    generator = DiffusersVideo(tiny_weights.ltx_card())
    with torch.no_grad():
        generator.pipeline.vae.decoder.conv_out.conv.bias[:] = float("nan")
    [made] = generator.generate([variant()])
    assert made.nan_share == 1.0
    assert not made.frames.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_frame_by_frame_conversion_equals_conversion_of_the_whole_video(dtype):
    video = torch.rand(5, 3, 30, 34, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    video[0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), float("-inf")])
    video[1, 0] = (torch.arange(30 * 34).reshape(30, 34) % 256 + 0.5) / 255  # halves round to even
    video = video.to(dtype)[..., 1:29, 2:30]
    levels = (torch.nan_to_num(video.float()) * 255).round().clamp(0, 255).to(torch.uint8)
    made = _to_uint8(video)
    assert made.flags.c_contiguous
    assert np.array_equal(made, levels.permute(0, 2, 3, 1).numpy())


def test_the_share_of_non_finite_values_is_exact():
    video = torch.zeros(9, 3, 64, 64)
    video[2, 1, 3, 4:6] = torch.tensor([float("nan"), float("inf")])
    assert DiffusersVideo._generated(variant(), video).nan_share == 1 - (video.numel() - 2) / video.numel()


REFUSED = [
    ({"revision": "2"}, "The variant requires tiny-ltx 2, but tiny-ltx REVISION is loaded."),
    ({"loras": ("style",)}, "The variant requires the LoRAs ['style'], but tiny-ltx has different ones."),
    ({"first_frame_sha256": "00"}, "tiny-ltx does not accept a first frame."),
    ({"recipe": "0123"}, "The card tiny-ltx was edited after this variant was planned. Run the sheet again."),
    ({"height": 66}, "tiny-ltx does not support the size 64x66."),
    ({"num_frames": 8}, "tiny-ltx does not support clips of 8 frames."),
    ({"num_inference_steps": 0}, "tiny-ltx failed on this variant: "),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
def test_an_unsupported_variant_fails_without_affecting_others(generator, changes, sentence):
    failed, made = generator.generate([variant(**changes), variant()])
    assert isinstance(failed, GenerationError)
    assert str(failed).startswith(sentence.replace("REVISION", variant().revision))
    assert made.frames.any()


def test_a_card_with_an_argument_that_the_pipeline_lacks_is_refused():
    card = tiny_weights.ltx_card(call={"max_sequence_length": 16, "strength": 0.5})
    with pytest.raises(InvalidCardError, match="field call: LTXPipeline has no argument strength"):
        DiffusersVideo(card)


@pytest.mark.parametrize("device", ["cuda:7", "abacus"])
def test_a_missing_device_is_refused(device):
    with pytest.raises(ModelError, match="Use cpu"):
        DiffusersVideo(tiny_weights.ltx_card(), device=device)


def test_weights_stored_in_half_precision_run_in_single_on_a_cpu(generator):
    assert {weight.dtype for weight in generator.pipeline.transformer.parameters()} == {torch.float32}


@pytest.mark.slow
def test_libraries_print_nothing():
    code = (
        "import sys; sys.path[:0] = ['..', '.']; import tiny_weights\n"
        "from models.registry import open_generator; from manifests.variant import Variant\n"
        "from pathlib import Path; card = tiny_weights.ltx_card(Path(sys.argv[1]))\n"
        "words = 'a red circle ' * 20\n"
        "wanted = Variant(card.name, card.weights.revision, words, '', 1, 64, 64, 9, 8, 2, 3.0)\n"
        "made = open_generator(card, threads=1).generate([wanted])\n"
        "import torch; print(next(made).frames.shape, torch.get_num_threads())\n"
    )
    command = [sys.executable, "-c", code, str(tiny_weights.ltx_folder())]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS, check=True)
    assert (done.stdout, done.stderr) == ("(9, 64, 64, 3) 1\n", "")


def test_a_failure_keeps_no_tensors_alive(generator, monkeypatch):
    """The error may be kept for a long time; the tensors of the failed call must be freed."""
    kept = []

    def failing(*args, **kwargs):
        latents = torch.zeros(3)
        kept.append(weakref.ref(latents))
        raise RuntimeError(f"no luck with {latents.shape}")

    monkeypatch.setattr(generator.pipeline.vae, "decode", failing)
    [failed] = generator.generate([variant()])
    assert "RuntimeError: no luck" in str(failed)
    assert [reference() for reference in kept] == [None] * len(kept)


def test_frames_become_bytes_without_a_copy_of_the_clip_in_float32():
    video = torch.rand(9, 3, 64, 64, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    wanted = variant()
    made = DiffusersVideo._generated(wanted, video)
    assert np.array_equal(made.frames, DiffusersVideo._generated(wanted, video.float()).frames)
    assert families.family_of("LTXPipeline").video((video[None],)).dtype == torch.bfloat16
