"""Every error that saelite raises on purpose.

::

    SaeliteError
    ├── UsageError             the call itself is invalid (also a ValueError)
    │   └── PlantFileError     a plant's file has mistakes, a line for each
    ├── MissingExtraError      a package of an extra is not installed (also an ImportError)
    ├── RecordingError         a recording cannot be read or used
    │   ├── InputShapeError    sensors or window do not match the model
    │   └── SourceStaleError   a source has been silent for too long
    ├── ModelFileError         a model file cannot be used
    │   ├── IntegrityError     a model file was changed, or is not signed as required
    │   └── ParityError        a file does not detect as the full model does
    ├── RuntimeUnavailableError  no suitable runtime is installed, or it refused the file
    ├── AcceleratorError       an accelerator cannot be used
    ├── MachineError           some machines of a plant could not be watched
    ├── RegistryError          a registry cannot be read, or gives what it must not
    ├── OutputError            a file cannot be written
    └── HistoryError           a file is not a history, or holds no such alarm

Each message says what is wrong, what was expected, what was received, and what to do.
"""

from __future__ import annotations


class SaeliteError(Exception):
    """Base of all errors raised on purpose; its text is meant for the user."""


class UsageError(SaeliteError, ValueError):
    """An argument or option has an invalid value."""


class PlantFileError(UsageError):
    """The file of a plant cannot be read, or has mistakes: its text has a line for each."""


class MissingExtraError(SaeliteError, ImportError):
    """A package that belongs to an optional extra is not installed."""


class RecordingError(SaeliteError):
    """A recording cannot be read or used."""


class InputShapeError(RecordingError, ValueError):
    """Sensors, window or dtype differ from what the model expects."""


class SourceStaleError(RecordingError):
    """A source has been silent for too long, and the stream was set to end then."""


class ModelFileError(SaeliteError):
    """A model file is missing, damaged, or not written by saelite."""


class IntegrityError(ModelFileError):
    """A model file does not match its own SHA-256 or signature."""


class ParityError(ModelFileError):
    """An exported file differs more from the full model than the limits allow."""


class RuntimeUnavailableError(SaeliteError):
    """No TFLite interpreter can open the file here."""


class AcceleratorError(SaeliteError):
    """An accelerator's library, device or driver is missing or unsuitable, or it takes no op of the graph."""


class MachineError(SaeliteError):
    """Some machines of a plant could not be watched; the others were."""


class RegistryError(SaeliteError):
    """A registry of models cannot be read, or gives what a device must not take."""


class OutputError(SaeliteError):
    """A file or folder cannot be written."""


class BrokerError(SaeliteError):
    """An MQTT broker cannot be reached, or refuses."""


class HistoryError(SaeliteError):
    """A history cannot be read or used."""


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error that names the pip line for a missing package.

    >>> print(missing_extra("psutil", "host", "the host source"))
    psutil is not installed, and the host source needs it. Install it with: pip install 'saelite[host]'
    """
    return MissingExtraError(
        f"{package} is not installed, and {purpose} needs it. Install it with: pip install 'saelite[{extra}]'"
    )
