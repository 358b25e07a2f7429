"""Writes protocol2.pkl and protocol4.pkl: tables as torch.save puts them into its archives, by Python's own pickler.

Needs no torch: modules of its names stand in for it. `python3 make.py` beside this file.
"""

import collections
import pathlib
import pickle
import sys
import types


def stand_in(module, name, value):
    sys.modules.setdefault(module, types.ModuleType(module))
    value.__module__, value.__name__, value.__qualname__ = module, name, name
    setattr(sys.modules[module], name, value)
    return value


FloatStorage = stand_in("torch", "FloatStorage", type("FloatStorage", (), {}))
HalfStorage = stand_in("torch", "HalfStorage", type("HalfStorage", (), {}))
rebuild_tensor = stand_in("torch._utils", "_rebuild_tensor_v2", lambda *parts: None)
rebuild_parameter = stand_in("torch._utils", "_rebuild_parameter", lambda *parts: None)


class Numbers:
    def __init__(self, kind, key, count):
        self.reference = ("storage", kind, key, "cpu", count)


class Tensor:
    def __init__(self, numbers, offset, shape, strides):
        self.parts = (numbers, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild_tensor, self.parts


class Parameter:
    def __init__(self, tensor):
        self.parts = (tensor, True, collections.OrderedDict())

    def __reduce__(self):
        return rebuild_parameter, self.parts


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.reference if isinstance(value, Numbers) else None


shared = Numbers(FloatStorage, "0", 70_010)
weights = collections.OrderedDict(
    [
        ("blocks.0.weight", Parameter(Tensor(shared, 0, (2, 3), (3, 1)))),
        ("blocks.0.bias", Tensor(shared, 70_000, (3,), (1,))),
        ("scale", Tensor(Numbers(HalfStorage, "1", 1), 0, (), ())),
    ]
)
weights._metadata = collections.OrderedDict([("", {"version": 1})])
checkpoint = {
    "epoch": -3,
    "steps": 2**40,
    "rate": 1e-3,
    "model": weights,
    "optimizer": {"state": {}, "groups": [{"params": [0, 1, 2], "fused": None, "nesterov": True}]},
    "seen": {"a", "b"},
    "digest": b"abc",
}
for protocol in (2, 4):
    with open(pathlib.Path(__file__).with_name(f"protocol{protocol}.pkl"), "wb") as file:
        Pickler(file, protocol).dump(checkpoint)
