"""What others wrote, names above all, is text: no command for a terminal, a spreadsheet or a broker."""

import csv
import re

import numpy as np
import pytest
from machines import pump_rows, write_csv
from tflite_graphs import GraphBuilder

from edge_runtime.common.mqtt_client import MqttAddress
from edge_runtime.errors import ModelFileError, UsageError
from edge_runtime.sinks.mqtt_sink import MqttSink
from edge_runtime.sinks.sink import StreamInfo
from edge_runtime.sinks.text import csv_lines
from edge_runtime.streaming.results import Results

OSC = "\x1b]0;owned\x07"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def test_names_send_nothing_to_the_terminal(saelite, tmp_path):
    rows = pump_rows(300)
    rows[:, 1] = 5.0
    write_csv(tmp_path / "log.csv", rows, ["flow", f"heat{OSC}", "current", f"v{OSC}"])
    trained = saelite("train", "log.csv", "-o", "run", "--epochs", "1", "--exclude", f"v{OSC}")
    refused = saelite("score", "log.csv", "log.csv", "-o", "s.csv")
    builder = GraphBuilder()
    values, out = builder.tensor((1, 2), name=f"in{OSC}"), builder.tensor((1, 2), name=f"out{OSC}")
    builder.op("TANH", [values], out)
    (tmp_path / "theirs.tflite").write_bytes(builder.build([values], [out]))
    inspected = saelite("inspect", "theirs.tflite")
    assert "owned" in inspected.stdout
    assert "owned" in trained.stderr
    for result in (trained, refused, inspected):
        assert not CONTROL.search(result.stdout + result.stderr)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", '=HYPERLINK("http://x")'])
def test_names_are_no_formulas_in_a_spreadsheet(name):
    one = np.ones(1, np.float32)
    results = Results(np.arange(1), np.zeros(1), one, one, np.zeros(1, bool), one, *[one[:, None]] * 4, (name,))
    (cells,) = csv.reader(csv_lines((name,))(results))
    assert cells[4] == "'" + name


@pytest.mark.parametrize("base", ["a/#", "+/b", "a\0b"])
def test_topic_no_broker_takes_messages_for_is_refused(base):
    address = MqttAddress("127.0.0.1", 1, tls=False, topic=base, options={})
    with pytest.raises(UsageError, match="must not contain #"):
        MqttSink(address, StreamInfo("m", ("flow",), 1.0, np.inf), lambda _: None)


@pytest.mark.parametrize("what", ["sys.exit()", "sys.exit(3)", "raise KeyboardInterrupt"])
def test_function_that_ends_the_program_is_a_source_that_is_lost(saelite, model_path, tmp_path, what):
    (tmp_path / "mine.py").write_text(
        f"import sys\nlives = []\n\n\ndef readings():\n    lives.append(1)\n    for n in range(5):\n"
        f"        yield [33 + n, 103000, 1.6, 0.003]\n    if len(lives) < 2:\n        {what}\n"
    )
    result = saelite("run", model_path, "--source", "mine:readings")
    assert result.returncode == 0, result.stderr
    assert "mine:readings is lost" in result.stderr
    assert "10 read" in result.stderr


def test_sink_that_ends_the_program_ends_nothing(saelite, model_path, tmp_path):
    write_csv(tmp_path / "log.csv", pump_rows(50))
    (tmp_path / "mine.py").write_text("import sys\n\n\ndef leave(result):\n    sys.exit()\n")
    result = saelite("run", model_path, "--source", "csv:log.csv", "--sink", "mine:leave", "--sink", "jsonl:a.jsonl")
    assert result.returncode == 0
    assert "mine:leave is failing (SystemExit" in result.stderr
    assert (tmp_path / "a.jsonl").read_text().count('"drift"') == 48


@pytest.mark.parametrize("line", ["import sys; sys.exit(0)", "1 / 0", "syntax error"])
def test_module_that_cannot_be_imported_is_named(saelite, model_path, tmp_path, line):
    (tmp_path / "mine.py").write_text(f"{line}\n")
    result = saelite("run", model_path, "--source", "mine:readings")
    assert result.returncode == 2
    assert "cannot find 'mine:readings'" in " ".join(result.stderr.split())


def test_saved_model_that_writes_a_file_is_refused_before_it_is_loaded(tmp_path):
    import tensorflow as tf

    from export.traced_graph import trace_model

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="inputs")])
        def serve(self, inputs):
            with tf.control_dependencies([tf.io.write_file(str(tmp_path / "owned"), "here")]):
                return {"out": tf.identity(inputs)}

    writer = Writer()
    tf.saved_model.save(writer, str(tmp_path / "model"), signatures={"serving_default": writer.serve})
    with pytest.raises(ModelFileError, match="holds the op WriteFile"):
        trace_model(tmp_path / "model", (4,))
    assert not (tmp_path / "owned").exists()
