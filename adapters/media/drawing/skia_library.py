"""Import Skia, which is part of an extra and needs two system libraries."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
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


@cache
def font_files() -> Any:
    """Return the ``skia.FontMgr`` that reads fonts from files and bytes.

    ``skia.Typeface`` would read the configuration of the system's fonts first.
    """
    return load_skia().FontMgr.New_Custom_Empty()


@cache
def system_fonts() -> Any:
    """Return the ``skia.FontMgr`` of the installed fonts."""
    skia = load_skia()
    with _without_stderr():  # the fontconfig in Skia warns of elements that newer systems use in their configuration
        return skia.FontMgr()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Hide what libraries write to the standard error."""
    original, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(sink)
