"""`reelmill models`: list, show, download and verify model cards and their weights."""

from app.cli.commands.models.cards import models
from app.cli.commands.models.pull import pull

models.command()(pull)

__all__ = ["models"]
