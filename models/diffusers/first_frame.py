"""Fit a first frame to the size that a model renders."""

import numpy as np
from PIL import Image, ImageOps


def fit(picture: np.ndarray, height: int, width: int) -> Image.Image:
    """Scale the picture to cover height x width pixels and crop it to its centre; return it as RGB.

    Pipelines would stretch it, each with a different filter. A picture that already has this size is unchanged.

    Args:
        picture: uint8 (height, width, 3), RGB, upright.
    """
    return ImageOps.fit(Image.fromarray(picture), (width, height), method=Image.Resampling.LANCZOS)
