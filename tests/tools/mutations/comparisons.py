"""Mutations of comparisons and expectations."""

from tools.mutations.mutation import Mutation

PAIRED = "experiments/metrics/test_paired.py"
FAMILIES = "experiments/comparisons/test_families.py"
RESULTS = "experiments/comparisons/test_of_results.py"
EXPECT = "experiments/comparisons/test_expectations.py"

MUTATIONS = [
    Mutation("comparisons take an infinite value for a number", "experiments/metrics/paired.py",
     "bool(both) and not infinite and not theirs_infinite", "bool(both)",
     f"{PAIRED}::test_infinite_values_by_hand"),
    Mutation("comparisons count ties of a sign test", "experiments/metrics/paired.py",
     "untied = sum(a != b for", "untied = sum(True for",
     f"{PAIRED}::test_infinite_values_by_hand"),
    Mutation("comparisons test one side only", "experiments/metrics/paired.py",
     "float(2 * special.stdtr", "float(special.stdtr",
     f"{FAMILIES}::test_holm_finds_a_difference_where_there_is_none_as_seldom_as_it_says"),
    Mutation("comparisons share no risk", "experiments/comparisons/families.py",
     "1 - (1 - confidence) / max(1, family)", "confidence",
     f"{FAMILIES}::test_simultaneous_intervals_all_hold_as_often_as_they_say"),
    Mutation("Holm's adjustment forgets the smaller p-values", "experiments/comparisons/families.py",
     "least = max(least, min(1.0, ps[n] * (len(ps) - rank)))", "least = min(1.0, ps[n] * (len(ps) - rank))",
     f"{FAMILIES}::test_holm_by_hand"),
    Mutation("replications are paired by their place", "experiments/comparisons/of_results.py",
     "return [own[number] for number in both], [other[number] for number in both]",
     "return [*own.values()], [*other.values()]",
     f"{RESULTS}::test_replications_are_paired_by_their_number"),
    Mutation("one end of an interval is enough", "experiments/comparisons/expectations.py",
     "OPERATORS[op](low, value) and OPERATORS[op](high, value)",
     "OPERATORS[op](low, value) or OPERATORS[op](high, value)",
     f"{EXPECT}::test_an_interval_holds_where_every_point_of_it_does"),
    Mutation("one arm in which it holds is enough", "experiments/comparisons/expectations.py",
     "all(one.figure.passed for", "any(one.figure.passed for",
     f"{EXPECT}::test_it_must_hold_in_every_arm_and_case_that_it_does_not_leave_out"),
]  # fmt: skip
