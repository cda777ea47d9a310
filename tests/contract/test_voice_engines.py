"""The contract of all voices: of the package, of the program, of weights, and of a server."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import tiny_sound_models as tiny
from services import missing_service

from manifests.errors import ModelError, ProviderError
from models.sound_card import HostedSpeechCard
from models.sound_tools import SoundTools
from models.voice import espeak
from models.voice.clauses import clauses_of
from models.voice.espeak import EspeakVoice
from models.voice.hibari import HibariVoice
from models.voice.hosted import HostedVoice
from models.voice.speech import Voice
from models.voice.vits import VitsVoice
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.providers.speech import BusyProviderError, sound_tools_of, why_not
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig

TEXT = "guten tag, liebe leute. hier bin ich, und das ist der text"
KEY = "sk-secret-key"


def card(base_url: str, **changes: Any) -> HostedSpeechCard:
    """Return a card of a speech server."""
    content = {
        "name": "speech",
        "kind": "hosted-text-to-speech",
        "title": "Speech",
        "description": "a server",
        "provider": "speaker",
        "protocol": "openai_speech",
        "base_url": base_url,
        "model": "tts-1",
        "languages": ["de", "en"],
        "voices": ["anna", "ben"],
        "licence": {"name": "terms"},
    }
    return HostedSpeechCard.model_validate(content | changes)


def wav(seconds: float) -> bytes:
    """Return a WAV file with a tone."""
    made = BytesIO()
    levels = (8000 * np.sin(np.arange(round(24_000 * seconds)) / 8)).astype(np.int16)[None]
    with av.open(made, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=24_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(levels, format="s16", layout="mono")
        frame.sample_rate = 24_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return made.getvalue()


class Server:
    """A speech server.

    Attributes:
        requests: paths, keys and bodies.
        status, answer: of the next requests; without an answer, a tone that is as long as the text.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.status = 200
        self.answer: bytes | None = None
        self.url = ""

    def respond(self, path: str, key: str, body: dict[str, str]) -> tuple[int, bytes]:
        """Return the answer to a request."""
        self.requests.append((path, key, body))
        return self.status, self.answer if self.answer is not None else wav(len(body.get("input", "")) / 40)


@contextmanager
def running() -> Iterator[Server]:
    """Run a speech server."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = server.respond(self.path, self.headers.get("Authorization", ""), body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as found:
        yield found


def resources(folder: Path, **changes: Any) -> Resources:
    """Return resources with an account of the speech server."""
    accounts = (ProviderAccount("speaker", key=KEY, **changes),)
    signer = SignerConfig("development", folder)
    return Resources("", BucketConfig(str(folder)), signer, folder, providers=accounts, speech=folder / "speech")


@pytest.fixture(params=["hibari", "espeak-ng", "vits", "hosted"])
def spoken_by(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> tuple[Voice, str]:
    """Return each voice with a language that it speaks."""
    if request.param == "hibari":
        return HibariVoice(), "en"
    if request.param == "espeak-ng":
        _need_espeak()
        return EspeakVoice(), "de"
    if request.param == "vits":
        return VitsVoice(tiny.speech_card(), SoundTools(device="cpu")), "de"
    return HostedVoice(card(server.url), sound_tools_of(resources(tmp_path))), "de"


def _need_espeak() -> None:
    if not espeak._program():
        missing_service("espeak-ng")


def test_clauses_cover_the_text_in_order(spoken_by):
    voice, language = spoken_by
    speech = voice.speak(TEXT, language)
    assert [clause.text for clause in speech.clauses] == [clause.text for clause in clauses_of(TEXT)]
    length = speech.samples.shape[1] / speech.rate
    times = [time for clause in speech.clauses for time in clause[1:]]
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    assert 0 <= times[0] < 0.05
    assert length - 0.05 < times[-1] <= length


def test_between_clauses_there_is_silence(spoken_by):
    voice, language = spoken_by
    speech = voice.speak(TEXT, language)
    loudest = np.abs(speech.samples).max()
    assert loudest > 0.01
    for one, other in zip(speech.clauses, speech.clauses[1:], strict=False):
        start, end = round((one.end_s + 0.03) * speech.rate), round((other.start_s - 0.03) * speech.rate)
        assert end - start > 0.05 * speech.rate
        assert np.abs(speech.samples[0, start:end]).max() == 0


def test_speech_is_mono_within_range_and_the_same_again(spoken_by):
    voice, language = spoken_by
    one, other = (voice.speak(TEXT, language) for _ in range(2))
    assert one.samples.dtype == np.float32
    assert one.samples.shape[0] == 1
    assert np.isfinite(one.samples).all()
    assert np.abs(one.samples).max() <= 1
    assert np.array_equal(one.samples, other.samples)
    assert one.clauses == other.clauses
    assert one.engine
    assert one.engine_version


def test_a_voice_names_its_languages(spoken_by):
    voice, language = spoken_by
    assert language in voice.languages()
    assert all(tag == tag.lower() and "-" not in tag for tag in voice.languages())


@pytest.mark.parametrize("text", ["", "  \n", "…!", "🎉"])
def test_a_text_without_words_is_refused(spoken_by, text):
    voice, language = spoken_by
    with pytest.raises(ModelError, match="The text to speak is empty"):
        voice.speak(text, language)


def test_another_language_is_refused(spoken_by):
    voice, _ = spoken_by
    with pytest.raises(ModelError, match=r"'xx'.*`reelmill voices`"):
        voice.speak(TEXT, "xx")


def test_another_voice_is_refused(spoken_by):
    voice, language = spoken_by
    with pytest.raises(ModelError, match="nobody"):
        voice.speak(TEXT, language, "nobody")


def test_hibari_refuses_letters_that_it_would_leave_out():
    with pytest.raises(ModelError, match="cannot read the letter 'ق'"):
        HibariVoice().speak("Fresh قهوة", "en")


def test_hibari_downloads_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"hibari:emma is not on this machine\. Download it with: hibari "):
        HibariVoice().speak("Hello.", "en-GB", "emma")
    note = HibariVoice().speak("Hello.", "en-GB").note
    assert "American voice" in note
    assert not list(tmp_path.iterdir())


def test_espeak_refuses_kanji_which_it_cannot_read():
    _need_espeak()
    with pytest.raises(ModelError, match="cannot read the kanji '新'"):
        EspeakVoice().speak("新しいコーヒー", "ja")
    assert EspeakVoice().speak("あたらしいコーヒー", "ja").samples.size


def test_espeak_says_that_it_sounds_robotic():
    _need_espeak()
    spoken = EspeakVoice().speak("Hallo zusammen", "de")
    assert spoken.note == "The voice is espeak-ng, which sounds robotic."
    assert spoken.source_type == "algorithmicMedia"  # no trained model


@pytest.mark.parametrize("voice", ["-x", "--path=/tmp", "a b", "../../x", "de;rm", "de/../../x"])
def test_a_voice_of_espeak_cannot_be_an_option_or_a_path(voice):
    _need_espeak()
    with pytest.raises(ModelError, match="is not an espeak-ng voice"):
        EspeakVoice().speak("Hallo", "de", voice)


def test_a_text_for_espeak_is_never_an_option_or_a_command(tmp_path, monkeypatch):
    _need_espeak()
    monkeypatch.chdir(tmp_path)
    assert EspeakVoice().speak("--help -w out.wav; touch x `touch y` $(touch z)", "en").samples.size
    assert not list(tmp_path.iterdir())


def test_espeak_is_bounded_in_time(tmp_path, monkeypatch):
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\nsleep 30\n")
    program.chmod(0o755)
    monkeypatch.setattr(espeak, "LIMIT_S", 0.3)
    monkeypatch.setattr(espeak, "_program", lambda: str(program))
    with pytest.raises(ModelError, match=r"did not answer within 0\.3 s"):
        EspeakVoice().speak("Hallo", "de")


def test_a_machine_without_espeak_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(espeak, "_program", lambda: "")
    assert EspeakVoice().languages() == frozenset()
    with pytest.raises(ModelError, match="apt-get install espeak-ng"):
        EspeakVoice().speak("Hallo", "de")


def test_a_hosted_voice_sends_each_clause_once_and_keeps_its_sound(tmp_path, server):
    voice = HostedVoice(card(server.url, instructions="Cheerful."), sound_tools_of(resources(tmp_path)))
    first = voice.speak(TEXT, "de", "ben")
    assert [path for path, _, _ in server.requests] == ["/v1/audio/speech"] * len(first.clauses)
    assert {key for _, key, _ in server.requests} == {f"Bearer {KEY}"}
    assert [body["input"] for _, _, body in server.requests] == [clause.text for clause in first.clauses]
    assert server.requests[0][2] | {"input": ""} == {
        "model": "tts-1",
        "input": "",
        "voice": "ben",
        "response_format": "wav",
        "instructions": "Cheerful.",
    }
    again = HostedVoice(card(server.url, instructions="Cheerful."), sound_tools_of(resources(tmp_path)))
    assert np.array_equal(again.speak(TEXT, "de", "ben").samples, first.samples)
    assert len(server.requests) == len(first.clauses), "nothing is paid for twice"
    again.speak(TEXT, "de", "anna")
    assert len(server.requests) == 2 * len(first.clauses), "another voice is another sound"


def test_placements_that_are_finished_at_once_ask_once(tmp_path, server):
    voice = HostedVoice(card(server.url), sound_tools_of(resources(tmp_path)))
    with ThreadPoolExecutor(4) as pool:
        speeches = list(pool.map(lambda _: voice.speak("Hallo Welt", "de"), range(4)))
    assert len(server.requests) == 1
    assert all(np.array_equal(each.samples, speeches[0].samples) for each in speeches)


def test_an_account_has_its_own_address(tmp_path, server):
    tools = sound_tools_of(resources(tmp_path, url=server.url))
    assert HostedVoice(card("https://api.example/v1"), tools).speak("Hallo Welt", "de").samples.size


@pytest.mark.parametrize(
    ("status", "answer", "error", "what"),
    [
        (401, b'{"error": "bad key"}', ModelError, r"status 401: .*bad key.*Check REELMILL_PROVIDER_SPEAKER_KEY"),
        (400, b"no such voice", ModelError, r"status 400: no such voice\. Check the card speech"),
        (429, b"slow down", BusyProviderError, "status 429: slow down"),
        (503, b"", BusyProviderError, "status 503"),
        (200, b"<html>", ModelError, "contains no sound"),
        (200, b"", ModelError, "contains no sound"),
    ],
)
def test_a_failed_request_is_explained_and_nothing_is_kept(tmp_path, server, status, answer, error, what):
    server.status, server.answer = status, answer
    voice = HostedVoice(card(server.url), sound_tools_of(resources(tmp_path)))
    with pytest.raises(error, match=what) as caught:
        voice.speak("Hallo Welt", "de")
    assert KEY not in str(caught.value)
    assert not list((tmp_path / "speech").glob("*"))
    server.status, server.answer = 200, None
    assert voice.speak("Hallo Welt", "de").samples.size


def test_a_server_that_does_not_answer_is_an_error_that_may_pass(tmp_path):
    with pytest.raises(ProviderError) as caught:
        HostedVoice(card("http://127.0.0.1:9/v1"), sound_tools_of(resources(tmp_path))).speak("Hallo Welt", "de")
    assert caught.value.transient


def test_a_key_is_not_sent_without_tls(tmp_path):
    tools = sound_tools_of(resources(tmp_path, url="http://api.example/v1"))
    with pytest.raises(Exception, match="not encrypted"):
        HostedVoice(card("https://api.example/v1"), tools).speak("Hallo Welt", "de")


def test_a_hosted_voice_without_an_account_names_the_setting(tmp_path):
    nobody = Resources("", BucketConfig(str(tmp_path)), SignerConfig("development", tmp_path), tmp_path)
    paid, own = card("https://api.example/v1"), card("http://127.0.0.1:8880/v1", costs_money=False)
    assert "Set REELMILL_PROVIDER_SPEAKER_KEY or REELMILL_PROVIDER_SPEAKER_KEY_FILE" in why_not(nobody, paid)
    assert "Set REELMILL_PROVIDER_SPEAKER_URL" in why_not(nobody, own)
    assert why_not(resources(tmp_path), own) == ""
    voice = HostedVoice(paid, sound_tools_of(nobody))
    assert voice.languages() == frozenset()
    with pytest.raises(ModelError, match="needs an account at speaker"):
        voice.speak("Hallo Welt", "de")


def test_a_retired_voice_is_not_used(tmp_path):
    from datetime import date

    retired = card("https://api.example/v1", retires="2026-01-31")
    assert "was retired on 2026-01-31" in why_not(resources(tmp_path), retired, date(2026, 2, 1))
    assert why_not(resources(tmp_path), retired, date(2026, 1, 31)) == ""
