"""Query the resources and versions of every node of a Ray cluster.

Runs as a separate program, because a process cannot leave a cluster cleanly.
"""

import json
import logging
import sys
from importlib.metadata import PackageNotFoundError, version

from adapters.child_python import ray_job_config

ASKED = ("ray", "torch", "prefect", "reelmill")
NODE_S = 45.0


def main(address: str) -> None:
    """Print the resources and versions of each node as one line of JSON."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def versions() -> dict[str, str]:
        found = {}
        for name in ASKED:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
        return found

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, job_config=ray_job_config())
    nodes = [node for node in ray.nodes() if node["Alive"]]
    ask = ray.remote(versions)
    asked = {
        f"{node['NodeManagerAddress']}/{node['NodeID'][:8]}": ask.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in nodes
    }
    answers = {name: {"versions": ray.get(answer, timeout=NODE_S)} for name, answer in asked.items()}
    for name, node in zip(asked, nodes, strict=True):
        answers[name]["resources"] = {kind: node["Resources"].get(kind, 0) for kind in ("GPU", "CPU")}
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
