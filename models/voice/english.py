"""Write English text as it is spoken: prices, percentages, addresses and abbreviations."""

import re
from collections.abc import Callable

_AMOUNT = r"\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_END = r"(?![\w.,]*\d)"
CURRENCIES = {
    "€": ("euro", "euros", "cent", "cents"),
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "CHF": ("franc", "francs", "rappen", "rappen"),
}
CODES = {
    "EUR": "€",
    "USD": "$",
    "US$": "$",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "CHF": "CHF",
    **{k: k for k in "€$£¥₹"},
}
_SIGN = "US\\$|EUR|USD|GBP|JPY|INR|CHF|[€$£¥₹]"
_WORDS = {
    "&": " and ",
    "™": "",
    "®": "",
    "©": "",
    "℠": "",
    "½": " one half",
    "¼": " one quarter",
    "¾": " three quarters",
    "→": ", ",
    "•": ", ",
    "*": "",
    "_": " ",
    "|": ", ",
}
_ABBREVIATIONS = {
    r"\bapprox\.": "approximately",
    r"\bincl\.": "including",
    r"\bexcl\.": "excluding",
    r"\be\.g\.": "for example",
    r"\bi\.e\.": "that is",
    r"\betc\.": "et cetera",
    r"\bvs\b\.?": "versus",
    r"\bw/o(?=\s)": "without",
    r"\bw/(?=\s)": "with",
    r"\bT&Cs?\b": "terms and conditions",
    r"\bNo\. ?(?=\d)": "number ",
    r"\bNos\. ?(?=\d)": "numbers ",
    r"\b24/7\b": "twenty-four seven",
}
_DAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TOP_LEVEL = "com|org|net|io|co|de|uk|eu|shop|store|app|ai|info|us|fr|es|it|at|ch|nl|tv|biz|example"
_ADDRESS = re.compile(
    rf"(?:https?://)?(?P<user>[\w.+-]+@)?(?P<host>(?:[A-Za-z0-9-]+\.)+(?:{_TOP_LEVEL}))\b(?P<path>(?:/[\w.~%-]+)*)/?"
)


def spoken_english(text: str) -> str:
    """Return English text in words that voices read right: ``€19.99`` is ``19 euros and 99 cents``.

    Numbers stay digits, which voices read themselves. Emoji and marks such as ``™`` are left out.
    """
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    for mark, word in _WORDS.items():
        text = text.replace(mark, word)
    text = "".join(character for character in text if ord(character) < _FIRST_EMOJI and character not in _PICTURES)
    return re.sub(r" ([,.;:!?])", r"\1", " ".join(text.split()))


def _address(match: re.Match[str]) -> str:
    user = match["user"]
    words = [f"{_dotted(user[:-1])} at "] if user else []
    words.append(_dotted(match["host"].removeprefix("www.") if not user else match["host"]))
    words += [f" slash {_dotted(part)}" for part in match["path"].split("/") if part]
    return "".join(words)


def _dotted(name: str) -> str:
    return name.replace(".", " dot ").replace("-", " ").replace("_", " ")


def _price(match: re.Match[str]) -> str:
    """Return ``19 euros and 99 cents``. A comma before one or two last digits is a decimal comma."""
    one, many, small, smalls = CURRENCIES[CODES[(match["before"] or match["after"]).upper()]]
    whole, part = _parts_of(match["amount"])
    if match["big"]:
        return f"{match['amount']} {match['big']} {many}"
    main = f"{whole} {one if whole == '1' else many}"
    if not int(part or 0):
        return main
    if whole == "0" and small:
        return f"{int(part)} {small if int(part) == 1 else smalls}"
    return f"{main} and {int(part)} {small if int(part) == 1 else smalls}" if small else f"{main} {int(part)}"


def _parts_of(amount: str) -> tuple[str, str]:
    """Return the whole units without separators, and two digits of the rest or nothing."""
    match = re.fullmatch(r"(.*?)(?:[.,](\d{1,2}))?", amount)
    whole, part = (match[1], match[2] or "") if match else (amount, "")
    return re.sub(r"[.,]", "", whole), part.ljust(2, "0") if part else ""


def _phone(match: re.Match[str]) -> str:
    plus = "plus " if match[0].startswith("+") else ""
    groups = re.findall(r"\d+", match[0])
    return plus + ", ".join(" ".join(_DIGITS[int(digit)] for digit in group) for group in groups)


def _days(match: re.Match[str]) -> str:
    return f"{_DAYS[match[1]]} to {_DAYS[match[2]]}"


def _percent(match: re.Match[str]) -> str:
    return f"{match[1].replace(',', '.')} percent"


_FIRST_EMOJI = 0x1F000
_PICTURES = frozenset("".join(map(chr, range(0x2600, 0x27C0))) + "\u200d\ufe0f\u20e3\u2b50\u2b55")
_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_ADDRESS, _address),
    *((re.compile(pattern), word) for pattern, word in _ABBREVIATIONS.items()),
    (re.compile(rf"\b({'|'.join(_DAYS)})\.?\s*[-–]\s*({'|'.join(_DAYS)})\b\.?"), _days),
    (
        re.compile(
            rf"(?:(?P<before>{_SIGN})\s?(?P<amount>{_AMOUNT}){_END})(?:\s(?P<big>million|billion|thousand)\b)?(?P<after>)"
        ),
        _price,
    ),
    (
        re.compile(
            rf"(?<![\w.,])(?P<before>)(?P<amount>{_AMOUNT})(?:\s(?P<big>million|billion|thousand))?\s?(?P<after>{_SIGN})"
            r"(?!\w)"
        ),
        _price,
    ),
    (re.compile(r"(\d+(?:[.,]\d+)?)\s?%"), _percent),
    (re.compile(r"(?<![\w.,-])(?:\+\d{1,3}|0\d{2,4})(?:[ -]\d{2,12}){1,5}\b"), _phone),
    (re.compile(r"(\d ?[ap]m)\s?[-–]\s?(?=\d)"), r"\1 to "),
    (re.compile(r"(\d) ?[x×](?=\s)"), r"\1 times"),
    (re.compile(r"(?<!\w)@(?=\w)"), "at "),
    (re.compile(r"(?<!\w)#(?=[A-Za-z])"), "hashtag "),
)
