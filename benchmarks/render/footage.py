"""Test frames that resemble the output of a model."""

import numpy as np
import torch
from torchvision.transforms.v2 import functional

from training.scenes.renderer import render
from training.scenes.scene import sample_scene

HEIGHT, WIDTH, FPS = 480, 832, 16
"""480p, as Wan 2.1 generates it."""
BLUR, GRAIN = 2.0, 0.5
"""Standard deviations of the blur, in pixels, and of the noise in each frame, in 255ths."""


def as_floats(frames: np.ndarray) -> np.ndarray:
    """Return frames as a diffusers pipeline does: float32 in 0..1."""
    return frames.astype(np.float32) / 255


def natural(num_frames: int, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A camera that moves over a landscape, a nearer object, and a little grain: uint8 (n, height, width, 3).

    The textures have the amplitude spectrum of natural pictures, 1/frequency (Field 1987, Relations between the
    statistics of natural images and the response properties of cortical cells), blurred by BLUR as by a lens or
    decoder.
    """
    rng = np.random.default_rng(seed)
    far, near = (_texture(rng, height * 3 // 2, width * 20 // 13) for _ in range(2))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    frames = np.empty((num_frames, height, width, 3), np.uint8)
    for index in range(num_frames):
        middle = width * (0.3 + 0.4 * index / num_frames)
        inside = (np.hypot(x - middle, y - height / 2) < height / 4)[..., None]
        picture = np.where(
            inside,
            _view(near, y.shape, 1.0, 300 - 2.3 * index, 100),
            _view(far, y.shape, 1 + 0.002 * index, 40 + 1.7 * index, 60 + 0.6 * index),
        )
        frames[index] = np.clip(picture + rng.normal(0, GRAIN, picture.shape), 0, 255)
    return frames


def drawn(num_frames: int, seed: int = 3) -> np.ndarray:
    """A scene of the starter's training set at the size of a large model: flat colours, one moving object."""
    rng = np.random.default_rng(seed)
    result: np.ndarray = render(sample_scene(rng), HEIGHT, WIDTH, rng, num_frames=num_frames)
    return result


def _texture(rng: np.random.Generator, height: int, width: int) -> torch.Tensor:
    """Return a texture, mostly brightness with a little colour: float32 (1, 3, height, width), about 0..255."""
    frequency = np.maximum(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]), 1 / width)
    waves = np.exp(2j * np.pi * rng.uniform(size=(3, *frequency.shape))) / frequency
    planes = np.fft.irfft2(waves, s=(height, width))
    planes /= planes.std(axis=(1, 2), keepdims=True)
    pixels = 128 + 45 * (0.9 * planes[:1] + 0.3 * planes)
    soft = functional.gaussian_blur(torch.from_numpy(pixels.astype(np.float32)), [13, 13], [BLUR, BLUR])
    result: torch.Tensor = soft[None]
    return result


def _view(texture: torch.Tensor, size: tuple[int, ...], zoom: float, left: float, top: float) -> np.ndarray:
    """Return the camera's view of a texture, with subpixel sampling: float32 (height, width, 3)."""
    height, width = texture.shape[-2:]
    rows = (2 * (torch.arange(size[0]) / zoom + top) + 1) / height - 1
    columns = (2 * (torch.arange(size[1]) / zoom + left) + 1) / width - 1
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[None].float()
    seen = torch.nn.functional.grid_sample(texture, grid, "bicubic", "reflection", align_corners=False)
    return seen[0].permute(1, 2, 0).numpy()
