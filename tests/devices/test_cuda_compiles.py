"""NVIDIA's own compiler takes every kernel, and CuPy has all that npvae asks of it; no GPU needed.

pip install cupy-cuda13x nvidia-cuda-nvrtc nvidia-cuda-runtime
pytest tests/devices/test_cuda_compiles.py
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from host_kernels import CTYPES, Parameter
from strict_device import FUNCTIONS, UFUNCS

from npvae.devices.kernels import kernels_of
from npvae.devices.philox import DRAWS, draw_kernels

pytestmark = pytest.mark.gpu
cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
ARCHITECTURES = ("sm_75", "sm_90")  # the oldest that CUDA 13 knows, and a newer one
HEADERS = "".join(f"#include <cupy/{name}.cuh>\n" for name in ("complex", "carray", "atomics"))
FLOATS = ("float", "double")
DRAWN = {"npvae_whole": ("unsigned char", "long long"), "npvae_bits": ("unsigned long long",)}
SCALARS = ("scale", "beta1", "beta2", "key", "drawn", "low", "span")
OF_ADAM = ("a", "eps")  # numbers there, arrays elsewhere


def include_folders():
    """Return where CuPy's headers are, those that it brings, and CUDA's."""
    own = Path(cupy.__file__).parent / "_core" / "include"
    brought = [own / "cupy" / "_cccl" / name for name in ("cub", "thrust", "libcudacxx")]
    return [*brought, own, *Path(cupy.__file__).parents[1].glob("nvidia/*/include")]


class Sources:
    """In the place of CuPy: what it would compile, by the name of the kernel and its types."""

    def __init__(self):
        self.found = {}

    def ElementwiseKernel(self, inputs, outputs, operation, name, preamble=""):
        given = [("const ", Parameter(text)) for text in inputs.split(",")]
        given += [("", Parameter(text)) for text in outputs.split(",")]
        for t, x in product(DRAWN.get(name, FLOATS), FLOATS):
            parameters, declared = [], []
            for const, p in given:
                c = CTYPES.get(p.type, t if p.type == "T" else x)
                if p.name in SCALARS or (name == "npvae_adam" and p.name in OF_ADAM):
                    parameters.append(f"{const}{c} {p.name}")
                else:
                    parameters.append(f"{const}CArray<{c}, 1, 1, 1> _raw_{p.name}")
                    declared.append(f"{const}{c} &{p.name} = _raw_{p.name}[_ind.get()];")
            self.found[f"{name}, {t}, {x}"] = f"""{HEADERS}
                typedef {t} T;
                {preamble}
                extern "C" __global__ void {name}({", ".join(parameters)}, CIndexer<1, 1> _ind) {{
                  CUPY_FOR(i, _ind.size()) {{ _ind.set(i); {" ".join(declared)} {operation}; }}
                }}"""

    def ReductionKernel(self, inputs, outputs, mapped, reduced, after, identity, name, preamble=""):
        first = inputs.split()[0]
        made = f"mapped = {mapped};"
        self.ElementwiseKernel(inputs, f"{first} mapped", made, f"{name}_map", preamble)
        self.ElementwiseKernel(f"{first} a", outputs, f"{after};", f"{name}_after", preamble)


def sources():
    made = Sources()
    kernels_of(made)
    draw_kernels(made)
    return made.found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", sources())
def test_nvrtc_compiles_a_kernel(name, architecture):
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc")
    options = ["--std=c++17", f"-arch={architecture}", *(f"-I{f}" for f in include_folders())]
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")
    program = nvrtc.createProgram(sources()[name], "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, tuple(options))
    except Exception:
        pytest.fail(nvrtc.getProgramLog(program))
    assert nvrtc.getProgramLog(program).strip("\0 \n") == ""  # no warning, either


def test_cupy_takes_the_kernels_as_they_are_declared():
    assert set(draw_kernels(cupy)) == set(DRAWS)
    assert len(kernels_of(cupy)) > 10


def test_cupy_has_what_the_stand_in_allows():
    for name in UFUNCS:
        assert callable(getattr(cupy, name))
    for function in FUNCTIONS:
        assert callable(getattr(cupy, function.__name__))
    for name in ("argsort", "matmul", "asarray", "asnumpy", "empty", "ones", "zeros"):
        assert callable(getattr(cupy, name))
    for name in ("astype", "copy", "reshape", "sum", "T", "nbytes", "__array_ufunc__"):
        assert hasattr(cupy.ndarray, name)


def without_memory(*shape):
    """An array of CuPy's with no memory behind it, which no kernel may reach."""
    memory = cupy.cuda.UnownedMemory(4096, 1 << 20, None, 0)
    return cupy.ndarray(shape, "f4", cupy.cuda.MemoryPointer(memory, 0))


CALLS = {
    "concatenate": lambda f, a: f([a, a], axis=1),
    "cumsum": lambda f, a: f(a, axis=-1),
    "full_like": lambda f, a: f(a, 0.5),
    "max": lambda f, a: f(a, axis=-1, keepdims=True),
    "repeat": lambda f, a: f(a, 3, axis=0),
    "sum": lambda f, a: f(a, axis=0, out=a[0]),
    "vdot": lambda f, a: f(a, a),
    "zeros_like": lambda f, a: f(a[:1]),
}


@pytest.mark.skipif(cupy.cuda.is_available(), reason="with a GPU the other tests run on it")
@pytest.mark.parametrize("function", [*(getattr(np, name) for name in UFUNCS), *FUNCTIONS])
def test_numpy_hands_a_call_to_cupy(function):
    """Which gets as far as the GPU that is not there: neither refused nor unknown before that."""
    a = without_memory(4, 4)
    call = CALLS.get(function.__name__) or (lambda f, a: f(*[a] * f.nin))
    with pytest.raises(Exception, match=r"(?i)cuda|cublas|driver") as caught:
        call(function, a)
    assert not isinstance(caught.value, TypeError | NotImplementedError | AttributeError)
