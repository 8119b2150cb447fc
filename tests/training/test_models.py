"""The autoencoder's options: what each does to codes, weights and gradients, and that it is saved and exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import rel_entr

from edge_runtime.errors import ModelFileError, RecordingError, UsageError
from edge_runtime.inference.heads import Head
from edge_runtime.inference.runtimes import installed_runtimes
from edge_runtime.signal.preprocessing import Preprocessing
from export import flatbuffer
from export.fitting.fit_heads import fit_head
from export.inference_graph import build_detector_graph
from export.network_parts import network_parts
from export.quantization import quantize, representative_dataset
from export.runtime_check import InstalledRuntime, run_graph
from export.targets import TARGETS
from training import SparseAutoencoder, SparseLayer
from training.autoencoder import plain_network
from training.checkpoint import Checkpoint, CheckpointFile
from training.epoch_graph import epoch_graph
from training.settings import DetectorSettings
from training.trainer import fit

OPTIONS = [
    {},
    {"penalty": "l1", "code_activation": "relu"},
    {"penalty": "topk", "rho": 0.25},
    {"penalty": "none", "code_activation": "tanh"},
    {"momentum": 0.9},
    {"tied": True, "hidden": (7,)},
    {"noise": 0.2, "output": "sigmoid"},
]


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(300, 3)) @ rng.normal(size=(3, 6))).clip(-4, 4).astype(np.float32)


def trained(windows, epochs=5, seed=0, on_epoch=lambda _: None, checkpoint=None, **options):
    model = SparseAutoencoder(windows.shape[1], 8, **{"hidden": (), **options}, seed=seed)
    settings = DetectorSettings(epochs=epochs, batch_size=32, seed=seed)
    return model, fit(model, windows[:200], windows[200:], settings, on_epoch, checkpoint)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_trains_and_is_saved_without_custom_objects(options, windows, tmp_path):
    model, history = trained(windows, **options)
    assert history[-1].loss < history[0].loss
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(windows)), np.asarray(model(windows)))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_gives_the_same_codes_in_a_plain_graph(options, windows):
    model, _ = trained(windows, **options)
    head = Head("t2", np.zeros(8, np.float32), np.ones(8, np.float32))
    preprocessing = Preprocessing("standard", (0.0,) * 6, (1.0,) * 6)
    graph = build_detector_graph(plain_network(model), preprocessing, head, None)
    runtime = InstalledRuntime.here(installed_runtimes()[0])
    outputs, _ = run_graph(runtime, graph, windows[:50, None])
    np.testing.assert_allclose(outputs["codes"], np.asarray(model.encoder(windows[:50])), atol=1e-5)


def test_penalty_and_its_gradient_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5))
    layer = SparseLayer(4, rho=0.1, alpha=0.7, dtype="float64")
    layer(x[:1])
    kernel = layer.kernel.numpy()

    def penalty(weights):
        rho_hat = (1 / (1 + np.exp(-(x @ weights)))).mean(axis=0)
        return 0.7 * (rel_entr(0.1, rho_hat) + rel_entr(0.9, 1 - rho_hat)).sum()

    with tf.GradientTape() as tape:
        layer(x)
        loss = layer.losses[0]
    gradient = tape.gradient(loss, layer.kernel.value).numpy()
    numeric = np.zeros_like(kernel)
    for place in np.ndindex(kernel.shape):
        nudge = np.zeros_like(kernel)
        nudge[place] = 1e-6
        numeric[place] = (penalty(kernel + nudge) - penalty(kernel - nudge)) / 2e-6
    assert float(loss) == pytest.approx(penalty(kernel), rel=1e-4)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 32, 256])
def test_l1_penalty_has_the_same_strength_at_every_batch_size(batch):
    layer = SparseLayer(8, alpha=0.5, penalty="l1", activation="tanh")
    row = np.random.default_rng(0).normal(size=(1, 4)).astype("float32")
    codes = np.asarray(layer(np.repeat(row, batch, axis=0)))
    assert float(layer.losses[0]) == pytest.approx(0.5 * np.abs(codes[0]).sum(), rel=1e-5)


def test_topk_keeps_that_share_of_the_codes(windows):
    codes = np.asarray(SparseLayer(20, rho=0.15, penalty="topk")(windows))
    assert ((codes > 0).sum(axis=1) == 3).all()


def test_moving_average_goes_on_from_batch_to_batch_at_full_gradient():
    layer = SparseLayer(3, rho=0.2, alpha=1.0, momentum=0.75)
    x = tf.constant(np.random.default_rng(0).normal(size=(16, 2)), tf.float32)
    with tf.GradientTape() as tape:
        mean = np.asarray(layer(x, training=True)).mean(axis=0)
        loss = layer.losses[0]
    average = 0.75 * 0.2 + 0.25 * mean
    expected = (rel_entr(0.2, average) + rel_entr(0.8, 1 - average)).sum()
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    slope = -0.2 / average + 0.8 / (1 - average)
    codes = np.asarray(layer(x))
    bias_gradient = slope * (codes * (1 - codes)).mean(axis=0)
    np.testing.assert_allclose(tape.gradient(loss, layer.bias.value), bias_gradient, rtol=1e-3)


def test_tied_decoder_has_no_kernels_of_its_own(windows):
    model, _ = trained(windows, tied=True, hidden=(7,))
    np.testing.assert_array_equal(model.decoder.layers[-1].kernel, np.transpose(model.encoder.layers[0].kernel))
    assert sum(weight.shape == (6, 7) for weight in model.trainable_weights) == 1


@pytest.mark.parametrize("options", [*OPTIONS[:-1], {"tied": True, "penalty": "l1"}, {"hidden": (7, 5)}], ids=str)
@pytest.mark.parametrize("weight_decay", [0.0, 1.0])
def test_the_compiled_epoch_is_adam_on_the_gradients_keras_finds(options, weight_decay, windows):
    model, twin = (SparseAutoencoder(6, 8, **{"hidden": (), "alpha": 0.1, **options}, seed=1) for _ in range(2))
    settings = DetectorSettings(epochs=3, batch_size=len(windows), learning_rate=0.01, weight_decay=weight_decay)
    # The best weights are those of the last epoch, as the loss falls from each to the next.
    history = fit(model, windows, windows, settings)
    assert np.all(np.diff([epoch.validation_loss for epoch in history]) < 0)

    moments = [(0.0, 0.0)] * len(twin.trainable_variables)
    for step in (1, 2, 3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(windows - twin(windows, training=True))) + tf.add_n([*twin.losses, 0.0])
        gradients = tape.gradient(loss, [variable.value for variable in twin.trainable_variables])
        for number, (variable, gradient) in enumerate(zip(twin.trainable_variables, gradients, strict=True)):
            m, v = moments[number]
            moments[number] = m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            decay = weight_decay * variable if len(variable.shape) > 1 else 0.0
            ahead = (m / (1 - 0.9**step)) / (tf.sqrt(v / (1 - 0.999**step)) + 1e-7)
            # The rate falls in a straight line from epoch to epoch, and here an epoch is a step.
            variable.assign(variable - 0.01 * (1 - (step - 1) / 3) * (ahead + decay))
    for trained_weights, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(trained_weights, expected, atol=2e-3)


def test_models_of_one_structure_share_a_graph(windows):
    epoch_graph.cache_clear()
    for seed, rows in ((0, 300), (1, 200), (2, 100)):
        fit(SparseAutoencoder(6, 8, (7,), seed=seed), windows[:rows], windows, DetectorSettings(epochs=2))
    assert epoch_graph.cache_info().misses == 1


def test_training_leaves_the_models_that_share_a_graph_apart(windows):
    first, second = (SparseAutoencoder(6, 8, (7,), momentum=0.5, noise=0.1, seed=seed) for seed in (0, 1))
    before = [weights.copy() for weights in second.get_weights()]
    fit(first, windows, windows, DetectorSettings(epochs=2))
    for one, other in zip(second.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    fit(second, windows, windows, DetectorSettings(epochs=2))
    assert not any(np.array_equal(*both) for both in zip(first.get_weights(), second.get_weights(), strict=True))


def test_hidden_layers_are_a_part_for_the_heads(windows):
    model, _ = trained(windows, hidden=(7, 5))
    parts = network_parts(plain_network(model), windows)
    assert {name: part.shape[1] for name, part in parts.items()} == {
        "inputs": 6,
        "hidden": 12,
        "codes": 8,
        "residual": 6,
    }
    np.testing.assert_allclose(parts["codes"], np.asarray(model.encoder(windows)), atol=1e-6)


@pytest.mark.parametrize("options", [{"penalty": "l2"}, {"momentum": 1.0}, {"code_activation": "relu"}])
def test_options_that_cannot_be_meant_are_refused(options):
    with pytest.raises(UsageError, match="Received"):
        SparseAutoencoder(4, 8, **options)


def test_same_seed_gives_the_same_weights(windows):
    first, second = (trained(windows, noise=0.1)[0].get_weights() for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_interrupted_training_keeps_the_best_epoch(windows):
    def stop(epoch):
        if epoch.epoch == 3:
            raise KeyboardInterrupt

    _, history = trained(windows, epochs=50, on_epoch=stop)
    assert len(history) == 3


def test_training_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(windows, tmp_path):
    def stop(epoch):
        if epoch.epoch == 4:
            raise SystemExit

    options = {"epochs": 9, "noise": 0.1, "momentum": 0.5}
    file = CheckpointFile(tmp_path / "checkpoint.npz", interval_s=0.0)
    whole, history = trained(windows, **options)
    with pytest.raises(SystemExit):
        trained(windows, **options, on_epoch=stop, checkpoint=file)
    resumed, resumed_history = trained(windows, **options, checkpoint=file)
    assert resumed_history == history
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not file.path.exists()


def test_checkpoint_of_another_training_is_refused(tmp_path):
    CheckpointFile(tmp_path / "c.npz", "one").write(Checkpoint(((1.0,) * 5,), (), (), ()))
    with pytest.raises(UsageError, match="other data or with other options"):
        CheckpointFile(tmp_path / "c.npz", "two").read()


def test_damaged_checkpoint_says_so(tmp_path):
    (tmp_path / "c.npz").write_bytes(b"PK\3\4 no")
    with pytest.raises(ModelFileError, match="is damaged"):
        CheckpointFile(tmp_path / "c.npz").read()


def test_weights_that_are_no_numbers_are_never_kept(windows):
    with pytest.raises(RecordingError, match="finite loss"):
        trained(np.full_like(windows, np.nan))


def test_a_head_of_many_variables_is_quantised_to_the_same_scores():
    windows = np.random.default_rng(0).normal(size=(400, 20)).astype(np.float32)
    model = SparseAutoencoder(20, 128, (128,), seed=0)
    fit(model, windows, windows, DetectorSettings(epochs=3))
    parts = network_parts(plain_network(model), windows)
    head, preprocessing = fit_head("deep", parts), Preprocessing("standard", (0.0,) * 20, (1.0,) * 20)
    graph = build_detector_graph(plain_network(model), preprocessing, head, None)
    representative = representative_dataset(windows[:, None], preprocessing)
    file = quantize(flatbuffer.parse(graph), "int8", TARGETS["cpu"], representative)
    outputs, _ = run_graph(InstalledRuntime.here(installed_runtimes()[0]), file.content, windows[:, None])
    assert np.corrcoef(outputs["score"], head.score(parts))[0, 1] > 0.95
