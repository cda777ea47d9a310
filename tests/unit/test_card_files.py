"""Mistakes in a user's own card are found when it is loaded, with one sentence for every command."""

import json

import pytest
from cli_runner import reelmill
from hosted_samples import CARD, card_folder

from manifests.errors import InvalidCardError
from models.registry import get_any_card, get_card, invalid_cards, load_cards
from tasks.runtime.resources import close_resources

SIZE = {"height": 720, "width": 1280, "resolution": "720p"}
TWO = {"16:9": {**SIZE, "word": "16:9"}, "9:16": {**SIZE, "height": 1280, "width": 720}}
MISSPELT = {"takes_sed": True, "takes_seed": None}
MISTAKES = {
    "no word of a size": (
        {"sizes": {"16:9": SIZE}},
        'field sizes.16:9.word: missing; add the provider\'s name of this size, such as "1280:720".',
    ),
    "no word of the second size": (
        {"sizes": TWO, "protocol": "kling"},
        'field sizes.9:16.word: missing; add the provider\'s name of this size, such as "9:16".',
    ),
    "no default length": ({"durations": {"allowed": [5]}}, "field durations.default_s: missing; add it."),
    "no lengths": ({"durations": None}, "field durations: missing; add it."),
    "a default that is no length": (
        {"durations": {"allowed": [5, 10], "default_s": 6}},
        "field durations: default_s is 6, which is not one of the lengths; use 5 or 10.",
    ),
    "an unknown scorer": (
        {"scorer": "openclip-vit-b32"},
        'field scorer: there is no scorer "openclip-vit-b32". Did you mean openclip-vit-b-32?',
    ),
    "prices of another resolution": (
        {"prices": {**CARD["prices"], "per_second": {"1080p": "0.2"}}},
        'field prices.per_second: the price of "720p", which sizes.16:9 needs, is missing; there are prices only of '
        "1080p. Add it, or fix the resolution.",
    ),
    "prices of another length": (
        {"prices": {**CARD["prices"], "per_second": {}, "per_clip": {"720p/5": "0.2"}}},
        'field prices.per_clip: the price of "720p/10", which sizes.16:9 needs, is missing; there are prices only of '
        "720p/5. Add it, or fix the resolution.",
    ),
    "prices, but no resolution": (
        {"sizes": {"16:9": {"height": 720, "width": 1280, "word": "1280:720"}}},
        "field sizes.16:9.resolution: missing, but the prices are for 720p; add the resolution, or name the price "
        '"any".',
    ),
    "a misspelt field": (MISSPELT, "field takes_sed: unknown field. Did you mean takes_seed?"),
    "a misspelt field of a size": (
        {"sizes": {"16:9": {**SIZE, "wrod": "1280:720"}}},
        "field sizes.16:9.wrod: unknown field. Did you mean word?",
    ),
    "a misspelt required field": (
        {"durations": None, "duration": {"allowed": [5], "default_s": 5}},
        "field duration: unknown field. Did you mean durations?",
    ),
    "text instead of a number": ({"fps": "many"}, 'field fps: "many" must be a valid integer.'),
    "a number out of range": ({"poll_s": 0}, "field poll_s: 0 must be greater than 0."),
    "an unknown kind": ({"kind": "hosted"}, 'field kind: "hosted" is not a kind; use text-to-video,'),
}


def broken(folder, changes):
    """Write a card; changes that are None remove a field."""
    folder.mkdir(exist_ok=True)
    content = {name: value for name, value in {**CARD, **changes}.items() if value is not None}
    (folder / "mine.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(("changes", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_file_field_value_and_fix(tmp_path, changes, sentence):
    folder = broken(tmp_path / "cards", changes)
    with pytest.raises(InvalidCardError) as caught:
        load_cards([folder])
    assert f"{caught.value} ".startswith(f"Invalid card {folder / 'mine.json'}, {sentence}")
    assert invalid_cards([folder]) == (str(caught.value),)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prices": None},
        {"prices": {**CARD["prices"], "per_second": {"any": "0.1"}}},
        {"prices": {**CARD["prices"], "per_second": {}}},
        {"sizes": {"16:9": SIZE}, "protocol": "openai_videos"},
        {"sizes": {"16:9": SIZE}, "protocol": "kling", "kind": "hosted-image-to-video"},
        {"sizes": {"16:9": SIZE}, "protocol": "fal"},
    ],
)
def test_what_a_provider_does_not_need_may_be_missing(tmp_path, changes):
    assert "acme-video-1" in load_cards([broken(tmp_path / "cards", changes)])


def test_an_invalid_card_hides_only_itself_in_lists(tmp_path):
    folder = card_folder(tmp_path / "cards", {"name": "good"}, {"name": "bad", "scorer": "none"})
    assert "good" in load_cards([folder], skip_invalid=True)
    assert get_any_card("good", [folder]).name == "good"
    with pytest.raises(InvalidCardError, match=r"bad\.json, field scorer"):
        get_any_card("bad", [folder])
    with pytest.raises(InvalidCardError, match=r"bad\.json, field scorer"):
        get_card("good", [folder])


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = card_folder(tmp_path / "cards", {"name": "good"}, {"name": "bad", "scorer": "openclip-vit-b32"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REELMILL_MODEL_FOLDERS", json.dumps([str(folder)]))
    (tmp_path / "sheet.csv").write_text("prompt\na red ball\n")
    close_resources()
    yield
    close_resources()


SENTENCE = 'bad.json, field scorer: there is no scorer "openclip-vit-b32". Did you mean openclip-vit-b-32?'


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [("validate", "sheet.csv"), ("plan", "sheet.csv"), ("run", "sheet.csv"), ("doctor",)])
def test_commands_that_use_models_report_the_card_once(capsys, words):
    ended = reelmill(capsys, *words)
    assert ended.code == 1
    assert " ".join((ended.out + ended.err).split()).count(SENTENCE) == 1


@pytest.mark.usefixtures("home")
def test_the_list_of_models_shows_the_others_and_the_sentence(capsys):
    ended = reelmill(capsys, "models")
    assert (ended.code, "good " in ended.out, "bad " in ended.out) == (0, True, False)
    assert " ".join(ended.err.split()).count(SENTENCE) == 1
    listed = reelmill(capsys, "models", "--json")
    assert "good" in {card["name"] for card in json.loads(listed.out)}
    assert " ".join(listed.err.split()).count(SENTENCE) == 1
    assert reelmill(capsys, "models", "show", "good").code == 0


@pytest.mark.usefixtures("home")
def test_doctor_checks_the_rest_of_the_installation(capsys):
    findings = json.loads(reelmill(capsys, "doctor", "--json").out)["findings"]
    levels = {each["check"]: each["level"] for each in findings}
    assert (levels["model cards"], levels["database"]) == ("fail", "ok")
    assert not levels.keys() & {"weights", "memory", "providers"}
