"""What a denied user does."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.reference.client import Client
    from oracles.reference.program import Program


class Denials:
    """Ask the next server, wait and ask again, wait to be called back, or give up."""

    def __init__(self, client: "Client"):
        self.client, self.world = client, client.world
        self.policy = self.client.scenario["policies"]["denial"]
        self.is_called_back = self.policy["name"] == "callback"
        self.stream = self.world.stream("denial", client.number)

    def denied(self, program: "Program") -> None:
        """CHOICE: whose program runs by right is told at once; else other servers may be asked first."""
        by_right = program.lease is not None or program.unmetered
        if by_right or program.denied_since is None:
            program.denied_since, program.tries, program.asked_in_try = self.world.now, 1, 0
        program.asked_in_try += 1
        if program.lease is not None:
            self.world.measures.counts["evictions"] += 1
            if program.lease.server is self.client.link.server:  # which has lost it
                program.lease = None
        if self.is_called_back and (by_right or program.asked_in_try > self.asked_before(program)):
            self.wait(program)
            program.tries, program.asked_in_try = program.tries + 1, 0
            self.poll_later(program)
        elif self.is_called_back or (not by_right and program.asked_in_try < self.at_most("servers", 1)):
            self.client.link.failures.fail_over()
            self.client.link.line_up(program)
        else:
            self.told(program)

    def at_most(self, name: str, default: float) -> float:
        return min(self.policy.get(name, default), len(self.world.servers))

    def asked_before(self, program: "Program") -> float:
        """How many servers are asked for no callback in this try of a program that does not run by right."""
        is_first = program.denied_since is None or program.tries == 1
        return self.at_most("asked_before", 0) if is_first and len(self.world.servers) > 1 else 0

    def awaits(self, program: "Program") -> bool:
        """Whether what asks now awaits a callback if it is denied."""
        asked = 0 if program.denied_since is None else program.asked_in_try
        by_right = program.lease is not None or program.unmetered
        return self.is_called_back and (by_right or asked >= self.asked_before(program))

    def told(self, program: "Program") -> None:
        """All servers that the user asks in a row have denied."""
        left_s = self.policy.get("patience_s", math.inf) - (self.world.now - program.denied_since)
        if (
            self.policy["name"] == "give-up"
            or program.tries >= self.policy.get("tries", math.inf)
            or left_s < 1e-8
        ):
            self.give_up(program)
            return
        pause_s = min(self.pause_s(program), left_s)
        program.tries, program.asked_in_try = program.tries + 1, 0
        self.wait(program)
        self.world.after(pause_s, self.client.user.ask, program)

    def pause_s(self, program: "Program") -> float:
        policy = self.policy
        if policy["name"] == "retry":
            return self.stream.expovariate(1 / policy["delay_s"])
        spread = 1 - policy.get("jitter", 0) * self.stream.random()
        if policy["name"] == "constant-retry":
            return policy["delay_s"] * spread
        return min(policy["cap_s"], policy["base_s"] * 2.0 ** min(program.tries - 1, 60)) * spread

    def give_up(self, program: "Program") -> None:
        if not program.decided:
            self.world.measures.waits.append(self.world.now - program.launched)
        self.client.user.end(program)

    def wait(self, program: "Program") -> None:
        """It runs no longer, and its user waits."""
        self.client.releases.give_back(program)
        program.running = program.unmetered = False
        program.runs += 1
        program.review()
        program.wait(True)

    def poll_later(self, program: "Program") -> None:
        if self.policy.get("poll_s"):
            self.world.after(self.policy["poll_s"], self.client.user.poll, program, program.runs)
