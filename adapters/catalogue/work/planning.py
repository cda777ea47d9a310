"""Putting campaigns and their variants in."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from adapters.catalogue.core.rows import clean, record_text, to_text, variant_text
from adapters.catalogue.core.store import SYSTEM, Store, batches
from adapters.catalogue.core.tables import briefs, campaigns, database_now, events, memberships, variants
from adapters.catalogue.review.audit import append
from manifests.campaign import Campaign
from manifests.states import PLANNED
from manifests.variant import PlannedVariant

_ROWS = 4000


class Planning(Store):
    """What the expanding step writes, and what belongs to a campaign as a whole."""

    def add_campaign(self, campaign: Campaign, settings: Mapping[str, Any]) -> None:
        """Add a campaign with its briefs; one that is there already only takes the new settings."""
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
        with self._writing() as connection:
            connection.execute(self._upsert_campaign(), head)
            if rows:
                connection.execute(self._insert_new(briefs), rows)

    def add_draft_seconds(self, campaign_id: str, seconds: float) -> None:
        """Book device time of drafts that no clip carries."""
        with self._writing() as connection:
            connection.execute(
                update(campaigns)
                .where(campaigns.c.campaign_id == campaign_id)
                .values(draft_seconds=campaigns.c.draft_seconds + seconds)
            )

    def add_variants(
        self, campaign_id: str, planned: Iterable[PlannedVariant], *, parent_id: str | None = None, actor: str = SYSTEM
    ) -> int:
        """Add what the campaign asks for, a transaction every few thousand; return how many are new.

        A variant that any campaign already holds keeps its state: it is never made twice.
        """
        added, ordinal = 0, 0
        locales: dict[str, str] = {}
        for batch in batches(planned, _ROWS):
            locales |= self._only_locales(campaign_id, {item.brief_id for item in batch} - locales.keys())
            with self._writing() as connection:
                added += self._add_batch(connection, campaign_id, batch, ordinal, parent_id, locales, actor)
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
        # In the order of their ids, so that two processes adding the same ones don't deadlock.
        unique = sorted({item.variant_id: item.variant for item in batch}.items())
        new = (
            connection.execute(
                self._insert_new(variants).returning(variants.c.variant_id),
                [
                    {
                        "variant_id": variant_id,
                        "body": variant_text(variant),
                        "state": PLANNED,
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
            append(connection, actor, PLANNED, [(key, {"parent_id": parent_id}) for key in new])
        connection.execute(
            self._insert_new(memberships),
            [
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
            ],
        )
        return len(new)

    def _only_locales(self, campaign_id: str, brief_ids: Collection[str]) -> dict[str, str]:
        """Return the locale of each brief that names one only; "" of others, where a variant's labels tell."""
        found: dict[str, str] = {}
        with self._reading() as connection:
            for batch in batches(sorted(brief_ids)):
                query = select(briefs.c.brief_id, briefs.c.body).where(
                    briefs.c.campaign_id == campaign_id, briefs.c.brief_id.in_(batch)
                )
                for row in connection.execute(query):
                    locales = json.loads(row.body).get("locales") or []
                    found[row.brief_id] = locales[0] if len(locales) == 1 else ""
        return found

    @staticmethod
    def _log_planned(connection: Connection, campaign_id: str, new: Sequence[str], actor: str) -> None:
        rows = select(
            variants.c.variant_id,
            database_now(),
            literal(clean(actor)),
            literal(PLANNED),
            literal(to_text({"campaign_id": campaign_id})),
        ).where(variants.c.variant_id.in_(new))
        connection.execute(
            insert(events).from_select(
                ["variant_id", "at", "actor", "to_state", "detail"], rows, include_defaults=False
            )
        )

    def _insert_new(self, table: Table) -> Insert:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table).on_conflict_do_nothing()

    def _upsert_campaign(self) -> Insert:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(campaigns)
        return statement.on_conflict_do_update(
            index_elements=["campaign_id"], set_={"settings": statement.excluded.settings}
        )
