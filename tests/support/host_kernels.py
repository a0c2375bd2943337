"""CUDA kernels of CuPy's two kinds, compiled for the host: the same text, the same rules.

CuPy makes a loop over the elements of a kernel's body; here a C++ compiler gets the same loop. What
a GPU alone would refuse (a function that only the host's library has) is not found this way.
"""

import ctypes
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
CTYPES = {
    "float32": "float",
    "float64": "double",
    "uint8": "unsigned char",
    "int64": "long long",
    "uint64": "unsigned long long",
}


# as CUDA has them: for both types, under one name, without a header (which takes long to compile)
MATHEMATICS = " ".join(
    f"static inline {c} {name}({c} x) {{ return __builtin_{name}{suffix}(x); }}"
    for name in ("exp", "expm1", "log", "log1p", "fabs", "sqrt", "cos")
    for c, suffix in (("float", "f"), ("double", ""))
)


class Parameter:
    """One of "T logit, uint64 key": its type, a name or one for all kernels, and its name."""

    def __init__(self, text: str) -> None:
        self.type, self.name = text.split()
        assert self.name.isidentifier()
        assert self.name not in ("i", "n")
        assert not self.name.startswith("_")


class ElementwiseKernel:
    """What `cupy.ElementwiseKernel` is, for arrays of one class."""

    array_type: type

    def __init__(self, inputs, outputs, operation, name, preamble="") -> None:
        self.inputs = [Parameter(text) for text in inputs.split(",")]
        self.outputs = [Parameter(text) for text in outputs.split(",")]
        self.operation, self.name, self.preamble = operation, name, preamble

    def __call__(self, *arguments):
        n_in, n_out = len(self.inputs), len(self.outputs)
        if len(arguments) not in (n_in, n_in + n_out):
            raise TypeError(f"{self.name}: {len(arguments)} arguments")
        self.launch()
        parameters = self.inputs + self.outputs
        hosts = [self._unwrap(argument) for argument in arguments]
        types = self._types(hosts)
        arrays = [a for a in hosts if isinstance(a, np.ndarray)]
        if not arrays:
            raise ValueError("Loop size is undecided.")
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        given = hosts[n_in:]
        if any(not isinstance(out, np.ndarray) or out.shape != shape for out in given):
            raise ValueError("Out shape is mismatched")
        outs = given or [np.empty(shape, types[p.type]) for p in self.outputs]
        values = [
            np.ascontiguousarray(np.broadcast_to(a, shape))
            if isinstance(a, np.ndarray)
            else np.asarray(a).astype(types[p.type])
            for p, a in zip(self.inputs, hosts[:n_in], strict=True)
        ]
        results = [np.ascontiguousarray(out).copy() for out in outs]
        scalars = tuple(not isinstance(a, np.ndarray) for a in hosts[:n_in])
        names = tuple((p.type, types[p.type].name, p.name) for p in parameters)
        function = compiled(names, scalars, self.operation, self.name, self.preamble)
        pointers = [v.ctypes.data_as(ctypes.c_void_p) for v in (*values, *results)]
        function(ctypes.c_long(int(np.prod(shape))), *pointers)
        for out, result in zip(outs, results, strict=True):
            out[...] = result.reshape(shape)
        returned = arguments[n_in:] or tuple(self.array_type(out) for out in outs)
        return returned[0] if n_out == 1 else tuple(returned)

    def launch(self) -> None:
        """Be counted."""

    def _unwrap(self, argument):
        if isinstance(argument, self.array_type):
            return argument._host
        if type(argument) in (int, float, bool, np.uint64):
            return argument
        raise TypeError(f"{self.name}: {type(argument).__name__} mixed with device data")

    def _types(self, hosts) -> dict[str, np.dtype]:
        types = {name: np.dtype(name) for name in CTYPES}
        for parameter, value in zip(self.inputs + self.outputs, hosts, strict=False):
            if not isinstance(value, np.ndarray):
                continue
            if types.setdefault(parameter.type, value.dtype) != value.dtype:
                raise TypeError(f"Type is mismatched. {parameter.name} {value.dtype}")
        return types


class ReductionKernel:
    """What `cupy.ReductionKernel` is, where it sums: each element mapped, the sum mapped again."""

    array_type: type
    elementwise: type

    def launch(self) -> None:
        """Be counted."""

    def __init__(
        self, inputs, outputs, mapped, reduced, after, identity, name, preamble=""
    ) -> None:
        assert (reduced, identity) == ("a + b", "0")
        first, out = inputs.split(",")[0].split()[0], Parameter(outputs)
        assert not {"a", "b"} & {Parameter(text).name for text in inputs.split(",")}
        self.name = name
        self._map = self.elementwise(
            inputs, f"{first} mapped", f"mapped = {mapped};", name, preamble
        )
        self._after = self.elementwise(f"{out.type} a", outputs, f"{after};", name, preamble)
        self._map.launch = self._after.launch = lambda: None

    def __call__(self, *arguments, axis):
        self.launch()
        mapped = self._map(*arguments)._host
        return self._after(self.array_type(np.asarray(mapped.sum(axis=axis, dtype=mapped.dtype))))


@cache
def compiled(names, scalars, operation, name, preamble):
    """Return a C function of the loop's length and a pointer for each parameter."""
    types = {kind: CTYPES[dtype] for kind, dtype, _ in names}
    typedefs = " ".join(f"typedef {c} {kind};" for kind, c in types.items() if kind not in CTYPES)
    pointers, declared = [], []
    for j, (_, dtype, parameter) in enumerate(names):
        const = "const " if j < len(scalars) else ""
        where = "0" if j < len(scalars) and scalars[j] else "i"
        pointers.append(f"{const}{CTYPES[dtype]}* _raw_{parameter}")
        declared.append(f"{const}{CTYPES[dtype]} &{parameter} = _raw_{parameter}[{where}];")
    source = f"""
        #define __device__ static inline
        {MATHEMATICS}
        {preamble}
        extern "C" void {name}(long _n, {", ".join(pointers)}) {{
          {typedefs}
          for (long i = 0; i < _n; ++i) {{ {" ".join(declared)} {operation}; }}
        }}"""
    source = re.sub(r"(template <[^>]*>) static inline", r"\1", source)
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
        text.write_text(source, encoding="utf-8")
        command = [COMPILER, "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unused"]
        subprocess.run([*command, "-o", library, text], check=True)
        function = getattr(ctypes.CDLL(str(library)), name)
    function.restype = None
    return function
