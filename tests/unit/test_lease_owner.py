"""The name of a lease owner shows whether its process is alive."""

import subprocess
import sys

from tasks.runtime.lease_owner import current_owner, is_alive, is_dead


def test_the_current_process_is_alive():
    assert not is_dead(current_owner())
    assert is_alive(current_owner())


def test_a_killed_process_is_dead():
    code = "from tasks.runtime.lease_owner import current_owner; print(current_owner(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    owner = child.stdout.readline().strip()
    assert not is_dead(owner)
    assert is_alive(owner)
    child.kill()
    child.wait()
    assert is_dead(owner)
    assert not is_alive(owner)
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
        "unknown",
        f"{pid}:{started}",
    ):
        assert not is_alive(other)


def test_other_hosts_and_invalid_names_are_never_considered_dead():
    assert not is_dead("elsewhere:abc:1:1")
    assert not is_dead("unknown")
    assert not is_dead("")
