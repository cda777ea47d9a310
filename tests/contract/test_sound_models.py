"""Models of voice and music cards, with tiny random weights of the real classes on the CPU."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_sound_models as tiny

from manifests.errors import IncompleteWeightsError, ModelError
from manifests.finish.spec import MusicSpec
from models.music.pipeline import generated_music
from models.music.registry import music, music_cards, music_problem
from models.registry import load_sound_cards
from models.sound_card import HostedSpeechCard, MusicCard, SpeechCard
from models.sound_tools import SoundTools
from models.voice.registry import engines_for, voice_of
from models.voice.vits import VitsVoice
from models.weights import hub_weights_of, weights_problem

CPU = SoundTools(device="cpu")
TEXT = "guten tag, liebe leute. hier bin ich"


@pytest.fixture
def tools(tmp_path: Path) -> SoundTools:
    """Return tools with a folder of tiny cards."""
    for card in (tiny.speech_card(), tiny.music_card(), tiny.ace_step_card()):
        (tmp_path / f"{card.name}.json").write_text(card.model_dump_json())
    return SoundTools((tmp_path,), device="cpu")


def test_a_voice_card_speaks(tools):
    speech = voice_of("tiny-vits", tools).speak(TEXT, "de-AT")
    assert engines_for("de", tools)[0] == "tiny-vits", "before espeak-ng"
    assert speech.samples.shape[0] == 1
    assert speech.rate == 16_000
    assert [clause.text for clause in speech.clauses] == ["guten tag, liebe leute.", "hier bin ich"]
    assert speech.engine == "Tiny VITS"
    again = VitsVoice(tiny.speech_card(), CPU).speak(TEXT, "de")
    assert np.array_equal(speech.samples, again.samples)


def test_a_voice_card_has_several_voices():
    voice = VitsVoice(tiny.speech_card(), CPU)
    anna, ben, first = (voice.speak(TEXT, "de", name).samples for name in ("anna", "ben", ""))
    assert np.array_equal(first, anna)
    assert anna.shape != ben.shape or not np.array_equal(anna, ben)


def test_speaking_leaves_the_random_numbers_of_other_models_alone():
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    VitsVoice(tiny.speech_card(), CPU).speak(TEXT, "de")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("text", "language", "voice", "what"),
    [
        ("nur 5 tage", "de", "", r"cannot read '5' in 'nur 5 tage'\. Write numbers as words"),
        ("schöne tage", "de", "", "cannot read 'ö'"),
        (TEXT, "fr", "", "does not speak the language 'fr', but de"),
        (TEXT, "de", "carl", "has no voice 'carl'. Use one of: anna, ben"),
        ("…", "de", "", "The text to speak is empty"),
        ("a" * 6000, "de", "", "has 6,000 characters; at most 5,000"),
    ],
)
def test_what_a_voice_cannot_speak_is_refused(text, language, voice, what):
    with pytest.raises(ModelError, match=what):
        VitsVoice(tiny.speech_card(), CPU).speak(text, language, voice)


def test_a_voice_without_weights_speaks_nothing(tmp_path):
    card = tiny.speech_card(weights={"folder": str(tmp_path / "no"), "revision": "0" * 12, "size_mb": 1})
    assert VitsVoice(card, CPU).languages() == frozenset()
    with pytest.raises(IncompleteWeightsError, match="tiny-vits are missing"):
        VitsVoice(card, CPU).speak(TEXT, "de")


def test_a_voice_that_needs_another_program_is_refused(tmp_path):
    folder = shutil.copytree(tiny.vits_folder(), tmp_path / "vits")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"phonemize": True}))
    with pytest.raises(ModelError, match="needs the program phonemizer"):
        VitsVoice(tiny.speech_card(weights=tiny.pinned(folder)), CPU).speak(TEXT, "de")


@pytest.mark.parametrize(("card", "rate"), [("tiny-stable-audio", 400), ("tiny-ace-step", 800)])
def test_a_music_card_makes_music(tools, card, rate):
    spec = MusicSpec(source=card, mood="calm", seed=3)
    assert music_problem(spec, tools) == ""
    one, same = (music(spec, 1.5, lambda _: Path(), lambda _: np.zeros((2, 1)), tools) for _ in range(2))
    other = music(spec.model_copy(update={"seed": 4}), 1.5, lambda _: Path(), lambda _: np.zeros((2, 1)), tools)
    assert one.rate == rate
    assert one.samples.dtype == np.float32
    assert one.samples.shape[0] == 2
    assert abs(one.samples.shape[1] / rate - 1.5) < 0.1
    assert np.abs(one.samples).max() <= 1
    assert np.array_equal(one.samples, same.samples)
    assert not np.array_equal(one.samples, other.samples)
    assert one.source_type == "trainedAlgorithmicMedia"
    assert one.agent


def test_music_is_at_most_as_long_as_the_model_allows():
    made = generated_music(tiny.music_card(longest_s=1.0), "calm", 30.0, 0, CPU)
    assert made.samples.shape[1] / made.rate == pytest.approx(1.0, abs=0.05)


def test_a_mood_without_a_prompt_is_a_prompt_itself():
    first, other = (generated_music(tiny.music_card(), mood, 1.0, 0, CPU) for mood in ("blue square", "red circle"))
    assert not np.array_equal(first.samples, other.samples)


def test_music_without_weights_names_the_download():
    spec = MusicSpec(source="stable-audio-open-1.0", mood="calm")
    with pytest.raises(IncompleteWeightsError, match=r"reelmill models pull stable-audio-open-1\.0"):
        music(spec, 5.0, lambda _: Path(), lambda _: np.zeros((2, 1)), CPU)


def test_a_component_that_is_named_like_a_setting_must_be_a_stock_class(tmp_path):
    folder = shutil.copytree(tiny.ace_step_folder(), tmp_path / "ace")
    path = folder / "model_index.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"audio_tokenizer": ["evil", "Evil"]}))
    card = tiny.ace_step_card().model_copy(update={"weights": tiny.MusicCard.model_validate(
        tiny.ace_step_card().model_dump() | {"weights": tiny.pinned(folder)}).weights})  # fmt: skip
    assert "its component audio_tokenizer comes from evil" in (weights_problem(card) or "")
    path.write_text(json.dumps(content | {"audio_tokenizer": "evil/x"}))
    assert "sets audio_tokenizer, which makes libraries load a model" in (weights_problem(card) or "")


def test_the_files_of_sound_cards_are_downloaded_by_their_layout():
    cards = load_sound_cards()
    kinds = {name: [each.kind for each in hub_weights_of(card)] for name, card in cards.items()
             if isinstance(card, SpeechCard | MusicCard)}  # fmt: skip
    assert kinds == {
        "ace-step-1.5-xl-turbo": ["pipeline"],
        "mms-tts-heb": ["part"],
        "stable-audio-open-1.0": ["pipeline"],
    }
    [voice] = hub_weights_of(cards["mms-tts-heb"])
    names = [
        "README.md",
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "tokenizer_config.json",
        "vocab.json",
    ]
    wanted = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.json"]
    assert voice.wanted(names, lambda: b"") == wanted


def test_every_bundled_sound_card_is_complete():
    for name, card in load_sound_cards().items():
        assert card.title
        assert card.description
        assert card.licence.sentence
        if isinstance(card, HostedSpeechCard):
            assert card.voices
        if isinstance(card, MusicCard):
            assert {"calm", "energetic", "happy", "nostalgic", "tender"} <= set(card.moods), name
    assert len(music_cards()) == 2
