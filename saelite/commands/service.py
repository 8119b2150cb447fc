"""``saelite service``."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import click

# No root: a user created for the service, which can write only to its own folder and to its sinks' folders.
# `run` feeds the watchdog; a failed start is retried indefinitely. A new model's trial run counts towards MemoryMax
# too: if it exceeds it, the trial is killed and the service continues.
_UNIT = """\
[Unit]
Description=saelite watches {name}
Documentation=man:systemd.exec(5)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
WatchdogSec=60
TimeoutStopSec=30
KillSignal=SIGTERM
WorkingDirectory={state}

# Secrets such as SAELITE_MQTT_PASSWORD; chmod 600, the service manager reads it.
EnvironmentFile=-/etc/saelite/{name}.env

DynamicUser=yes
StateDirectory=saelite-{name}
StateDirectoryMode=0700
{groups}ProtectSystem=strict
{paths}ProtectHome={protect_home}
PrivateTmp=yes
{devices}NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=setrlimit prlimit64 sched_setaffinity
SystemCallErrorNumber=EPERM
UMask=0077
MemoryMax=512M
OOMPolicy=continue
Environment=SAELITE_MAX_TRIAL_MB=256
TasksMax=64

[Install]
WantedBy=multi-user.target
"""
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./?&-]+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_HOMES = ("/home/", "/root/", "/run/user/")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", required=True, metavar="SPEC", help="Source of the readings, as in `saelite run`.")
@click.option("--sink", "sinks", multiple=True, metavar="SPEC", default=("jsonl:-",), show_default=True,
              help="Destination of the results, as in `saelite run`; standard output goes to the journal.")  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the service.  [default: the model file's name]")
@click.option("--trusted-key", "keys", type=click.Path(path_type=Path), multiple=True, default=(),
              help="Public key that must have signed every model file; repeatable.")  # fmt: skip
@click.option("--expect-name", metavar="NAME", help="Refuse models with another name, whoever signed them.")
@click.option("--print", "print_it", is_flag=True, required=True, help="Print the unit without installing it.")
def service(
    model: Path,
    source: str,
    sinks: tuple[str, ...],
    name: str | None,
    keys: tuple[Path, ...],
    expect_name: str | None,
    print_it: bool,
) -> None:
    """Write a systemd unit that keeps `saelite run` going: sandboxed, watched, restarted, without root.

    A sink with a relative path writes to /var/lib/saelite-NAME, beside the state. The folder of a sink with an absolute
    path must exist.

    \b
    Example:
      saelite service pump.tflite --source serial:/dev/ttyUSB0 --sink mqtt://broker --print > saelite-pump.service
      saelite service pump.tflite --source host --trusted-key maker.pem.pub --print > saelite-pump.service
    """
    from edge_runtime.errors import ModelFileError, UsageError

    if not model.is_file():
        raise ModelFileError(f"no such file: {model}. Expected the model file that the service will run.")
    name = name or model.stem
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name: expected letters, digits, - and _. Received: {name!r}")
    options = [word for key in keys for word in ("--trusted-key", str(key.absolute()))]
    options += ["--expect-name", expect_name] if expect_name is not None else []
    click.echo(unit(model.absolute(), source, sinks, name, options), nl=False)


def unit(model: Path, source: str, sinks: tuple[str, ...], name: str, options: Iterable[str] = ()) -> str:
    """Return the unit's text.

    Raises
    ------
    UsageError
        If a word holds a control character, such as a line end, which a unit file cannot hold.
    """
    found = shutil.which("saelite")
    program = [found] if found else [sys.executable, "-m", "saelite"]
    state = f"/var/lib/saelite-{name}"
    words = [*program, "run", str(model), "--source", source]
    words += [word for sink in sinks for word in ("--sink", sink)]
    words += ["--state", f"{state}/state.json", *options]
    serial = source.startswith("serial:")
    device = source.partition(":")[2].partition("?")[0]
    paths = [*program, str(model), sys.prefix, *options]
    return _UNIT.format(
        name=name,
        state=state,
        command=" ".join(map(quoted, words)),
        groups="SupplementaryGroups=dialout\n" if serial else "",
        paths="".join(f"ReadWritePaths={quoted(folder)}\n" for folder in _written_to(sinks)),
        devices=f"DevicePolicy=closed\nDeviceAllow={quoted(device)} rw\n" if serial else "PrivateDevices=yes\n",
        protect_home="read-only" if any(path.startswith(_HOMES) for path in paths) else "yes",
    )


def quoted(word: str) -> str:
    r"""Return a word for a unit file, quoted by systemd's rules rather than the shell's, and taken literally.

    Raises
    ------
    UsageError
        If it holds a control character: a line end would start a new setting.

    Examples
    --------
    >>> quoted("csv:/var/log/a b%n.csv")
    '"csv:/var/log/a b%%n.csv"'
    >>> quoted('$HOME \\ "')
    '"$$HOME \\\\ \\""'
    """
    from edge_runtime.errors import UsageError

    if not word.isprintable():
        raise UsageError(f"expected text without line ends and other control characters. Received: {word!r:.80}")
    if _PLAIN.fullmatch(word):
        return word
    # systemd expands % everywhere and $ in command lines.
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(character, written)
    return f'"{word}"'


def _written_to(sinks: tuple[str, ...]) -> list[str]:
    """Return the folders of sinks that write to a file with an absolute path."""
    paths = [sink.partition(":")[2].partition("?")[0] for sink in sinks if sink.startswith(("jsonl:", "csv:"))]
    return sorted({str(Path(path).parent) for path in paths if path.startswith("/")})
