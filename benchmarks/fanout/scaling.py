"""Scaling over devices: 1, 2 and 4 real workers, and a simulation of a thousand."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from benchmarks.fanout import devices
from benchmarks.fanout.devices import CLIP_S, CLIPS, SHARD, Fan
from benchmarks.fanout.plan import CLIP_S as PLAN_CLIP_S
from benchmarks.fanout.plan import PACED_CONNECTIONS, SIZES, WORKERS, Plan, Stretch, simulate
from benchmarks.fanout.worker import BEATS_A_LEASE, LEASE_S
from benchmarks.harness.postgres import DURABLE, Server, find_binaries, running
from benchmarks.harness.result import Limit, Result

NEEDED = 0.95
"""Required share of linear scaling."""
NEEDED_PACE = 0.95
WHAT = (
    f"{CLIPS} clips by 1, 2 and 4 workers, each with a device that sleeps {CLIP_S:g} s for a clip: leases, encoding, "
    "checks, score, verdict and rows. The baseline is four times the rate of one worker."
)


PLAN_WHAT = (
    f"{WORKERS:,} simulated workers on {sum(SIZES):,} variants in PostgreSQL: clips committed per second, against the "
    f"demand of the workers at {PLAN_CLIP_S:g} s a clip."
)
NO_POSTGRES = "PostgreSQL is missing; install Debian's postgresql"


def run() -> Iterator[Result]:
    """Measure workers as processes and in Ray, then simulate a thousand of them."""
    binaries = find_binaries()
    if binaries is None:
        yield Result("fanout", WHAT, not_measured=NO_POSTGRES)
        return
    with running(binaries, DURABLE) as server, tempfile.TemporaryDirectory() as folder:
        with _database(server, "devices") as url, devices.bench(Path(folder, "processes"), url) as settings:
            yield linear("fanout", devices.by_processes(settings), "processes of one machine")
        if find_spec("prefect_ray"):
            with _database(server, "ray") as url, devices.bench(Path(folder, "ray"), url) as settings:
                fans = devices.by_ray(settings.model_copy(update={"runner": "ray"}))
                yield linear("fanout-ray", fans, "workers of a local Ray cluster, and each shard is a Prefect task run")
        yield _simulate(server)


def run_plan() -> Result:
    """Only simulate a thousand workers."""
    binaries = find_binaries()
    if binaries is None:
        return Result("fanout-plan", PLAN_WHAT, not_measured=NO_POSTGRES)
    with running(binaries, DURABLE) as server:
        return _simulate(server)


def _simulate(server: Server) -> Result:
    with _database(server, "crowd"):
        return planned(simulate(server, "crowd"))


@contextmanager
def _database(server: Server, name: str) -> Iterator[str]:
    with psycopg.connect(f"{server.url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.url}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def linear(name: str, fans: Sequence[Fan], what: str) -> Result:
    """Return how close the workers came to linear scaling."""
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
        unit=f"clips/s with {most.workers} workers",
        ours=CLIPS / most.seconds,
        baseline=most.workers * CLIPS / one.seconds,
        more_is_better=True,
        limits=(
            Limit("ratio", "at least", NEEDED),
            *(Limit(f"efficiency_of_{fan.workers}", "at least", NEEDED) for fan in more[:-1]),
        ),
        figures=figures,
        held_back_by="The start and the end of a shard, when the device waits for the catalogue and for the last "
        f"verdict. Here a shard has {SHARD} clips of {CLIP_S:g} s; in production it has 32 clips that take minutes.",
        notes=(
            f"The workers are {what}. Only the device is a stub, and PostgreSQL commits to disk. The workers share the "
            "cores of the machine: the figures include the processor time of a clip, and the device only sleeps.",
        ),
    )


def planned(plan: Plan) -> Result:
    """Return how many clips a second PostgreSQL commits for a thousand workers."""
    best = plan.best
    demand = WORKERS / PLAN_CLIP_S
    return Result(
        name="fanout-plan",
        unit="clips/s",
        ours=best.clips_per_s,
        baseline=demand,
        more_is_better=True,
        what=PLAN_WHAT,
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
        "A simulated worker is a few lines of code that send the real catalogue the requests of `render_shard`, its "
        "writer and its heartbeat, in the same order and at the same times: start of a shard, tries, turn, a lease, a "
        "verdict, booking, and three renewals a minute. It sleeps while a device would work. "
        f"There are no frames, files, delivery or network. PostgreSQL is real, with {_settings()}. Workers and server "
        "share the cores of this machine, so a dedicated server handles more."
    )


def _settings() -> str:
    return ", ".join(f"{name}={DURABLE[name]}" for name in ("fsync", "synchronous_commit", "shared_buffers"))


def _connections(best: Stretch) -> str:
    return (
        f"The {WORKERS:,} workers share a fixed number of connections, as with a pooler: {PACED_CONNECTIONS} at the "
        "realistic pace, and the numbers in the chart at full speed. The program itself has no pooler. Each of its "
        "processes opens its own connections (`connections_a_worker` under fanout), and a backend uses "
        f"{best.seen.backend_mb:.1f} MB of private memory here. {WORKERS:,} workers therefore need a higher "
        "max_connections in PostgreSQL, or a pooler. The default of 100 is the first limit to be reached."
    )


def _held_back(plan: Plan) -> str:
    top = "; ".join(f"{kind} {100 * share:.0f} %" for kind, share in list(plan.best.seen.statements.items())[:3])
    waits = sorted(plan.best.seen.waits.items(), key=lambda item: -item[1])[:3]
    return (
        f"Share of statement time at the best rate: {top}. Backends on average: "
        + ", ".join(f"{number:.1f} in {what}" for what, number in waits)
        + "."
    )


def _limits(plan: Plan) -> str:
    best = plan.best
    clip_s = WORKERS / best.clips_per_s
    cores = 1000 / best.database_ms
    return (
        f"The limit here is {best.clips_per_s:.0f} clips a second, so {WORKERS:,} workers reach it if a device needs "
        f"{clip_s:.1f} s or less for a clip. A clip costs PostgreSQL {best.database_ms:.1f} ms of one core, so one "
        f"core handles {cores:.0f} clips a second. After the processor, two more limits follow. All workers of a "
        f"campaign write the same row of its run: at most {plan.begins_per_s:.0f} shard starts (one for 32 clips) and "
        f"{plan.books_per_s:.0f} bookings (one for each clip) a second. And each clip writes "
        f"{best.seen.wal_bytes / max(1, best.crowd.calls('record')) / 1000:.0f} kB of log. Heartbeats cost "
        f"{WORKERS * BEATS_A_LEASE / LEASE_S:.0f} renewals a second at any pace, each with a commit. With clips of "
        f"{PLAN_CLIP_S:g} s, these are more than the verdicts."
    )
