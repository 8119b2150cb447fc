"""What the page of a fleet costs: machines at 1 Hz on a real mosquitto, with one browser open.

    PYTHONPATH=.:tests/support:tests/endurance python tests/endurance/fleet_watch.py [MACHINES] [SECONDS]

Prints the processor share and memory of `saelite fleet watch`, and the time from a publication to the page. Exit code 1
if the page misses a publication of the machine that is timed, or shows one later than after two seconds.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from broker import free_port, mosquitto
from browsing import chromium, opened
from many_machines import used
from page_client import ask
from simulated_fleet import info, publisher, state

SIMULATOR = Path(__file__).parents[1] / "support" / "simulated_fleet.py"
BASE = "saelite/bench/timed"
SEEN = """() => {
  const row = [...document.querySelectorAll('.row')].find((one) => one.querySelector('.name')?.textContent === 'timed');
  const text = row.querySelector('.score span');
  window.seen = [];
  new MutationObserver(() => window.seen.push([text.textContent, Date.now() / 1000]))
    .observe(text, { childList: true, characterData: true, subtree: true });
}"""
LATEST_S = 2.0


def serving(port):
    try:
        return ask(port, "/")[0] == 200
    except OSError:
        return False


def timed(page, publish, seconds):
    """Publish a score about every second; return the delays of those that the page showed, and how many it missed."""
    page.evaluate(SEEN)
    sent = {}
    for number in range(seconds):
        ratio = 2.01 + number / 100
        sent[f"{ratio:.2f}"] = time.time()
        publish(f"{BASE}/state", state(ratio, alarm=True))
        page.wait_for_timeout(930)
    page.wait_for_timeout(1000 * LATEST_S)
    seen = {text.split("\u00a0")[0]: time_s for text, time_s in page.evaluate("window.seen")}
    delays = [seen[text] - sent_s for text, sent_s in sent.items() if text in seen]
    return delays, len(sent) - len(delays)


def rate(broker, seconds=10):
    """Return how many messages per second the broker passes on."""
    command = ["mosquitto_sub", "-p", str(broker), "-t", "saelite/#", "-R", "-W", str(seconds)]
    return subprocess.run(command, capture_output=True, check=False).stdout.count(b"\n") / seconds


def main(machines, seconds):
    """Print the figures; return the exit code."""
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name)) as broker, publisher(broker) as publish:
        web = free_port()
        simulator = subprocess.Popen([sys.executable, SIMULATOR, str(broker), str(machines), str(seconds + 600)])
        watch = subprocess.Popen(
            [sys.executable, "-m", "saelite", "fleet", "watch", f"mqtt://127.0.0.1:{broker}", "--listen", str(web)]
        )
        try:
            publish(f"{BASE}/info", info("timed", "bench"))
            publish(f"{BASE}/availability", "online")
            publish(f"{BASE}/state", state(2.0, alarm=True))
            while not serving(web):
                time.sleep(0.1)
            with chromium() as browser, opened(browser, f"http://127.0.0.1:{web}/") as page:
                page.get_by_text(f"All{machines + 1}").wait_for(timeout=120_000)
                (before_s, _, _), began_s = used(watch.pid), time.monotonic()
                delays, missed = timed(page, publish, seconds)
                cpu_s, mb, threads = used(watch.pid)
                share = (cpu_s - before_s) / (time.monotonic() - began_s)
                passed = rate(broker)
        finally:
            for process in (watch, simulator):
                process.terminate()
                process.wait()
    print(
        f"{machines} machines, {passed:.0f} messages per second, one browser: {share:.1%} of one core, {mb:.0f} MB, "
        f"{threads} threads"
    )
    print(f"from publication to page: median {statistics.median(delays):.2f} s, most {max(delays):.2f} s; "
          f"{missed} of {len(delays) + missed} missed")  # fmt: skip
    return int(missed > 0 or max(delays) > LATEST_S)


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in [*sys.argv[1:], *("1000", "60")[len(sys.argv) - 1 :]])))
