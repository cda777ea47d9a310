import pytest
import tiny_weights
import torch
from safetensors.torch import load_file

from models.diffusers.generator import DiffusersVideo
from models.diffusers.mapped_tensors import copy_mapped


def model(first: float, size: int) -> torch.nn.Module:
    """Return a model with eight parameters of one shape and different values."""
    made = torch.nn.Module()
    for index in range(8):
        made.register_parameter(str(index), torch.nn.Parameter(torch.full((size,), first + index)))
    return made


@pytest.mark.parametrize("size", [128, 4096, 65536])
def test_a_model_that_occurs_twice_keeps_its_values(size):
    """A copy gets the address of a freed original; a second look at it must not take it for that original."""
    one, other = model(0.0, size), model(10.0, size)
    copy_mapped([one, other, other])
    for each, first in ((one, 0.0), (other, 10.0)):
        for index, parameter in enumerate(each.parameters()):
            assert (parameter == first + index).all()


def test_every_tensor_is_copied_and_tensors_that_share_memory_still_do():
    original = torch.arange(4096.0)
    tied = torch.nn.Module()
    tied.register_parameter("one", torch.nn.Parameter(original))
    tied.register_parameter("other", torch.nn.Parameter(original.view(4096)))
    tied.register_buffer("buffer", original.view(64, 64))
    copy_mapped([tied, tied])
    assert tied.one.data_ptr() == tied.other.data_ptr() != original.data_ptr()
    original.zero_()
    assert torch.equal(tied.one.data, torch.arange(4096.0))
    assert torch.equal(tied.buffer.flatten(), torch.arange(4096.0))


def test_a_loaded_pipeline_has_the_weights_of_its_files():
    folder = tiny_weights.ltx_folder()
    for _ in range(5):
        pipeline = DiffusersVideo(tiny_weights.ltx_card()).pipeline
        for name in ("transformer", "vae", "text_encoder"):
            [file] = (folder / name).glob("*.safetensors")
            stored, loaded = load_file(file), getattr(pipeline, name).state_dict()
            assert stored.keys() & loaded.keys()
            for key in stored.keys() & loaded.keys():
                assert torch.equal(stored[key].float(), loaded[key]), f"{name}.{key}"
