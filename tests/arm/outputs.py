"""What a detector gives for a recording: ``outputs.py MODEL RECORDING OUTPUTS``, run here and on the board alike."""

from __future__ import annotations

import sys

import numpy as np

from edge_runtime import Detector
from edge_runtime.signal.smoothing import Smoother
from edge_runtime.signal.windows import sliding_windows

N_STREAMED = 500
SINGLY = slice(None, None, 8)  # every eighth window: emulation is slow


def main(model: str, recording: str, outputs: str) -> None:
    """Write codes and scores of every window, and the results of a stream's first readings, to an .npz file."""
    rows = np.load(recording, allow_pickle=False)
    detector = Detector.load(model)
    preprocessing = detector.manifest.spec.preprocessing
    windows = sliding_windows(rows, preprocessing.window, preprocessing.stride)
    stream = detector.stream()
    streamed = [result for row in rows[:N_STREAMED] if (result := stream.update(row)) is not None]
    scores = detector.score_many(windows)
    smoothed = Smoother(detector.spec.scoring.smoothing_span, 1.0).update_many(scores)
    np.savez(
        outputs,
        runtime=np.array(detector.runtime.name),
        codes=detector.encode(windows),
        single_codes=np.concatenate([detector.encode(window[None]) for window in windows[SINGLY]]),
        scores=scores,
        alarms=smoothed > detector.threshold,
        streamed_scores=np.array([result.score for result in streamed]),
        streamed_alarms=np.array([result.is_anomaly for result in streamed]),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
