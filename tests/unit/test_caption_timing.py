"""Plain texts become captions that people can read, at the times of the voice."""

import re
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from manifests.finish.captions.limits import MAX_LINES, MIN_S, limits_of, width_of
from manifests.finish.captions.reading import reading_warnings
from manifests.finish.captions.split import letters_in
from manifests.finish.captions.timing import caption_timing, fitted
from manifests.finish.cue import Cue

SCRIPTS = {
    "en": "Discover the new summer collection, made for long days at the sea. Light fabrics, bright colours, and "
    "prices that stay small. Shop now!",
    "de": "Entdecken Sie die neue Sommerkollektion, gemacht für lange Tage am Meer. Die Donaudampfschifffahrts"
    "gesellschaft ist dabei. Jetzt kaufen!",
    "ar": "اكتشف مجموعة الصيف الجديدة، المصممة للأيام الطويلة على البحر. أقمشة خفيفة وألوان زاهية. تسوق الآن!",
    "hi": "गर्मियों का नया संग्रह देखें, जो समुद्र के लंबे दिनों के लिए बना है। हल्के कपड़े, चमकीले रंग। अभी खरीदें!",
    "ja": "夏の新作コレクションが登場。軽やかな素材で、長い一日も快適に過ごせます。今すぐチェック！",
    "zh": "探索全新夏季系列，专为海边的漫长日子打造。轻盈面料，明亮色彩。立即购买！",
    "ko": "바닷가의 긴 하루를 위한 새로운 여름 컬렉션을 만나보세요. 가벼운 소재와 밝은 색상. 지금 구매하세요!",
    "th": "พบกับคอลเลกชันฤดูร้อนใหม่ ที่สร้างมาเพื่อวันยาวๆ ริมทะเล ผ้าเบา สีสันสดใส ซื้อเลย",
}
WORDS = st.lists(st.text("abcäßéджشمन夏。,.!?-' \n", min_size=1, max_size=14), min_size=1, max_size=30).map(" ".join)
LANGUAGES = st.sampled_from(["en", "de", "ar", "hi", "ja", "zh", "ko", "th", "pt-BR", ""])


def spoken(text: str, a_letter_s: float = 0.06, pause_s: float = 0.2) -> list[tuple[str, float, float]]:
    """Return the clauses of a voice that needs the same time for each letter."""
    clauses, time = [], 0.0
    for part in re.findall(r"[^,.!?。、，！]+[,.!?。、，！]*", text):
        if length := letters_in(part) * a_letter_s:
            clauses.append((part, time, time + length))
            time += length + pause_s
    return clauses


def bare(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("language", SCRIPTS)
def test_captions_keep_the_text_and_fit_the_lines_of_the_language(language: str):
    cues = caption_timing(SCRIPTS[language], language, 12.0)
    assert bare("".join(cue.text for cue in cues)) == bare(SCRIPTS[language])
    lines = [line for cue in cues for line in cue.text.split("\n")]
    too_long = [line for line in lines if width_of(line, language) > limits_of(language).chars_per_line]
    assert too_long == (
        [] if language != "de" else [line for line in lines if "Donaudampf" in line and " " not in line]
    )
    assert max(cue.text.count("\n") for cue in cues) < MAX_LINES


@pytest.mark.parametrize("language", ["en", "de", "ar", "hi", "ko"])
def test_no_caption_begins_with_a_word_that_was_left_alone(language: str):
    for cue in caption_timing(SCRIPTS[language], language, 12.0):
        assert len(cue.text.split()) > 1 or cue.text.endswith((".", "!", "।"))


def test_captions_begin_with_the_clauses_of_the_voice():
    clauses = spoken(SCRIPTS["en"])
    cues = caption_timing(SCRIPTS["en"], "en", clauses[-1][2] + 1, clauses)
    starts = {round(start, 3) for _, start, _ in clauses}
    assert [cue.start_s for cue in cues] == [cue.start_s for cue in cues if cue.start_s in starts]
    assert [cue.text.replace("\n", " ") for cue in cues] == [
        "Discover the new summer collection, made for long days at the sea.",
        "Light fabrics, bright colours, and prices that stay small.",
        "Shop now!",
    ]


def test_a_long_clause_is_divided_in_proportion_to_its_letters():
    text = "one two three four " * 12
    length = letters_in(text) * 0.06
    cues = caption_timing(text, "en", length, [(text, 0.0, length)])
    done = 0
    for cue in cues:
        assert cue.start_s == pytest.approx(done * 0.06, abs=0.002)
        done += letters_in(cue.text)
    assert len(cues) > 1


def test_captions_of_another_text_follow_the_share_of_the_script_that_is_spoken():
    cues = caption_timing("Kurz. Und knapp.", "de", 10.0, [("A long sentence that is spoken.", 0, 4), ("Two.", 5, 6)])
    assert cues[0].start_s == 0
    assert cues[-1].end_s <= 10


def test_the_voice_may_begin_later():
    clauses = spoken(SCRIPTS["en"])
    early = caption_timing(SCRIPTS["en"], "en", 30.0, clauses)
    late = caption_timing(SCRIPTS["en"], "en", 30.0, clauses, start_s=1.5)
    assert [round(cue.start_s - 1.5, 3) for cue in late] == [cue.start_s for cue in early]


def test_a_voice_that_is_longer_than_the_video_is_refused():
    with pytest.raises(ValueError, match=r"The voice ends at 4\.0 s, but captions must end at 3\.0 s\. Shorten"):
        caption_timing("x y", "en", 3.0, [("x y", 0.0, 4.0)])


def test_without_time_there_are_no_captions():
    with pytest.raises(ValueError, match="Captions from 2 s to 2 s have no length"):
        caption_timing("x", "en", 2.0, start_s=2.0)


@given(WORDS, LANGUAGES, st.floats(0.5, 60))
def test_captions_without_a_voice_share_the_time(text: str, language: str, seconds: float):
    cues = caption_timing(text, language, seconds)
    check(cues, 0.0, seconds)
    assert bare("".join(cue.text for cue in cues)) == bare(text)
    if seconds > MIN_S * len(cues) + 0.01:
        assert all(cue.end_s - cue.start_s >= MIN_S - 0.002 for cue in cues)


@given(WORDS, LANGUAGES, st.floats(0.01, 0.2), st.floats(0, 1))
def test_captions_of_a_voice_do_not_overlap(text: str, language: str, a_letter_s: float, pause_s: float):
    clauses = spoken(text, a_letter_s, pause_s)
    assume(clauses)
    end = clauses[-1][2] + 0.5
    cues = caption_timing(text, language, end, clauses)
    check(cues, 0.0, end)
    assert bare("".join(cue.text for cue in cues)) == bare(text)


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5), st.text("ab\n ", max_size=5)), max_size=8))
def test_captions_written_by_hand_are_cut_to_the_video(rows: list[tuple[float, float, str]]):
    cues = fitted([Cue(start, start + length, text) for start, length, text in rows], 10.0, 0.5)
    check(cues, 0.5, 10.0)


def check(cues: list[Cue], start_s: float, end_s: float) -> None:
    assert all(cue.start_s < cue.end_s and cue.text for cue in cues)
    assert all(start_s - 0.001 <= cue.start_s and cue.end_s <= end_s + 0.001 for cue in cues)
    assert all(one.end_s <= two.start_s + 1e-9 for one, two in pairwise(cues))


# Reading


def test_captions_that_are_too_fast_or_too_wide_are_named_with_their_number():
    cues = [Cue(0, 3, "fine"), Cue(3, 4, "far too many characters for one second"), Cue(4, 14, "x" * 50)]
    assert list(reading_warnings(cues, "en", "let it end later")) == [
        "has 38 characters a second in caption 2 ('far too many characters for on'); 20 are readable in English. "
        "Shorten the text, or let it end later.",
        "has a line of 50 characters in caption 3 ('" + "x" * 30 + "'); 42 fit in English. Shorten it, or break the "
        "line.",
    ]


def test_captions_after_the_end_and_with_three_lines_are_named():
    found = list(reading_warnings([Cue(0, 6, "a\nb\nc")], "de", "let it end later", 5.0))
    assert [each.partition(" in caption")[0] for each in found] == ["has 3 lines", "ends at 6.0 s"]


@pytest.mark.parametrize(
    ("text", "language", "width"),
    [("日本語abc", "ja", 4.5), ("abc", "en", 3), ("नमस्ते", "hi", 4), ("a\u200db", "en", 2)],
)
def test_the_width_counts_what_a_reader_sees(text: str, language: str, width: float):
    assert width_of(text, language) == width
