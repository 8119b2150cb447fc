"""The maths once more, the slow way in float64: what numpy, graph and C are held against."""

import math

import numpy as np

from edge_runtime.inference.heads import PARTS
from edge_runtime.signal.features import band_matrix

LARGEST = float(np.finfo(np.float32).max)


def smoothed(scores, span, most):
    """Each level as the weighted sum of the scores since the last one that exceeded `most`, and of what it left.

    A score that overflowed counts as the largest number.
    """
    counted = [float(score) if score <= LARGEST else LARGEST for score in scores]
    alpha, levels, first = 2.0 / (span + 1.0), counted[:1], 0
    for n in range(1, len(counted)):
        first = n - 1 if levels[-1] > most else first
        weights = [(1 - alpha) ** (n - first), *(alpha * (1 - alpha) ** (n - k) for k in range(first + 1, n + 1))]
        since = [min(levels[first], most), *counted[first + 1 : n + 1]]
        levels.append(math.fsum(weight * score for weight, score in zip(weights, since, strict=True)))
    return np.array(levels)


def limited(values, center, scale, limit):
    """Scaled values within the limit."""
    return np.clip((np.asarray(values, np.float64) - np.asarray(center)) / np.asarray(scale), -limit, limit)


def feature(name, x, bands=0, rate_hz=0.0):
    """One feature of one scaled window (window, sensors), shape (rows, sensors)."""
    if name == "values":
        return x
    if name in ("mean", "std", "min", "max"):
        return getattr(x, name)(axis=0)[None]
    if name == "slope":
        return np.polyfit(np.arange(len(x)), x, 1)[:1] * (len(x) - 1)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(len(x)) + 0.5) / len(x))
    power = np.abs(np.fft.rfft(x * (hann / np.sqrt(np.sum(hann**2)))[:, None], axis=0)) ** 2
    return np.log(band_matrix(name, len(x), bands, rate_hz) @ power + 1e-6)


def inputs(preprocessing, windows):
    """The network's inputs of raw windows, shape (n, inputs)."""
    p, rows = preprocessing, []
    for window in windows:
        scaled = limited(window, p.center, p.scale, p.limit)
        row = np.concatenate([feature(name, scaled, p.bands, p.rate_hz) for name in p.features]).ravel()
        rows.append(limited(row, p.feature_center, p.feature_scale, p.limit) if p.feature_scale else row)
    return np.array(rows)


def parts(network, x):
    """What heads are made of, for a network of linear and sigmoid layers."""
    act = {"linear": lambda v: v, "sigmoid": lambda v: 0.5 + 0.5 * np.tanh(0.5 * v)}

    def through(layers, values):
        outputs = []
        for layer in layers:
            values = act[layer.activation](values @ layer.kernel.astype(np.float64) + layer.bias)
            outputs.append(values)
        return outputs

    *hidden, codes = through(network.encoder, x)
    reconstruction = through(network.decoder, codes)[-1]
    return {"inputs": x, "hidden": np.concatenate(hidden, axis=1), "codes": codes, "residual": x - reconstruction}


def distances(head, of):
    """The squared distance from each centre, one window and one centre at a time, shape (n, K)."""
    z = np.concatenate([of[name] for name in PARTS[head.kind]], axis=1).astype(np.float64) - head.mean
    rows = []
    for row in z:
        squares = []
        for k in range(1 if head.centers is None else len(head.centers)):
            whitening = head.whitening[k] if head.whitening.ndim == 3 else head.whitening
            matrix = np.diag(whitening) if whitening.ndim == 1 else whitening
            center = 0.0 if head.centers is None else head.centers[k]
            squares.append(np.sum((row @ matrix.astype(np.float64) - center) ** 2))
        rows.append(squares)
    return np.array(rows)


def scores(head, of):
    """One score per window, shape (n,)."""
    return distances(head, of).min(axis=1)


def attributions(attribution, x, of_scores, mode, sensors):
    """Each sensor's share of the score and its expected value, shape (n, sensors) each."""
    shares, levels = [], []
    for row, score, k in zip(x, of_scores, mode, strict=True):
        centered = row - attribution.mean[k]
        blame = attribution.blame[k].astype(np.float64)
        squares = (centered * blame if blame.ndim == 1 else centered @ blame) ** 2
        ratios = np.array([squares[sensor::sensors].sum() for sensor in range(sensors)]) + 1e-12
        shares.append(score * ratios / ratios.sum())
        levels.append(centered @ attribution.level[k].astype(np.float64) + attribution.level_bias[k])
    return np.array(shares), np.array(levels)
