"""Text encoders in one child process for all devices of a machine."""

import threading
from pathlib import Path

import numpy as np

from manifests.errors import ModelError
from models.card import ModelCard
from models.device_process.child_process import ChildProcess, StartChild
from models.device_process.requests import opening


class ProcessEncoder:
    """A TextEncoder whose model is in a child process. Threads may share it: it embeds one text at a time."""

    def __init__(
        self,
        start: StartChild,
        card: ModelCard,
        device: str = "cpu",
        threads: int | None = None,
        weights_root: Path | None = None,
    ) -> None:
        """Start the child and load the text encoders; raises as ProcessGenerator does."""
        self._lock = threading.Lock()
        request = opening("open encoder", card, device, threads, weights_root)
        self.child = ChildProcess(start, device, request, lambda *_: ({}, None))

    def embed(self, text: str) -> np.ndarray:
        """Return the embeddings of a text: uint8 of one dimension, in the safetensors format.

        Raises:
            ModelError: the text could not be embedded.
        """
        with self._lock:
            found = self.child.ask_again({"do": "embed", "text": text}).array
            self.child.worked()
        if found is None or found.ndim != 1:
            raise ModelError("The process of the text encoder returned no embeddings.")
        return found

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self.child.close()
