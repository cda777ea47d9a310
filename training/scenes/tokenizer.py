"""The tokenizer of text encoder and OpenCLIP: whole words of a fixed vocabulary."""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from training.scenes.words import vocabulary

PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
ROOM = 640
"""Size of the embedding tables. It is larger than the vocabulary, so that the vocabulary can grow."""
MAX_LENGTH = 32


def build() -> PreTrainedTokenizerFast:
    """Build the tokenizer: lower case, no punctuation, an end token. Padding is 0, the end 1, unknown words 2."""
    entries = {token: place for place, token in enumerate([PAD, EOS, UNK, *vocabulary()])}
    if len(entries) > ROOM:
        raise ValueError(f"{len(entries)} words do not fit into {ROOM} embeddings. Increase ROOM and train again.")
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
    """Return token numbers (n, length), padded and truncated as in the stock pipelines."""
    batch = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return batch.input_ids


def save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save the tokenizer under the class name that every release of transformers can open."""
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"TokenizersBackend"', '"PreTrainedTokenizerFast"'))
