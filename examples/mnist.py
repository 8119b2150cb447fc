"""A sparse autoencoder on 28 x 28 images: ``python examples/mnist.py`` downloads MNIST and trains."""

import keras
import numpy as np
from keras.layers import Dense

from training import SparseLayer, sparse_loss

(images, _), _ = keras.datasets.mnist.load_data()
x = images.reshape(-1, 784).astype("float32") / 255

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
model.fit(x, x, epochs=10, batch_size=256)

encoder = keras.Sequential(model.layers[:2])
print("mean activation", float(np.mean(encoder.predict(x, verbose=0))), "target 0.05")
model.save("mnist.keras")
