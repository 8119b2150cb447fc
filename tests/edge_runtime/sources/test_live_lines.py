"""Lines as a microcontroller prints them: no header, begun in the middle, in any form of number."""

import numpy as np
import pytest

from edge_runtime.tables.csv_decoder import CsvDecoder

SENSORS = ("flow", "heat", "level")


def decoded(*blocks, sensors=SENSORS):
    decoder = CsvDecoder(sensors, "port", header=False)
    readings = [decoder.decode(list(block)) for block in blocks]
    return np.concatenate([one.values for one in readings]).tolist(), sum(one.lost for one in readings)


@pytest.mark.parametrize("lines", [["1,2,3"], ["1;2;3"], ["1\t2\t3"], ["1|2|3"], ["1,0;2,0;3,0"]])
def test_separator_is_that_of_the_first_whole_line(lines):
    assert decoded(lines) == ([[1, 2, 3]], 0)


def test_half_a_line_and_noise_before_the_first_reading_are_lost_and_mislead_nobody():
    assert decoded([",5;3"], ["\ufffd\ufffd", "boot: v1.2, ok"], ["1,5;2;3", "4;5;6"]) == ([[1.5, 2, 3], [4, 5, 6]], 3)


def test_decimal_comma_may_show_after_the_first_reading():
    assert decoded(["1;2;3"], ["1,5;2;3"]) == ([[1, 2, 3], [1.5, 2, 3]], 0)


def test_decimal_comma_may_show_after_the_first_reading_of_a_file():
    decoder = CsvDecoder(SENSORS, "log.csv")
    readings = [decoder.decode([line]).values.tolist() for line in ("flow;heat;level", "1;2;3", "1,5;2;3")]
    assert readings == [[], [[1, 2, 3]], [[1.5, 2, 3]]]


def test_two_columns_are_no_reading_of_one_sensor():
    assert decoded(["1,2", "3"], sensors=("flow",)) == ([[3]], 1)
