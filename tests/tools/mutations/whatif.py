"""What-ifs and fits of sites: each mutation must be noticed by a test."""

from tools.mutations.mutation import Mutation

DEMAND = "experiments/whatif/test_demand.py::"
ORACLE = "experiments/whatif/test_oracle.py::"
ANSWERS = "experiments/whatif/test_answers.py::"
ENGINE = "experiments/whatif/test_engine_replay.py::"
FAMILIES = "experiments/fitting/test_fitted_families.py::"
ARRIVALS = "experiments/fitting/test_fitted_arrivals.py::"
MODEL = "experiments/fitting/test_fitted_model.py::"

MUTATIONS = [
    Mutation("what-ifs: who asks again wants something else", "experiments/whatif/demand.py",
     "if row and request.time_s - row[-1].time_s > window_s:", "if row:",
     DEMAND + "test_with_the_log_s_own_licenses_every_decision_is_the_log_s[5-0]"),
    Mutation("what-ifs: days begin with the log", "experiments/whatif/demand.py",
     "return (begin.replace(hour=0, minute=0, second=0, microsecond=0) - begin).total_seconds()", "return 0.0",
     DEMAND + "test_days_begin_at_midnight[23:00:00-days1]"),
    Mutation("what-ifs: one license more than there are", "experiments/whatif/oracle.py",
     "self._in_use + launch.licenses <= self._licenses", "self._in_use + launch.licenses <= self._licenses + 1",
     ORACLE + "test_the_peak_is_enough_and_one_less_denies_one[3]"),
    Mutation("what-ifs: the first who fits is called back", "experiments/whatif/oracle.py",
     "        while self._line and self._has_room(self._line[0]):\n"
     "            self._grant(time_s, self._line.popleft())\n",
     "        for n in [n for n in self._line if self._has_room(n)][:1]:\n"
     "            self._line.remove(n)\n            self._grant(time_s, n)\n",
     ORACLE + "test_users_are_called_back_in_order_and_nobody_before_one_who_waits_for_more"),
    Mutation("what-ifs: patience begins anew with each try", "experiments/whatif/oracle.py",
     "left_s = first_s + rules.patience_s - time_s", "left_s = rules.patience_s + 0 * first_s",
     ORACLE + "test_users_who_poll_ask_until_their_patience_ends"),
    Mutation("what-ifs: every denial is a true one", "experiments/whatif/days.py",
     "return place < len(times) and times[place] <= from_s + window_s", "return False",
     ANSWERS + "test_a_denial_is_true_unless_its_user_has_a_license_within_the_window[299.0-0]"),
    Mutation("what-ifs: the first number that meets the target is enough", "experiments/whatif/answers.py",
     "        fewest[meets] = seats\n        if not meets.any():\n            break\n",
     "        fewest[meets] = seats\n        break\n",
     ANSWERS + "test_as_many_licenses_are_needed_as_leave_the_share_that_is_allowed[0.1-18]"),
    Mutation("what-ifs: resamples have the log's own days", "experiments/whatif/days.py",
     "np.random.default_rng(SEED).integers(0, days, (resamples, days))",
     "np.tile(np.arange(days), (resamples, 1))",
     ANSWERS + "test_intervals_are_those_of_sums_of_independent_days"),
    Mutation("what-ifs: the engine knows launches in the log's order", "experiments/whatif/engine.py",
     "    order = _order(demand)  #", "    order = np.arange(len(demand.launches))  #",
     ENGINE + "test_the_engine_and_the_oracle_grant_and_deny_alike[give up]"),
    Mutation("what-ifs: outages are never longer", "experiments/whatif/engine.py",
     "max(1.0, (end_s - begin_s) * place.outages)", "max(1.0, end_s - begin_s)",
     ENGINE + "test_outages_may_be_as_logged_longer_or_none[3.0-190.0]"),
    Mutation("fits: the bootstrap does not fit again", "experiments/fitting/families.py",
     "    mean, cv = FAMILIES[name].fit(positive)\n",
     "    mean, cv = FAMILIES[name].fit(positive[0] if positive.ndim > 1 else positive)\n",
     FAMILIES + "test_a_true_family_is_refused_as_seldom_as_p_says[lognormal-False]"),
    Mutation("fits: a bootstrap of exact times for rounded ones", "experiments/fitting/families.py",
     "np.round(drawn) if tick else drawn", "drawn",
     FAMILIES + "test_a_true_family_is_refused_as_seldom_as_p_says[exponential-True]"),
    Mutation("fits: the nearest is taken, whether it fits or not", "experiments/fitting/families.py",
     "        if one.p >= P_MIN:\n", "        if one.p >= 0.0:\n",
     FAMILIES + "test_where_none_fits_the_times_themselves_are_taken"),
    Mutation("fits: every log begins on a Monday", "experiments/fitting/arrivals.py",
     "return begin.weekday() * 86_400.0 +", "return",
     ARRIVALS + "test_the_profile_of_a_week_is_found_again[2024-01-04T10:30:00-297000.0]"),
    Mutation("fits: any spike is an idle time-out", "experiments/fitting/spikes.py",
     "P_MAX = 1e-9", "P_MAX = 0.9", ARRIVALS + "test_smooth_times_have_none[0]"),
    Mutation("fits: who came back after the outage began before it", "experiments/fitting/habits.py",
     "if lost_s < time_s and up_s <= time_s <= up_s + BACK_S", "if up_s <= time_s <= up_s + 1e9",
     MODEL + "test_outages_and_who_comes_back_are_found_again"),
]  # fmt: skip
