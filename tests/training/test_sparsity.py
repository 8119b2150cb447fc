"""The penalty: its mathematics, its strength, what it does to a network, and that it is saved with a model."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras.layers import Dense
from scipy.special import rel_entr
from sklearn.datasets import load_digits

from edge_runtime.errors import UsageError
from training import SparseLayer, sparse_loss
from training.sparsity import kl_divergence

activations = arrays(np.float64, 8, elements=st.floats(0.001, 0.999))


def reference_kl(rho, rho_hat):
    """KL between Bernoulli distributions, by scipy."""
    return rel_entr(rho, rho_hat) + rel_entr(1 - rho, 1 - rho_hat)


@given(st.floats(0.01, 0.99), activations)
def test_divergence_is_that_of_bernoulli_distributions(rho, rho_hat):
    ours = np.asarray(kl_divergence(rho, keras.ops.convert_to_tensor(rho_hat, "float64")))
    np.testing.assert_allclose(ours, reference_kl(rho, rho_hat), rtol=1e-3, atol=1e-5)


def test_divergence_is_zero_at_its_target():
    assert abs(float(kl_divergence(0.05, keras.ops.convert_to_tensor(0.05, "float64")))) < 1e-10


@pytest.mark.parametrize("saturated", [0.0, 1.0])
def test_saturated_units_have_finite_divergence_and_a_gradient(saturated):
    import tensorflow as tf

    rho_hat = tf.Variable(saturated)
    with tf.GradientTape() as tape:
        value = kl_divergence(0.05, rho_hat)
    assert np.isfinite(float(value))
    gradient = float(tape.gradient(value, rho_hat))
    assert np.isfinite(gradient)
    assert gradient * (1 if saturated else -1) > 0


@pytest.mark.parametrize("batch", [1, 32, 256])
def test_penalty_has_the_same_strength_at_every_batch_size(batch):
    layer = SparseLayer(8, rho=0.1, alpha=0.5)
    row = np.random.default_rng(0).normal(size=(1, 4)).astype("float32")
    codes = np.asarray(layer(np.repeat(row, batch, axis=0)))
    expected = 0.5 * reference_kl(0.1, codes.mean(axis=0, dtype=np.float64)).sum()
    assert float(layer.losses[0]) == pytest.approx(expected, rel=1e-4)


def test_layer_is_rebuilt_from_its_config():
    layer = SparseLayer(7, rho=0.2, alpha=0.3, name="codes")
    assert SparseLayer.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(("rho", "alpha"), [(0.0, 0.1), (1.0, 0.1), (0.05, -1.0)])
def test_values_that_cannot_be_meant_are_refused(rho, alpha):
    with pytest.raises(UsageError, match="Received"):
        SparseLayer(4, rho=rho, alpha=alpha)
    with pytest.raises(UsageError, match="Received"):
        sparse_loss(rho=rho, alpha=alpha)


def test_another_activation_is_refused():
    with pytest.raises(UsageError, match="sigmoid"):
        SparseLayer(4, activation="relu")


batches = arrays(np.float32, (5, 8), elements=st.floats(0, 1, width=32))


@given(batches, batches)
def test_sparse_loss_is_finite_whatever_the_output(y_true, y_pred):
    assert np.isfinite(float(sparse_loss(rho=0.05, alpha=0.1)(y_true, y_pred)))


def test_sparse_loss_is_squared_error_plus_penalty():
    y_true, y_pred = np.random.default_rng(0).uniform(0.01, 0.99, size=(2, 16, 8)).astype("float32")
    penalty = reference_kl(0.05, y_pred.mean(axis=0, dtype=np.float64)).sum()
    expected = np.mean((y_true - y_pred) ** 2, dtype=np.float64) + 0.1 * penalty
    assert float(sparse_loss(rho=0.05, alpha=0.1)(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def images():
    """1,797 digits, 8 x 8, blown up to 28 x 28, in [0, 1]."""
    digits = load_digits().images / 16.0
    return np.kron(digits, np.ones((1, 4, 4)))[:, 2:30, 2:30].reshape(len(digits), 784).astype("float32")


@pytest.fixture(scope="module")
def model(images):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((784,)),
            Dense(64, activation="relu"),
            SparseLayer(32, rho=0.05, alpha=0.1),
            Dense(64, activation="relu"),
            Dense(784, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss=sparse_loss(rho=0.05, alpha=0.1))
    model.training_history = model.fit(images, images, epochs=40, batch_size=32, verbose=0).history
    return model


def test_seed_model_trains_with_a_finite_falling_loss(model):
    losses = model.training_history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]


def test_mean_activation_ends_near_its_target(model, images):
    codes = np.asarray(keras.Sequential(model.layers[:2])(images))
    assert codes.mean() == pytest.approx(0.05, abs=0.02)


def test_model_is_saved_and_loaded_without_custom_objects(model, images, tmp_path):
    path = tmp_path / "digits.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(loaded.predict(images[:8], verbose=0), model.predict(images[:8], verbose=0))
    assert loaded.loss.get_config() == model.loss.get_config()
