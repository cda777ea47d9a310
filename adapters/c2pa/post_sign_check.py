"""Check a clip after signing, before it is released."""

from collections.abc import Iterator
from typing import Any

from adapters.c2pa.manifest_store import StoreReading
from manifests.credentials.credential_report import finding_of
from manifests.credentials.definition import ActionsAssertion, ManifestDefinition
from manifests.errors import TimeStampUnavailableError, UntrustedCredentialError


def check_read_back(reading: StoreReading | None, meant: ManifestDefinition, tsa: str | None) -> StoreReading:
    """Return the reading of a signed clip if it is Trusted and matches its definition.

    Raises:
        UntrustedCredentialError: it is not Trusted, has a tampered ingredient, or differs from its definition.
        TimeStampUnavailableError: the required timestamp is missing.
    """
    if reading is None:
        raise UntrustedCredentialError("The signed clip contains no credential.")
    reasons = [*_distrust(reading), *_tampered(reading), *_differences(reading, meant)]
    if reasons:
        raise UntrustedCredentialError(f"The signed clip failed verification: {'; '.join(reasons)}.")
    if tsa and not any(each["code"] == "timeStamp.validated" for each in reading.codes("success")):
        raise TimeStampUnavailableError(f"{tsa} did not return a valid timestamp. Check REELMILL_TSA_URL.")
    return reading


def _distrust(reading: StoreReading) -> Iterator[str]:
    if reading.state != "Trusted":
        sentences = dict.fromkeys(finding_of(failure).sentence for failure in reading.codes("failure"))
        yield "; ".join(sentences) or f"its state is {reading.state}"


def _tampered(reading: StoreReading) -> Iterator[str]:
    for title, failure in reading.tampered_ingredients():
        yield f"in its ingredient {title!r}, {finding_of(failure).sentence}"


def _differences(reading: StoreReading, meant: ManifestDefinition) -> Iterator[str]:
    if reading.manifest.get("title") != meant.title:
        yield f"its title is {reading.manifest.get('title')!r} instead of {meant.title!r}"
    generators = [each.model_dump(by_alias=True) for each in meant.claim_generator_info]
    if [_without_library(each) for each in reading.manifest.get("claim_generator_info", [])] != generators:
        yield "its claim generator differs"
    actions = reading.assertion("c2pa.actions.v2").get("actions", [])
    read = [(each["action"], each.get("digitalSourceType")) for each in actions]
    if read != [(each.action, each.digital_source_type) for each in meant.actions]:
        yield f"its actions are {_brief(actions)}"
    if meant.master and _placed(reading) != _parts(meant):
        yield f"its ingredients are {sorted(_placed(reading))}"
    for assertion in meant.assertions:
        data = assertion.data.model_dump(mode="json", by_alias=True, exclude_none=True)
        if not isinstance(assertion, ActionsAssertion) and reading.assertion(assertion.label) != data:
            yield f"its assertion {assertion.label} differs"


def _parts(meant: ManifestDefinition) -> set[tuple[str, str]]:
    """Return relationship and title of each file that a deliverable was made from."""
    components = {("componentOf", component.title) for component in meant.components}
    return components | ({("parentOf", meant.master.title)} if meant.master else set())


def _placed(reading: StoreReading) -> set[tuple[str, str]]:
    ingredients = reading.manifest.get("ingredients", [])
    return {(each.get("relationship", ""), each.get("title", "")) for each in ingredients}


def _without_library(generator: dict[str, Any]) -> dict[str, Any]:
    """Return the claim generator without the version that the signing library adds."""
    return {name: value for name, value in generator.items() if name != "org.contentauth.c2pa_rs"}


def _brief(actions: list[dict[str, Any]]) -> str:
    words = (f"{each['action']} {each.get('digitalSourceType', '')}".strip() for each in actions)
    return ", ".join(words) or "none"
