"""Locate the weights of a card, and check that they are complete, unchanged and safe to load. Imports no torch.

``folder_check`` has the rules for every folder that a library of models reads, of whatever kind.
"""

from models.weights.card_check import check_total_size, repair_of, weights_problem
from models.weights.integrity import CardDigest, card_digests, is_intact_blob, unread_bytes, weights_of
from models.weights.location import download_command, hub_cache, lora_path, part_path, weights_path
from models.weights.offline import forbid_network
from models.weights.wanted_files import HubWeights, hub_weights_of

__all__ = [
    "CardDigest",
    "HubWeights",
    "card_digests",
    "check_total_size",
    "download_command",
    "forbid_network",
    "hub_cache",
    "hub_weights_of",
    "is_intact_blob",
    "lora_path",
    "part_path",
    "repair_of",
    "unread_bytes",
    "weights_of",
    "weights_path",
    "weights_problem",
]
