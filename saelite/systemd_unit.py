"""The text of a systemd unit that keeps `saelite run` going."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import UsageError

# No root: a user created for the service, which can write only to its own folder and to its sinks' folders.
# `run` feeds the watchdog; a failed start is retried indefinitely. A new model's trial run counts towards MemoryMax
# too: if it exceeds it, the trial is killed and the service continues. A reload takes the shell's own kill: a small
# system has no /bin/kill.
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
ExecReload=/bin/sh -c 'kill -HUP ${{MAINPID}}'
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
MemoryMax={memory_mb}M
OOMPolicy=continue
Environment=SAELITE_MAX_TRIAL_MB=256
TasksMax={tasks}

[Install]
WantedBy=multi-user.target
"""
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./?&-]+")
_HOMES = ("/home/", "/root/", "/run/user/")
_PORTS = ("serial:", "modbus-rtu:")
_FILES = ("jsonl:", "csv:", "alarms:", "influx:")
# A first machine with its runtime and a trial fit into the first number; each further one takes less than the second
# (tests/endurance/many_machines.py).
_MEMORY_MB, _MACHINE_MB = 512, 4
_TASKS, _MACHINE_TASKS = 64, 16


@dataclass(frozen=True)
class Service:
    """What a service runs and needs.

    Parameters
    ----------
    name : str
    command : tuple of str
        Program and arguments.
    sources, sinks : tuple of str
        As `saelite run` takes them.
    reads, writes : tuple of str
        Files besides those of sources and sinks.
    machines : int
    """

    name: str
    command: tuple[str, ...]
    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    machines: int = 1


def state_folder(name: str) -> str:
    """Return the folder that a service may write to."""
    return f"/var/lib/saelite-{name}"


def unit(service: Service) -> str:
    """Return the unit's text.

    Raises
    ------
    UsageError
        If a word holds a control character, such as a line end, which a unit file cannot hold.
    """
    ports = [source.partition(":")[2].partition("?")[0] for source in service.sources if source.startswith(_PORTS)]
    allowed = "".join(f"DeviceAllow={quoted(port)} rw\n" for port in dict.fromkeys(ports))
    more = service.machines - 1
    return _UNIT.format(
        name=service.name,
        state=state_folder(service.name),
        command=" ".join(map(quoted, service.command)),
        groups="SupplementaryGroups=dialout\n" if ports else "",
        paths="".join(f"ReadWritePaths={quoted(folder)}\n" for folder in _written_to(service)),
        devices=f"DevicePolicy=closed\n{allowed}" if ports else "PrivateDevices=yes\n",
        protect_home="read-only" if any(path.startswith(_HOMES) for path in service.reads) else "yes",
        memory_mb=_MEMORY_MB + _MACHINE_MB * more,
        tasks=_TASKS + _MACHINE_TASKS * more,
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
    if not word.isprintable():
        raise UsageError(f"expected text without line ends and other control characters. Received: {word!r:.80}")
    if _PLAIN.fullmatch(word):
        return word
    # systemd expands % everywhere and $ in command lines.
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(character, written)
    return f'"{word}"'


def _written_to(service: Service) -> list[str]:
    """Return the folders of files with an absolute path that are written."""
    # influx://HOST is no file.
    files = [sink for sink in service.sinks if sink.startswith(_FILES) and "://" not in sink]
    paths = [sink.partition(":")[2].partition("?")[0] for sink in files]
    own = state_folder(service.name)
    folders = {str(Path(path).parent) for path in [*paths, *service.writes] if path.startswith("/")}
    return sorted(folders - {own})
