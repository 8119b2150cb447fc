"""Which runtime opens the file: LiteRT or tflite-runtime, or plain numpy where neither is installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from edge_runtime.common.silence import silent_stderr
from edge_runtime.errors import AcceleratorError, ModelFileError, RuntimeUnavailableError, SaeliteError

if TYPE_CHECKING:  # not needed, and not loaded, without an accelerator
    from edge_runtime.inference.accelerators import Accelerator

# Fastest first: the order in which "auto" looks for them.
RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
NUMPY = "numpy"
_NUMPY_MODULE = "edge_runtime.inference.numpy_executor"
_SHORT = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}


class Options(NamedTuple):
    """How to open a graph.

    Parameters
    ----------
    num_threads : int
    xnnpack : bool, optional
        Whether the runtime may use XNNPACK; None asks SAELITE_XNNPACK (0 or 1), and means yes.
    accelerator : Accelerator, optional
    """

    num_threads: int = 1
    xnnpack: bool | None = None
    accelerator: Accelerator | None = None

    @property
    def uses_xnnpack(self) -> bool:
        """Whether XNNPACK may be used."""
        return os.environ.get("SAELITE_XNNPACK", "1") != "0" if self.xnnpack is None else self.xnnpack


class Runtime(NamedTuple):
    """An interpreter that is there.

    Parameters
    ----------
    name : str
        Its distribution name, or ``numpy`` for the executor that comes with saelite.
    """

    name: str

    @property
    def version(self) -> str:
        """Version of its distribution."""
        # Looked up when asked for: importlib.metadata loads half of the standard library.
        import importlib.metadata

        return importlib.metadata.version(self.name)

    def rounds_batches_alike(self, options: Options) -> bool:
        """Whether an int8 layer gives a row the same numbers in a batch as alone.

        On ARM TFLite's own kernels take ruy for a batch, which rounds a layer's output the other way in a percent
        of all cases; a sigmoid behind it makes four steps of that one. XNNPACK rounds alike, but tflite-runtime
        does not use it for int8.
        """
        if self.name == NUMPY or not _is_arm():
            return True
        return self.name == "ai-edge-litert" and options.uses_xnnpack

    def open(self, flatbuffer: bytes, options: Options | None = None) -> Any:
        """Return an interpreter over a flatbuffer, its tensors allocated.

        Raises
        ------
        ModelFileError
            If this runtime refuses the graph.
        AcceleratorError
            If the accelerator cannot be used, or takes no op of the graph.
        """
        options = options or Options()
        module = importlib.import_module(RUNTIMES.get(self.name, _NUMPY_MODULE))
        try:
            with silent_stderr():
                interpreter = self._open(module, flatbuffer, options)
        except SaeliteError:
            raise
        except Exception as error:
            raise ModelFileError(
                f"{self.name} {self.version} refuses the graph: {str(error).strip()} "
                "Export it again for this runtime, or install another one (`saelite doctor` lists them)."
            ) from error
        return interpreter

    def _open(self, module: Any, flatbuffer: bytes, options: Options) -> Any:
        if self.name == NUMPY:
            if options.accelerator:
                raise AcceleratorError(
                    f"the numpy executor has no accelerators. Received: {options.accelerator.library}. "
                    "Install a TFLite runtime, or run on the CPU."
                )
            return _allocated(module.Interpreter(model_content=flatbuffer))
        if options.accelerator:
            return _accelerated(module, flatbuffer, options, options.accelerator)
        kinds = module.OpResolverType
        resolver = kinds.AUTO if options.uses_xnnpack else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return _allocated(
            module.Interpreter(
                model_content=flatbuffer,
                num_threads=options.num_threads,
                experimental_op_resolver_type=resolver,
            )
        )


def _is_arm() -> bool:
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return machine.lower().startswith(("arm", "aarch64"))


def _allocated(interpreter: Any) -> Any:
    interpreter.allocate_tensors()
    return interpreter


def _accelerated(module: Any, flatbuffer: bytes, options: Options, accelerator: Accelerator) -> Any:
    """Return an interpreter whose ops run on an accelerator, at least one of them."""
    from edge_runtime.inference.accelerators import identify, load_delegate, not_prepared, nothing_delegated

    accelerator = identify(accelerator)
    delegate = load_delegate(module, accelerator)
    # Without the default delegate, XNNPACK: it would take the ops that the accelerator leaves, and hide that.
    resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    arguments = {"num_threads": options.num_threads, "experimental_op_resolver_type": resolver}
    ops = len(module.Interpreter(model_content=flatbuffer, **arguments)._get_ops_details())  # noqa: SLF001 - no other way
    try:
        interpreter = module.Interpreter(model_content=flatbuffer, experimental_delegates=[delegate], **arguments)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise not_prepared(accelerator, str(error)) from error
    # Every part that a delegate takes is one more op, at the end.
    if len(interpreter._get_ops_details()) == ops:  # noqa: SLF001 - no other way
        raise nothing_delegated(accelerator)
    return interpreter


def installed_runtimes() -> list[Runtime]:
    """Return the installed TFLite runtimes, fastest first, without importing them."""
    return [Runtime(name) for name, module in RUNTIMES.items() if importlib.util.find_spec(module.partition(".")[0])]


def find_runtime(name: str = "auto") -> Runtime:
    """Return the runtime called `name`, or for ``auto`` what SAELITE_RUNTIME says, or the fastest there is.

    Where no TFLite runtime is installed that is ``numpy``.

    Raises
    ------
    RuntimeUnavailableError
        If the name is unknown, or that runtime is not installed.
    """
    wanted = os.environ.get("SAELITE_RUNTIME", "auto") if name == "auto" else name
    wanted = _SHORT.get(wanted, wanted)
    choice = [*installed_runtimes(), Runtime(NUMPY)]
    if wanted == "auto":
        return choice[0]
    for runtime in choice:
        if runtime.name == wanted:
            return runtime
    if wanted not in RUNTIMES:
        raise RuntimeUnavailableError(
            f"unknown runtime: expected one of auto, {', '.join(RUNTIMES)}, {NUMPY}. Received: {wanted!r}."
        )
    there = ", ".join(runtime.name for runtime in choice)
    raise RuntimeUnavailableError(
        f"the runtime is not installed: expected {wanted}. Installed: {there}. Install it with: pip install {wanted}"
    )
