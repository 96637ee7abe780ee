"""Why the engine's loop returned."""

# Go on: the horizon is reached; an array must grow; the balancing policy is asked.
HORIZON, GROW, BALANCE = 0, 1, 2

# Stop: an invariant does not hold, or a policy answered nonsense.
(
    BAD_DECISION, BAD_DELAY, BAD_SELECTION, NOT_CONSERVED, NEGATIVE_POOL, DOUBLE_LEASE, STALLED, LOST_PROGRAM,
    LOST_ROAMER, BAD_VERDICT, POLICY_RAISED, BAD_PLAN, BAD_PLAN_DELAY, BAD_REACTION, BAD_PAUSE,
    BAD_PERMISSION, BAD_WAIT, BAD_ROUND, BAD_SHARING,
) = range(10, 29)  # fmt: skip

MEANING = {
    BAD_DECISION: "the failover policy returned an unknown action",
    BAD_DELAY: "the failover policy returned a delay that is negative (value: in s) or not a number (0)",
    BAD_PERMISSION: "the failover policy returned an unknown action before a request",
    BAD_WAIT: "the failover policy returned a wait before a request that is not above 0 (value: in s)",
    BAD_ROUND: "the failover policy changed the server again and again before a request",
    BAD_PLAN: "the failback policy returned an unknown action",
    BAD_PLAN_DELAY: "the failback policy returned a delay that is negative (value: in s) or not a number (0)",
    BAD_SELECTION: "the selection policy named a server that does not exist",
    NOT_CONSERVED: "licenses of a product are not conserved: allocated + in transit + in reserve + lapsed "
    "!= owned (+ copies, where a sender keeps licenses until the ack)",
    NEGATIVE_POOL: "a pool does not add up: allocated != free + leased + reserved, or one is negative",
    DOUBLE_LEASE: "a program holds two leases at one server",
    BAD_SHARING: "programs that share a license have none or several, or the wrong one of their leases holds it",
    STALLED: "time stands still: an instant has no end of events "
    "(a policy that tries again at once needs a latency, a service time or a delay > 0)",
    LOST_PROGRAM: "a program is unaccounted for: a slot's state contradicts its timers",
    BAD_VERDICT: "the admission policy asked a client to come back after a time that is negative (value: in s) "
    "or not a number (0)",
    BAD_REACTION: "the denial policy returned an action that is not possible",
    BAD_PAUSE: "the denial policy returned a delay that is negative (value: in s), 0 or not a number (0)",
    POLICY_RAISED: "a policy raised an exception",
    LOST_ROAMER: "the clients that may have business at other sites are miscounted",
}
