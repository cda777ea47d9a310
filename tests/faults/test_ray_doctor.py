"""`check_ray` with a real Ray cluster of one head and two workers."""

import time
from collections.abc import Iterator

import pytest
import ray_cluster
from ray_cluster import Cluster

from models.registry import get_card
from tasks.doctor import servers
from tasks.doctor.servers import check_ray

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ray_cluster.running(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(autouse=True)
def _known(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)


def card(num_gpus: float = 0.0, num_cpus: float = 1.0):
    starter = get_card("starter")
    return starter.model_copy(
        update={"worker": starter.worker.model_copy(update={"num_gpus": num_gpus, "num_cpus": num_cpus})}
    )


def test_each_node_is_checked(cluster: Cluster):
    finding = check_ray(cluster.address, card(), limit_s=200)
    assert finding.level == "ok", finding.message
    assert "3 nodes with Ray" in finding.message
    assert "2 with room for starter" in finding.message


def test_a_card_that_fits_on_no_node(cluster: Cluster):
    finding = check_ray(cluster.address, card(num_gpus=1), limit_s=200)
    assert (finding.level, "has the 1 GPUs and 1 CPUs that starter needs" in finding.message) == ("fail", True)
    assert check_ray(cluster.address, card(num_gpus=1), autoscales=True, limit_s=200).level == "warn"


def test_nodes_with_other_versions(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    """Fake the version of this machine, so that all nodes differ from it."""
    true = servers.version
    monkeypatch.setattr(servers, "version", lambda name: "0.0.1" if name == "torch" else true(name))
    finding = check_ray(cluster.address, card(), limit_s=200)
    assert finding.level == "fail"
    assert "but this machine has 0.0.1" in finding.message


def test_an_invalid_token(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    began = time.monotonic()
    finding = check_ray(cluster.address, card(), limit_s=20)
    assert time.monotonic() - began < 60
    assert finding.level == "fail"
    assert "0" * 64 not in finding.message
