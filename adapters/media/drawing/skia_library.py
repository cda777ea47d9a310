"""Import Skia, which is part of an extra."""

from typing import Any

from manifests.errors import FinishError


def load_skia() -> Any:
    """Return the module ``skia``.

    Raises:
        FinishError: it is not installed, or a system library is missing.
    """
    try:
        import skia
    except ImportError as error:
        raise FinishError(
            f"Text and logos cannot be drawn: {error}. Run `pip install 'reelmill[finish]'`; on Debian and Ubuntu, "
            "also `apt-get install libegl1 libgl1`."
        ) from error
    return skia
