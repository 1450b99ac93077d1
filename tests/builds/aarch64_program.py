"""Compile entries of the real tree for aarch64, on whatever machine this is.

    python -m tests.builds.aarch64_program FOLDER ENTRY...

writes FOLDER/ENTRY.ll, LLVM code of the entry with all that it calls; and for each of FEATURES
FOLDER/ENTRY.FEATURES.s and .o, the assembly and the object that become of it.

The kernels are told that the machine is an aarch64, so the door chooses its instructions. Numba
types them and makes optimised LLVM code of them, as always; but where it would give that code to
this machine's processor, nothing happens. What it would have given is then compiled for the
other target by LLVM itself.

What this leaves out: that the code is linked, called and right. Its wrappers for Python are the
same on every machine, and are not looked at.
"""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from numba.core import codegen

TRIPLE = "aarch64-linux-gnu"
FEATURES = {"v8": "", "lse": "+lse,+rcpc"}  # the first aarch64 there was, and since 2018
LAYOUT = "e-m:e-i8:8:32-i16:16:32-i64:64-i128:128-n32:64-S128"


def stop_before_this_machine() -> None:
    """Keep numba from emitting machine code of modules that are not for this machine."""

    def nothing(library: Any) -> None:
        """Leave the module as LLVM code."""

    def no_address(library: Any, name: str) -> int:
        """Return an address that nobody will call."""
        library._ensure_finalized()
        return 1

    def no_environment(owner: Any, name: str, environment: Any) -> None:
        """Leave the place of the Python environment empty: code that is not run needs none."""

    codegen.JITCPUCodegen.set_env = no_environment  # type: ignore[method-assign]
    codegen.JITCodeLibrary._finalize_specific = nothing  # type: ignore[method-assign]
    codegen.JITCodeLibrary.get_pointer_to_function = no_address  # type: ignore[method-assign]


def llvm_of(name: str) -> str:
    """Return the optimised LLVM code of an entry."""
    from stressd_kernels import door_native
    from stressd_kernels.warm import entry_named

    entry = entry_named(name)
    compiled = door_native.cfunc(door_native.ENTRY_TYPE, error_model="numpy")(entry.function)
    return str(compiled._library.get_llvm_str())


def compile_for(features: str, code: str) -> tuple[str, bytes]:
    """Return the assembly and the object that LLVM makes of it."""
    code = re.sub(r'target triple = ".*"', f'target triple = "{TRIPLE}"', code)
    code = re.sub(r'target datalayout = ".*"', f'target datalayout = "{LAYOUT}"', code)
    module = llvm.parse_assembly(code)
    target = llvm.Target.from_triple(TRIPLE)
    machine = target.create_target_machine(cpu="generic", features=features, opt=3)
    return str(machine.emit_assembly(module)), bytes(machine.emit_object(module))


def main() -> None:
    """Compile what the command line names."""
    folder, *names = sys.argv[1:]
    platform.machine = lambda: "aarch64"
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    stop_before_this_machine()
    for name in names:
        code = llvm_of(name)
        (Path(folder) / f"{name}.ll").write_text(code)
        for kind, features in FEATURES.items():
            assembly, binary = compile_for(features, code)
            (Path(folder) / f"{name}.{kind}.s").write_text(assembly)
            (Path(folder) / f"{name}.{kind}.o").write_bytes(binary)


if __name__ == "__main__":
    main()
