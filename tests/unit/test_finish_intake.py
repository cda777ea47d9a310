"""Sheets with finishing are checked before anything runs, and their campaigns keep what deliverables need."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from finished_sheets import PROMPT, finished, finishing_in, rows, use_voices

from adapters.media.reframe import library
from manifests.errors import FinishError
from manifests.finish.choices import music_of
from manifests.finish.kit import FINISHING, FinishKit, kit_in, kit_json
from manifests.sheet.prompt_template import fill
from models.diffusers.families import FAMILIES, Family
from models.registry import load_cards
from tasks.intake.finishing.assets import keep_assets
from tasks.intake.finishing.sounds import WITH_SOUND
from tasks.intake.intake import Intake, validate_sheet
from tasks.runtime.files.assets import AssetStore

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")
CARDS = load_cards()
BRAND = "name: Acme\nmusic:\n  default: take.wav\nvoices:\n  de: espeak-ng\nlegal:\n  default: Terms apply.\n"


def read(folder: Path, data: bytes, **options: object) -> Intake:
    (folder / "sheet.csv").write_bytes(data)
    return validate_sheet(folder / "sheet.csv", CARDS, "starter", finishing=finishing_in(folder, **options))


def said(intake: Intake) -> list[str]:
    return [problem.sentence for problem in (*intake.checked.problems, *intake.checked.warnings)]


def good(folder: Path, data: bytes, **options: object) -> FinishKit:
    intake = read(folder, data, **options)
    assert said(intake) == []
    assert intake.kit is not None
    return intake.kit


@pytest.fixture
def voices(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """Return the engines by language, which replace those of this machine."""
    engines = {"en": ("hibari",), "de": ("espeak-ng",)}
    use_voices(monkeypatch, engines)
    return engines


def test_a_finished_sheet_gives_a_kit_with_what_its_rows_use(tmp_path: Path, voices):
    kit = good(
        tmp_path,
        finished(
            placements="16:9|tiktok",
            locale="en|de",
            cta_de="Los",
            script="Hello.",
            script_de="Hallo.",
            music="take.wav",
            captions="talk.srt",
            captions_de="none",
        ),
    )
    assert list(kit.templates) == ["clean"]
    assert {label: preset.name for label, preset in kit.presets.items()} == {
        "16:9": "generic",
        "tiktok 9:16": "tiktok-auction",
    }
    assert dict(kit.voices) == {"de": "espeak-ng", "en": "hibari"}
    assert [(name, asset.media_type) for name, asset in kit.assets.items()] == [("take.wav", "audio/wav")]
    assert list(kit.captions) == ["talk.srt"]
    assert kit_in({FINISHING: kit_json(kit)}) == kit


def test_without_finishing_there_is_no_kit(tmp_path: Path):
    intake = read(tmp_path, rows({"notes": "x"}))
    assert (intake.kit, said(intake)) == (None, [])


def test_a_setting_finishes_the_rows_without_a_template(tmp_path: Path):
    data = rows({"finish": "", "legal": "A."}, {"finish": "none", "legal": "B."})
    intake = read(tmp_path, data, finish="minimal")
    assert [brief.finish for brief in intake.checked.briefs] == ["minimal", "none"]
    assert intake.campaign.campaign_id != read(tmp_path, data).campaign.campaign_id


def test_the_brand_kit_beside_the_sheet_is_used(tmp_path: Path, voices):
    (tmp_path / "brand.yaml").write_text(BRAND)
    kit = good(tmp_path, finished())
    assert (kit.brand.name, kit.brand.music["default"].name) == ("Acme", "take.wav")


def test_a_brand_kit_that_was_chosen_must_exist(tmp_path: Path):
    with pytest.raises(FinishError, match=r"The brand kit .*none\.yaml does not exist\. Correct the setting brand\."):
        read(tmp_path, finished(), brand_path=tmp_path / "none.yaml")


def test_an_invalid_template_of_the_user_is_reported_for_finished_sheets_only(tmp_path: Path):
    finishing = finishing_in(tmp_path)
    (tmp_path / "finish" / "broken.yaml").write_text("name: broken\nlayers: 3\n")
    for data in (rows({"notes": "x"}), finished()):
        (tmp_path / "sheet.csv").write_bytes(data)
        if b"finish" not in data:
            validate_sheet(tmp_path / "sheet.csv", CARDS, "starter", finishing=finishing)
    with pytest.raises(FinishError, match=r"broken\.yaml, line 2, layers: 3 must be a list"):
        validate_sheet(tmp_path / "sheet.csv", CARDS, "starter", finishing=finishing)


def test_a_language_without_a_voice_is_a_warning_unless_the_voice_was_chosen(tmp_path: Path, voices):
    sheet = {"locale": "en|ar", "cta_ar": "تسوق", "script": "Hello.", "script_ar": "مرحبا."}
    [warning] = said(read(tmp_path, finished(**sheet)))
    assert warning == (
        "Row 2, column F 'script' is not spoken in Arabic, because no voice on this machine speaks it: these "
        "deliverables get captions without a voice. Install one, such as `apt-get install espeak-ng`, or use a "
        "recording."
    )
    voices["ar"] = ("espeak-ng",)
    assert said(read(tmp_path, finished(**sheet))) == []
    problems = read(tmp_path, finished(**sheet, voiceover="hibari")).checked.problems
    assert [each.message for each in problems] == [
        "cannot be used. hibari does not speak Arabic. Enter auto; to choose a voice for each language, name "
        "them in brand.yaml, such as voices: {en: hibari, ar: espeak-ng}."
    ]
    assert said(read(tmp_path, finished(**sheet, voiceover="take.wav"))) == []
    assert said(read(tmp_path, finished(**sheet, voiceover="none"))) == []


def test_a_voice_that_does_not_exist_is_an_error(tmp_path: Path):
    [problem] = read(tmp_path, finished(script="Hello.", voiceover="hibary")).checked.problems
    assert problem.message == "cannot be used. No voice engine is named 'hibary'. Did you mean hibari?"


def test_a_character_without_a_font_is_named_with_its_row_and_code(tmp_path: Path):
    data = rows({"finish": "clean", "cta": "Go"}, {"finish": "clean", "cta": "Go \U000103a0"})
    [problem] = read(tmp_path, data).checked.problems
    assert (problem.row, problem.column) == (3, "cta")
    assert "U+103A0" in problem.message


@pytest.mark.parametrize("column", ["script", "captions", "captions_de", "cta_de"])
def test_every_text_that_is_drawn_is_checked_for_fonts(tmp_path: Path, column: str, voices):
    texts = {"cta_de": "Los", "captions": "Hello.", "captions_de": "Hallo.", "locale": "en|de"}
    if column == "script":
        texts = {"cta_de": "Los", "locale": "en|de", "script_de": "Hallo."}
    [problem] = read(tmp_path, finished(**{**texts, column: "Go \U000103a0"}, duration_s="2.12")).checked.problems
    assert (problem.column, "U+103A0" in problem.message) == (column, True)


@pytest.mark.parametrize(
    "texts",
    [
        {"cta": "Jetzt unverbindlich ausprobieren", "locale": "de"},
        {"cta": "تسوّق الآن", "locale": "ar"},
        {"cta": "अभी खरीदें", "locale": "hi"},
        {"cta": "今すぐ購入", "locale": "ja"},
        {"cta": "Los 🎉", "locale": "de"},
    ],
)
@pytest.mark.parametrize("template", ["clean", "bold", "story", "minimal"])
def test_usual_texts_fit_every_template_and_ratio(tmp_path: Path, template: str, texts: dict[str, str]):
    found = said(read(tmp_path, finished(placements="16:9|1:1|9:16", **{**texts, "finish": template})))
    assert found == []


def test_the_copy_of_an_earlier_campaign_replaces_a_sound_that_no_longer_exists(tmp_path: Path):
    kit = good(tmp_path, finished(voiceover="take.wav"))
    data = finished(voiceover="lost.wav")
    assert "does not exist" in said(read(tmp_path, data))[0]
    again = good(tmp_path, data, earlier=lambda: {"lost.wav": kit.assets["take.wav"]})
    assert again.assets["lost.wav"] == kit.assets["take.wav"]


def test_a_sheet_of_another_machine_uses_nothing_of_its_folder_but_files_in_it(tmp_path: Path):
    (tmp_path / "brand.yaml").write_text(BRAND)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "brand.yaml").write_text("name: Home\n")
    kit = good(tmp_path, finished(voiceover="take.wav"), confined=True)
    assert kit.brand.name == "Home"
    for name in ("../take.wav", "/etc/take.wav", "a\\take.wav"):
        assert "is a path on another machine" in said(read(tmp_path, finished(voiceover=name), confined=True))[0]
    assert "is not a finish template" in said(read(tmp_path, finished(finish="house"), confined=True))[0]


def test_the_files_of_a_kit_are_stored_for_other_hosts(tmp_path: Path):
    (tmp_path / "brand.yaml").write_text(BRAND)
    kit = good(tmp_path, finished(voiceover="take.wav"))
    shared = AssetStore(tmp_path / "home" / "assets")
    keep_assets(shared, kit)
    shared.path(kit.assets["take.wav"]).unlink()
    with pytest.raises(FinishError, match="is not in"):
        keep_assets(shared, kit)


def test_the_prompt_that_says_the_call_to_action_needs_no_hint(tmp_path: Path):
    data = f"prompt,cta\n{PROMPT.replace('red', '{cta}')},red\n".encode()
    assert not any("is not drawn" in sentence for sentence in said(read(tmp_path, data)))


def test_colours_that_are_hard_to_read_are_a_warning(tmp_path: Path, voices):
    (tmp_path / "brand.yaml").write_text('name: Acme\ncolours: {primary: "#ffe000", on_primary: "#ffffff"}\n')
    intake = read(tmp_path, finished())
    assert not intake.checked.problems
    assert 'text of the layer "button" is hard to read: the contrast of #ffffff on #ffe000 is 1.3' in "".join(
        said(intake)
    )


def test_a_missing_extra_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "skia", None)
    [problem] = read(tmp_path, finished(script="Hello.", voiceover="none")).checked.problems
    assert problem.message.startswith("cannot be used. Text and logos need skia-python")
    assert "Run `pip install 'reelmill[finish]'`" in problem.message


def test_a_script_is_spoken_before_anything_is_generated(tmp_path: Path, voices):
    voices["ja"] = ("espeak-ng",)
    sheet = {"locale": "en|ja", "cta_ja": "購入", "script": "Hello.", "script_ja": "夏。"}
    [problem] = read(tmp_path, finished(**sheet)).checked.problems
    assert (problem.column, problem.message) == (
        "script_ja",
        "cannot be spoken. espeak-ng cannot read the kanji '夏'. Write the script in hiragana.",
    )


@pytest.mark.parametrize("placement", ["tiktok 6s", "16:9 6s"])
def test_a_script_that_is_longer_than_its_placement_is_an_error(tmp_path: Path, voices, placement: str):
    [problem] = read(tmp_path, finished(script="a" * 60, placements=placement)).checked.problems
    assert problem.message.startswith("takes 6.0 s to speak, but")
    assert problem.message.endswith("has at most 6 s. Shorten the script, or use another length.")
    assert said(read(tmp_path, finished(script="Short text. " * 4, placements=placement))) == []


def test_captions_of_a_voice_are_checked_at_its_speed(tmp_path: Path, voices):
    [warning] = said(read(tmp_path, finished(script="Hello.", captions="These words are far too many to be read.")))
    assert "characters a second in caption 1" in warning


def test_soft_hyphens_where_the_message_asks_for_them_make_a_long_word_fit(tmp_path: Path):
    parts = ("Donaudampf", "schifffahrts", "gesellschafts", "kapitäns", "mütze")
    values = {"placements": "tiktok", "music": "auto", "finish": "bold", "cta_de": "Los", "price": "9", "price_de": "8"}
    whole, soft = "".join(parts), "\u00ad".join(parts)
    [found] = said(read(tmp_path, finished(**values, locale="en|de", headline="Hi", headline_de=whole)))
    assert "Put soft hyphens (U+00AD) where it may be broken" in found
    intake = read(tmp_path, finished(**values, locale="en|de", headline=f"A {soft}", headline_de=soft, cta=soft))
    assert said(intake) == []
    [brief] = intake.checked.briefs
    assert brief.localised["headline"]["de"] == (soft,)
    assert (brief.ctas, brief.metadata["headline"]) == ((soft,), (f"A {soft}",))
    assert fill("a red circle for {cta}", {"cta": soft}) == f"a red circle for {whole}"  # not for the model


def test_soft_hyphens_of_rows_that_are_not_finished_are_removed_as_before(tmp_path: Path):
    intake = read(tmp_path, finished(finish="none", cta="Kauf\u00aden", headline="Los\u00adlegen"))
    [brief] = intake.checked.briefs
    assert (brief.ctas, brief.metadata["headline"]) == (("Kaufen",), ("Loslegen",))


LATE = "00:00:01,000 --> 00:00:02,900"


def test_captions_of_a_file_are_named_by_the_file_and_compared_with_a_length_that_is_known(tmp_path: Path, voices):
    (tmp_path / "late.srt").write_text(f"1\n{LATE}\nHello there.\n")
    [found] = said(read(tmp_path, finished(captions="late.srt")))
    assert "'late.srt' ends at 2.9 s in caption 1" in found
    assert "the video has 2.1 s" in found
    assert said(read(tmp_path, finished(captions="late.srt", voiceover="take.wav"))) == []
    assert said(read(tmp_path, finished(captions="late.srt", script="Hello there, how are you?", locale="en"))) == []
    film = {"finish": "clean", "cta": "Go", "sequence": "film"}
    assert said(read(tmp_path, rows({**film, "captions": "late.srt"}, {**film, "brief_id": "b2"}))) == []


def test_music_that_does_not_exist_names_the_music_of_the_brand_kit(tmp_path: Path):
    (tmp_path / "brand.yaml").write_text(BRAND)
    [found] = said(read(tmp_path, finished(music="brand")))
    assert found.endswith("The brand kit has: default.")


def test_a_crop_that_cannot_follow_the_subject_is_refused_before_clips_are_generated(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    [found] = said(read(tmp_path, finished(placements="1:1|16:9", reframe="crop")))
    assert found.endswith("Following a subject needs OpenCV. Install it with: pip install 'reelmill[finish]'")
    for usable in ("crop 30%", "blur", "native"):
        assert said(read(tmp_path, finished(placements="1:1|16:9", reframe=usable))) == []


def test_pipelines_with_sound_are_those_that_need_no_music():
    pipelines = {name for name, family in FAMILIES.items() if family.sound is not Family().sound}
    assert {name for name in FAMILIES if name.startswith(WITH_SOUND)} == pipelines


def test_a_misspelt_name_of_music_is_compared_with_the_brand_kit(tmp_path: Path):
    (tmp_path / "brand.yaml").write_text("music:\n  jingle: take.wav\n")
    [found] = said(read(tmp_path, finished(music="jingel")))
    assert "Did you mean jingle?" in found
    good(tmp_path, finished(music="jingle"))


@pytest.mark.parametrize("made", ["library:happy_acoustic_1", "procedural:calm", "happy"])
def test_the_brand_kit_accepts_the_music_of_the_column(tmp_path: Path, made: str):
    (tmp_path / "brand.yaml").write_text(f"music:\n  default: {made}\n")
    intake = read(tmp_path, finished())
    assert (said(intake), intake.kit.brand.made_music) == ([], {"default": made})
    [brief] = intake.checked.briefs
    chosen = music_of(replace(brief, music=made), FinishKit())
    assert music_of(brief, intake.kit) == music_of(replace(brief, music="auto"), intake.kit) == chosen


def test_music_of_the_brand_kit_that_does_not_exist_is_named(tmp_path: Path):
    (tmp_path / "brand.yaml").write_text("music:\n  default: library:nothing\n")
    [found] = said(read(tmp_path, finished()))
    assert "because the brand kit has 'library:nothing' as the music 'default'" in found


def test_a_misnamed_brand_kit_is_a_warning(tmp_path: Path):
    (tmp_path / "brand.yml").write_text("name: Acme\n")
    found = said(read(tmp_path, rows({"finish": "clean", "cta": "Go"}, {"finish": "clean", "cta": "Go"})))
    assert [each for each in found if "brand.yaml" in each] == found
    assert len(found) == 1
    assert "Did you mean brand.yaml? Rename " in found[0]
    (tmp_path / "brand.yml").rename(tmp_path / "brand.yaml")
    good(tmp_path, finished())


def test_a_text_that_is_too_long_is_reported_in_its_own_cell(tmp_path: Path, voices):
    long = "Das ist ein Angebot, das für eine Zeile viel zu lang ist"
    cells = {"finish": "house", "cta": "x", "cta_de": "y", "offer": "Half price", "locale": "en|de"}
    found = read(tmp_path, finished(**cells, offer_de=long)).checked.problems
    assert {(problem.column, problem.value) for problem in found} == {("offer_de", long)}
    fits = re.search(r"does not fit for 16:9 in de: .* About (\d+) of its 56 characters fit\.$", found[0].message)
    assert fits
    assert read(tmp_path, finished(**cells, offer_de=long[: int(fits[1])])).checked.problems == ()
    assert read(tmp_path, finished(**cells, offer_de=long[: int(fits[1]) + 3])).checked.problems


def test_voices_name_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.voice.hibari.voices", lambda: {"heart": True, "emma": False})
    monkeypatch.setattr("models.voice.hibari.is_installed", lambda: True)
    cells = {"locale": "en|de", "cta_de": "Los", "script": "Hi.", "script_de": "Hallo."}
    [one] = said(read(tmp_path, finished(**cells, voiceover="hibari")))
    assert one.endswith("in brand.yaml, such as voices: {en: hibari, de: espeak-ng}.")
    [one] = said(read(tmp_path, finished(voiceover="hibari:bob", script="Hi.")))
    assert one.endswith("There is no voice hibari:bob. Use hibari:heart or hibari:emma.")


def test_nothing_follows_from_a_cell_with_an_error(tmp_path: Path, voices):
    [found] = said(read(tmp_path, finished(placements="tiktok|youtub", music="auto", reframe="9:16=crop|1:1=crop")))
    assert "'youtub'" in found
    srt = "1\n00:00:00,000 --> 00:00:00,300\nfar too many characters for this time\n"
    [found] = said(read(tmp_path, finished(locale="german", captions=srt, script="Hallo.")))
    assert "Did you mean de?" in found


def test_captions_that_do_not_exist_are_reported_once(tmp_path: Path, voices):
    found = said(read(tmp_path, finished(locale="en|de", cta_de="Los", captions="cap.srt")))
    assert sum("'cap.srt' does not exist" in each for each in found) == 1
