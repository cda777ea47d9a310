"""What `verify` says of a file, in words that need no knowledge of C2PA."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from manifests.credentials.definition import IPTC

State = Literal["trusted", "valid", "invalid", "absent"]

STATES: Mapping[State, str] = {
    "trusted": "intact, and signed by a trusted signer",
    "valid": "intact, but its signer is not among the trusted ones",
    "invalid": "changed or broken: do not rely on it",
    "absent": "no Content Credential",
}

SENTENCES = {
    "assertion.bmffHash.mismatch": "the pixels, the sound or the file's structure were changed after signing",
    "assertion.dataHash.mismatch": "the file was changed after signing",
    "assertion.boxesHash.mismatch": "the file was changed after signing",
    "assertion.hashedURI.mismatch": "a statement of the credential was changed after signing",
    "assertion.missing": "a statement of the credential was taken out",
    "assertion.undeclared": "a statement was put into the credential after signing",
    "claim.missing": "the credential lacks its claim",
    "claim.hardBindings.missing": "the credential is bound to no file",
    "claimSignature.mismatch": "the credential was changed after signing, or its signature is forged",
    "claimSignature.missing": "the credential is not signed",
    "claimSignature.outsideValidity": "it was signed while the signer's certificate was not valid",
    "credential.unreadable": "the file or its credential is broken or cut off",
    "file.sha256.mismatch": "the file is not the one that was signed, byte for byte: something was added "
    "where the credential does not look",
    "ingredient.claimSignature.mismatch": "the credential of an ingredient was changed after signing",
    "ingredient.manifest.missing": "the credential of an ingredient was taken out",
    "ingredient.manifest.mismatch": "the credential of an ingredient was exchanged",
    "signingCredential.expired": "the signer's certificate has expired, and no trusted time stamp shows that "
    "it was signed before",
    "signingCredential.invalid": "the signer's certificate is not fit for signing",
    "signingCredential.revoked": "the signer's certificate was revoked",
    "signingCredential.untrusted": "the signer is not among the trusted ones",
    "timeStamp.malformed": "the time stamp cannot be read",
    "timeStamp.mismatch": "the time stamp belongs to something else",
    "timeStamp.outsideValidity": "the time stamp was made while its authority's certificate was not valid",
    "timeStamp.untrusted": "the time stamp's authority is not among the trusted ones",
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
    "c2pa.color_adjustments": "colours adjusted",
    "c2pa.cropped": "cropped",
    "c2pa.resized": "resized",
    "c2pa.addedText": "text added",
    "c2pa.transcoded": "transcoded",
    "c2pa.repackaged": "repackaged",
    "c2pa.watermarked": "watermarked",
    "c2pa.watermarked.bound": "watermarked",
    "c2pa.redacted": "parts of its credential taken out",
    "c2pa.unknown": "changed in a way that is not said",
}


class Finding(NamedTuple):
    """Something that speaks against a file: a code to count by, a sentence to read."""

    code: str
    sentence: str


class SignedBy(NamedTuple):
    """Who signed.

    Attributes:
        time: of the time stamp, ISO 8601; None where there is none, for a signer's word is no proof.
    """

    subject: str
    issuer: str
    algorithm: str
    time: str | None


class Ingredient(NamedTuple):
    """What a clip was made from; findings say what is wrong with it."""

    title: str
    relationship: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """What is known of a file from its Content Credential.

    Attributes:
        state: trusted, valid (intact, unknown signer), invalid or absent.
        findings: everything that speaks against it.
        time_stamped: True where a time stamp is there and intact.
        actions: what was done, in order, as plain sentences.
        generation: our own facts, where Reelmill made the clip: campaign_id, variant_id, seed…
        from_sidecar: the credential came from the ``.c2pa`` file, not from the file itself.
        store: the manifest store as the library prints it, JSON.
        path: the file, as it was named.
        sha256: of the whole file.
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
    store: str = ""
    path: str = ""
    sha256: str = ""

    @property
    def sentence(self) -> str:
        """State and findings in one sentence."""
        reasons = dict.fromkeys(finding.sentence for finding in self.findings)
        codes = {finding.code for finding in self.findings}
        if self.state == "valid" or "signingCredential.expired" in codes:
            reasons.pop(SENTENCES["signingCredential.untrusted"], None)  # said already
        return STATES[self.state] + (f" ({'; '.join(reasons)})" if reasons else "")


def finding_of(failure: Mapping[str, Any]) -> Finding:
    """Return a failure of the library's as a finding; its own explanation where we know none better."""
    code = failure["code"]
    return Finding(code, SENTENCES.get(code) or failure.get("explanation") or code)


def action_sentence(action: Mapping[str, Any], model: str, opened: str) -> str:
    """Return what an action did: ``created by a generative model (Reelmill starter, LTXPipeline, …)``.

    Args:
        model: name of the model that the manifest discloses, or empty.
        opened: title of the parent, or empty.
    """
    name = action.get("action", "")
    source = str(action.get("digitalSourceType", "")).removeprefix(IPTC)
    done = ACTIONS.get(name) or name.rpartition(".")[2].replace("_", " ") or "changed"
    if name == "c2pa.created":
        done = SOURCES.get(source, done)
    if name == "c2pa.opened" and opened:
        done = f"opened from “{opened}”"
    means = [model if source.lower().endswith("trainedalgorithmicmedia") else "", *_agent(action.get("softwareAgent"))]
    named = ", ".join(dict.fromkeys(part for part in means if part))
    return f"{done} ({named})" if named else done


def _agent(agent: Any) -> tuple[str, ...]:
    if isinstance(agent, Mapping):
        return str(agent.get("name", "")), str(agent.get("version", ""))
    return (str(agent),) if agent else ()
