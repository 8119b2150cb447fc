"""Recordings: files of readings as arrays, with what the columns mean."""

from training.recordings.read_recording import read_recording
from training.recordings.recording import Columns, Recording

__all__ = ["Columns", "Recording", "read_recording"]
