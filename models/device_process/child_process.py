"""A child process as its driver sees it: requests and answers, and a replacement if it breaks."""

import contextlib
import logging
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np

from manifests.errors import BrokenDeviceError, ReelmillError
from models.device_process.channel import Channel, ChannelError, Message
from models.device_process.requests import error_from_json

log = logging.getLogger(__name__)
END_S = 10.0
"""Seconds that a child has to free its device before it is killed."""

StartChild = Callable[[str], tuple["subprocess.Popen[bytes]", Channel]]
"""Starts the child of a device, such as ``cuda:1``; returns it with the driver's end of the channel."""

Provide = Callable[[str, str], tuple[dict[str, str], np.ndarray | None]]
"""Maps a kind (``picture``, ``text``) and a name to what the child wants, or to an error as JSON."""


class ChildProcess:
    """The child of a device, which has loaded what the first request says.

    A child that ends, or reports a broken device, is replaced once by a new one. If that one breaks too before
    ``worked`` is called, the device counts as broken.
    """

    def __init__(self, start: StartChild, device: str, opening: dict[str, Any], provide: Provide) -> None:
        """Start the child and let it load its model.

        Raises:
            BrokenDeviceError: two children ended while they loaded the model.
            ReelmillError: the error that the child reports.
        """
        self._start = start
        self._device = device
        self._opening = opening
        self._provide = provide
        self._may_restart = True
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._begin()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # attributes may be missing if the constructor failed
            self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child; None after it was closed."""
        return self._child.pid if self._child else None

    def worked(self) -> None:
        """Note that the child has done something useful, so that it may be replaced again."""
        self._may_restart = True

    def ask(self, request: dict[str, Any]) -> Message:
        """Send a request and return the answer; meanwhile, provide what the child asks for.

        Raises:
            BrokenDeviceError: the child has ended.
            ReelmillError: the error that the child reports.
        """
        if self._channel is None:
            raise BrokenDeviceError(f"The process of {self._device} has ended. Re-run the same command to resume.")
        try:
            self._channel.send(request)
            message = self._channel.receive()
            while "wanted" in message.content:
                problem, array = self._provide(str(message.content["wanted"]), str(message.content["name"]))
                self._channel.send({"found": problem}, array)
                message = self._channel.receive()
        except (ChannelError, KeyError) as error:
            raise BrokenDeviceError(self._why_ended()) from error
        if "raised" in message.content:
            raise error_from_json(message.content["raised"])
        return message

    def ask_again(self, request: dict[str, Any]) -> Message:
        """Ask; if the child breaks, ask its replacement."""
        try:
            return self.ask(request)
        except BrokenDeviceError as error:
            self.restart(error)
            return self.ask(request)

    def restart(self, error: BrokenDeviceError) -> None:
        """Replace the child by a new one with the same model.

        Raises:
            BrokenDeviceError: this child has done nothing useful since the last restart, or was closed.
        """
        is_closed = self._channel is None
        self.close()
        if is_closed or not self._may_restart:
            raise error
        self._may_restart = False
        log.warning("Starting a new process for %s: %s", self._device, error)
        self._begin()

    def close(self) -> None:
        """End the child, which frees the device."""
        channel, self._channel = self._channel, None
        child, self._child = self._child, None
        if channel is not None:
            channel.close()
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(END_S)
                return
            child.kill()
            child.wait()

    def _begin(self) -> None:
        self._child, self._channel = self._start(self._device)
        try:
            self.ask(self._opening)
        except BrokenDeviceError as error:
            self.restart(error)
        except ReelmillError:
            self.close()
            raise

    def _why_ended(self) -> str:
        code = None
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._child.wait(END_S)
        how = "does not respond" if code is None else f"was ended by signal {-code}" if code < 0 else f"exited ({code})"
        return (
            f"The process of {self._device} {how}, for example because main memory was full. Check `dmesg` and the "
            "messages above, then re-run the same command to resume."
        )
