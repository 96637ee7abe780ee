"""How compiled code sees a shard's state: one pointer to a directory of tables.

With the JIT off a `World` is an object whose attributes are numpy arrays. Compiled, the same expressions
(`world.clients[c].tries_here`, `world.buckets[k]`, `world.events.size`) read the address and the size of a table
from the world's directory. A NamedTuple of arrays would do the same without this file, but numba would pass and
reference-count every array in every call: compiling the engine took 163 s that way, and about a minute this way
(later less: see `jit.py`).

Most worlds are plain: they do without groups, connections and the like. Their code is compiled for a type of its
own, in which the settings of these features are known to be 0 and their tables empty. The compiler then drops that
code: what a scenario does not use costs it nothing.

The compiler's knowledge of the tables is read once from `world.TABLES`. Indices are not checked, as usual for
compiled numba code; the same code with NUMBA_DISABLE_JIT=1 checks them.
"""

import operator
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global, signature
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr,
    lower_getattr_generic,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import populate_array

from ..state.config import CONFIG, SELDOM_SET
from ..state.rows import CACHE_LINE
from ..state.world import MEMBERS, POLICIES, SELDOM_FILLED, TABLES, World
from .policies import SIGNATURES

_WORD = ir.IntType(64)


class _WorldType(types.Type):
    """A world's tables; of a plain one the compiler knows what it does without."""

    def __init__(self, name: str, members: dict[str, Any]) -> None:
        self.members = members
        super().__init__(name=name)


class _TableType(types.Type):
    """A table of rows (records) or of plain numbers."""

    def __init__(self, row: Any) -> None:
        self.row = row
        super().__init__(name=f"{type(self).__name__}({row})")


class _EmptyTableType(_TableType):
    """A table that is known to be empty."""


class _ConfigType(types.Record):
    """A row of `config`, of plain worlds or of all others: numba must not take one for the other.

    It knows types by their names, and lets a record stand for another one with the same fields.
    """

    def __init__(self, name: str) -> None:
        row = numba.from_dtype(CONFIG)
        fields: Any = [(key, {"type": field.type, "offset": field.offset}) for key, field in row.fields.items()]
        super().__init__(fields, row.size, row.aligned)
        self.name = name

    def can_convert_to(self, typingctx: Any, other: Any) -> None:
        """Stand for no other record."""


class _PoliciesType(types.Type):
    """The addresses of a kind's policies."""

    def __init__(self, function: Any) -> None:
        self.function = function
        super().__init__(name=f"Policies({function})")


_MEMBERS: dict[str, Any] = {
    **{name: _TableType(numba.from_dtype(dtype)) for name, dtype in TABLES.items()},
    "config": _TableType(_ConfigType("Config")),
    **{name: _PoliciesType(types.FunctionType(SIGNATURES[name])) for name in POLICIES},
}
_PLAIN_CONFIG = _ConfigType("PlainConfig")
_PLAIN_MEMBERS = {
    **_MEMBERS,
    **{name: _EmptyTableType(_MEMBERS[name].row) for name in SELDOM_FILLED},
    "config": _TableType(_PLAIN_CONFIG),
}
_WORLD, _PLAIN_WORLD = _WorldType("World", _MEMBERS), _WorldType("PlainWorld", _PLAIN_MEMBERS)


@typeof_impl.register(World)
def _typeof_world(world: World, c: Any) -> Any:
    return _PLAIN_WORLD if world.is_plain else _WORLD


register_model(_WorldType)(models.OpaqueModel)
register_model(_ConfigType)(models.RecordModel)


@register_model(_TableType)
@register_model(_EmptyTableType)
@register_model(_PoliciesType)
class _TableModel(models.StructModel):
    def __init__(self, manager: Any, table: Any) -> None:
        super().__init__(manager, table, [("address", types.voidptr), ("size", types.int64)])


@unbox(_WorldType)
def _unbox_world(typ: Any, obj: Any, c: Any) -> Any:
    """A world is passed as the address of its directory, which the world keeps alive."""
    words = c.pyapi.object_getattr_string(obj, "address")
    address = c.pyapi.long_as_longlong(words)
    c.pyapi.decref(words)
    return NativeValue(
        c.builder.inttoptr(address, cgutils.voidptr_t),
        is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()),
    )


@infer_getattr
class _WorldAttributes(AttributeTemplate):
    key = _WorldType

    def generic_resolve(self, world: Any, name: str) -> Any:
        return world.members.get(name)


@lower_getattr_generic(_WorldType)
def _world_member(context: Any, builder: Any, typ: Any, value: Any, name: str) -> Any:
    words = builder.bitcast(value, _WORD.as_pointer())
    word = 2 * MEMBERS.index(name)
    address, size = (_invariant_load(builder, words, word + k) for k in (0, 1))
    member = cgutils.create_struct_proxy(typ.members[name])(context, builder)
    member.address = builder.inttoptr(address, cgutils.voidptr_t)
    member.size = size
    return member._getvalue()


def _invariant_load(builder: Any, words: Any, word: int) -> Any:
    load = builder.load(builder.gep(words, [ir.Constant(_WORD, word)]))
    load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return load


@infer_getattr
class _TableAttributes(AttributeTemplate):
    key = _TableType

    def resolve_size(self, table: Any) -> Any:
        return types.int64


@lower_getattr(_TableType, "size")
def _table_size(context: Any, builder: Any, typ: Any, value: Any) -> Any:
    return cgutils.create_struct_proxy(typ)(context, builder, value=value).size


def _zero(number: Any) -> Any:
    return lambda context, builder, typ, value: context.get_constant(number, 0)


lower_getattr(_EmptyTableType, "size")(_zero(types.int64))
for _name in SELDOM_SET:
    lower_getattr(_PLAIN_CONFIG, _name)(_zero(_PLAIN_CONFIG.typeof(_name)))


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        table, index = args
        if isinstance(table, _TableType) and isinstance(index, types.Integer):
            return signature(table.row, table, index)
        if isinstance(table, _PoliciesType) and isinstance(index, types.Integer):
            return signature(table.function, table, index)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        table, index, _ = args
        if isinstance(table, _TableType) and isinstance(index, types.Integer):
            return signature(types.none, table, index, table.row)
        return None


def _pointer(context: Any, builder: Any, table_type: Any, table: Any, index_type: Any, index: Any) -> Any:
    """Return the address of a row, as a pointer to its data."""
    data = context.get_data_type(table_type.row)
    start = cgutils.create_struct_proxy(table_type)(context, builder, value=table).address
    index = context.cast(builder, index, index_type, types.int64)
    return builder.gep(builder.bitcast(start, data.as_pointer()), [index])


@lower_builtin(operator.getitem, _TableType, types.Integer)
def _get_row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
    return context.unpack_value(builder, sig.return_type, pointer)


@lower_builtin(operator.getitem, _PoliciesType, types.Integer)
def _get_policy(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    addresses = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).address
    index = context.cast(builder, args[1], sig.args[1], types.int64)
    function = cgutils.create_struct_proxy(sig.return_type)(context, builder)
    word = builder.load(builder.gep(builder.bitcast(addresses, _WORD.as_pointer()), [index]))
    function.c_addr = builder.inttoptr(word, cgutils.voidptr_t)
    function.py_addr = cgutils.get_null_value(cgutils.voidptr_t)
    function.jit_addr = cgutils.get_null_value(cgutils.voidptr_t)
    return function._getvalue()


@lower_builtin(operator.setitem, _TableType, types.Integer, types.Any)
def _set_row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
    context.pack_value(builder, sig.args[2], args[2], pointer)
    return context.get_dummy_value()


@intrinsic
def _vector(typing: Any, table: Any, start: Any, count: Any) -> Any:
    """Part of a table of numbers as an array."""
    array = types.Array(table.row, 1, "C")

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        width = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(sig.args[0].row)))
        result = context.make_array(sig.return_type)(context, builder)
        populate_array(result, data, [args[2]], [width], width, None)
        return result._getvalue()

    return array(table, types.int64, types.int64), generate


def vector(table: Any, start: int, count: int) -> Any:
    """Return `count` numbers of a table from `start` on, as an array that shares its memory."""
    return table[start : start + count]


@overload(vector, inline="always")
def _overload_vector(table, start, count):
    return lambda table, start, count: _vector(table, np.int64(start), np.int64(count))


@intrinsic
def _prefetch(typing: Any, table: Any, index: Any) -> Any:
    """LLVM's prefetch of a row: of its first byte, and of its last where they may lie on two lines."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte, number = cgutils.voidptr_t, ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        row = builder.bitcast(_pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1]), byte)
        size = context.get_abi_sizeof(context.get_data_type(sig.args[0].row))
        for offset in {0} if 0 in (size % CACHE_LINE, CACHE_LINE % size) else {0, (size - 1) & ~7}:
            start = builder.gep(row, [ir.Constant(_WORD, offset)])
            builder.call(fetch, [start, *(ir.Constant(number, flag) for flag in (1, 3, 1))])  # write, keep, data
        return context.get_dummy_value()

    return types.none(table, types.int64), generate


def prefetch(table: Any, index: int) -> None:
    """Have memory fetch a row that will be used soon. It changes nothing but the speed."""


@overload(prefetch, inline="always")
def _overload_prefetch(table, index):
    return lambda table, index: _prefetch(table, np.int64(index))
