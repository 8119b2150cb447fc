"""A reader of InfluxDB's line protocol, written from its grammar, one character at a time."""


def read_line(line):
    """Return (measurement, tags, fields, time) of a line."""
    measurement, at = _word(line, 0, ", ")
    tags, fields = {}, {}
    while line[at] == ",":
        name, at = _word(line, at + 1, "=")
        tags[name], at = _word(line, at + 1, ", ")
    while True:
        name, at = _word(line, at + 1, "=")
        fields[name], at = _value(line, at + 1)
        if line[at] == " ":
            return measurement, tags, fields, int(line[at + 1 :])


def _word(line, at, ends):
    """Read up to one of `ends`; a backslash takes away the meaning of comma, equals sign and space alone."""
    word = ""
    while line[at] not in ends:
        if line[at] in ",= ":
            raise ValueError(f"unescaped {line[at]!r} in {line!r}")
        if line[at] == "\\" and line[at + 1] in ",= ":
            at += 1
        word += line[at]
        at += 1
    return word, at


def _value(line, at):
    if line[at] != '"':
        end = min(place for place in (line.find(",", at), line.find(" ", at)) if place >= 0)
        return _number(line[at:end]), end
    text, at = "", at + 1
    while line[at] != '"':
        if line[at] == "\\" and line[at + 1] in '"\\':
            at += 1
        text += line[at]
        at += 1
    return text, at + 1


def _number(text):
    if text in ("true", "false"):
        return text == "true"
    return int(text[:-1]) if text.endswith("i") else float(text)
