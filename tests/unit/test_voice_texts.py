"""Clauses of scripts, and English as it is spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.voice.clauses import MOST_CHARS, clauses_of
from models.voice.english import spoken_english

CLAUSES = [
    ("Fresh coffee, roasted this morning. Buy now!", ["Fresh coffee,", "roasted this morning.", "Buy now!"]),
    ("Red, green, and blue.", ["Red, green, and blue."]),
    ("Dr. Smith says no. It is 3.5 km away.", ["Dr. Smith says no.", "It is 3.5 km away."]),
    ("From approx. 20 to No. 1, e.g. today.", ["From approx. 20 to No. 1,", "e.g. today."]),
    ("Ends on Nov. 27 at 5 p.m. Come early.", ["Ends on Nov. 27 at 5 p.m.", "Come early."]),
    ("Visit reelmill.com today", ["Visit reelmill.com today"]),
    ("One line\nanother line", ["One line", "another line"]),
    ("新鮮なコーヒー。今朝、焙煎しました！", ["新鮮なコーヒー。", "今朝、焙煎しました！"]),
    ("قهوة طازجة كل صباح، اليوم فقط. اشتر الآن!", ["قهوة طازجة كل صباح،", "اليوم فقط.", "اشتر الآن!"]),
    ("ताज़ी कॉफ़ी। आज ही लें।", ["ताज़ी कॉफ़ी।", "आज ही लें।"]),
    ("😀 Hello you! 🎉", ["😀 Hello you! 🎉"]),
    ("Wait – what is it?", ["Wait – what is it?"]),
    ("Now: a deal that you will like — only this week", ["Now: a deal that you will like", "only this week"]),
]


@pytest.mark.parametrize(("text", "expected"), CLAUSES)
def test_a_script_is_split_where_a_speaker_pauses(text, expected):
    assert [clause.text.rstrip("–— ") for clause in clauses_of(text)] == expected


@given(st.text(alphabet=st.sampled_from("ab Z1,.;:!?-–—\n\t'\"()。、،؟।😀é&%€"), max_size=400))
def test_no_word_is_lost_and_no_clause_is_without_words(text):
    found = clauses_of(text)
    assert all(any(character.isalnum() for character in clause.text) for clause in found)
    assert all(len(clause.text) <= MOST_CHARS for clause in found)
    letters = [character for character in text if character.isalnum()]
    assert [character for clause in found for character in clause.text if character.isalnum()] == letters


def test_a_text_without_pauses_is_split_at_spaces():
    found = clauses_of("word " * 200)
    assert len(found) > 3
    assert [clause.ends_sentence for clause in found] == [False] * (len(found) - 1) + [True]


SPOKEN = [
    ("Only €19.99 or 19,99 € today.", "Only 19 euros and 99 cents or 19 euros and 99 cents today."),
    ("$1,299.00, £1, CHF 5 and ¥500", "1299 dollars, 1 pound, 5 francs and 500 yen"),
    ("1.299,00 € and US$ 50", "1299 euros and 50 dollars"),
    ("$0.99, €1.05 and 20€ off", "99 cents, 1 euro and 5 cents and 20 euros off"),
    ("$3.2 million saved", "3.2 million dollars saved"),
    ("Save 20 % or 12,5%.", "Save 20 percent or 12.5 percent."),
    ("Visit https://www.reelmill.com/sale today.", "Visit reelmill dot com slash sale today."),
    ("Mail info@example.com.", "Mail info at example dot com."),
    ("Follow @reelmill #coffee", "Follow at reelmill hashtag coffee"),
    ("Open 24/7, Mon–Fri, 9am–5pm.", "Open twenty-four seven, Monday to Friday, 9am to 5pm."),
    ("No. 1 choice vs. others, e.g. w/o sugar", "number 1 choice versus others, for example without sugar"),
    ("½ price & 2× faster™", "one half price and 2 times faster"),
    ("Call 0800 123 456", "Call zero eight zero zero, one two three, four five six"),
    ("T&Cs apply 😀", "terms and conditions apply"),
    ("3.5 stars from 10,000 people", "3.5 stars from 10,000 people"),
    ("It’s here. No sugar.", "It’s here. No sugar."),
]


@pytest.mark.parametrize(("written", "spoken"), SPOKEN)
def test_english_is_written_as_it_is_spoken(written, spoken):
    assert spoken_english(written) == spoken


@given(st.text(max_size=200))
def test_any_text_can_be_normalised(text):
    assert isinstance(spoken_english(text), str)


@given(st.lists(st.sampled_from(["red", "shoes", "now", "sale", "Friday", "two"]), min_size=1, max_size=8))
def test_plain_words_stay(words):
    assert spoken_english(" ".join(words)) == " ".join(words)
