"""Where a viewer looks in a single picture: contrast, rare colours and faces."""

from typing import Any

import numpy as np

from adapters.media.reframe.library import face_model, opencv

RESIDUAL_SIDE = 64
COLOUR_FLOOR = 20.0
"""Distance in CIE Lab (8-bit scale) below which a colour does not stand out."""
FACE_SCORE = 0.7
FACE_BODY = 1.0
"""Part of a face's height that is added below it, because a head without shoulders looks cut off."""


def spectral_residual(grey: np.ndarray) -> np.ndarray:
    """Return the saliency of a picture, float32 (height, width), 0..1.

    Hou and Zhang, "Saliency detection: a spectral residual approach", CVPR 2007.

    Args:
        grey: float32 (height, width).
    """
    cv2 = opencv()
    height, width = grey.shape
    scale = RESIDUAL_SIDE / max(height, width)
    small = cv2.resize(
        grey, (max(round(width * scale), 8), max(round(height * scale), 8)), interpolation=cv2.INTER_AREA
    )
    spectrum = np.fft.fft2(small)
    logarithm = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = logarithm - cv2.blur(logarithm, (3, 3))
    saliency = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    blurred = cv2.GaussianBlur(saliency.astype(np.float32), (0, 0), 2.5)
    return standing_out(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), 1e-6)


def colour_rarity(lab: np.ndarray) -> np.ndarray:
    """Return how far each colour is from those of all other pixels, float32 (height, width), 0..1.

    Cheng et al., "Global contrast based salient region detection", CVPR 2011, with quantised colours.

    Args:
        lab: uint8 (height, width, 3), CIE Lab.
    """
    cv2 = opencv()
    height, width, _ = lab.shape
    small = cv2.resize(lab, (max(width // 3, 8), max(height // 3, 8)), interpolation=cv2.INTER_AREA)
    bins, where, counts = np.unique((small // 16).reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    colours = bins.astype(np.float32) * 16 * np.array([0.6, 1.4, 1.4], np.float32)
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    rarity = (distances @ (counts / counts.sum()))[where.reshape(-1)].reshape(small.shape[:2]).astype(np.float32)
    blurred = cv2.GaussianBlur(cv2.resize(rarity, (width, height)), (0, 0), max(width, height) / 80)
    return standing_out(blurred, COLOUR_FLOOR)


def standing_out(values: np.ndarray, floor: float) -> np.ndarray:
    """Return what exceeds the mean, relative to the highest value but at least ``floor``, 0..1."""
    above = np.maximum(values - values.mean(), 0)
    result: np.ndarray = (above / max(float(above.max()), floor)).astype(np.float32)
    return result


class FaceFinder:
    """Finds faces of about 20 pixels and more with YuNet."""

    def __init__(self) -> None:
        self._detector: Any = opencv().FaceDetectorYN.create(str(face_model()), "", (320, 320), FACE_SCORE)

    def map_of(self, pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return a map with 1 at faces and the shoulders below, float32 of ``shape``.

        Args:
            pixels: uint8 (height, width, 3), RGB.
            shape: height and width of the map.
        """
        height, width, _ = pixels.shape
        self._detector.setInputSize((width, height))
        _, found = self._detector.detect(np.ascontiguousarray(pixels[..., ::-1]))
        result = np.zeros(shape, np.float32)
        scale_y, scale_x = shape[0] / height, shape[1] / width
        for x, y, w, h in found[:, :4] if found is not None else ():
            rows = slice(max(int(y * scale_y), 0), max(int((y + h * (1 + FACE_BODY)) * scale_y), 1))
            columns = slice(max(int((x - w / 4) * scale_x), 0), max(int((x + w * 1.25) * scale_x), 1))
            result[rows, columns] = 1
        return result
