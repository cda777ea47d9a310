"""Links that show one campaign read-only."""

import secrets
import time

from sqlalchemy import insert, select

from adapters.catalogue.accounts.secrets import SECRET_BYTES, Token, logged, revoke, stored_hash
from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.tables import campaigns, shares
from adapters.catalogue.review.audit import append
from manifests.errors import NotFoundError


class ShareLinks(CataloguePart):
    """Issue, list and revoke share links."""

    def add(self, campaign_id: str, actor: str, seconds: float) -> str:
        """Return the secret of a new link that shows one campaign.

        Raises:
            CatalogueError: the campaign does not exist.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with self._db.writing() as connection:
            if not connection.execute(
                select(campaigns.c.campaign_id).where(campaigns.c.campaign_id == campaign_id)
            ).first():
                raise NotFoundError(f"No campaign in the catalogue is called {campaign_id!r}.")
            connection.execute(
                insert(shares),
                {
                    "secret_sha256": stored_hash(connection, secret, for_writing=True),
                    "campaign_id": campaign_id,
                    "created_by": actor,
                    "expires_at": time.time() + seconds,
                },
            )
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
            return connection.execute(
                select(shares.c.campaign_id).where(
                    shares.c.secret_sha256 == stored_hash(connection, secret), shares.c.expires_at > time.time()
                )
            ).scalar()

    def revoke(self, secret_sha256: str, actor: str) -> None:
        """Revoke a share link."""
        revoke(self._db, shares, secret_sha256, actor, "share dropped")
