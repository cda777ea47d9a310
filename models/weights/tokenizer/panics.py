"""Turn panics of the library tokenizers into errors: they are no ``Exception``, so that nothing else handles them."""

from collections.abc import Iterator
from contextlib import contextmanager

from manifests.errors import IncompleteWeightsError, ModelError

PANIC = "PanicException"
"""Rust's panics in Python. The class has no module to import it from, and derives from ``BaseException``."""


@contextmanager
def panics_refused(what: str, kind: type[ModelError] = IncompleteWeightsError) -> Iterator[None]:
    """Raise a panic, for example over the tokenizer's own regular expression, as an error of ``kind``.

    Args:
        what: which weights, such as "The weights of starter in /models/starter".
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        why = (str(error).splitlines() or [PANIC])[0][:200]
        raise kind(
            f"{what} cannot be used: the tokenizer failed ({why}). Use a model with another tokenizer."
        ) from error
