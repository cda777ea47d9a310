"""Links that show one campaign read-only."""

from sqlalchemy import select

from adapters.catalogue.accounts.secrets import Token, add_secret, logged, revoke, valid_row
from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.tables import campaigns, shares
from adapters.catalogue.log.entries import append
from manifests.errors import NotFoundError


class ShareLinks(CataloguePart):
    """Issue, list and revoke share links."""

    def add(self, campaign_id: str, actor: str, seconds: float) -> str:
        """Return the secret of a new link that shows one campaign.

        Raises:
            CatalogueError: the campaign does not exist.
        """
        with self._db.writing() as connection:
            if not connection.execute(
                select(campaigns.c.campaign_id).where(campaigns.c.campaign_id == campaign_id)
            ).first():
                raise NotFoundError(f"No campaign in the catalogue is called {campaign_id!r}.")
            secret = add_secret(connection, shares, seconds, campaign_id=campaign_id, created_by=actor)
            append(
                connection,
                actor,
                "shared",
                [(campaign_id, {"seconds": seconds, **logged(connection, shares, secret)})],
            )
        return secret

    def all(self, campaign_id: str | None = None) -> list[Token]:
        """Return the share links; ``label`` is the campaign."""
        query = select(shares).order_by(shares.c.created_at)
        if campaign_id is not None:
            query = query.where(shares.c.campaign_id == campaign_id)
        with self._db.reading() as connection:
            return [
                Token(row.secret_sha256, row.created_by, row.campaign_id, row.created_at, row.expires_at)
                for row in connection.execute(query)
            ]

    def campaign_of(self, secret: str) -> str | None:
        """Return the campaign of a link; None if it has expired or was revoked."""
        with self._db.reading() as connection:
            row = valid_row(connection, shares, secret)
            return row.campaign_id if row else None

    def revoke(self, secret_sha256: str, actor: str) -> None:
        """Revoke a share link."""
        revoke(self._db, shares, secret_sha256, actor, "share dropped")
