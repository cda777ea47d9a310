"""Import Skia, which is part of an extra and needs two system libraries."""

from typing import Any

from manifests.errors import FinishError

NOT_INSTALLED = "Text and logos need skia-python, which is not installed. Run `pip install 'reelmill[finish]'`."


def load_skia() -> Any:
    """Return the module ``skia``.

    Raises:
        FinishError: it is not installed, or a system library is missing; the message names the command.
    """
    try:
        import skia
    except ModuleNotFoundError as error:
        raise FinishError(NOT_INSTALLED) from error
    except ImportError as error:
        raise FinishError(
            f"Text and logos need skia-python, which cannot be loaded: {error}. On Debian and Ubuntu, run "
            "`apt-get install libegl1 libgl1`."
        ) from error
    return skia
