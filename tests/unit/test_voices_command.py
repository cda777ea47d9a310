"""`reelmill voices`, and the check of voices in `reelmill doctor`."""

import json

import pytest
from cli_runner import reelmill

from models.music import library
from models.voice import espeak, hibari
from tasks.doctor.check import OK, WARN
from tasks.doctor.voices import check_voices
from tasks.runtime.resources import BucketConfig, Resources, SignerConfig, close_resources


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path / "voices"))
    monkeypatch.setenv("COLUMNS", "100")
    close_resources()
    yield
    close_resources()


@pytest.fixture
def resources(tmp_path):
    return Resources("", BucketConfig(str(tmp_path)), SignerConfig("development", tmp_path), tmp_path)


def without(monkeypatch, *names):
    """Take engines or the library away."""
    if "espeak-ng" in names:
        monkeypatch.setattr(espeak, "_program", lambda: "")
    if "hibari" in names:
        monkeypatch.setattr(hibari, "is_installed", lambda: False)
    if "library" in names:
        monkeypatch.setattr(library, "is_installed", lambda: False)


def test_the_list_names_engines_languages_and_states(capsys, monkeypatch):
    without(monkeypatch, "espeak-ng")
    ended = reelmill(capsys, "voices")
    assert ended.code == 0
    rows = {line.split("│")[0].strip(): line for line in ended.out.splitlines() if "│" in line}
    assert "ready" in rows["hibari:heart"]
    assert "missing" in rows["hibari:emma"]
    assert "missing" in rows["espeak-ng"]
    assert 'hibari:emma: Not on this machine. Download it (8 MB) with: hibari "Hello." --voice emma' in ended.out
    assert "apt-get install espeak-ng" in " ".join(ended.out.split())
    assert "Set REELMILL_PROVIDER_OPENAI_KEY" in " ".join(ended.out.split())


def test_a_language_narrows_the_list(capsys, monkeypatch):
    without(monkeypatch, "espeak-ng")
    ended = reelmill(capsys, "voices", "--language", "he-IL")
    assert "mms-tts-heb" in ended.out
    assert "hibari" not in ended.out
    assert "No voice speaks 'xx'. Use a recording" in reelmill(capsys, "voices", "--language", "xx").out


def test_the_list_as_json(capsys):
    found = {each["name"]: each for each in json.loads(reelmill(capsys, "voices", "--json").out)}
    assert found["hibari:heart"]["state"] == "ready"
    assert found["hibari:heart"]["languages"] == ["en"]
    assert found["openai-gpt-4o-mini-tts"]["state"] == "missing"


def test_music_is_listed_with_its_moods_and_tracks(capsys):
    found = {each["source"]: each for each in json.loads(reelmill(capsys, "voices", "--music", "--json").out)}
    assert found["procedural"]["problem"] == ""
    assert "calm_acoustic_1" in found["library"]["tracks"]
    assert "reelmill models pull" in found["stable-audio-open-1.0"]["problem"]
    assert "Tracks of library: calm_acoustic_1" in reelmill(capsys, "voices", "--music").out


def test_doctor_names_the_voices_of_languages(resources, monkeypatch):
    without(monkeypatch, "espeak-ng")
    voices, only, music = check_voices(resources)
    assert (voices.level, voices.message) == (OK, "hibari speaks en. List them with `reelmill voices`.")
    assert (only.level, only.message) == (WARN, "English is the only language with a voice.")
    assert "28 tracks" in music.message


def test_doctor_warns_of_a_machine_without_voices_and_music(resources, monkeypatch):
    without(monkeypatch, "espeak-ng", "hibari", "library")
    found = check_voices(resources)
    assert [finding.level for finding in found] == [WARN, WARN]
    assert all("reelmill[finish]" in finding.fix for finding in found)


def test_models_lists_and_shows_voices_and_music(capsys):
    assert "text-to-speech" in reelmill(capsys, "models").out
    shown = reelmill(capsys, "models", "show", "stable-audio-open-1.0").out
    assert "Output: music of up to 47 s" in shown
    assert "Publishing: requires an attestation" in shown
    assert "speech in ar, de" in reelmill(capsys, "models", "show", "openai-gpt-4o-mini-tts").out
