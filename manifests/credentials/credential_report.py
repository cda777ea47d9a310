"""The result of `verify` for one file, in sentences that require no knowledge of C2PA."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from manifests.credentials.definition import IPTC

State = Literal["trusted", "valid", "incomplete", "invalid", "absent"]

STATES: Mapping[State, str] = {
    "trusted": "intact, and signed by a trusted signer",
    "valid": "intact, but the signer is not trusted",
    "incomplete": "no change was found, but this is only a part of a fragmented video (DASH or HLS)",
    "invalid": "modified or damaged; do not rely on it",
    "absent": "no Content Credential",
}

SENTENCES = {
    "assertion.bmffHash.mismatch": "the pixels, the sound or the file's structure were changed after signing",
    "assertion.dataHash.mismatch": "the file was changed after signing",
    "assertion.boxesHash.mismatch": "the file was changed after signing",
    "assertion.hashedURI.mismatch": "a statement of the credential was changed after signing",
    "assertion.missing": "a statement was removed from the credential",
    "assertion.undeclared": "a statement was added to the credential after signing",
    "claim.missing": "the credential has no claim",
    "claim.hardBindings.missing": "the credential is not bound to a file",
    "claimSignature.mismatch": "the credential was changed after signing, or its signature is forged",
    "claimSignature.missing": "the credential is not signed",
    "claimSignature.outsideValidity": "it was signed while the signer's certificate was not valid",
    "credential.unreadable": "the file or its credential is damaged or truncated",
    "file.sha256.mismatch": "the file is not identical to the signed file: bytes were added in a part that the "
    "credential does not cover",
    "ingredient.claimSignature.mismatch": "the credential of an ingredient was changed after signing",
    "ingredient.manifest.missing": "the credential of an ingredient was removed",
    "ingredient.manifest.mismatch": "the credential of an ingredient was replaced",
    "signingCredential.expired": "the signer's certificate has expired, and no trusted timestamp proves that "
    "the file was signed before",
    "signingCredential.invalid": "the signer's certificate is not valid for signing",
    "signingCredential.revoked": "the signer's certificate was revoked",
    "signingCredential.untrusted": "the signer is not trusted",
    "timeStamp.malformed": "the timestamp cannot be read",
    "timeStamp.mismatch": "the timestamp was issued for different data",
    "timeStamp.outsideValidity": "the timestamp was issued while its authority's certificate was not valid",
    "timeStamp.untrusted": "the timestamp authority is not trusted",
}

SOURCES = {
    "trainedAlgorithmicMedia": "created by a generative model",
    "compositeWithTrainedAlgorithmicMedia": "composed with the help of a generative model",
    "algorithmicMedia": "created by an algorithm",
    "digitalCapture": "captured by a camera",
    "computationalCapture": "captured by a camera with computation",
    "digitalCreation": "created by a person with software",
    "screenCapture": "recorded from a screen",
    "humanEdits": "edited by a person",
}

ACTIONS = {
    "c2pa.created": "created",
    "c2pa.opened": "opened",
    "c2pa.placed": "placed into it",
    "c2pa.published": "published",
    "c2pa.edited": "edited",
    "c2pa.edited.metadata": "its metadata edited",
    "c2pa.adjustedColor": "colours adjusted",
    "c2pa.color_adjustments": "colours adjusted",
    "c2pa.cropped": "cropped",
    "c2pa.resized": "resized",
    "c2pa.resized.proportional": "resized",
    "c2pa.orientation": "rotated or mirrored",
    "c2pa.trimmed": "shortened",
    "c2pa.changedSpeed": "speed changed",
    "c2pa.converted": "converted",
    "c2pa.deleted": "parts deleted",
    "c2pa.drawing": "drawn on",
    "c2pa.dubbed": "sound changed",
    "c2pa.enhanced": "enhanced",
    "c2pa.filtered": "filtered",
    "c2pa.removed": "an ingredient removed",
    "c2pa.translated": "translated",
    "c2pa.addedText": "text added",
    "c2pa.transcoded": "transcoded",
    "c2pa.repackaged": "repackaged",
    "c2pa.watermarked": "watermarked",
    "c2pa.watermarked.bound": "watermarked",
    "c2pa.watermarked.unbound": "watermarked",
    "c2pa.redacted": "parts of its credential removed",
    "c2pa.unknown": "changed in an unspecified way",
}


DESCRIPTION_LIMIT = 200
"""Length of the description of an action in a sentence; that of another program may be of any length."""


class Finding(NamedTuple):
    """A problem with a file: a code for counting and a sentence for people."""

    code: str
    sentence: str


class SignedBy(NamedTuple):
    """The signer of a file.

    Attributes:
        time: time of the timestamp, ISO 8601; None without one, because the signer's own clock is not proof.
    """

    subject: str
    issuer: str
    algorithm: str
    time: str | None


class Ingredient(NamedTuple):
    """An input of a clip, with the problems that were found in it."""

    title: str
    relationship: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """What the Content Credential of a file shows.

    Attributes:
        state: trusted, valid (intact, unknown signer), incomplete (a part of a video, of which the rest was not
            checked), invalid or absent.
        findings: all problems that were found.
        time_stamped: True if there is an intact timestamp.
        actions: actions in order, as plain sentences.
        generation: our own facts if Reelmill generated the clip: campaign_id, variant_id, seed…
        from_sidecar: the credential came from the ``.c2pa`` file, not from the file itself.
        fragments: number of fragments that were checked, for a fragmented video.
        store: the manifest store as printed by the library, JSON.
        path: path of the file as it was given.
        sha256: hex digest of the whole file.
    """

    state: State
    findings: tuple[Finding, ...] = ()
    signer: SignedBy | None = None
    time_stamped: bool = False
    title: str = ""
    actions: tuple[str, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    generation: Mapping[str, Any] = field(default_factory=dict)
    manifest_label: str = ""
    from_sidecar: bool = False
    fragments: int = 0
    store: str = ""
    path: str = ""
    sha256: str = ""

    @property
    def sentence(self) -> str:
        """State and findings in one sentence."""
        reasons = dict.fromkeys(finding.sentence for finding in self.findings)
        codes = {finding.code for finding in self.findings}
        if self.state == "valid" or "signingCredential.expired" in codes:
            reasons.pop(SENTENCES["signingCredential.untrusted"], None)  # implied by the state or the expiry
        return STATES[self.state] + (f" ({'; '.join(reasons)})" if reasons else "")

    @property
    def deliverable(self) -> str:
        """What a finished file was made for, as a noun phrase: its id, placement, locale and template; or empty."""
        facts = self.generation
        if not facts.get("deliverable_id"):
            return ""
        named = [str(facts.get(name) or "") for name in ("placement", "locale")]
        return (
            f"deliverable {str(facts['deliverable_id'])[:12]} of clip {str(facts.get('variant_id', ''))[:12]} for "
            f"{', '.join(filter(None, named))}, with the finish template {facts.get('template')}"
        )


def finding_of(failure: Mapping[str, Any]) -> Finding:
    """Return a failure reported by the library as a finding, with our sentence or else the library's explanation."""
    code = failure["code"]
    return Finding(code, SENTENCES.get(code) or failure.get("explanation") or code)


def action_sentence(action: Mapping[str, Any], model: str, opened: str, placed: str = "") -> str:
    """Describe an action: ``created by a generative model (Reelmill starter, LTXPipeline, …)``.

    Args:
        model: name of the model that the manifest discloses, or empty.
        opened: title of the parent, or empty.
        placed: titles of the ingredients that the action uses, or empty.
    """
    name = action.get("action", "")
    source = str(action.get("digitalSourceType", "")).removeprefix(IPTC)
    done = ACTIONS.get(name) or name.rpartition(".")[2].replace("_", " ") or "changed"
    if name == "c2pa.created":
        done = SOURCES.get(source, done)
    if name == "c2pa.opened" and opened:
        done = f"opened from “{opened}”"
    if name == "c2pa.placed":
        done = ", ".join(part for part in (f"{placed} {done}".strip(), SOURCES.get(source)) if part)
    by_the_model = name != "c2pa.placed" and source.lower().endswith("trainedalgorithmicmedia")
    means = [model if by_the_model else "", *_agent(action.get("softwareAgent"))]
    named = ", ".join(dict.fromkeys(part for part in means if part))
    described = " ".join(str(action.get("description") or "").split())[:DESCRIPTION_LIMIT].rstrip(".")
    return done + (f" ({named})" if named else "") + (f": {described}" if described else "")


def _agent(agent: Any) -> tuple[str, ...]:
    if isinstance(agent, Mapping):
        return str(agent.get("name", "")), str(agent.get("version", ""))
    return (str(agent),) if agent else ()
