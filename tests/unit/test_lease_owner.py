"""An owner's name tells whether it lives."""

import subprocess
import sys

from tasks.runtime.lease_owner import current_owner, is_dead, lives_here


def test_this_process_lives():
    assert not is_dead(current_owner())
    assert lives_here(current_owner())


def test_a_killed_process_is_dead():
    code = "from tasks.runtime.lease_owner import current_owner; print(current_owner(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    owner = child.stdout.readline().strip()
    assert not is_dead(owner)
    assert lives_here(owner)
    child.kill()
    child.wait()
    assert is_dead(owner)
    assert not lives_here(owner)
    for pipe in (child.stdout, child.stdin):
        pipe.close()


def test_a_reused_process_id_is_another_process():
    host, boot, pid, started = current_owner().rsplit(":", 3)
    assert is_dead(f"{host}:{boot}:{pid}:{int(started) - 1}")
    assert is_dead(f"{host}:otherboot:{pid}:{started}")
    for other in (
        f"{host}:{boot}:{pid}:{int(started) - 1}",
        f"{host}:otherboot:{pid}:{started}",
        f"elsewhere:{boot}:{pid}:{started}",
        f"{host}:{boot}:{pid}:",
        "",
        "somebody",
        f"{pid}:{started}",
    ):
        assert not lives_here(other)


def test_other_hosts_and_odd_names_are_never_called_dead():
    assert not is_dead("elsewhere:abc:1:1")
    assert not is_dead("somebody")
    assert not is_dead("")
