"""Readings from a serial port, such as a microcontroller that prints one line per reading."""

from __future__ import annotations

from edge_runtime.errors import RecordingError, missing_extra
from edge_runtime.signal.readings import Readings, no_readings
from edge_runtime.sources.files import Decoder
from edge_runtime.sources.source import SourceLost
from edge_runtime.tables.lines import LineSplitter


class SerialSource:
    """Readings from a serial port's lines.

    Parameters
    ----------
    port : str
        Device, such as ``/dev/ttyUSB0``.
    baud : int
        Bits per second.
    decoder : Decoder
    sensors : int

    Raises
    ------
    MissingExtraError
        If pyserial is not installed.
    RecordingError
        If the port cannot be opened.
    """

    def __init__(self, port: str, baud: int, decoder: Decoder, sensors: int) -> None:
        try:
            import serial
        except ImportError as error:
            raise missing_extra("pyserial", "serial", "a serial source") from error
        self.name = port
        self.is_live = True
        self.patience_s = 0.0
        self._errors = (serial.SerialException, OSError, TypeError)
        self._decoder, self._sensors = decoder, sensors
        self._splitter = LineSplitter()
        self._joined = self._stopped = False
        try:
            self._port = serial.Serial(port, baud, timeout=0)
        except (serial.SerialException, ValueError, OSError) as error:
            raise RecordingError(
                f"cannot open the serial port {port}: {error}. Is it plugged in, and may you read it (group dialout)?"
            ) from error

    def poll(self, timeout_s: float) -> Readings | None:
        """See `Source.poll`."""
        if self._stopped:
            return None
        try:
            self._port.timeout = timeout_s
            chunk = self._port.read(1)
            chunk += self._port.read(self._port.in_waiting)
        except self._errors as error:
            raise SourceLost(str(error)) from error
        lines = self._splitter.feed(chunk)
        if lines and not self._joined:
            # The port was probably opened in the middle of a line.
            self._joined = True
            del lines[0]
        readings = self._decoder.decode(lines) if lines else no_readings(self._sensors)
        lost, self._splitter.lost = self._splitter.lost, 0
        return Readings(readings.times, readings.values, readings.lost + lost)

    def stop(self) -> None:
        """See `Source.stop`."""
        self._stopped = True

    def close(self) -> None:
        """See `Source.close`."""
        self._port.close()
