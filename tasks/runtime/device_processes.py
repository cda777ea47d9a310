"""Start the child process of a device, which sees only its own GPU and no secret."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.child_environment import computing_environment
from adapters.child_python import PYTHON, isolated_environment
from manifests.errors import BrokenDeviceError
from models.card import ModelCard
from models.device_process import ProcessEncoder, ProcessGenerator
from models.device_process.channel import Channel
from models.placement import sizes_of
from models.placement.rung import TEXT_ENCODERS
from models.protocols import PictureSource, TextSource, VideoSource

ENCODERS_SHARE = 0.5
"""Share of the free main memory that the text encoders of all devices may use; frames and embeddings need the rest."""
CHILD = ("-m", "models.device_process.child")
VISIBLE = "CUDA_VISIBLE_DEVICES"


def open_in_process(
    card: ModelCard,
    device: str = "cpu",
    threads: int | None = None,
    weights_root: Path | None = None,
    pictures: PictureSource | None = None,
    videos: VideoSource | None = None,
    texts: TextSource | None = None,
) -> ProcessGenerator:
    """Load a card's pipeline in a child process; see ``models.registry.open_generator``."""
    return ProcessGenerator(start_child, card, device, threads, weights_root, pictures, videos, texts)


def open_encoder_in_process(
    card: ModelCard, device: str = "cpu", threads: int | None = None, weights_root: Path | None = None
) -> ProcessEncoder:
    """Load a card's text encoders in a child process."""
    return ProcessEncoder(start_child, card, device, threads, weights_root)


def start_child(device: str, program: Sequence[str] = CHILD) -> tuple["subprocess.Popen[bytes]", Channel]:
    """Start the child of a device and return it with the driver's end of the channel.

    The child ends when this end is closed, and so when this process ends, however it does.

    Args:
        program: arguments of Python.

    Raises:
        BrokenDeviceError: the system starts no process.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            child = subprocess.Popen(  # noqa: S603
                [*PYTHON, *program, str(theirs.fileno())],
                env=child_environment(device, os.environ),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        except OSError as error:
            ours.close()
            raise BrokenDeviceError(
                f"No process could be started for {device} ({error.strerror}). Stop other programs, or set "
                "REELMILL_DEVICE_PROCESSES=off."
            ) from error
    return child, Channel(ours)


def child_environment(device: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a device's child: a GPU becomes the only one that the child sees."""
    kept = isolated_environment(computing_environment(environment))
    if not device.startswith("cuda"):
        return kept
    index = int(device.partition(":")[2] or 0)
    visible = [name.strip() for name in environment.get(VISIBLE, "").split(",") if name.strip()]
    # CUDA_DEVICE_ORDER is inherited, so that a number means the same GPU in the child as here.
    return {**kept, VISIBLE: visible[index] if index < len(visible) else str(index)}


def shares_text_encoder(card: ModelCard, devices: int, weights_root: Path | None, free_gb: float) -> bool:
    """Return whether one process should embed the texts of all devices: main memory is short.

    Each process of a device keeps the text encoders in main memory while it generates. A card of unknown size shares
    nothing.

    Args:
        free_gb: free main memory before the first model is loaded, in GB (10^9 bytes).
    """
    encoders = sum(size.gb for name, size in sizes_of(card, weights_root).items() if name in TEXT_ENCODERS)
    return devices > 1 and devices * encoders > ENCODERS_SHARE * free_gb


def uses_processes(setting: str, devices: Sequence[str]) -> bool:
    """Return whether each device gets a separate process: with ``auto``, if there are several GPUs."""
    gpus = {device for device in devices if device.startswith("cuda")}
    return setting == "on" or (setting == "auto" and len(gpus) > 1)
