"""Any Keras autoencoder of dense layers: read, folded, and equal to what Keras computes."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from model_runs import run_model

from edge_runtime.errors import ModelFileError, RecordingError, UsageError
from edge_runtime.inference.detector import Detector
from edge_runtime.inference.runtimes import installed_runtimes
from export.dense_layers import read_network
from export.export_run import ExportSettings, export_run
from export.inference_graph import build_network_graph
from export.keras_source import run_from_keras
from export.runtime_check import InstalledRuntime
from export.source import read_source
from export.traced_graph import trace_model
from training.sparsity import SparseLayer, sparse_loss

RNG = np.random.default_rng(3)
INPUTS = RNG.normal(size=(64, 8)).astype(np.float32)


def sequential(*parts, shape=(8,)):
    model = keras.Sequential([keras.Input(shape), *parts])
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([RNG.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return model


def saved(model, folder, form):
    path = folder / {"keras": "model.keras", "h5": "model.h5", "SavedModel": "model"}[form]
    if form == "SavedModel":
        model.export(str(path), verbose=False)
    else:
        model.save(path)
    return path


def computed(network, inputs):
    """What the plain layers give, in float64, with activations by Keras."""
    values = [inputs.reshape(len(inputs), -1).astype(np.float64)]
    for layer in (*network.encoder, *network.decoder):
        name, _, slope = layer.activation.rstrip(")").partition("(")
        function = keras.activations.get(name)
        before = (values[-1] @ layer.kernel + layer.bias).astype(np.float32)
        values.append(np.asarray(function(before, float(slope)) if slope else function(before), np.float64))
    return values[len(network.encoder)], values[-1]


MODELS = {
    "plain": lambda: sequential(
        layers.Dense(6, activation="relu"), layers.Dense(3, activation="sigmoid"), layers.Dense(8)
    ),
    "everything that is gone at inference": lambda: sequential(
        layers.Dropout(0.3), layers.Dense(6, activation="relu6"), layers.GaussianNoise(0.1), layers.Dense(3),
        layers.ActivityRegularization(0.1), layers.Activation("tanh"), layers.Dense(8),
    ),
    "normalised on every side": lambda: sequential(
        layers.BatchNormalization(), layers.Dense(6), layers.BatchNormalization(), layers.LeakyReLU(),
        layers.BatchNormalization(), layers.Dense(3, activation="selu"), layers.BatchNormalization(),
        layers.Dense(8), layers.BatchNormalization(),
    ),
    "other activations": lambda: sequential(
        layers.Dense(7, activation="elu"), layers.Dense(6, activation="softplus"), layers.Dense(3, activation="swish"),
        layers.Dense(6), layers.ReLU(), layers.Dense(8, activation="sigmoid"),
    ),
    "our sparse layer": lambda: sequential(layers.Dense(6, activation="relu"), SparseLayer(3), layers.Dense(8)),
    "windows": lambda: sequential(
        layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0]), layers.Flatten(),
        layers.Dense(3, activation="leaky_relu"), layers.Dense(8), layers.Reshape((4, 2)), shape=(4, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", ["keras", "h5", "SavedModel"])
@pytest.mark.parametrize("name", MODELS)
def test_dense_layers_are_what_keras_computes(name, form, tmp_path):
    model = MODELS[name]()
    inputs = INPUTS.reshape(-1, *model.input_shape[1:])
    traced = trace_model(saved(model, tmp_path, form), inputs.shape[1:])
    found = read_network(traced)
    codes, outputs = computed(found.network, inputs)
    expected = model.predict(inputs, verbose=0).reshape(len(inputs), -1)
    # Weights are drawn anew each time, and normalised outputs may be large.
    np.testing.assert_allclose(outputs, expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(codes, traced.run([found.codes_op], inputs)[0], atol=1e-5)
    assert codes.shape[1] == 3


@settings(max_examples=10)
@given(scale=st.floats(0.01, 100), mean=st.floats(-50, 50), variance=st.floats(1e-3, 100))
def test_batch_normalisation_is_folded_to_1e_5(tmp_path_factory, scale, mean, variance):
    model = sequential(layers.Dense(3), layers.BatchNormalization(), layers.Activation("sigmoid"), layers.Dense(8))
    model.layers[1].set_weights([np.full(3, value, np.float32) for value in (scale, 0.5, mean, variance)])
    path = saved(model, tmp_path_factory.mktemp("model"), "keras")
    codes, outputs = computed(read_network(trace_model(path, (8,))).network, INPUTS)
    np.testing.assert_allclose(outputs, model.predict(INPUTS, verbose=0), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(codes, keras.Model(model.inputs, model.layers[2].output).predict(INPUTS, verbose=0),
                               atol=1e-5)  # fmt: skip


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.outer = layers.Dense(3, activation="sigmoid", name="kode"), layers.Dense(8)

    def call(self, inputs):
        return self.outer(self.inner(inputs))


def test_subclassed_model_that_keras_can_load_is_read(tmp_path):
    model = Subclassed()
    expected = model.predict(INPUTS, verbose=0)
    for form in ("keras", "SavedModel"):
        found = read_network(trace_model(saved(model, tmp_path, form), (8,)), "kode")
        np.testing.assert_allclose(computed(found.network, INPUTS)[1], expected, atol=1e-5)


@pytest.mark.parametrize("form", ["keras", "h5", "SavedModel"])
def test_code_layer_can_be_named(tmp_path, form):
    model = sequential(layers.Dense(5, name="wide"), layers.Dense(3, name="narrow"), layers.Dense(8))
    path = saved(model, tmp_path, form)
    assert len(read_network(trace_model(path, (8,))).network.encoder) == 2
    assert len(read_network(trace_model(path, (8,)), "wide").network.encoder) == 1
    with pytest.raises(UsageError, match=r"\(wide, narrow\)\. Received: 'other'"):
        read_network(trace_model(path, (8,)), "other")


def skipping():
    inputs = keras.Input((8,))
    return keras.Model(inputs, layers.Add(name="short_cut")([inputs, layers.Dense(8)(layers.Dense(2)(inputs))]))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: sequential(layers.Reshape((8, 1)), layers.Conv1D(4, 3, name="folded"), layers.Flatten(),
                            layers.Dense(8)), "layer 'folded' holds the op Conv2D"),
        (lambda: sequential(layers.Dense(3, activation="gelu", name="odd"), layers.Dense(8)), "layer 'odd'"),
        (lambda: sequential(layers.Dense(3, activation="relu"), layers.Dense(5)), "is not an autoencoder"),
        (skipping, "layer 'short_cut' holds the op AddV2 that joins two paths"),
        (lambda: sequential(layers.Dense(3), layers.Dense(8, activation="relu"), layers.BatchNormalization(name="z")),
         "layer 'z' holds a normalisation after the last activation"),
        (lambda: sequential(layers.Dense(3), layers.Lambda(lambda x: x * 2), layers.Dense(8)), "Keras cannot load"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_named(model, words, tmp_path):
    with pytest.raises(ModelFileError, match=words) as caught:
        read_network(trace_model(saved(model(), tmp_path, "keras"), (8,)))
    assert "upported" in str(caught.value) or "Expected" in str(caught.value)


IMAGES = np.clip(np.random.default_rng(0).normal(size=(400, 784)) * 0.3, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def seed_model():
    model = keras.Sequential([
        keras.Input((784,)), layers.Dense(64, activation="relu"), SparseLayer(32), layers.Dense(64, activation="relu"),
        layers.Dense(784, activation="sigmoid"),
    ])  # fmt: skip
    model.compile(optimizer="adam", loss=sparse_loss())
    return model


@pytest.fixture(scope="module")
def seed_run(seed_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed")
    np.save(folder / "images.npy", IMAGES)
    return read_source(saved(seed_model, folder, "keras"), folder / "images.npy")


def test_seed_model_is_a_file_of_less_than_a_third(seed_model, seed_run):
    int8, float32 = (export_run(seed_run, ExportSettings(scheme)) for scheme in ("int8", "float32"))
    assert len(int8.to_bytes()) < 0.3 * len(float32.to_bytes())
    encoder = keras.Model(seed_model.inputs, seed_model.layers[1].output)
    outputs = run_model(InstalledRuntime.here(installed_runtimes()[0]), float32, IMAGES[:, None])
    np.testing.assert_allclose(outputs.codes, encoder.predict(IMAGES, verbose=0), atol=1e-5)
    residual = IMAGES - seed_model.predict(IMAGES, verbose=0)
    errors = (residual**2).mean(axis=1)
    np.testing.assert_allclose(outputs.scores / outputs.scores.mean(), errors / errors.mean(), rtol=1e-3)


def test_wide_model_names_the_input_that_is_wrong(seed_run, tmp_path):
    for target in ("cpu", "micro"):
        path = tmp_path / f"{target}.tflite"
        export_run(seed_run, ExportSettings("int8", target)).write(path)
        wrong = seed_run.windows.windows[:3].copy()
        wrong[:, 0, 300] += 4.0
        detector = Detector.load(path)
        contributions, scores = detector.explain_many(wrong), detector.score_many(wrong)
        assert (contributions.argmax(axis=1) == 300).all()
        np.testing.assert_allclose(contributions.sum(axis=1), scores, rtol=1e-4)


def test_graph_of_every_activation_is_what_tensorflow_computes(tmp_path):
    for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "softplus", "swish", "linear"):
        model = sequential(layers.Dense(3, activation=name), layers.Dense(8, activation=name))
        np.save(tmp_path / "normal.npy", INPUTS)
        run = run_from_keras(saved(model, tmp_path, "keras"), tmp_path / "normal.npy")
        interpreter = Interpreter(model_content=build_network_graph(run.network, (run.spec.scoring.head,)))
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], INPUTS[:1])
        interpreter.invoke()
        outputs = [interpreter.get_tensor(entry["index"]) for entry in interpreter.get_output_details()]
        expected = model.predict(INPUTS[:1], verbose=0)
        assert any(np.allclose(output, expected, atol=1e-5) for output in outputs if output.shape == expected.shape)


def test_keras_model_becomes_a_file_from_the_command_line(saelite, tmp_path):
    saved(MODELS["our sparse layer"](), tmp_path, "keras")
    rows = "\n".join(",".join(f"{value:.6g}" for value in row) for row in RNG.normal(size=(200, 8)))
    (tmp_path / "normal.csv").write_text("a,b,c,d,e,f,g,h\n" + rows + "\n")
    made = saelite("export", "model.keras", "--representative", "normal.csv", "-o", "model.tflite")
    assert made.returncode == 0, made.stderr
    assert "rank correlation" in made.stdout
    scored = saelite("score", "model.tflite", "normal.csv", "-o", "scores.csv")
    assert "200 windows scored" in scored.stdout, scored.stderr


def test_keras_model_needs_normal_data_that_fit(tmp_path):
    path = saved(MODELS["plain"](), tmp_path, "keras")
    with pytest.raises(UsageError, match="--representative"):
        read_source(path)
    np.save(tmp_path / "few.npy", INPUTS[:5])
    with pytest.raises(RecordingError, match="too few"):
        read_source(path, tmp_path / "few.npy")
    with pytest.raises(ModelFileError, match="no such file"):
        read_source(tmp_path / "absent.keras")
