"""How fast `saelite run --source -` scores a CSV pipe, beside a bare loop over the raw interpreter.

    PYTHONPATH=.:tests/support python tests/endurance/csv_pipe_rate.py [ROWS]

Eight sensors, windows of one reading. The loop calls ``set_tensor``, ``invoke`` and ``get_tensor`` for every
row of an array that is in memory already; the pipe is parsed, scored, explained and written as JSON lines.
Both run in processes of their own, by turns; the medians of five rounds are compared.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from streaming_machine import EIGHT, rows_of, write_model

RAW_LOOP = """
import sys, time
import numpy as np
from edge_runtime.inference.runtimes import find_runtime
from edge_runtime.model_file.container import read_model_file
rows = np.load(sys.argv[2]).reshape(-1, 1, 1, 8)
interpreter = find_runtime().open(read_model_file(sys.argv[1]).flatbuffer)
into = interpreter.get_input_details()[0]["index"]
out = next(item["index"] for item in interpreter.get_output_details() if item["name"] == "score")
started = time.perf_counter()
for row in rows:
    interpreter.set_tensor(into, row)
    interpreter.invoke()
    interpreter.get_tensor(out)
print(len(rows) / (time.perf_counter() - started))
"""


def raw_rate(folder):
    """Return rows per second of the bare loop."""
    command = [sys.executable, "-c", RAW_LOOP, str(folder / "m.tflite"), str(folder / "rows.npy")]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def pipe_seconds(folder, n_rows):
    """Return how long `saelite run` takes for a pipe of rows, start and end of the process included."""
    command = [sys.executable, "-m", "saelite", "run", str(folder / "m.tflite"), "--source", "-"]
    head = subprocess.Popen(["head", "-n", str(n_rows + 1), str(folder / "rows.csv")], stdout=subprocess.PIPE)
    started = time.perf_counter()
    subprocess.run(
        command, stdin=head.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, cwd=folder
    )
    head.wait()
    return time.perf_counter() - started


def main(n_rows):
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "m.tflite")
        rows = rows_of(n_rows)
        np.save(folder / "rows.npy", rows)
        np.savetxt(folder / "rows.csv", rows, fmt="%.6g", delimiter=",", header=",".join(EIGHT), comments="")
        rounds = [(raw_rate(folder), pipe_seconds(folder, n_rows) - pipe_seconds(folder, 1)) for _ in range(5)]
    raw = statistics.median(rate for rate, _ in rounds)
    pipe = n_rows / statistics.median(seconds for _, seconds in rounds)
    print(f"raw interpreter loop  {raw:10,.0f} rows/s")
    print(f"CSV pipe, JSON out    {pipe:10,.0f} rows/s   {pipe / raw:.0%} of it (wanted: 40%)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
