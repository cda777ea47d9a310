"""Redact secrets in text: known secrets, and patterns that look like secrets."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
MIN_SECRET_LENGTH = 4
"""Shorter secrets are not redacted, because they occur by chance in ordinary text."""

_FOLDER = r"(?!\\*['\"]?\s*[=:]\s*\\*['\"]?[/~.])"
"""``PWD`` is also the variable of a shell's working directory."""
_NAMES = "secret|passw(?:or)?d|passphrase|token|api[_-]?key|private[_-]?key|access[_-]?key"
_NAMED = rf"(?:(?:{_NAMES})[\w-]{{0,60}}|pwd{_FOLDER})"
"""The end of a secret's name. Repetitions are bounded or follow the last match, so long texts are processed quickly."""
_IN_QUERIES = (
    r"x-(?:amz|goog|oss|tos|cos|obs)-(?:signature|credential|security-token)|signature|sig|sign|q-signature|"
    r"(?:aws|oss)accesskeyid|googleaccessid|policy|key-pair-id|hdn(?:ts|ea)|auth_key|_?jwt|"
    r"code|state|(?:access_|refresh_|id_)?token|(?:client_)?secret|password|(?:api_?)?key"
)
_WEBHOOKS = (
    r"hooks\.slack(?:-gov)?\.com|discord(?:app)?\.com/api/webhooks|[\w.-]+\.webhook\.office\.com|"
    r"outlook\.office\.com/webhook|[^\s/'\"<>\\]+(?:/[^\s/'\"<>\\?]{1,40}){0,2}/(?:web)?hooks?"
)
_TOKENS = (
    r"(?:gl(?:pat|oas|dt|rt|ptt|ft|soat|cbt|imt|agent)-|github_pat_|xox[abeprs]-|pypi-|sk-(?:ant-|proj-))[\w-]{16,}|"
    r"(?:gh[pousr]|hf)_[a-z0-9]{30,}|AIza[\w-]{35}|key_[0-9a-f]{64,}|luma-[0-9a-f-]{32,}|sk-[a-z0-9]{32,}"
)
"""Tokens of GitLab, GitHub, Slack, PyPI, Anthropic, OpenAI, Hugging Face, Google, Runway, Luma and DashScope."""
_NO_VALUE = r"(?!\s*(?:bearer|basic|key|token)\s+(?-i:(?:YOUR_)?(?:API_)?(?:TOKEN|KEY))[`'\")\].])"
"""What messages write instead of a value: ``Authorization: Bearer TOKEN`` in quotes, in brackets or before a stop."""
_PORT = r"(?!\d{1,5}(?:[/?#\s'\"]|$))"


def _basic(found: re.Match[str]) -> str:
    """Return a header of basic authentication without its value; other words after "basic" stay."""
    try:
        is_pair = b":" in base64.b64decode(found[2] + "=" * (-len(found[2]) % 4), validate=True)
    except binascii.Error:
        return found[0]
    return f"{found[1]}{MASK}" if is_pair else found[0]


_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), becomes)
    for pattern, becomes in (
        (r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", MASK),
        (rf"(https?://(?:{_WEBHOOKS})/)[^\s'\"<>\\]+", rf"\g<1>{MASK}"),
        (r"(https?://)[^\s/]+@", rf"\g<1>{MASK}@"),
        (rf"(https?://)[^\s/:@\[]*:{_PORT}[^\s'\"<>\\]{{1,200}}@", rf"\g<1>{MASK}@"),
        (r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]*):[^\s/]+@", rf"\g<1>:{MASK}@"),
        (rf"(\b[a-z][a-z0-9+.-]{{0,30}}://[^\s/:@\[]*):{_PORT}[^\s'\"<>\\]{{1,200}}@", rf"\g<1>:{MASK}@"),
        (rf"(authorization\\*['\"]?\s*[:=,]{_NO_VALUE}\s*(?:b(?=\\*['\"]))?\\*['\"]?)[^\r\n'\"\\]+", rf"\g<1>{MASK}"),
        (
            r"((?:set-)?cookie(?:\\*['\"]\s*[:=,]|\s*:)\s*b?\\*['\"]?)[\w.%!#$&^`|~+-]{1,100}=[^\r\n'\"\\]+",
            rf"\g<1>{MASK}",
        ),
        (r"(\b\w{1,40}_session\s*=\s*)[^\s,;&'\"\\]{8,}", rf"\g<1>{MASK}"),
        (r"(\bbasic\s+)([a-z0-9+/]{6,}={0,2})", _basic),
        (r"(\bbearer\s+)[\w.~+/=-]{8,}", rf"\g<1>{MASK}"),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", MASK),
        (rf"\b(?:{_TOKENS})", MASK),
        (rf"([?&;](?:{_IN_QUERIES})=)[^&\s'\"<>\\]+", rf"\g<1>{MASK}"),
        (rf"({_NAMED}\\*['\"]?\s*[=:]\s*b?)(\\*['\"])(?:(?!\2).){{1,4000}}\2", rf"\g<1>\g<2>{MASK}\g<2>"),
        (rf"({_NAMED}\s*[=:]\s*)[^\s,;&'\"\\]{{{MIN_SECRET_LENGTH},}}", rf"\g<1>{MASK}"),
        (r"(/share/)[\w-]{16,}", rf"\g<1>{MASK}"),
    )
)
"""Private keys, webhooks, passwords in URLs, headers, cookies, tokens with known beginnings, named secrets, shares."""


class Redaction:
    """Redacts known secrets in all their common encodings."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def learn(self, secrets: Iterable[str]) -> None:
        """Add secrets, except those shorter than MIN_SECRET_LENGTH."""
        new = {form for secret in secrets if len(secret) >= MIN_SECRET_LENGTH for form in _forms(secret)} - self._forms
        if new:
            self._forms |= new
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._known = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Return the text with its secrets replaced by MASK."""
        if self._known:
            text = self._known.sub(MASK, text)
        for pattern, becomes in _PATTERNS:
            text = pattern.sub(becomes, text)
        return text


def _forms(secret: str) -> set[str]:
    """Return a secret as it appears in text, URLs, JSON and reprs, and in one of these nested in another."""
    ways = (
        str,
        quote_plus,
        lambda text: quote(text, safe=""),
        quote,
        lambda text: repr(text)[1:-1],
        lambda text: repr(f'{text}"')[1:-2],  # in text with both kinds of quotes, single quotes are escaped
        lambda text: repr(text.encode(errors="replace"))[2:-1],
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    )
    sound = secret.encode("utf-8", "replace").decode()
    once = {way(each) for way in ways for each in {secret if secret == sound else sound, sound}} | {secret}
    return once | {way(each.encode("utf-8", "replace").decode()) for way in ways for each in once}


redact = Redaction()
"""The redaction of this process; ``prepare_logs`` and ``logged`` add the secrets of settings and resources."""
