"""Pictures in I420 become frames without moving a plane, at any even size."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adapters.media.compose.yuv import empty, frame_of, picture_of, planes_of_frame


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**32 - 1))
def test_a_frame_has_the_planes_of_its_picture(half_width: int, half_height: int, seed: int) -> None:
    picture = empty(2 * half_width, 2 * half_height)
    picture[:] = np.random.default_rng(seed).integers(0, 256, picture.shape, np.uint8)
    frame = frame_of(picture)
    assert (frame.width, frame.height) == (2 * half_width, 2 * half_height)
    np.testing.assert_array_equal(picture_of(planes_of_frame(frame)), picture)
