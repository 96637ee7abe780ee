"""Loops in users' own policies: they may be endless, and nothing can stop compiled code.

So rounds are counted in a policy's method, in functions inside it, and in those marked `@compilable`; other
functions are refused.
"""

from functools import cache
from types import FunctionType
from typing import Any

from llvmlite.ir import Constant
from meterstorm.policies.compilable import MARKED
from numba.core import ir, types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, FunctionPass, register_pass
from numba.core.ir_utils import build_definitions, find_outer_value, guard
from numba.core.postproc import PostProcessor
from numba.core.untyped_passes import MakeFunctionToJitFunction
from numba.extending import intrinsic

ROUNDS_MAX = 10_000_000  # of a loop, or of all nested in it, in one call: 10 ms at the least


class EndlessLoop(Exception):
    """A loop of a policy goes round too often."""


class Unmarked(Exception):
    """A policy calls a function whose rounds are not counted."""


class BoundedLoops(CompilerBase):
    """Compiles a function so that a loop of too many rounds raises EndlessLoop."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own passes, and two once functions within the function have become part of it."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_CountRounds, MakeFunctionToJitFunction)
        passes.add_pass_after(_RefuseUnmarked, MakeFunctionToJitFunction)
        passes.finalize()
        return [passes]


@register_pass(mutates_CFG=False, analysis_only=True)
class _RefuseUnmarked(AnalysisPass):
    _name = "refuse_unmarked"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        for block in state.func_ir.blocks.values():
            for assignment in block.find_insts(ir.Assign):
                value = guard(find_outer_value, state.func_ir, assignment.target)
                if _is_function(value) and value not in MARKED:
                    raise Unmarked(f"{value.__name__} is not marked @compilable\n{assignment.loc.strformat()}")
        return False


def _is_function(value: Any) -> bool:
    """Whether it is a function in Python, or what numba has made of one; but none of numpy's or numba's own."""
    home = str(getattr(value, "__module__", "")).partition(".")[0]
    is_python = isinstance(value, FunctionType)
    return home not in {"numba", "numpy"} and (is_python or type(value).__module__.startswith("numba."))


@register_pass(mutates_CFG=False, analysis_only=False)
class _CountRounds(FunctionPass):
    _name = "count_rounds"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        code = state.func_ir
        headers = {loop.header for loop in compute_cfg_from_blocks(code.blocks).loops().values()}
        if not headers:
            return False
        first = code.blocks[min(code.blocks)]
        rounds = first.scope.redefine("$rounds", first.loc)
        for label in headers:
            code.blocks[label].body[:0] = _counting(code.blocks[label], rounds)
        state.typingctx.refresh()  # it has not heard of the counters yet
        state.targetctx.refresh()
        first.prepend(ir.Assign(ir.Const(0, first.loc), rounds, first.loc))
        code._definitions = build_definitions(code.blocks)
        PostProcessor(code).run()
        return True


def _counting(block: Any, rounds: Any) -> list[Any]:
    """Return the statements `rounds = count(rounds)`, for the beginning of a block."""
    count = block.scope.redefine("$count", block.loc)
    counter = ir.Global("count", _counter(block.loc.filename, block.loc.line), block.loc)
    call = ir.Expr.call(count, [rounds], (), block.loc)
    return [ir.Assign(counter, count, block.loc), ir.Assign(call, rounds, block.loc)]


@cache
def _counter(source: str, line: int) -> Any:
    """Return a function for compiled code that adds one, and raises EndlessLoop at the limit, from that line."""

    @intrinsic
    def count(typing: Any, rounds: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            with builder.if_then(builder.icmp_signed(">=", args[0], Constant(args[0].type, ROUNDS_MAX))):
                message = (f"a loop goes round more than {ROUNDS_MAX:,} times",)
                context.call_conv.return_user_exc(builder, EndlessLoop, message, ir.Loc(source, line), "a loop")
            return builder.add(args[0], Constant(args[0].type, 1))

        return types.int64(types.int64), generate

    return count
