"""More devices, more clips: 1, 2 and 4 workers in earnest, and the plan for a thousand of them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from benchmarks import fanout_devices
from benchmarks.fanout_devices import CLIP_S, CLIPS, SHARD, Fan
from benchmarks.fanout_plan import CLIP_S as PLAN_CLIP_S
from benchmarks.fanout_plan import PACED_CONNECTIONS, SIZES, WORKERS, Plan, Stretch, simulate
from benchmarks.fanout_worker import BEATS_A_LEASE, LEASE_S
from benchmarks.postgres import DURABLE, Server, find_binaries, running
from benchmarks.result import Limit, Result

NEEDED = 0.95
"""Share of linear that is asked."""
NEEDED_PACE = 0.95
WHAT = (
    f"{CLIPS} clips of a device that sleeps {CLIP_S:g} s for each, by 1, 2 and 4 workers: leases, encoding, "
    "checks, score, verdict, rows; against four times what one worker makes."
)


def run() -> Iterator[Result]:
    """Measure devices by processes and by Ray, then the plan."""
    binaries = find_binaries()
    if binaries is None:
        yield Result("fanout", WHAT, not_measured="PostgreSQL's programs are not here; install Debian's postgresql")
        return
    with running(binaries, DURABLE) as server, tempfile.TemporaryDirectory() as folder:
        with _database(server, "devices") as url, fanout_devices.bench(Path(folder, "processes"), url) as settings:
            yield linear("fanout", fanout_devices.by_processes(settings), "processes of one machine")
        if find_spec("prefect_ray"):
            with _database(server, "ray") as url, fanout_devices.bench(Path(folder, "ray"), url) as settings:
                fans = fanout_devices.by_ray(settings.model_copy(update={"runner": "ray"}))
                yield linear("fanout-ray", fans, "workers of a local Ray cluster, each shard a task run of Prefect")
        with _database(server, "crowd"):
            yield planned(simulate(server, "crowd"))


@contextmanager
def _database(server: Server, name: str) -> Iterator[str]:
    with psycopg.connect(f"{server.url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.url}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def linear(name: str, fans: Sequence[Fan], what: str) -> Result:
    """Return how near to linear the workers came."""
    one, *more = fans
    most = more[-1]
    figures = {f"efficiency_of_{fan.workers}": fan.efficiency(one) for fan in more}
    figures |= {f"busy_share_of_{fan.workers}": fan.busy for fan in fans}
    if most.cpu_ms:
        figures |= {"cpu_ms_a_clip": most.cpu_ms, "connections_a_worker": most.connections}
    else:
        figures["models_loaded_meanwhile"] = sum(fan.cold for fan in fans)
    return Result(
        name=name,
        what=WHAT,
        unit=f"clips/s by {most.workers}",
        ours=CLIPS / most.seconds,
        baseline=most.workers * CLIPS / one.seconds,
        more_is_better=True,
        limits=(
            Limit("ratio", "at least", NEEDED),
            *(Limit(f"efficiency_of_{fan.workers}", "at least", NEEDED) for fan in more[:-1]),
        ),
        figures=figures,
        held_back_by="A shard's beginning and its end, when the device waits for the catalogue's answers and for the "
        f"last verdict; here a shard has {SHARD} clips of {CLIP_S:g} s, in earnest 32 of minutes.",
        notes=(
            f"The workers are {what}; only the device is a stub, and PostgreSQL keeps its commits on the disk. The "
            "workers share the machine's cores: what a clip needs of them is among the figures, and a device's "
            "second is asleep.",
        ),
    )


def planned(plan: Plan) -> Result:
    """Return what PostgreSQL carries of a thousand workers."""
    best = plan.best
    demand = WORKERS / PLAN_CLIP_S
    return Result(
        name="fanout-plan",
        unit="clips/s",
        ours=best.clips_per_s,
        baseline=demand,
        more_is_better=True,
        what=f"{WORKERS:,} simulated workers on {sum(SIZES):,} variants in PostgreSQL: the clips that it takes in a "
        f"second, against what the workers make at {PLAN_CLIP_S:g} s a clip.",
        limits=(
            Limit("ratio", "at least", 1),
            Limit("pace_kept", "at least", NEEDED_PACE),
            Limit("deadlocks", "exactly", 0),
            Limit("leases_lost", "exactly", 0),
        ),
        figures=_figures(plan),
        held_back_by=_held_back(plan),
        notes=(_simulated(), _connections(best), _limits(plan)),
        series={
            "line": {
                "x_name": "connections",
                "x": list(plan.full),
                "y_name": "clips/s committed",
                "y": [stretch.clips_per_s for stretch in plan.full.values()],
            }
        },
    )


def _figures(plan: Plan) -> dict[str, float]:
    paced, best = plan.paced, plan.best
    stretches = [plan.rush, paced, *plan.full.values()]
    figures = {
        "pace_kept": paced.clips_per_s / (WORKERS / PLAN_CLIP_S),
        "paced_leases_per_s": paced.leases_per_s,
        "paced_late_p99_ms": paced.crowd.late_ms(99),
        "paced_lock_waits": paced.seen.lock_waits,
        "paced_database_cores": paced.seen.cores,
        "paced_transactions_per_s": paced.seen.commits / paced.crowd.seconds,
        "paced_renewals_per_s": paced.crowd.calls("renew") / paced.crowd.seconds,
        "paced_wal_mb_per_s": paced.seen.wal_bytes / paced.crowd.seconds / 1e6,
        "all_begin_at_once_s": plan.rush.crowd.seconds,
        "all_begin_longest_wait_s": plan.rush.crowd.ms("shard_begins", 100) / 1000,
    }
    for number, stretch in plan.full.items():
        figures |= {
            f"leases_per_s_on_{number}": stretch.leases_per_s,
            f"clips_per_s_on_{number}": stretch.clips_per_s,
            f"lock_waits_on_{number}": stretch.seen.lock_waits,
        }
    figures |= {f"{call}_p50_ms": best.crowd.ms(call, 50) for call in ("lease", "record", "renew", "turn")}
    figures |= {f"{call}_p99_ms": best.crowd.ms(call, 99) for call in ("lease", "record", "renew", "turn")}
    clips = max(1, best.crowd.calls("record"))
    return figures | {
        "database_ms_a_clip": best.database_ms,
        "simulation_ms_a_clip": 1000 * best.crowd.cpu_s / clips,
        "wal_kb_a_clip": best.seen.wal_bytes / clips / 1000,
        "transactions_a_clip": best.seen.commits / clips,
        "updates_in_place": best.seen.rows_updated_in_place / max(1.0, best.seen.rows_updated),
        "backend_mb": best.seen.backend_mb,
        "database_mb": plan.fill_mb,
        "shards_begun_per_s_in_one_run": plan.begins_per_s,
        "bookings_per_s_in_one_run": plan.books_per_s,
        "deadlocks": sum(stretch.seen.deadlocks for stretch in stretches),
        "leases_lost": sum(stretch.crowd.count("lost") for stretch in stretches),
    }


def _simulated() -> str:
    return (
        "What is simulated: a worker is a few lines that ask the real catalogue what `render_shard`, its writer and "
        "its heartbeat ask (begin of a shard, tries, turn, lease of four, a verdict each, booking, renewal "
        "three times a minute), in the order and at the times that they would, and sleep where a device would "
        f"work. No frames, no files, no delivery, no network. PostgreSQL is real, with {_settings()}; workers and "
        "server share this machine's cores, so a server of its own carries more."
    )


def _settings() -> str:
    return ", ".join(f"{name}={DURABLE[name]}" for name in ("fsync", "synchronous_commit", "shared_buffers"))


def _connections(best: Stretch) -> str:
    return (
        f"The {WORKERS:,} workers stand behind a bounded number of connections, as behind a pooler: at the real "
        f"pace {PACED_CONNECTIONS}, and flat out those of the picture. The program itself has no such pooler: "
        "each of its processes holds connections of its own (`connections_a_worker` under fanout), and a backend "
        f"here has {best.seen.backend_mb:.1f} MB to itself, so {WORKERS:,} workers need PostgreSQL's "
        "max_connections raised to match, or a pooler between; its default of 100 is the first limit that is met."
    )


def _held_back(plan: Plan) -> str:
    top = "; ".join(f"{kind} {100 * share:.0f} %" for kind, share in list(plan.best.seen.statements.items())[:3])
    waits = sorted(plan.best.seen.waits.items(), key=lambda item: -item[1])[:3]
    return (
        f"Of the statements' time at its best: {top}. Backends on average: "
        + ", ".join(f"{number:.1f} in {what}" for what, number in waits)
        + "."
    )


def _limits(plan: Plan) -> str:
    best = plan.best
    clip_s = WORKERS / best.clips_per_s
    cores = 1000 / best.database_ms
    return (
        f"The limit: {best.clips_per_s:.0f} clips a second here, so {WORKERS:,} workers reach it where a clip "
        f"takes a device {clip_s:.1f} s or less. A clip costs PostgreSQL {best.database_ms:.1f} ms of a core: one "
        f"core carries {cores:.0f} clips a second. What comes after the processor: all workers of one campaign "
        f"write the row of its run, {plan.begins_per_s:.0f} beginnings of a shard and {plan.books_per_s:.0f} "
        "bookings a second at most, against one beginning in 32 clips and one booking in four; and the "
        f"{best.seen.wal_bytes / max(1, best.crowd.calls('record')) / 1000:.0f} kB of log that a clip writes. "
        f"Heartbeats are {WORKERS * BEATS_A_LEASE / LEASE_S:.0f} renewals a second whatever the pace, each with a "
        f"commit: with clips of {PLAN_CLIP_S:g} s more of them than verdicts."
    )
