"""The rules that a tokenizer.json may contain: all types of the library tokenizers 0.23, with all of their keys.

Other types and keys are refused: the library also accepts rules without a type, and lists instead of objects.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TEXT = 2_000
"""Characters of a rule; the longest regular expression of published tokenizers has about 500."""
MAX_RULES = 64
MAX_PIECES = 64

Short = Annotated[str, Field(max_length=MAX_TEXT)]
Character = Annotated[str, Field(min_length=1, max_length=1)]
Behavior = Literal["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
Count = Annotated[int, Field(ge=0, le=65_536)]
TokenId = Annotated[int, Field(ge=0, le=2**32 - 1)]
Special = Annotated[list[Short | TokenId], Field(min_length=2, max_length=2)]


class Rule(BaseModel):
    """A rule with exactly these keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Regex(Rule):
    Regex: Short


class _Text(Rule):
    String: Short


class _PlainNormalizer(Rule):
    type: Literal["StripAccents", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt"]


class _PlainPreTokenizer(Rule):
    type: Literal["BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts"]


class _PlainDecoder(Rule):
    type: Literal["Fuse", "ByteFallback"]


class ByteLevel(Rule):
    """Each byte becomes a character. A normalizer has only the type."""

    type: Literal["ByteLevel"]
    add_prefix_space: bool = True
    trim_offsets: bool = True
    use_regex: bool = True


class Replace(Rule):
    type: Literal["Replace"]
    pattern: _Regex | _Text
    content: Short


class BertNormalizer(Rule):
    type: Literal["BertNormalizer"]
    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True


class _Strip(Rule):
    type: Literal["Strip"]
    strip_left: bool
    strip_right: bool


class Precompiled(Rule):
    """The table of a SentencePiece model, in base64."""

    type: Literal["Precompiled"]
    precompiled_charsmap: str


class Prepend(Rule):
    type: Literal["Prepend"]
    prepend: Short


class Normalizers(Rule):
    type: Literal["Sequence"]
    normalizers: Annotated[list["Normalizer"], Field(max_length=MAX_RULES)]


Normalizer = Annotated[
    _PlainNormalizer | ByteLevel | Replace | BertNormalizer | _Strip | Precompiled | Prepend | Normalizers,
    Field(discriminator="type"),
]


class _CharDelimiterSplit(Rule):
    type: Literal["CharDelimiterSplit"]
    delimiter: Character


class Metaspace(Rule):
    type: Literal["Metaspace"]
    replacement: Character
    prepend_scheme: Literal["always", "never", "first"] = "always"
    split: bool = True
    add_prefix_space: bool | None = None
    str_rep: Character | None = None


class Split(Rule):
    type: Literal["Split"]
    pattern: _Regex | _Text
    behavior: Behavior
    invert: bool = False


class _Punctuation(Rule):
    type: Literal["Punctuation"]
    behavior: Behavior = "Isolated"


class _Digits(Rule):
    type: Literal["Digits"]
    individual_digits: bool = False


class _FixedLength(Rule):
    type: Literal["FixedLength"]
    length: Annotated[int, Field(ge=1, le=65_536)]


class PreTokenizers(Rule):
    type: Literal["Sequence"]
    pretokenizers: Annotated[list["PreTokenizer"], Field(max_length=MAX_RULES)]


PreTokenizer = Annotated[
    _PlainPreTokenizer
    | ByteLevel
    | _CharDelimiterSplit
    | Metaspace
    | Split
    | _Punctuation
    | _Digits
    | _FixedLength
    | PreTokenizers,
    Field(discriminator="type"),
]


class _Bert(Rule):
    type: Literal["BertProcessing"]
    sep: Special
    cls: Special


class _Roberta(Rule):
    type: Literal["RobertaProcessing"]
    sep: Special
    cls: Special
    trim_offsets: bool = True
    add_prefix_space: bool = True


class _Named(Rule):
    id: Short
    type_id: Count = 0


class _TextPart(Rule):
    id: Literal["A", "B"]
    type_id: Count = 0


class TextPiece(Rule):
    Sequence: _TextPart


class SpecialPiece(Rule):
    SpecialToken: _Named


class _SpecialTokens(Rule):
    id: Short
    ids: Annotated[list[TokenId], Field(max_length=4)]
    tokens: Annotated[list[Short], Field(max_length=4)]


Pieces = Annotated[list[TextPiece | SpecialPiece], Field(max_length=MAX_PIECES)]


class Template(Rule):
    type: Literal["TemplateProcessing"]
    single: Pieces
    pair: Pieces
    special_tokens: Annotated[dict[str, _SpecialTokens], Field(max_length=MAX_PIECES)]


class Processors(Rule):
    type: Literal["Sequence"]
    processors: Annotated[list["Processor"], Field(max_length=MAX_RULES)]


Processor = Annotated[_Bert | _Roberta | ByteLevel | Template | Processors, Field(discriminator="type")]


class _BpeDecoder(Rule):
    type: Literal["BPEDecoder"]
    suffix: Short = "</w>"


class _WordPieceDecoder(Rule):
    type: Literal["WordPiece"]
    prefix: Short = "##"
    cleanup: bool = True


class _Ctc(Rule):
    type: Literal["CTC"]
    pad_token: Short
    word_delimiter_token: Short
    cleanup: bool = True


class _StripDecoder(Rule):
    type: Literal["Strip"]
    content: Character
    start: Count
    stop: Count


class Decoders(Rule):
    type: Literal["Sequence"]
    decoders: Annotated[list["Decoder"], Field(max_length=MAX_RULES)]


Decoder = Annotated[
    _PlainDecoder | ByteLevel | Metaspace | Replace | _BpeDecoder | _WordPieceDecoder | _Ctc | _StripDecoder | Decoders,
    Field(discriminator="type"),
]


class _Truncation(Rule):
    direction: Literal["Left", "Right"] = "Right"
    max_length: Annotated[int, Field(ge=0, le=2**20)]
    strategy: Literal["LongestFirst", "OnlyFirst", "OnlySecond"]
    stride: Literal[0] = 0


class _Fixed(Rule):
    Fixed: Count


class _Padding(Rule):
    strategy: Literal["BatchLongest"] | _Fixed
    direction: Literal["Left", "Right"]
    pad_to_multiple_of: Annotated[int, Field(ge=1, le=65_536)] | None = None
    pad_id: TokenId
    pad_type_id: Count
    pad_token: Short


class _Model(BaseModel):
    """A model's settings; its vocabulary is only data."""

    model_config = ConfigDict(extra="forbid", strict=True)
    type: Literal["BPE", "WordPiece", "WordLevel", "Unigram"] | None = None
    dropout: Annotated[float, Field(ge=0, le=1)] | None = None
    unk_token: Short | None = None
    continuing_subword_prefix: Short | None = None
    end_of_word_suffix: Short | None = None
    fuse_unk: bool | None = None
    byte_fallback: bool | None = None
    ignore_merges: bool | None = None
    max_input_chars_per_word: Annotated[int, Field(ge=0, le=1_000)] | None = None
    unk_id: TokenId | None = None
    vocab: Any = None
    merges: Any = None


class TokenizerRules(Rule):
    """All keys of a tokenizer.json."""

    version: Short | None = None
    truncation: _Truncation | None = None
    padding: _Padding | None = None
    added_tokens: Any = None
    normalizer: Normalizer | None = None
    pre_tokenizer: PreTokenizer | None = None
    post_processor: Processor | None = None
    decoder: Decoder | None = None
    model: _Model | None = None
