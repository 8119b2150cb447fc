"""What `fuzz.py` does, and model files, guided by coverage: atheris changes inputs until they reach new lines.

    pip install atheris        # it has wheels for Linux on x86_64 up to Python 3.13
    PYTHONPATH=.:tests/support python tests/endurance/fuzz_coverage.py -runs=100000

The options are libFuzzer's. It ends at the first exception that is no SaeliteError, and prints the input.
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

POLICIES = ("skip", "hold", "interpolate", "error")


def main():
    """Fuzz a tenth of the inputs as model files, the others as sources."""
    import atheris

    with atheris.instrument_imports(include=["edge_runtime"]):
        from fuzz import FORMS, feed
        from network_files import float_graph, model_file

        from edge_runtime import Detector
        from edge_runtime.errors import SaeliteError
        from edge_runtime.model_file.container import read_model_file

    with tempfile.TemporaryDirectory() as name:
        path, damaged = Path(name) / "pump.tflite", Path(name) / "damaged.tflite"
        model_file(float_graph()).write(path)
        content, detector = path.read_bytes(), Detector.load(path)

        def one(data):
            entropy = atheris.FuzzedDataProvider(data)
            kind = entropy.ConsumeIntInRange(0, 9)
            if kind == 9:
                start = entropy.ConsumeIntInRange(0, len(content))
                damaged.write_bytes(content[:start] + entropy.ConsumeBytes(sys.maxsize))
                with suppress(SaeliteError):
                    read_model_file(damaged)
                return
            cuts = [entropy.ConsumeIntInRange(0, 400) for _ in range(2)]
            policy = POLICIES[entropy.ConsumeIntInRange(0, 3)]
            feed(detector, entropy.ConsumeBytes(sys.maxsize), cuts, policy, FORMS[kind % 3])

        atheris.Setup(sys.argv, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
