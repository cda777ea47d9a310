"""A first frame in the size that a model renders."""

import numpy as np
from PIL import Image, ImageOps


def fit(picture: np.ndarray, height: int, width: int) -> Image.Image:
    """Return the picture's centre, scaled to cover height x width pixels, RGB.

    Pipelines would stretch it, each by its own filter; one that has the size already is left as it is.

    Args:
        picture: uint8 (height, width, 3), RGB, upright.
    """
    return ImageOps.fit(Image.fromarray(picture), (width, height), method=Image.Resampling.LANCZOS)
