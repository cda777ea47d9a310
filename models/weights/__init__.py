"""Locate the weights of a card, and check that they are complete, unchanged and safe to load. Imports no torch.

``folder_check`` has the rules for every folder that a library of models reads, of whatever kind.
"""

from models.weights.card_check import weights_problem
from models.weights.integrity import CardDigest, card_digests, unread_bytes, weights_of
from models.weights.location import lora_path, part_path, weights_path
from models.weights.offline import forbid_network

__all__ = [
    "CardDigest",
    "card_digests",
    "forbid_network",
    "lora_path",
    "part_path",
    "unread_bytes",
    "weights_of",
    "weights_path",
    "weights_problem",
]
