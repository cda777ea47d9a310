"""Gallery filters that an account has saved under a name."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import clean
from adapters.catalogue.core.tables import views


@dataclass(frozen=True, slots=True)
class View:
    """Gallery filters saved under a name."""

    name: str
    query: str


class SavedViews(CataloguePart):
    """Save, list and delete views."""

    def all(self, name: str) -> list[View]:
        """Return the views that an account has saved."""
        query = select(views).where(views.c.account == name).order_by(views.c.name)
        with self._db.reading() as connection:
            return [View(row.name, row.query) for row in connection.execute(query)]

    def save(self, account: str, name: str, query: str) -> None:
        """Save filters under a name, replacing an earlier view of that name."""
        name = clean(name)
        with self._db.writing() as connection:
            connection.execute(delete(views).where(views.c.account == account, views.c.name == name))
            connection.execute(insert(views), {"account": account, "name": name, "query": clean(query)})

    def delete(self, account: str, name: str) -> None:
        """Forget a view."""
        with self._db.writing() as connection:
            connection.execute(delete(views).where(views.c.account == account, views.c.name == clean(name)))
