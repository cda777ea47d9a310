"""Campaigns, their briefs, their variants and their settings."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Select,
    Table,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.database import CataloguePart, batches
from adapters.catalogue.core.rows import (
    CampaignRow,
    Membership,
    brief_from,
    clean,
    record_text,
    to_text,
    variant_text,
)
from adapters.catalogue.core.seals import campaign_fields, key_for_reading, key_for_writing, membership_fields
from adapters.catalogue.core.state_changes import SYSTEM
from adapters.catalogue.core.tables import (
    briefs,
    campaigns,
    database_now,
    events,
    memberships,
    variants,
)
from adapters.catalogue.log.campaign_log import (
    SETTINGS,
    THRESHOLD,
    are_genuine,
    logged_thresholds,
    settings_digest,
)
from adapters.catalogue.log.entries import append
from adapters.catalogue.log.places_log import are_complete, lock_places, log_places
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.errors import CatalogueError, NotFoundError
from manifests.states import State
from manifests.variant import PlannedVariant

_ROWS = 4000


class Campaigns(CataloguePart):
    """Add and read campaigns."""

    def all(self) -> list[CampaignRow]:
        """Return all campaigns, newest first."""
        return self._campaign_rows(select(campaigns))

    def get(self, reference: str) -> CampaignRow:
        """Return a campaign by its id, a unique prefix of the id, or its name (the newest with that name).

        Raises:
            CatalogueError: no campaign matches, or several do.
        """
        start = campaigns.c.campaign_id.startswith(reference, autoescape=True)
        found = self._campaign_rows(select(campaigns).where(or_(start, campaigns.c.name == reference)))
        exact = [row for row in found if row.campaign_id == reference] or [
            row for row in found if row.name == reference
        ]
        if exact or len(found) == 1:
            return (exact or found)[0]
        if not found:
            raise NotFoundError(
                f"No campaign in the catalogue is called {reference!r}. List them with `reelmill status`."
            )
        raise CatalogueError(
            f"Several campaigns begin with {reference!r}: "
            f"{', '.join(row.campaign_id for row in found)}. Enter more of the id."
        )

    def briefs(self, campaign_id: str, brief_ids: Collection[str] | None = None) -> tuple[Brief, ...]:
        """Return the campaign's briefs in the sheet's order.

        Args:
            brief_ids: only these, at most 1,000; None for all.
        """
        query = select(briefs.c.body).where(briefs.c.campaign_id == campaign_id).order_by(briefs.c.ordinal)
        if brief_ids is not None:
            query = query.where(briefs.c.brief_id.in_(list(brief_ids)))
        with self._db.reading() as connection:
            return tuple(brief_from(body) for body in connection.execute(query).scalars())

    def memberships(
        self, campaign_id: str, variant_ids: Collection[str] | None = None, *, genuine: bool = False
    ) -> list[Membership]:
        """Return which variant belongs to which brief and placement, in the order of planning.

        Args:
            variant_ids: only these, at most 1,000; None for all.
            genuine: leave out rows that were written or changed outside Reelmill, if this process has the key.
        """
        query = (
            select(memberships)
            .where(memberships.c.campaign_id == campaign_id)
            .order_by(memberships.c.ordinal, memberships.c.variant_id)
        )
        if variant_ids is not None:
            query = query.where(memberships.c.variant_id.in_(list(variant_ids)))
        with self._db.reading() as connection:
            key = key_for_reading(connection) if genuine else None
            return [
                Membership(
                    row.brief_id,
                    row.variant_id,
                    row.placement,
                    row.ordinal,
                    tuple((name, value) for name, value in json.loads(row.labels)),
                    row.locale,
                )
                for row in connection.execute(query)
                if key is None or key.matches(row.seal, *membership_fields(row._mapping))
            ]

    def misplaced(self, campaign_id: str, variant_ids: Iterable[str]) -> list[str]:
        """Return the variants whose place in the campaign was written outside Reelmill."""
        found: list[str] = []
        for batch in batches(variant_ids):
            placed = {member.variant_id for member in self.memberships(campaign_id, batch, genuine=True)}
            found += [variant_id for variant_id in batch if variant_id not in placed]
        return found

    def prompts(self, campaign_id: str) -> tuple[str, ...]:
        """Return the campaign's prompts, each once, sorted."""
        query = (
            select(variants.c.prompt)
            .join(memberships, memberships.c.variant_id == variants.c.variant_id)
            .where(memberships.c.campaign_id == campaign_id)
            .distinct()
        )
        with self._db.reading() as connection:
            return tuple(sorted(connection.execute(query).scalars()))

    def _campaign_rows(self, query: Select[Any]) -> list[CampaignRow]:
        newest_first = query.order_by(campaigns.c.created_at.desc(), campaigns.c.campaign_id)
        with self._db.reading() as connection:
            return [
                CampaignRow(
                    row.campaign_id,
                    row.name,
                    row.sheet_sha256,
                    json.loads(row.settings),
                    row.created_at,
                    json.loads(row.thresholds),
                    row.second_share,
                    row.priority,
                    row.standing,
                    json.loads(row.stood),
                )
                for row in connection.execute(newest_first)
            ]

    def add(self, campaign: Campaign, settings: Mapping[str, Any]) -> None:
        """Add a campaign with its briefs, or update the settings and briefs of an existing one.

        The briefs of the same sheet differ if it was submitted with other options, such as another finish template.
        """
        head = {
            "campaign_id": campaign.campaign_id,
            "name": clean(campaign.name),
            "sheet_sha256": campaign.sheet_sha256,
            "settings": to_text(dict(settings)),
        }
        rows = [
            {
                "campaign_id": campaign.campaign_id,
                "brief_id": brief.brief_id,
                "ordinal": ordinal,
                "body": record_text(brief),
            }
            for ordinal, brief in enumerate(campaign.briefs)
        ]
        with self._db.writing() as connection:
            changed = self._write_head(connection, head)
            if rows:
                connection.execute(self._upsert_briefs(), rows)
            if changed:
                append(connection, SYSTEM, SETTINGS, [(campaign.campaign_id, changed)])

    def _write_head(self, connection: Connection, head: Mapping[str, str]) -> dict[str, str]:
        """Write a campaign if it is new or its settings change; return the detail of the log's entry, or nothing."""
        key, known = key_for_writing(connection), _locked(connection, head["campaign_id"])
        genuine = known is not None and are_genuine(connection, known)
        if genuine and known.settings == head["settings"]:
            return {}
        if known is None or genuine:
            thresholds = known.thresholds if known else "{}"
        else:
            thresholds = to_text(logged_thresholds(connection, head["campaign_id"]))
        seal = key.seal(*campaign_fields(head["campaign_id"], head["settings"], thresholds)) if key else None
        connection.execute(self._upsert_campaign(), {**head, "thresholds": thresholds, "seal": seal})
        review = json.loads(head["settings"]).get("review", "")
        changes = _choices(known, head["settings"]) if genuine else {}
        return {"review": review, **changes, "digest": settings_digest(head["settings"], thresholds)}

    def check_settings(self, campaign_id: str) -> None:
        """Check that a campaign has the settings and thresholds that Reelmill stored last.

        Raises:
            CatalogueError: they were changed outside Reelmill, for example to publish without review or elsewhere.
        """
        with self._db.reading() as connection:
            row = connection.execute(select(campaigns).where(campaigns.c.campaign_id == campaign_id)).first()
            if row and not are_genuine(connection, row):
                raise _changed_outside(campaign_id)

    def add_variants(
        self, campaign_id: str, planned: Iterable[PlannedVariant], *, parent_id: str | None = None, actor: str = SYSTEM
    ) -> int:
        """Add a campaign's variants, a few thousand per transaction; return how many are new.

        A variant that another campaign already has keeps its state: it is never generated twice.
        """
        added, ordinal, is_complete = 0, 0, False
        locales: dict[str, str] = {}
        for batch in batches(planned, _ROWS):
            locales |= self._locales(campaign_id, {item.brief_id for item in batch} - locales.keys())
            with self._db.writing() as connection:
                lock_places(connection, campaign_id)
                if not ordinal:
                    is_complete = are_complete(connection, campaign_id)
                known = _known_places(connection, campaign_id, batch) if is_complete else set()
                added += self._add_batch(connection, campaign_id, batch, ordinal, parent_id, locales, actor)
                if is_complete:
                    log_places(connection, campaign_id, len({_place(item) for item in batch} - known))
            ordinal += len(batch)
        return added

    def _add_batch(
        self,
        connection: Connection,
        campaign_id: str,
        batch: Sequence[PlannedVariant],
        ordinal: int,
        parent_id: str | None,
        locales: Mapping[str, str],
        actor: str,
    ) -> int:
        # Sorted by id, so that two processes that add the same variants do not deadlock.
        unique = sorted({item.variant_id: item.variant for item in batch}.items())
        new = (
            connection.execute(
                self._insert_new(variants).returning(variants.c.variant_id),
                [
                    {
                        "variant_id": variant_id,
                        "body": variant_text(variant),
                        "state": State.PLANNED,
                        "parent_id": parent_id,
                        "card": variant.card,
                        "seed": variant.seed,
                        "prompt": clean(variant.prompt),
                    }
                    for variant_id, variant in unique
                ],
            )
            .scalars()
            .all()
        )
        self._log_planned(connection, campaign_id, new, actor)
        if actor != SYSTEM:
            append(connection, actor, State.PLANNED, [(key, {"parent_id": parent_id}) for key in new])
        rows = [
            {
                "campaign_id": campaign_id,
                "brief_id": item.brief_id,
                "variant_id": item.variant_id,
                "placement": item.placement.label,
                "ordinal": number,
                "labels": to_text(item.labels),
                "locale": clean(dict(item.labels).get("locale") or locales.get(item.brief_id, "")),
            }
            for number, item in enumerate(batch, ordinal)
        ]
        key = key_for_writing(connection)
        sealed = [{**row, "seal": key.seal(*membership_fields(row)) if key else None} for row in rows]
        connection.execute(self._upsert_memberships(), sealed)
        return len(new)

    def _upsert_memberships(self) -> Insert:
        """Return the statement that adds memberships, and restores those that were changed outside Reelmill."""
        statement = self._insert(memberships)
        result: Insert = statement.on_conflict_do_update(
            index_elements=["campaign_id", "brief_id", "variant_id", "placement"],
            set_={name: statement.excluded[name] for name in ("labels", "locale", "seal")},
            where=memberships.c.seal.is_distinct_from(statement.excluded.seal)
            | memberships.c.labels.is_distinct_from(statement.excluded.labels),
        )
        return result

    def _locales(self, campaign_id: str, brief_ids: Collection[str]) -> dict[str, str]:
        """Return the locales of each brief, separated by ``|``, for variants without a label that names one of them."""
        found: dict[str, str] = {}
        with self._db.reading() as connection:
            for batch in batches(sorted(brief_ids)):
                query = select(briefs.c.brief_id, briefs.c.body).where(
                    briefs.c.campaign_id == campaign_id, briefs.c.brief_id.in_(batch)
                )
                for row in connection.execute(query):
                    found[row.brief_id] = "|".join(json.loads(row.body).get("locales") or [])
        return found

    @staticmethod
    def _log_planned(connection: Connection, campaign_id: str, new: Sequence[str], actor: str) -> None:
        rows = select(
            variants.c.variant_id,
            database_now(),
            literal(clean(actor)),
            literal(State.PLANNED),
            literal(to_text({"campaign_id": campaign_id})),
        ).where(variants.c.variant_id.in_(new))
        connection.execute(
            insert(events).from_select(
                ["variant_id", "at", "actor", "to_state", "detail"], rows, include_defaults=False
            )
        )

    def _insert(self, table: Table) -> Any:
        return (postgresql if self._db.dialect == "postgresql" else sqlite).insert(table)

    def _insert_new(self, table: Table) -> Insert:
        result: Insert = self._insert(table).on_conflict_do_nothing()
        return result

    def _upsert_campaign(self) -> Insert:
        statement = self._insert(campaigns)
        result: Insert = statement.on_conflict_do_update(
            index_elements=["campaign_id"],
            set_={name: statement.excluded[name] for name in ("settings", "thresholds", "seal")},
        )
        return result

    def _upsert_briefs(self) -> Insert:
        statement = self._insert(briefs)
        result: Insert = statement.on_conflict_do_update(
            index_elements=["campaign_id", "brief_id"],
            set_={"body": statement.excluded.body},
            where=briefs.c.body != statement.excluded.body,
        )
        return result

    def set_second_share(self, campaign_id: str, share: float, actor: str) -> None:
        """Set the share of a campaign's decided clips that a second person reviews blind, 0..1."""
        if not 0 <= share <= 1:
            raise CatalogueError(f"Invalid share {share:g}. Enter a number from 0 to 1.")
        with self._db.writing() as connection:
            _set(connection, campaign_id, second_share=share)
            append(connection, actor, "second review", [(campaign_id, {"second_share": share})])

    def set_threshold(self, campaign_id: str, card: str, min_adherence: float | None, actor: str) -> None:
        """Set a card's threshold for briefs without their own threshold; None restores the card's default."""
        if min_adherence is not None and not -1 <= min_adherence <= 1:
            raise CatalogueError(f"Invalid threshold {min_adherence:g}. Enter a number from -1 to 1.")
        with self._db.writing() as connection:
            key, known = key_for_writing(connection), _locked(connection, campaign_id)
            if known is None:
                raise _unknown(campaign_id)
            if not are_genuine(connection, known):
                raise _changed_outside(campaign_id)
            wanted = json.loads(known.thresholds) | {card: min_adherence}
            thresholds = to_text({name: value for name, value in wanted.items() if value is not None})
            seal = key.seal(*campaign_fields(campaign_id, known.settings, thresholds)) if key else None
            _set(connection, campaign_id, thresholds=thresholds, seal=seal)
            detail = {"card": card, "min_adherence": min_adherence}
            digest = settings_digest(known.settings, thresholds)
            append(connection, actor, THRESHOLD, [(campaign_id, {**detail, "digest": digest})])


def _choices(known: Any, settings: str) -> dict[str, str]:
    """Return changes of model and profile in a later run of a campaign, which then contains clips of both."""
    before, now = json.loads(known.settings), json.loads(settings)
    names = [name for name in ("model", "profile") if name in before and before[name] != now.get(name)]
    return {name: f"{now.get(name)}, before {before[name]}" for name in names}


def _place(item: PlannedVariant) -> tuple[str, str, str]:
    return item.brief_id, item.variant_id, item.placement.label


def _known_places(
    connection: Connection, campaign_id: str, batch: Sequence[PlannedVariant]
) -> set[tuple[str, str, str]]:
    """Return the places of a batch's variants that the campaign already has."""
    query = select(memberships.c.brief_id, memberships.c.variant_id, memberships.c.placement).where(
        memberships.c.campaign_id == campaign_id, memberships.c.variant_id.in_({item.variant_id for item in batch})
    )
    return {(row.brief_id, row.variant_id, row.placement) for row in connection.execute(query)}


def _locked(connection: Connection, campaign_id: str) -> Any:
    """Lock and return a campaign, before the head of the log, as decisions do; None if it does not exist."""
    return connection.execute(select(campaigns).where(campaigns.c.campaign_id == campaign_id).with_for_update()).first()


def _changed_outside(campaign_id: str) -> CatalogueError:
    return CatalogueError(
        f"The settings of the campaign {campaign_id} were changed outside Reelmill. Run its sheet again with the right "
        "settings to restore them, and `reelmill audit verify` to see what else was changed."
    )


def _unknown(campaign_id: str) -> NotFoundError:
    return NotFoundError(f"No campaign in the catalogue is called {campaign_id!r}. List them with `reelmill status`.")


def _set(connection: Connection, campaign_id: str, **values: Any) -> None:
    changed = connection.execute(
        update(campaigns).where(campaigns.c.campaign_id == campaign_id).values(**values)
    ).rowcount
    if not changed:
        raise _unknown(campaign_id)
