"""``saelite service``."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

# No root: a user made for the service, and nothing it could write to but its own state. `run` answers the
# watchdog; a start that fails is tried again for ever, ever more slowly.
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

# Secrets such as SAELITE_MQTT_PASSWORD; chmod 600, the service manager reads it.
EnvironmentFile=-/etc/saelite/{name}.env

DynamicUser=yes
StateDirectory=saelite
{groups}ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
{devices}NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
UMask=0077
MemoryMax=512M

[Install]
WantedBy=multi-user.target
"""


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--source", required=True, metavar="SPEC", help="As for `saelite run`.")
@click.option("--sink", "sinks", multiple=True, metavar="SPEC", default=("jsonl:-",), show_default=True,
              help="As for `saelite run`; standard output is the journal.")  # fmt: skip
@click.option("--name", metavar="NAME", help="Of the service.  [default: that of the model file]")
@click.option("--print", "print_it", is_flag=True, required=True, help="Print the unit; nothing is installed.")
def service(model: Path, source: str, sinks: tuple[str, ...], name: str | None, print_it: bool) -> None:
    """Write a systemd unit that runs a model for ever: sandboxed, watched, started again, without root.

    \b
    Example:
      saelite service pump.tflite --source serial:/dev/ttyUSB0 --sink mqtt://broker --print > saelite-pump.service
    """
    from edge_runtime.errors import ModelFileError, UsageError

    if not model.is_file():
        raise ModelFileError(f"no such file: {model}. Expected the model file that the service will run.")
    name = name or model.stem
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"--name: expected letters, digits, - and _. Received: {name!r}")
    click.echo(unit(model.absolute(), source, sinks, name), nl=False)


def unit(model: Path, source: str, sinks: tuple[str, ...], name: str) -> str:
    """Return the unit's text."""
    program = shutil.which("saelite") or f"{sys.executable} -m saelite"
    words = [*program.split(" "), "run", str(model), "--source", source]
    words += [word for sink in sinks for word in ("--sink", sink)]
    words += ["--state", f"/var/lib/saelite/{name}.json"]
    serial = source.startswith("serial:")
    device = source.partition(":")[2].partition("?")[0]
    paths = [program, str(model), sys.prefix]
    return _UNIT.format(
        name=name,
        command=" ".join(_quoted(word) for word in words),
        groups="SupplementaryGroups=dialout\n" if serial else "",
        devices=f"DevicePolicy=closed\nDeviceAllow={device} rw\n" if serial else "PrivateDevices=yes\n",
        protect_home="read-only" if any(path.startswith(("/home", "/root")) for path in paths) else "yes",
    )


def _quoted(word: str) -> str:
    # systemd expands % and $ in a command line.
    return shlex.quote(word.replace("%", "%%").replace("$", "$$"))
