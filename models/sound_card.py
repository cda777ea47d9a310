"""Cards of models that speak or make music, local and hosted."""

from datetime import date
from typing import Literal

from pydantic import Field

from models.card import Card, LocalCard, PipelineCard

SPEECH, HOSTED_SPEECH, MUSIC = "text-to-speech", "hosted-text-to-speech", "text-to-music"
Languages = tuple[str, ...]
"""Primary BCP 47 tags such as ``en``."""


class SpeechCard(LocalCard):
    """A model that speaks on this machine, in a folder that transformers reads.

    Attributes:
        model: class in transformers.
        languages: those that it speaks.
        voices: number of the speaker by name, for models with several speakers; empty for one voice.
    """

    kind: Literal["text-to-speech"]
    model: Literal["VitsModel"]
    languages: Languages = Field(min_length=1)
    voices: dict[str, int] = Field(default_factory=dict)


class HostedSpeechCard(Card):
    """A model that speaks at a provider, or on a server of your own.

    Attributes:
        provider: name of the account in the settings: the key of ``openai`` is REELMILL_PROVIDER_OPENAI_KEY.
        protocol: wire format; ``openai_speech`` is ``POST /v1/audio/speech``, which many servers offer.
        base_url: address of the API; the account may have its own.
        plain_http: whether requests to other machines may be sent without TLS.
        model: the provider's name of the model.
        languages: those that it speaks.
        voices: the provider's names of voices; the first is the default.
        instructions: how the text is spoken, for models that accept it; empty for none.
        costs_money: whether requests cost money; False for self-hosted servers, which need no account.
        price: what it costs, for people.
        retires: last day on which the provider is known to offer the model.
    """

    kind: Literal["hosted-text-to-speech"]
    provider: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    protocol: Literal["openai_speech"]
    base_url: str = Field(pattern=r"^https?://")
    plain_http: bool = False
    model: str = Field(min_length=1)
    languages: Languages = Field(min_length=1)
    voices: tuple[str, ...] = Field(min_length=1)
    instructions: str = ""
    costs_money: bool = True
    price: str = ""
    retires: date | None = None


class MusicCard(PipelineCard):
    """A model that makes music on this machine, as a pipeline of diffusers.

    Attributes:
        longest_s: longest piece in seconds; longer music is looped.
        num_inference_steps, guidance_scale: inputs of the pipeline.
        negative_prompt: what the music should not be, for pipelines that accept it.
        moods: prompt by mood. A mood that is not listed is used as a prompt itself.
    """

    kind: Literal["text-to-music"]
    pipeline: Literal["StableAudioPipeline", "AceStepPipeline"]
    longest_s: float = Field(gt=0)
    num_inference_steps: int = Field(gt=0)
    guidance_scale: float = Field(ge=0)
    negative_prompt: str = ""
    moods: dict[str, str] = Field(default_factory=dict)


SoundCard = SpeechCard | HostedSpeechCard | MusicCard
"""Cards of voices and music."""
