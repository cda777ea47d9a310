"""The one tokenizer of text encoder and OpenCLIP: whole words of a fixed vocabulary."""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from training.words import vocabulary

PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
ROOM = 640
"""Size of the embedding tables; the words in use are fewer, so that the vocabulary can grow."""
MAX_LENGTH = 32


def build() -> PreTrainedTokenizerFast:
    """Lower case, no punctuation, an end token on every text; padding is 0, the end 1, unknown words 2."""
    entries = {token: place for place, token in enumerate([PAD, EOS, UNK, *vocabulary()])}
    if len(entries) > ROOM:
        raise ValueError(f"{len(entries)} words do not fit into {ROOM} embeddings")
    core = Tokenizer(models.WordLevel(entries, unk_token=UNK))
    core.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\p{L}\p{N}]+"), " ")]
    )
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(single=f"$A {EOS}", special_tokens=[(EOS, 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token=PAD, eos_token=EOS, unk_token=UNK, model_max_length=128, padding_side="right"
    )


def numbers(tokenizer: PreTrainedTokenizerFast, texts: list[str], length: int) -> torch.Tensor:
    """Token numbers (n, length), padded and cut as the stock pipelines do it."""
    batch = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return batch.input_ids


def save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes it under the class name that every transformers release opens."""
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"TokenizersBackend"', '"PreTrainedTokenizerFast"'))
