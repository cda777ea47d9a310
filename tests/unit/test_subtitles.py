"""Captions are read and written as SRT and WebVTT."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.media.subtitles import cues_of, is_subtitles, parse_subtitles, to_srt, to_vtt
from manifests.errors import FinishError
from manifests.finish.cue import Cue

SRT = "1\n00:00:00,000 --> 00:00:01,500\n<i>Hello</i>\nthere\n\n2\n00:00:02,000 --> 00:00:03,000\nBye {now}\n"
VTT = "WEBVTT\n\nintro\n00:00.000 --> 00:01.500 line:80%\n<v Anna>Hello &amp; goodbye\n"


def test_srt_is_read_without_styles_and_with_its_lines():
    assert parse_subtitles(SRT)[0] == Cue(0.0, 1.5, "Hello\nthere")


def test_vtt_is_read_with_entities_and_settings():
    assert parse_subtitles(VTT) == [Cue(0.0, 1.5, "Hello & goodbye")]


@pytest.mark.parametrize("text", ["\ufeff" + SRT, SRT.replace("\n", "\r\n"), "00:00:00.000 --> 00:00:01.000\nHello"])
def test_usual_ways_to_write_srt_are_read(text: str):
    assert is_subtitles(text)
    assert parse_subtitles(text)[0].text.startswith("Hello")


@pytest.mark.parametrize("text", ["Hello there.", "From 10:00 to 12:00 --> sale", "WEB"])
def test_plain_text_is_no_file_of_captions(text: str):
    assert not is_subtitles(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("WEBVTT\n\n", "contain no caption that can be read. Write a line with two times"),
        ("1\n00:00:05,000 --> 00:00:01,000\nBackwards\n", "'Backwards' ends before it starts. Correct its times."),
    ],
)
def test_captions_without_sense_are_refused(text: str, message: str):
    with pytest.raises(FinishError, match=message):
        parse_subtitles(text)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
LINES = st.lists(st.lists(TEXTS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=2).map("\n".join)


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_what_is_written_can_be_read_again(write):
    @given(st.lists(st.tuples(st.integers(0, 99_000), st.integers(1, 5_000), LINES), min_size=1, max_size=5))
    def check(rows):
        cues = sorted(Cue(start / 1000, (start + length) / 1000, text) for start, length, text in rows)
        plain = [cue for cue in cues if not any(sign in cue.text for sign in "<>{}\\&") and "-->" not in cue.text]
        if plain:
            assert parse_subtitles(write(plain)) == plain

    check()


@pytest.mark.parametrize("write", [to_srt, to_vtt])
@pytest.mark.parametrize("text", ["20 % off {today}", "a < b > c", "R&D"])
def test_signs_of_markup_stay_text(write, text: str):
    [cue] = parse_subtitles(write([Cue(0, 1, text)]))
    assert cue.text == text


def test_an_arrow_in_a_text_is_not_taken_for_times():
    assert "before → after" in to_srt([Cue(0, 1, "before --> after")])


def test_files_keep_their_times_and_plain_text_follows_the_voice():
    assert cues_of(SRT, "en", 10.0, start_s=1.0)[0] == Cue(1.0, 2.5, "Hello\nthere")
    assert cues_of("Hello.", "en", 10.0, [("Hello.", 0.5, 1.5)])[0].start_s == 0.5
    with pytest.raises(FinishError, match="The voice ends at"):
        cues_of("Hello.", "en", 1.0, [("Hello.", 0.5, 1.5)])
