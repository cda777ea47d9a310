"""The complete description of one deliverable. Its id is the hash of this description."""

from enum import StrEnum

from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.template import FinishTemplate
from manifests.finish.record import FinishRecord
from manifests.identity import content_id
from manifests.placements.preset import PlacementPreset


class Fit(StrEnum):
    """How a master is fitted to the aspect ratio of a placement.

    ``native``: the clip was generated in this ratio and is only scaled. ``crop``: the crop follows the subject.
    ``blur``: the whole clip on a blurred copy of itself. ``colour``: the whole clip on the brand's background colour.
    """

    NATIVE = "native"
    CROP = "crop"
    BLUR = "blur"
    COLOUR = "colour"


class Extension(StrEnum):
    """How footage that is shorter than the placement's minimum is extended."""

    AUTO = "auto"
    LOOP = "loop"
    PING_PONG = "ping-pong"
    CROSSFADE = "crossfade"
    END_CARD = "end-card"
    NONE = "none"


class Shot(FinishRecord):
    """One master of a deliverable.

    Attributes:
        variant_id: the approved variant.
        sha256: SHA-256 of its signed, published file.
        crop_path: crop set by hand: (seconds, centre x, centre y) as fractions of the master, interpolated linearly;
            empty to follow the subject.
    """

    variant_id: str
    sha256: str
    crop_path: tuple[tuple[float, float, float], ...] = ()


class VoiceSpec(FinishRecord):
    """Spoken text, or a recording.

    Attributes:
        text: what is spoken; empty with a recording.
        engine: name of the voice engine or card, such as ``hibari`` or ``espeak-ng``; empty with a recording.
        voice: name of the engine's voice; empty for the engine's default of the language.
        recording: the file to use instead of a synthesised voice.
    """

    text: str = ""
    engine: str = ""
    voice: str = ""
    recording: Asset | None = None


class MusicSpec(FinishRecord):
    """Background music.

    Attributes:
        source: ``file`` (an asset), ``library`` (a track of the shipped set), ``procedural`` (made by code on this
            machine) or the name of a music card.
        asset: the file, if the source is ``file``.
        track: the track's name, if the source is ``library``.
        mood: for procedural and generated music.
        seed: for procedural and generated music.
    """

    source: str
    asset: Asset | None = None
    track: str = ""
    mood: str = ""
    seed: int = 0


class SoundSpec(FinishRecord):
    """The sound of a deliverable.

    Attributes:
        voice, music: None for none.
        native: whether the sound of the master is kept.
        ducking_db: by how much music and native sound are lowered while the voice speaks.
    """

    voice: VoiceSpec | None = None
    music: MusicSpec | None = None
    native: bool = True
    ducking_db: float = 12.0


class CaptionSpec(FinishRecord):
    """Captions.

    Attributes:
        text: plain text, SRT or WebVTT. Plain text is timed to the voice, or spread evenly without one.
        style: name of a caption style of the template; empty for captions that are not burnt in.
        sidecar, track: whether SRT and VTT files and a mov_text track are made.
    """

    text: str
    style: str = "default"
    sidecar: bool = True
    track: bool = True


class DeliverableSpec(FinishRecord):
    """Everything that determines a deliverable.

    Attributes:
        campaign_id, brief_id: the brief that it belongs to; the first one of a sequence.
        placement: label of the sheet's placement, ``tiktok 9:16``.
        aspect_ratio: ``9:16``.
        preset: the requirements of the placement.
        locale: language tag such as ``de`` or ``ar-EG``; empty for none.
        shots: the masters in order; more than one in a sequence.
        transition_s: length of the crossfade between shots in seconds; 0 cuts.
        fit: how the masters are fitted to the ratio.
        width, height: size of the deliverable in pixels, both even.
        duration_s: wanted length in seconds; None for the length of the footage within the placement's limits.
        extension: how to reach the minimum length.
        template: the finish template.
        brand: the brand kit.
        texts: values of the template's placeholders in this locale, (name, text) in alphabetical order.
        sound, captions: None for none.
    """

    campaign_id: str
    brief_id: str
    placement: str
    aspect_ratio: str
    preset: PlacementPreset
    locale: str = ""
    shots: tuple[Shot, ...]
    transition_s: float = 0.0
    fit: Fit = Fit.NATIVE
    width: int
    height: int
    duration_s: float | None = None
    extension: Extension = Extension.AUTO
    template: FinishTemplate
    brand: BrandKit = BrandKit()
    texts: tuple[tuple[str, str], ...] = ()
    sound: SoundSpec = SoundSpec()
    captions: CaptionSpec | None = None

    @property
    def variant_id(self) -> str:
        """The variant that the deliverable belongs to: that of the first shot."""
        return self.shots[0].variant_id

    @property
    def deliverable_id(self) -> str:
        """32 hex digits; equal specs have equal ids on any machine."""
        return content_id(self.model_dump(mode="json", exclude_defaults=True))
