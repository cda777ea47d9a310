"""The Content Credential of a deliverable: its master is opened, and each edit is an action."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from manifests.credentials.credential import NOTHING_ALLOWED, PROGRAM, clean_title, training_entries
from manifests.credentials.definition import (
    ALGORITHMIC_CHANGE,
    IPTC,
    OWN_LABEL,
    PERCEPTIBLE,
    Disclosure,
    Generation,
    IptcMetadata,
    ManifestDefinition,
    check_definition,
)
from manifests.credentials.ingredient_files import PARENT, ComponentFile, MasterFile
from manifests.errors import InvalidDefinitionError
from manifests.finish.deliverable import Edit, FinishedFile
from manifests.finish.spec import DeliverableSpec

OVERSIGHT = ("fully_autonomous", "prompt_guided", "human_validated")
"""Levels of human oversight, the lowest first."""
PARENT_STATES = ("invalid", "valid", "trusted")
"""States of a provider's credential, the worst first."""
OF_THE_MASTER = frozenset({"c2pa.transcoded", "c2pa.repackaged"})
"""Actions whose ingredient is the master itself."""


class Master(NamedTuple):
    """A signed clip that a deliverable was made from, with what its own credential states.

    Attributes:
        path: the file on this machine.
        title: of its credential.
        generation: our own facts.
        disclosure: the model that generated it.
        metadata: likewise, as IPTC properties.
    """

    path: Path
    title: str
    generation: Generation
    disclosure: Disclosure
    metadata: IptcMetadata


@dataclass(frozen=True, slots=True)
class Finishing:
    """Facts about a finished file, from which its credential is built.

    Attributes:
        spec: what was to be made.
        finished: what was made.
        masters: the clips of the spec's shots, in order.
        folder: where the components are.
        finished_at: time of the edits, ISO 8601 with its offset.
        program_version: version of Reelmill.
        training_mining: maps each use to allowed, notAllowed or ``constrained: <terms>``.
    """

    spec: DeliverableSpec
    finished: FinishedFile
    masters: tuple[Master, ...]
    folder: Path
    finished_at: str
    program_version: str
    training_mining: Mapping[str, str] = field(default_factory=lambda: NOTHING_ALLOWED)


def deliverable_definition(finishing: Finishing) -> ManifestDefinition:
    """Return the validated definition of a deliverable.

    Raises:
        InvalidDefinitionError: a fact is missing or malformed, such as an edit with an unknown action.
    """
    masters = finishing.masters
    if [each.generation.variant_id for each in masters] != [shot.variant_id for shot in finishing.spec.shots]:
        raise InvalidDefinitionError("the masters are not those of the deliverable's shots")
    components = (*_shots(masters), *_components(finishing))
    return check_definition(
        {
            "claim_generator_info": [{"name": PROGRAM, "version": finishing.program_version}],
            "title": clean_title(_title(finishing.spec)),
            "assertions": [
                _assertion("c2pa.actions.v2", {"actions": list(_actions(finishing, components))}),
                _assertion("c2pa.ai-disclosure", _disclosure(masters)),
                _assertion("cawg.training-mining", {"entries": training_entries(finishing.training_mining)}),
                _assertion("cawg.metadata", _metadata(masters)),
                _assertion(OWN_LABEL, _facts(finishing)),
            ],
            "master": MasterFile(path=masters[0].path, title=clean_title(masters[0].title)),
            "components": components,
        }
    )


def shot_label(index: int) -> str:
    """Return the name of the component for a shot, ``shot 2`` for index 1; the first shot is the parent instead."""
    return f"shot {index + 1}"


def _title(spec: DeliverableSpec) -> str:
    return " ".join(part for part in (spec.brief_id, spec.placement, spec.locale, spec.deliverable_id[:12]) if part)


def _shots(masters: Sequence[Master]) -> Iterator[ComponentFile]:
    """Yield the masters after the first one: C2PA allows only one parent."""
    for index, master in enumerate(masters[1:], 1):
        title = clean_title(master.title)
        yield ComponentFile(path=master.path, label=shot_label(index), title=title, format="video/mp4")


def _components(finishing: Finishing) -> Iterator[ComponentFile]:
    for each in finishing.finished.components:
        if Path(each.path).name != each.path:
            raise InvalidDefinitionError(f"the component {each.name!r} is not in the folder of its deliverable")
        facts = {"path": finishing.folder / each.path, "label": each.name, "format": each.media_type}
        try:
            yield ComponentFile.model_validate(facts | {"title": clean_title(each.title)})
        except ValueError as error:
            raise InvalidDefinitionError(f"the component {each.name!r} is invalid: {error}") from error


def _actions(finishing: Finishing, components: Sequence[ComponentFile]) -> Iterator[dict[str, Any]]:
    when = {"when": finishing.finished_at}
    sources = {each.name: each.source_type for each in finishing.finished.components}
    yield {"action": "c2pa.opened", **when, "parameters": {"ingredientIds": [PARENT]}}
    for edit in (*_placed_silently(finishing, components), *finishing.finished.edits):
        if edit.action == "c2pa.placed":  # what was placed counts, not who placed it
            edit = edit.model_copy(update={"source_type": sources.get(edit.component, "")})
        yield _action(edit, finishing.program_version) | when
    yield {"action": "c2pa.published", **when}


def _placed_silently(finishing: Finishing, components: Sequence[ComponentFile]) -> Iterator[Edit]:
    """Yield an edit for each component that no edit names, so that all of them are disclosed."""
    named = {edit.component for edit in finishing.finished.edits}
    for component in components:
        if component.label not in named:
            text = f"“{component.title}” was added as {component.label}."
            yield Edit(action="c2pa.placed", component=component.label, description=text)


def _action(edit: Edit, program_version: str) -> dict[str, Any]:
    """Return the action of an edit; a component of unknown origin claims none."""
    used = [edit.component] if edit.component else [PARENT] * (edit.action in OF_THE_MASTER)
    source = IPTC + edit.source_type if edit.source_type else ""
    if not source and edit.action in PERCEPTIBLE:
        source = ALGORITHMIC_CHANGE
    name = edit.agent or PROGRAM
    version = edit.agent_version or (program_version if name.startswith(PROGRAM) else "")
    agent = {"name": name} | ({"version": version} if version else {})
    action = {"action": edit.action, "softwareAgent": agent}
    return (
        action
        | ({"digitalSourceType": source} if source else {})
        | ({"description": edit.description} if edit.description else {})
        | ({"parameters": {"ingredientIds": used}} if used else {})
    )


def _disclosure(masters: Sequence[Master]) -> dict[str, Any]:
    """Return the models of all masters, and the lowest level of oversight that one of them had."""
    disclosures = [master.disclosure for master in masters]
    levels = [each.content_profile.human_oversight_level for each in disclosures]
    return {
        "modelName": _joined(each.model_name for each in disclosures),
        "modelIdentifier": _joined(each.model_identifier for each in disclosures),
        "contentProfile": {"humanOversightLevel": min(levels, key=OVERSIGHT.index)},
    }


def _metadata(masters: Sequence[Master]) -> dict[str, str]:
    return {
        "Iptc4xmpExt:AISystemUsed": _joined(master.metadata.ai_system_used for master in masters),
        "Iptc4xmpExt:AISystemVersionUsed": _joined(master.metadata.ai_system_version_used for master in masters),
    }


def _joined(texts: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _facts(finishing: Finishing) -> dict[str, Any]:
    """Return the facts of the first master and those of the deliverable."""
    spec, masters = finishing.spec, finishing.masters
    states = [each.generation.parent_credential for each in masters if each.generation.parent_credential]
    facts = {
        **masters[0].generation.model_dump(mode="json"),
        "campaign_id": spec.campaign_id,
        "parent_credential": min(states, key=PARENT_STATES.index) if states else None,
        "deliverable_id": spec.deliverable_id,
        "template": spec.template.name,
        "template_sha256": spec.template.digest,
        "placement": spec.placement,
        "locale": spec.locale or None,
        "shots": [shot.variant_id for shot in spec.shots] if len(spec.shots) > 1 else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _assertion(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "data": data}
