"""A sheet that expands to a million variants is planned in seconds, in little memory."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("reelmill")
MOST_SECONDS = 30
MOST_KILOBYTES = 1_500_000


@pytest.mark.slow
def test_plan_of_a_million(home, tmp_path):
    sheet = tmp_path / "million.csv"
    axis = "|".join(f"number {n}" for n in range(100))
    sheet.write_text(f"prompt,first,second,variants\na {{first}} circle beside a {{second}} cup,{axis},{axis},100\n")
    command = [PROGRAM, "plan", sheet, "--max-variants", "1000000", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=MOST_SECONDS, check=True)
    assert json.loads(ended.stdout)["distinct"] == 1_000_000
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MOST_KILOBYTES
