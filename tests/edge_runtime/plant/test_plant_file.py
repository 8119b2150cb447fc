"""A plant's file: it can say whatever the flags can, and what is wrong in it is named with its line."""

import sys
from pathlib import Path

import pytest
from changed_settings import changed_settings

from edge_runtime.common.setting import all_settings, value_of
from edge_runtime.errors import MissingExtraError, PlantFileError
from edge_runtime.plant import toml_file
from edge_runtime.plant.example import example_plant
from edge_runtime.plant.plant_file import read_plant
from edge_runtime.plant.toml_file import TomlFile
from edge_runtime.plant.values import setting_in_toml
from edge_runtime.running.settings import MachineSettings

PUMP = '[machine.pump1]\nmodel = "pump.tflite"\nsource = "host"\n'


@pytest.fixture
def plant(tmp_path):
    """Read a plant's file with a text."""

    def read(text, **environment):
        path = tmp_path / "plant.toml"
        path.write_text(text, encoding="utf-8")
        return read_plant(path, environment)

    return read


def mistakes(plant, text, **environment):
    """Return the lines of the error that a file causes, without its name."""
    with pytest.raises(PlantFileError) as caught:
        plant(text, **environment)
    lines = str(caught.value).splitlines()
    assert all(line.rpartition("plant.toml:")[2][0].isdigit() for line in lines)
    return [line.partition("plant.toml:")[2] for line in lines]


def test_file_says_everything_that_flags_can_say(plant, tmp_path):
    changed = changed_settings()
    keys = [setting_in_toml(one, value_of(changed, one.name)) for one in all_settings(MachineSettings)]
    (machine,) = plant("\n".join(["[machine.m]", *keys])).machines
    for one in all_settings(MachineSettings):
        said, meant = value_of(machine.settings, one.name), value_of(changed, one.name)
        if one.form == "argument":
            meant = tmp_path / meant
        if one.form == "paths":
            meant = tuple(tmp_path / path for path in meant)
        assert said == meant != one.default, one.word
    (machine,) = plant("\n".join(["[defaults]", *keys, "[machine.m]"])).machines
    assert machine.settings.monitor == changed.monitor


def test_example_explains_every_key_and_is_right_with_and_without_its_comments(plant):
    example = example_plant()
    for one in all_settings(MachineSettings):
        assert f"{one.word} = " in example
        assert " ".join(one.text.split()) in " ".join(example.replace("\n# ", " ").replace("\n#", " ").split())
    plain, whole = plant(example), plant(example.replace("\n#", "\n").replace("\n ", "\n# "))
    assert [machine.name for machine in plain.machines] == ["pump1", "pump2"]
    assert plain.machines[0].settings.monitor == MachineSettings(Path(), "").monitor
    assert whole.machines[0].settings.monitor.only_when == "current > 2"


def test_own_keys_of_a_machine_win_over_defaults(plant):
    text = '[defaults]\nmodel = "pump.tflite"\nsource = "host"\nmin-duration = 90\ndebounce = "3/5"\n'
    first, second = plant(text + '[machine.a]\n[machine.b]\nmin-duration = "0s"\ndebounce = [1, 2]\n').machines
    assert (first.settings.monitor.alarm.min_duration_s, first.settings.monitor.alarm.debounce) == (90.0, (3, 5))
    assert (second.settings.monitor.alarm.min_duration_s, second.settings.monitor.alarm.debounce) == (0.0, (1, 2))


def test_one_text_is_a_list_of_one(plant):
    assert plant(PUMP + 'sink = "alarms:-"').machines[0].settings.sink == ("alarms:-",)


def test_name_of_the_machine_and_variables_are_filled_in(plant):
    text = '[defaults]\nmodel = "{machine}.tflite"\nsource = "mqtt://${BROKER}/$$SYS/{machine}"\n[machine.a]\n[machine.b]\n'
    first, second = plant(text, BROKER="plant-broker").machines
    assert first.settings.source == "mqtt://plant-broker/$SYS/a"
    assert second.settings.model.name == "b.tflite"


def test_variable_that_is_not_set_is_named_and_others_are_shown_nowhere(plant):
    text = '[defaults]\nsink = "csv:/out/${PLACE}/x?keep=${KEEP}"\n' + PUMP
    (mistake,) = mistakes(plant, text, PLACE="well-kept")
    assert mistake.startswith("2: sink: the environment variable KEEP is not set.")
    mistake = mistakes(plant, text + PUMP.replace("pump1", "pump2"), PLACE="well-kept", KEEP="3")[0]
    assert "/out/${PLACE}/x is that of pump1 too" in mistake
    (mistake,) = mistakes(plant, PUMP + 'stale-after = "${SPAN}"', SPAN="well-kept")
    assert mistake.endswith('Received: "${SPAN}"')
    secrets = plant(PUMP + 'sink = "csv:${PLACE}"', PLACE="it's/well kept").secrets
    forms = ["it's/well kept", repr("it's/well kept"), "it%27s/well%20kept", "it%27s%2Fwell%20kept"]
    assert secrets.hidden(" ".join(forms)).replace('"', "") == " ".join(["${PLACE}"] * 4)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "1: no machine. Expected at least one table [machine.NAME]."),
        (
            "[defaults]\n[machines.a]\n" + PUMP,
            "2: expected [defaults] and [machine.NAME]. Received: machines. Did you mean machine?",
        ),
        ("sourc = 3\n" + PUMP, "1: expected [defaults] and [machine.NAME]. Received: sourc."),
        ("machine = 3", "1: machine: expected a table, [machine]. Received: 3"),
        ("[machine]\npump1 = 3", "2: machine.pump1: expected a table, [machine.pump1]. Received: 3"),
        ("defaults = []\n" + PUMP, "1: defaults: expected a table, [defaults]. Received: []"),
        ('[machine."pump 1"]', '1: name of a machine: expected letters, digits, - and _. Received: "pump 1"'),
        (PUMP + "\n\nsorce = 3", "6: no such key in [machine.pump1]: sorce. Did you mean source?"),
        (PUMP + "min_duration = 3", "4: no such key in [machine.pump1]: min_duration. Did you mean min-duration?"),
        ("[defaults]\nzzz = 3\n" + PUMP, "2: no such key in [defaults]: zzz. `saelite config example` lists all keys."),
        ("[machine.a]\nmodel = 'a'", "1: [machine.a] has no source. Expected one there or in [defaults]."),
        (PUMP + "stuck-after = -1", "4: stuck-after: expected a whole number of at least 0. Received: -1"),
        (PUMP + "stuck-after = 1.5", "4: stuck-after: expected a whole number of at least 0. Received: 1.5"),
        (PUMP + "stuck-after = true", "4: stuck-after: expected a whole number of at least 0. Received: true"),
        (PUMP + "exit-ratio = nan", "4: exit-ratio: expected a number above 0 and of at most 1. Received: nan"),
        (PUMP + 'allow-downgrade = "yes"', '4: allow-downgrade: expected true or false. Received: "yes"'),
        (PUMP + 'adapt = "spt"', '4: adapt: expected one of "spot", "dspot". Received: "spt"'),
        (PUMP + "debounce = '5'", '4: debounce: expected N/M, for example 3/5. Received: "5"'),
        (PUMP + "debounce = '5/3'", "4: debounce: expected N/M with 1 <= N <= M. Received: 5/3"),
        ("[defaults]\ndebounce = '5/3'\n" + PUMP, "2: debounce: expected N/M with 1 <= N <= M. Received: 5/3"),
        (
            PUMP + "cool-down = 'soon'",
            (
                "4: cool-down: expected a time span, such as 90s, 25m, 2h or 1w, or seconds of at least 0. "
                'Received: "soon"'
            ),
        ),
        (PUMP + "sink = 3", "4: sink: expected a text in quotes, or a list of them. Received: 3"),
        (PUMP + "sink = [3]", "4: sink: expected a text in quotes, or a list of them. Received: [3]"),
        (PUMP + "state = ''", '4: state: expected a path in quotes. Received: ""'),
        (PUMP + "only-when = {a = 1}", "4: only-when: expected a text in quotes. Received: {a = 1}"),
    ],
)  # fmt: skip
def test_mistake_is_named_with_its_line_and_what_was_expected(plant, text, mistake):
    assert mistakes(plant, text) == [mistake]


def test_all_mistakes_are_named_at_once_and_one_of_all_machines_only_once(plant):
    text = "[defaults]\nstuck-after = -1\n" + PUMP + "threads = 0\n" + PUMP.replace("pump1", "pump2")
    assert [mistake.partition(":")[0] for mistake in mistakes(plant, text)] == ["2", "6"]


@pytest.mark.parametrize(
    "key",
    ["state = 's.json'", "sink = 'csv:x.csv?keep=2'", "sink = ['jsonl:-', 'csv:-']", "sink = 'mqtt://broker/base'"],
)
def test_two_machines_cannot_write_to_the_same_place(plant, key):
    text = f"[defaults]\n{key}\n" + PUMP + PUMP.replace("pump1", "pump2")
    (mistake,) = mistakes(plant, text)
    word = key.partition(" ")[0]
    assert mistake.startswith(f"2: {word} of pump2: ")
    assert "is that of pump1 too. Expected one for each machine, for example with {machine} in its name." in mistake
    plant(f"[defaults]\n{key}\n" + PUMP)


def test_machines_share_what_can_be_shared(plant):
    sinks = "sink = ['jsonl:-', 'alarms:-', 'prometheus', 'mqtt://broker', 'mqtt://broker/plant/{machine}']"
    assert len(plant(f"[defaults]\n{sinks}\n" + PUMP + PUMP.replace("pump1", "pump2")).machines) == 2


def test_two_machines_cannot_read_one_serial_port(plant):
    serial = PUMP.replace("host", "serial:/dev/ttyUSB0?baud=9600")
    (mistake,) = mistakes(plant, serial + serial.replace("pump1", "pump2"))
    assert mistake.startswith("6: source of pump2: /dev/ttyUSB0 is that of pump1 too.")


def test_names_that_differ_only_in_capitals_would_be_one_topic(plant):
    (mistake,) = mistakes(plant, PUMP + PUMP.replace("pump1", "Pump1"))
    assert mistake == "4: Pump1: expected a name that differs from pump1 in more than capitals."


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a = 1\nb = = 2\n", "2: expected TOML. Received: Invalid value in column 5."),
        ("a = [1,\n\n", "3: expected TOML."),
    ],
)
def test_what_is_not_toml_is_named_with_its_line(plant, text, mistake):
    assert mistakes(plant, text)[0].startswith(mistake)


def test_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(PlantFileError, match=r"cannot read .*nowhere\.toml: No such file"):
        read_plant(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(PlantFileError, match="expected UTF-8 text"):
        read_plant(tmp_path / "latin.toml")


def test_windows_line_ends_and_byte_order_mark_are_no_mistake(tmp_path):
    (tmp_path / "plant.toml").write_bytes(b"\xef\xbb\xbf" + PUMP.replace("\n", "\r\n").encode() + b"stuck-after = -1")
    with pytest.raises(PlantFileError, match=r"plant\.toml:4: stuck-after"):
        read_plant(tmp_path / "plant.toml")


def test_python_without_a_parser_says_what_to_install(plant, monkeypatch):
    monkeypatch.setattr(toml_file, "sys", type("Old", (), {"version_info": (3, 10)}))
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'saelite\[plant\]'"):
        plant(PUMP)


TRICKY = '''# a comment with [brackets] and = signs
top.dotted = 1 # "no text
"quoted # key" = "x # [y]"
'literal = key' = 'C:\\'
long = """
[no.table]
k = 3 \\""" " and two quotes at the end"""""
raw = \'\'\'
= [\'\'\'
date = 1979-05-27 07:32:00
[ table . "with space" ]
list = [ # with comments ]
  1, "]", # and brackets [
  [{ inner = 1 }, {second = "}"}],
]
inline = {a.b = [1,2], c = "}"}
last = true
[[array]]
in_array = 1
[table."esc\\"aped"]
x=1'''


def test_line_of_every_key_of_a_tricky_document(tmp_path):
    (tmp_path / "tricky.toml").write_text(TRICKY)
    file, text = TomlFile.read(tmp_path / "tricky.toml"), TRICKY.splitlines()
    lines = file.lines

    def look(table, path):
        for key, value in table.items():
            here = (*path, key)
            assert key.replace('"', '\\"') in text[lines[here] - 1], here
            tables = value if isinstance(value, list) else [value]
            for one in tables:
                if isinstance(one, dict):
                    look(one, here)

    look(file.content, ())
    assert lines[("table", "with space", "last")] == 17
    assert lines[("array", "in_array")] == 19
