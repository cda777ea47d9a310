"""A sheet that expands to a million variants is planned in seconds, in little memory."""

import json
import os
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("reelmill")
MOST_SECONDS = 30
MOST_KILOBYTES = 1_500_000


def test_plan_of_a_million(home, tmp_path):
    sheet, answer = tmp_path / "million.csv", tmp_path / "answer.json"
    axis = "|".join(f"number {n}" for n in range(100))
    sheet.write_text(f"prompt,first,second,variants\na {{first}} circle beside a {{second}} cup,{axis},{axis},100\n")
    command = [str(PROGRAM), "plan", str(sheet), "--max-variants", "1000000", "--json"]
    started = time.monotonic()
    output = (os.POSIX_SPAWN_OPEN, 1, answer, os.O_WRONLY | os.O_CREAT, 0o600)
    _, status, used = os.wait4(os.posix_spawn(PROGRAM, command, os.environ, file_actions=[output]), 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert json.loads(answer.read_text())["distinct"] == 1_000_000
    assert time.monotonic() - started < MOST_SECONDS
    assert used.ru_maxrss < MOST_KILOBYTES
