"""Saving, checkpointing, resuming and showing progress: the only place that writes while a run goes on."""

from mfpde.recording.layout import Field, Layout, check_path, checked_times
from mfpde.recording.loop import progress_bar, record
from mfpde.recording.memory import check_memory
from mfpde.recording.stores import read_dataset, replace_file

__all__ = [
    "Field",
    "Layout",
    "check_memory",
    "check_path",
    "checked_times",
    "progress_bar",
    "read_dataset",
    "record",
    "replace_file",
]
