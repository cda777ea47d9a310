import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_weights

from manifests.errors import InvalidCardError, ModelError, UnknownCardError
from models.registry import get_card, import_libraries, load_cards, load_scorer_cards, open_scorer

HOME = Path(__file__).parents[2] / "models"


def test_importing_the_registry_imports_no_neural_library():
    code = (
        "import sys, models.registry as r; r.load_cards(); "
        "print([n for n in ('torch', 'diffusers', 'transformers', 'open_clip') if n in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME.parent)
    assert out.stdout.strip() == "[]"


def test_libraries_are_imported_before_the_models_are_opened():
    code = (
        "import sys; from models.registry import get_card, import_libraries; import_libraries(get_card('starter')); "
        "print({'torch', 'open_clip', 'diffusers.pipelines.ltx.pipeline_ltx'} <= set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME.parent)
    assert answer.stdout.split()[-1] == "True"


def test_an_error_while_libraries_are_imported_is_left_to_the_opening(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)  # importing it raises ImportError
    import_libraries(get_card("starter"))


def test_every_bundled_card_is_complete():
    cards, scorers = load_cards(), load_scorer_cards()
    assert {"starter", "wan2.1-t2v-1.3b", "ltx-video"} <= set(cards)
    for card in cards.values():
        assert card.scorer in scorers
        assert card.title
        assert card.description
        assert card.licence.name
    for path in (HOME / "cards").glob("*.json"):
        assert json.loads(path.read_text())["name"] == path.stem


def test_a_users_folder_adds_cards_with_paths_relative_to_it(tmp_path):
    content = tiny_weights.ltx_card(tmp_path).model_dump(mode="json")
    content["weights"]["folder"] = "mine"
    (tmp_path / "mine.json").write_text(json.dumps(content))
    card = get_card("tiny-ltx", [tmp_path])
    assert card.home == tmp_path
    assert "starter" in load_cards([tmp_path])


def test_an_unknown_card_suggests_similar_names():
    with pytest.raises(
        UnknownCardError, match=r"named 'startr'\. Did you mean starter, starter-4step, hosted-starter\?$"
    ):
        get_card("startr")
    with pytest.raises(UnknownCardError, match=r"No scorer card is named 'starter'\. Did you mean starter-openclip\?$"):
        open_scorer("starter")
    with pytest.raises(UnknownCardError, match=r"No model card is named 'veo'\. List them with `reelmill models`\.$"):
        get_card("veo")


BAD = [
    ("{", "not valid JSON"),
    ("[]", "not a JSON object. Copy a card of models/cards/ and change it."),
    ("{}", "field kind: missing; use text-to-video, image-to-video, hosted-text-to-video, hosted-image-to-video"),
    ('{"kind": "image"}', "field kind"),
    ('{"kind": "openclip"}', "field name: missing; add it."),
    ('{"kind": "openclip", "name": "x", "title": "x", "description": "x", "licence": {"name": "x"}, '
     '"weights": {"folder": "x", "revision": "1", "size_mb": "much"}}', "field weights.size_mb"),
    ('{"kind": "openclip", "name": "x", "title": "x", "description": "x", "licence": {"name": "x"}, '
     '"weights": {"folder": "x", "revision": "1", "size_mb": 1}, "draft": {}}',
     "field draft: unknown field; remove it."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BAD)
def test_a_bad_card_names_file_and_field(tmp_path, text, sentence):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InvalidCardError) as caught:
        load_cards([tmp_path])
    assert str(caught.value).startswith(f"Invalid card {tmp_path / 'bad.json'}")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_cards_with_the_same_name_are_refused(tmp_path):
    (tmp_path / "again.json").write_bytes((HOME / "cards" / "starter.json").read_bytes())
    with pytest.raises(InvalidCardError, match=r"starter\.json and .*again\.json have the same name, starter\. Rename"):
        load_cards([tmp_path])


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"does not exist\. Fix the setting model_folders"):
        load_cards([tmp_path / "nowhere"])
