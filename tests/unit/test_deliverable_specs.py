"""Published clips give one deliverable for each placement, language and call to action."""

import itertools
import json
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.catalogue.core.rows import brief_from, record_text
from manifests.brief import Brief
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.template import FinishTemplate, TextLayer
from manifests.finish.kit import FinishKit
from manifests.finish.spec import DeliverableSpec, Fit
from manifests.placement import parse_placement
from manifests.placements.preset import FrameSize, PlacementPreset
from models.registry import load_cards
from tasks.plan.deliverable_counts import deliverable_counts, deliverable_lines
from tasks.plan.deliverables import PublishedClip, specs_of
from tasks.plan.expand import expand

CARDS = load_cards()
TEMPLATES = {
    "classic": FinishTemplate(
        name="classic",
        layers=(TextLayer(name="c", kind="button", text="{cta}"), TextLayer(name="l", kind="legal", text="{legal}")),
    ),
    "logo": FinishTemplate(name="logo"),
}
SONG = Asset(name="song.mp3", sha256="5" * 64, media_type="audio/mpeg")
SPOKEN = Asset(name="take.wav", sha256="6" * 64, media_type="audio/wav")
GENERIC = PlacementPreset(name="generic", title="Any", sizes={})
TIKTOK = PlacementPreset(
    name="tiktok-auction", title="T", sizes={"9:16": FrameSize(width=1080, height=1920)}, status="primary"
)
KIT = FinishKit(
    templates=TEMPLATES,
    brand=BrandKit(
        name="Acme", legal={"AT": "Nur in AT.", "de": "Es gilt.", "default": "Terms."}, music={"calm": SONG}
    ),
    presets={"16:9": GENERIC, "1:1": GENERIC, "9:16": GENERIC, "tiktok 9:16": TIKTOK},
    voices={"en": "hibari:heart", "de": "espeak-ng"},
    assets={"take.wav": SPOKEN, "song.mp3": SONG},
)


def brief(brief_id: str = "b1", **fields: object) -> Brief:
    values = {"placements": ("16:9",), "finish": "classic"} | fields
    values["placements"] = tuple(map(parse_placement, values["placements"]))
    return Brief(2, brief_id, ("a red circle",), **values)


def clips(*briefs: Brief) -> list[PublishedClip]:
    """Return a published clip for each variant of the briefs, with all its placements."""
    found: dict[tuple[str, str], PublishedClip] = {}
    numbers = count(1)
    for item in expand(briefs, CARDS, "starter"):
        variant = item.variant
        known = found.setdefault(
            (item.brief_id, item.variant_id),
            PublishedClip(
                item.variant_id,
                item.brief_id,
                (),
                item.labels,
                f"{next(numbers):064x}",
                variant.width,
                variant.height,
                variant.num_frames / variant.fps,
            ),
        )
        placements = tuple(dict.fromkeys((*known.placements, item.placement.label)))
        found[item.brief_id, item.variant_id] = known._replace(placements=placements)
    return list(found.values())


def specs(*briefs: Brief, kit: FinishKit = KIT) -> list[DeliverableSpec]:
    """Return the specs, after a check that the plan counts them and that stored briefs give the same ones."""
    published = clips(*briefs)
    found = specs_of("c1", briefs, published, kit)
    stored = [brief_from(record_text(each)) for each in briefs]
    assert specs_of("c1", stored, published, FinishKit.from_json(kit.to_json())) == found
    counted = deliverable_counts(briefs, expand(briefs, CARDS, "starter"), kit.templates)
    assert sum(each.number for each in counted) == len(found) == len({spec.deliverable_id for spec in found})
    return found


def places(found: list[DeliverableSpec]) -> list[tuple[str, str]]:
    return [(spec.placement, spec.locale) for spec in found]


def test_each_placement_and_locale_gives_a_deliverable():
    found = specs(brief(placements=("16:9", "tiktok", "1:1"), locales=("en", "ar")))
    assert places(found) == [
        (placement, locale) for placement in ("16:9", "tiktok 9:16", "1:1") for locale in ("en", "ar")
    ]
    assert {spec.fit for spec in found} == {Fit.NATIVE}
    assert len({spec.variant_id for spec in found}) == 3


def test_a_row_without_finishing_gives_none():
    assert specs(brief(finish="none", locales=("en", "de"))) == []


def test_a_brief_that_an_earlier_version_stored_is_not_finished():
    stored = json.loads(record_text(Brief(2, "b1", ("a red circle",))))
    added = {"finish", "script", "captions", "voiceover", "music", "sound", "reframe", "sequence", "transition_s"}
    found = brief_from(json.dumps({name: value for name, value in stored.items() if name not in {*added, "localised"}}))
    assert found == Brief(2, "b1", ("a red circle",))
    assert not found.is_finished


def test_reframed_placements_share_one_clip():
    found = specs(brief(placements=("16:9", "tiktok", "1:1"), reframe={"": "crop", "1:1": "blur"}))
    assert [(spec.placement, spec.fit) for spec in found] == [
        ("16:9", Fit.NATIVE),
        ("tiktok 9:16", Fit.CROP),
        ("1:1", Fit.BLUR),
    ]
    assert len({spec.variant_id for spec in found}) == 1


def test_a_crop_that_is_set_by_hand_is_the_path_of_the_shot():
    row = brief(placements=("16:9", "tiktok", "1:1"), reframe={"": "crop 30%", "1:1": "crop 0s:20% 2s:50%"})
    wide, tall, square = specs(row)
    assert wide.shots[0].crop_path == ()
    assert (tall.fit, tall.shots[0].crop_path) == (Fit.CROP, ((0.0, 0.3, 0.5),))
    assert square.shots[0].crop_path == ((0.0, 0.2, 0.5), (2.0, 0.5, 0.5))
    assert tall.deliverable_id != specs(replace(row, reframe={"": "crop"}))[1].deliverable_id


def test_the_places_of_a_tall_clip_count_from_the_top():
    wide = specs(brief(placements=("9:16", "16:9"), reframe={"16:9": "crop 30%"}))[1]
    assert wide.shots[0].crop_path == ((0.0, 0.5, 0.3),)


def test_a_ratio_that_the_model_does_not_make_is_cropped_from_the_nearest():
    kit = KIT.model_copy(update={"presets": {"4:5": GENERIC}})
    [found] = specs(brief(placements=("4:5",), reframe={"": "crop"}), kit=kit)
    assert (found.fit, found.width, found.height) == (Fit.CROP, 720, 900)
    [item] = expand([brief(placements=("4:5",), reframe={"": "crop"})], CARDS, "starter")
    assert (item.variant.width, item.variant.height) == (CARDS["starter"].size_for("1:1").width,) * 2


def test_sizes_are_those_of_the_platform_or_at_least_720():
    found = specs(brief(placements=("16:9", "tiktok")))
    assert [(spec.width, spec.height) for spec in found] == [(1280, 720), (1080, 1920)]


def test_texts_are_those_of_the_language_with_the_legal_line_of_the_market():
    found = specs(
        brief(
            locales=("en", "de-AT", "de", "fr"),
            ctas=("Shop now",),
            localised={"cta": {"de": ("Los",), "fr": ("Allez",)}, "legal": {"fr": ("Selon offre.",)}},
        )
    )
    assert [dict(spec.texts) for spec in found] == [
        {"cta": "Shop now", "legal": "Terms."},
        {"cta": "Los", "legal": "Nur in AT."},
        {"cta": "Los", "legal": "Es gilt."},
        {"cta": "Allez", "legal": "Selon offre."},
    ]


def test_several_calls_to_action_give_a_deliverable_each():
    found = specs(brief(locales=("en", "de", "fr"), ctas=("Buy", "Look")))
    assert [(spec.locale, dict(spec.texts)["cta"]) for spec in found] == [
        *(("en", "Buy"), ("en", "Look"), ("de", "Buy"), ("de", "Look"), ("fr", "Buy"), ("fr", "Look"))
    ]
    assert len(specs(brief(finish="logo", ctas=("Buy", "Look")))) == 1  # the template draws none


def test_as_many_calls_to_action_as_locales_are_paired():
    found = specs(brief(locales=("en", "de"), ctas=("Buy", "Kaufen")))
    assert [(spec.locale, dict(spec.texts)["cta"]) for spec in found] == [("en", "Buy"), ("de", "Kaufen")]


def test_columns_per_language_are_not_paired():
    texts = {"cta": {"de": ("Kaufen", "Schau")}}
    found = specs(brief(locales=("en", "de"), ctas=("Buy", "Look"), localised=texts))
    assert [(spec.locale, dict(spec.texts)["cta"]) for spec in found] == [
        *(("en", "Buy"), ("en", "Look"), ("de", "Kaufen"), ("de", "Schau"))
    ]


def test_a_zip_pairs_locales_with_prompts_and_calls_to_action():
    row = replace(
        brief(axes="zip", locales=("en", "de"), ctas=("Buy", "Kaufen")), prompts=("a red circle", "a blue square")
    )
    found = specs(row)
    assert [(spec.locale, dict(spec.texts)["cta"]) for spec in found] == [("en", "Buy"), ("de", "Kaufen")]
    assert len({spec.variant_id for spec in found}) == 2


def test_a_clip_whose_prompt_names_the_locale_is_finished_in_that_one_only():
    row = replace(brief(locales=("en", "de")), prompts=("a red circle {locale}",), placeholders=("locale",))
    found = specs(row)
    assert len(found) == len({spec.variant_id for spec in found}) == 2


def test_texts_of_other_columns_belong_to_the_locale_or_to_the_clip():
    template = FinishTemplate(name="offer", layers=(TextLayer(name="p", kind="text", text="{price_eur} {colour}"),))
    kit = KIT.model_copy(update={"templates": {"offer": template}})
    row = brief(
        finish="offer", locales=("en", "de"), metadata={"Price (EUR)": ("9.00", "9,00"), "colour": ("red", "blue")}
    )
    row = replace(row, prompts=("a {colour} circle",), placeholders=("colour",))
    assert [dict(spec.texts) for spec in specs(row, kit=kit)] == [
        {"colour": "red", "price_eur": "9.00"},
        {"colour": "red", "price_eur": "9,00"},
        {"colour": "blue", "price_eur": "9.00"},
        {"colour": "blue", "price_eur": "9,00"},
    ]


def test_the_voice_follows_the_language_and_no_voice_leaves_captions():
    found = specs(brief(locales=("en-GB", "de", "ar"), script="Hello.", localised={"script": {"de": ("Hallo.",)}}))
    voices = [spec.sound.voice for spec in found]
    assert [(each.engine, each.voice, each.text) if each else None for each in voices] == [
        ("hibari", "heart", "Hello."),
        ("espeak-ng", "", "Hallo."),
        None,
    ]
    assert [spec.captions.text if spec.captions else "" for spec in found] == ["Hello.", "Hallo.", "Hello."]


@pytest.mark.parametrize(
    ("fields", "voice", "captions"),
    [
        ({}, "", ""),
        ({"script": "Hello.", "voiceover": "none"}, "", "Hello."),
        ({"script": "Hello.", "captions": "none"}, "hibari", ""),
        ({"script": "Hello.", "captions": "script"}, "hibari", "Hello."),
        ({"script": "Hello.", "captions": "Other."}, "hibari", "Other."),
        ({"captions": "Only read."}, "", "Only read."),
        ({"script": "Hello.", "voiceover": "espeak-ng:en-gb"}, "espeak-ng", "Hello."),
    ],
)
def test_voice_and_captions_are_chosen_separately(fields: dict[str, str], voice: str, captions: str):
    [found] = specs(brief(**fields))
    assert (found.sound.voice.engine if found.sound.voice else "") == voice
    assert (found.captions.text if found.captions else "") == captions


def test_a_recording_replaces_the_voice():
    [found] = specs(brief(script="Hello.", voiceover="take.wav"))
    assert found.sound.voice
    assert (found.sound.voice.recording, found.sound.voice.engine) == (SPOKEN, "")


@pytest.mark.parametrize(
    ("music", "source", "detail"),
    [
        ("none", "", ""),
        ("", "", ""),
        ("calm", "file", SONG.sha256),
        ("song.mp3", "file", SONG.sha256),
        ("library:upbeat-1", "library", "upbeat-1"),
        ("procedural:tense", "procedural", "tense"),
        ("happy", "library", "happy"),
    ],
)
def test_music_comes_from_the_brand_a_file_the_library_or_code(music: str, source: str, detail: str):
    [found] = specs(brief(music=music))
    song = found.sound.music
    assert (song.source if song else "") == source
    assert not song or detail in (song.asset and song.asset.sha256, song.track, song.mood)


def test_the_brand_has_default_music_and_a_row_can_refuse_it():
    kit = KIT.model_copy(update={"brand": BrandKit(music={"default": SONG})})
    assert [bool(specs(brief(music=music), kit=kit)[0].sound.music) for music in ("", "auto", "none")] == [
        *(True, True, False)
    ]


def test_the_sound_of_the_clip_can_be_removed():
    assert [specs(brief(sound=sound))[0].sound.native for sound in ("keep", "mute")] == [True, False]


def test_a_change_of_the_brand_gives_another_deliverable_of_the_same_clip():
    row = brief()
    kit = KIT.model_copy(update={"brand": BrandKit(name="Other")})
    [one], [two] = specs(row), specs(row, kit=kit)
    assert one.variant_id == two.variant_id
    assert one.deliverable_id != two.deliverable_id


FITS = st.sampled_from(["native", "crop", "blur", "colour"])
PLACEMENTS = st.lists(
    st.sampled_from(["16:9", "1:1", "9:16", "tiktok", "tiktok 6s"]), min_size=1, max_size=4, unique=True
)
LOCALES = st.lists(st.sampled_from(["en", "de", "de-AT", "ar"]), max_size=3, unique=True)


@given(
    PLACEMENTS,
    LOCALES,
    st.lists(st.sampled_from(["Buy", "Look", "Go"]), max_size=3, unique=True),
    st.dictionaries(st.sampled_from(["", "1:1", "tiktok", "9:16"]), FITS, max_size=3),
    st.dictionaries(st.sampled_from(["cta", "script", "legal"]), st.just({"de": ("Text.",)}), max_size=2),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_any_row_gives_each_of_its_deliverables_once(placements, locales, ctas, reframe, localised, names_locale):
    row = brief(placements=placements, locales=tuple(locales), ctas=tuple(ctas), reframe=reframe, localised=localised)
    if names_locale and locales:
        row = replace(row, prompts=("a red circle {locale}",), placeholders=("locale",))
    found = specs(row)
    wanted = {(each.label, locale) for each in row.placements for locale in locales or [""]}
    assert {(spec.placement, spec.locale) for spec in found} == wanted
    for spec in found:
        assert DeliverableSpec.from_json(spec.to_json()) == spec
        assert spec.width % 2 == spec.height % 2 == 0
        assert spec.width >= 720 <= spec.height


# Sequences


def film(number: int, **fields: object) -> Brief:
    values = {"sequence": "film", "transition_s": 0.5, "placements": ("16:9", "9:16"), "seed": number}
    return brief(f"b{number}", **{**values, **fields})


def test_the_rows_of_a_sequence_are_joined_in_order():
    found = specs(film(1, locales=("en", "de")), film(2), film(3, finish="none"), film(4))
    assert places(found) == [("16:9", "en"), ("16:9", "de"), ("9:16", "en"), ("9:16", "de")]
    rows = {clip.variant_id: clip.brief_id for clip in clips(film(1), film(2), film(4))}
    assert [rows[shot.variant_id] for shot in found[0].shots] == ["b1", "b2", "b4"]
    assert (found[0].brief_id, found[0].transition_s) == ("b1", 0.5)


def test_a_sequence_waits_for_all_its_rows():
    rows = [film(1), film(2)]
    published = clips(*rows)
    assert specs_of("c1", rows, [clip for clip in published if clip.brief_id == "b1"], KIT) == []


def test_a_later_clip_of_a_row_does_not_change_its_sequence():
    rows = [film(1, variants=2), film(2)]
    first, second, third = clips(film(1, placements=("16:9",), variants=2), film(2, placements=("16:9",)))
    before = specs_of("c1", rows, [first, third], KIT)
    assert specs_of("c1", rows, [first, third, second], KIT) == before != []


FILM = [film(1), film(2), film(3, placements=("tiktok 9:16", "16:9")), film(4, placements=("1:1", "16:9"))]


@settings(deadline=None)
@given(st.permutations(clips(*FILM)))
def test_a_sequence_that_is_planned_while_clips_are_published_is_planned_once(published: list[PublishedClip]):
    planned = [specs_of("c1", FILM, published[:number], KIT) for number in range(len(published) + 1)]
    ids = [{spec.deliverable_id for spec in found} for found in planned]
    assert all(before <= after for before, after in itertools.pairwise(ids))
    assert [len(found) for found in (ids[0], ids[-1])] == [0, 2]
    by_label = {spec.placement: [shot.variant_id for shot in spec.shots] for spec in planned[-1]}
    labels = {clip.variant_id: clip.placements[0] for clip in published}
    assert [labels[name] for name in by_label["16:9"]] == ["16:9"] * 4
    assert [labels[name] for name in by_label["9:16"]] == ["9:16", "9:16", "tiktok 9:16", "1:1"]


def test_a_row_without_the_placement_is_cropped():
    rows = [film(1, placements=("9:16",)), film(2, placements=("16:9",))]
    [found] = specs(*rows)
    assert (found.placement, len(found.shots)) == ("9:16", 2)


# Lengths and the plan


def test_lengths_of_the_same_placement_are_different_deliverables():
    found = specs(brief(placements=("tiktok 6s", "tiktok 15s")))
    assert [(spec.placement, spec.duration_s) for spec in found] == [("tiktok 9:16", 6.0), ("tiktok 9:16", 15.0)]
    assert len({spec.variant_id for spec in found}) == 1  # the model makes clips of 2.12 s only


def test_a_length_that_the_model_makes_is_generated():
    [found] = specs(brief(placements=("tiktok 2.12s",)))
    assert found.duration_s == 2.12


def test_the_plan_names_masters_pairs_and_numbers():
    rows = [
        brief(placements=("16:9", "tiktok"), reframe={"": "crop"}, locales=("en", "de"), ctas=("Buy", "Kaufen")),
        brief("b2", variants=3, want=1, want_scope="combination"),
    ]
    counted = deliverable_counts(rows, expand(rows, CARDS, "starter"), TEMPLATES)
    assert deliverable_lines(counted, rows) == [
        "Deliverables: 5, if as many clips pass as the rows want",
        "  16:9, en: 1",
        "  16:9, de: 1",
        "  tiktok 9:16, en: 1 (cropped)",
        "  tiktok 9:16, de: 1 (cropped)",
        "  16:9: 1",
        "1 row: the clips are generated for 16:9 and fitted to the other placements.",
        "1 row: locales and calls to action are paired, such as en with 'Buy', de with 'Kaufen'.",
    ]


def test_the_plan_counts_each_way_of_fitting():
    placements = ("16:9", "1:1")
    rows = [
        brief(placements=placements, reframe={"": "crop"}),
        brief("b2", placements=placements, reframe={"": "blur"}),
        brief("b3", placements=placements),
    ]
    counted = deliverable_counts(rows, expand(rows, CARDS, "starter"), TEMPLATES)
    lines = deliverable_lines(counted, rows)[1:3]
    assert lines == ["  16:9: 3", "  1:1: 3 (1 native, 1 cropped, 1 on a blurred copy)"]


def test_without_finishing_the_plan_says_nothing():
    rows = [brief(finish="none")]
    assert deliverable_lines(deliverable_counts(rows, expand(rows, CARDS, "starter"), {}), rows) == []


# Expansion


def test_finishing_does_not_change_the_ids_of_variants():
    plain, finished = brief(finish="none", placements=("16:9", "9:16")), brief(placements=("16:9", "9:16"))
    ids = [[item.variant_id for item in expand([row], CARDS, "starter")] for row in (plain, finished)]
    assert ids[0] == ids[1]
    reframed = list(expand([replace(finished, reframe={"": "crop"})], CARDS, "starter"))
    assert {item.variant_id for item in reframed} == {ids[0][0]}
    assert [item.placement.label for item in reframed] == ["16:9", "9:16"]


def test_a_placement_that_stays_native_is_the_master_of_the_others():
    row = brief(placements=("9:16", "16:9", "1:1"), reframe={"9:16": "crop", "1:1": "colour"})
    assert {(item.variant.width > item.variant.height) for item in expand([row], CARDS, "starter")} == {True}
    assert row.master_of(parse_placement("9:16")).label == "16:9"
