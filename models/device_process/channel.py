"""Messages between a driver and the child process of a device: JSON over a socket, arrays in shared memory."""

import json
import math
import os
import socket
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LENGTH_BYTES = 8
MAX_MESSAGE = 2**30
MAX_BYTES = 2**34
"""Bytes of an array, about 600 frames of 4K. A child cannot make the driver allocate more."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the file never has a name there


class Message(NamedTuple):
    """A message and the array that came with it.

    Attributes:
        content: a JSON object.
        array: uint8 in the shape of ``content["shape"]``; None if the message has none.
    """

    content: dict[str, Any]
    array: np.ndarray | None = None


class ChannelError(Exception):
    """The other process has ended, or sent something that is not a message."""


class Channel:
    """One end of a connection between two processes of this machine. Used by one reader and one writer at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, content: dict[str, Any], array: np.ndarray | None = None) -> None:
        """Send a message.

        Raises:
            ChannelError: the other process has ended.
        """
        if array is not None:
            content = {**content, "shape": list(array.shape)}
        data = json.dumps(content).encode()
        file = _shared(array) if array is not None else None
        try:
            head = len(data).to_bytes(LENGTH_BYTES, "big")
            sent = socket.send_fds(self._end, [head], [file] if file is not None else [])
            self._end.sendall(head[sent:] + data)
        except OSError as error:
            raise ChannelError(str(error)) from error
        finally:
            if file is not None:
                os.close(file)

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            ChannelError: the other process has ended, or sent something that is not a message.
        """
        files: list[int] = []
        try:
            length = int.from_bytes(self._read(LENGTH_BYTES, files), "big")
            if length > MAX_MESSAGE:
                raise ChannelError(f"a message of {length} bytes is too long")
            content = json.loads(self._read(length, files))
            array = _array(files[0], content["shape"]) if files else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ChannelError(str(error) or type(error).__name__) from error
        finally:
            for file in files:
                os.close(file)
        if not isinstance(content, dict):
            raise ChannelError("a message is not a JSON object")
        return Message(content, array)

    def close(self) -> None:
        """Close this end; the other process notices it."""
        self._end.close()

    def _read(self, length: int, files: list[int]) -> bytes:
        data = bytearray()
        while len(data) < length:
            some, found, *_ = socket.recv_fds(self._end, min(length - len(data), 2**20), 1)
            files.extend(found)
            if not some:
                raise ChannelError("the other process has ended")
            data += some
        return bytes(data)


def _shared(array: np.ndarray) -> int:
    """Return a file in shared memory, without a name, that contains the array."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("reelmill-frames")
    else:
        with tempfile.TemporaryFile(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as made:
            file = os.dup(made.fileno())
    with open(file, "wb", closefd=False) as writer:
        writer.write(np.ascontiguousarray(array, dtype=np.uint8).data)
    return file


def _array(file: int, shape: list[int]) -> np.ndarray:
    """Copy the array out of the file: a mapping would end this process if the other one shortened the file."""
    number = math.prod(shape)
    if not 0 < number <= MAX_BYTES or os.fstat(file).st_size != number:
        raise ValueError(f"an array of the shape {shape} does not have {os.fstat(file).st_size} bytes")
    array = np.empty(shape, dtype=np.uint8)
    with open(file, "rb", closefd=False) as reader:
        reader.seek(0)
        if reader.readinto(array.data.cast("B")) != number:
            raise ValueError("an array was shortened while it was read")
    return array
