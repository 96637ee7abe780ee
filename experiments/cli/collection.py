"""meterstorm run kb: one scenario after the other, each with a folder of its own."""

from collections.abc import Callable, Mapping

from ..reports import kb, summary, tables
from ..runs.options import Options
from ..scenario import Scenario
from . import execution
from .console import announce_compilation, make_run_folder, output, progress
from .options import KB, check_has_shards


def run(scenarios: Mapping[str, Scenario], options: Options, of_shards: Mapping[str, str | None]) -> None:
    """Run all; each writes its folder before the next one starts. `of_shards`: options that only shards heed."""
    shards = {name: execution.chosen_shards(scenario, options.workers) for name, scenario in scenarios.items()}
    check_has_shards(max(shards.values()), of_shards)
    execution.join(options._replace(shards=max(shards.values())))
    if options.out is not None:
        for name in scenarios:
            make_run_folder(options.out / name, options.force)
    announce_compilation()
    if options.ray_address is None:
        options = options._replace(workers=options.workers or 0)
    total, before = sum(map(execution.worlds, scenarios.values())), 0
    finished: list[summary.Finished] = []
    with progress(f"{KB}: {len(scenarios)} scenarios", total) as advance:
        for name, scenario in scenarios.items():
            out = options.out / name if options.out else None
            own = options._replace(name=name, shards=shards[name], out=out)
            finished.append(execution.finish(scenario, own, _after(before, advance)))
            before += finished[-1].worlds
            if finished[-1].results.interrupted:
                break
    folder = finished[-1].folder.parent
    if options.as_json:
        print(summary.to_json(kb.content(finished)))
    else:
        tables.show_collection(output(), finished, folder)
    if finished[-1].results.interrupted:
        execution.fail_early(finished[-1], before, total, folder, options)
    execution.end_if_unmet(finished)


def _after(before: int, advance: Callable[[float], None]) -> Callable[[float], None]:
    return lambda done: advance(before + done)
