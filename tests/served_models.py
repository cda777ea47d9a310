"""`reelmill serve-models` as a separate process, for tests that need a hosted generator."""

import signal
import subprocess
import threading
import time
from pathlib import Path

import openai
from review_program import PROGRAM, environment

START_S = 120.0
END_S = 60.0


class Server:
    """A running `reelmill serve-models`, with what it printed."""

    def __init__(self, home: Path, *words: str, **settings: str) -> None:
        self.home = home
        home.parent.mkdir(parents=True, exist_ok=True)
        given = {f"REELMILL_{name.upper()}": value for name, value in settings.items()}
        self.process = subprocess.Popen(
            [*PROGRAM, "serve-models", "--port", "0", *words],
            env=environment(home) | given,
            cwd=home.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(START_S) or not self.lines:
            self.kill()
            raise AssertionError(self.text)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("Token: "):
                self._listening.set()
        self._listening.set()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def url(self) -> str:
        return next(line for line in self.lines if line.startswith("Offering ")).split(" at ")[1].split("/v1")[0]

    @property
    def token(self) -> str:
        return (self.home / "model-server" / "token").read_text().strip()

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.token, max_retries=0, timeout=60)

    def interrupt(self) -> float:
        """Press Ctrl-C, and return the seconds until the process has ended."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(END_S)
        self._reader.join(END_S)
        return time.monotonic() - begun

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(END_S)
        assert self.process.stdout
        self.process.stdout.close()
