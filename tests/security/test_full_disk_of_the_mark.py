"""A full disk while the end of the audit log is remembered is one sentence, and no entry is lost."""

import errno
import os

import pytest
from decisions import decide
from sealed_catalogue import ANN, EVE, KEY
from test_proven_approvals import World, rendered, world  # noqa: F401

from adapters.catalogue import open_catalogue
from adapters.catalogue.core import log_mark
from manifests.errors import DiskFullError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_delivery_says_that_the_disk_is_full(world: World, number: int):  # noqa: F811
    key = world.rows("passed")[0].variant_id
    decide(world.catalogue, [key], "approved", ANN)
    with open_catalogue(world.resources.catalogue_url, audit_key=KEY) as other:
        other.audit.note(EVE, "run", "another home")

    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_mark, "write_durably", full)
        with pytest.raises(DiskFullError, match=r"audit\.marks is full"):
            world.deliver()
        world.catalogue.audit.note(ANN, "run", "its entry is written, and a warning is logged")
    assert world.row(key).state == "approved"
    assert world.deliver() == 1
