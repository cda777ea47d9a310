"""Measure seconds and memory of the shipped starter and print them as JSON: `python -m training.speed`."""

import json
import resource
import statistics
import time

RATIO = "16:9"
CLIPS = 15


def peak_mb() -> float:
    """Return the peak resident memory of this process in megabytes. Linux reports kilobytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def measure() -> dict[str, float]:
    begun = time.perf_counter()
    from training.harness.studio import Reader, Studio

    imported = time.perf_counter()
    studio = Studio()
    loaded = time.perf_counter()
    seconds = [studio.make("a red circle drifting left on a white background", i, RATIO)[1] for i in range(CLIPS)]
    alone = peak_mb()
    Reader().prompts(["a red circle"])
    return {
        "import_seconds": round(imported - begun, 2),
        "load_seconds": round(loaded - imported, 2),
        "first_clip_seconds": round(seconds[0], 2),
        "seconds_a_clip": round(statistics.median(seconds), 2),
        "peak_mb": alone,
        "peak_mb_with_scorer": peak_mb(),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
