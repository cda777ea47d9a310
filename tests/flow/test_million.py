"""A sheet that expands to a million variants is planned in seconds, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("reelmill")
MAX_SECONDS = 30
"""Processor time."""
MAX_KILOBYTES = 1_500_000


@pytest.mark.slow
def test_plan_of_a_million(home, tmp_path):
    sheet, answer = tmp_path / "million.csv", tmp_path / "answer.json"
    axis = "|".join(f"number {n}" for n in range(100))
    sheet.write_text(f"prompt,first,second,variants\na {{first}} circle on a {{second}} cup,{axis},{axis},100\n")
    command = [str(PROGRAM), "plan", str(sheet), "--max-variants", "1000000", "--json"]
    # A process inherits the peak memory of its parent, so a small process runs in between.
    code = (
        "import resource, subprocess, sys; "
        "subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], 'w'), check=True); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(used.ru_maxrss, used.ru_utime + used.ru_stime)"
    )
    between = [sys.executable, "-c", code, str(answer), *command]
    peak, seconds = subprocess.run(between, capture_output=True, text=True, check=True).stdout.split()
    assert json.loads(answer.read_text())["distinct"] == 1_000_000
    assert float(seconds) < MAX_SECONDS
    assert int(peak) < MAX_KILOBYTES
