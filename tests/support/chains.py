"""Markov chains of users who ask again: solved here, and written in PRISM's language for a model checker.

The chain of recovery: N clients think at rate a each; one server of rate mu has room for K requests; who finds it
full waits, and asks again at rate theta. At the start all of them wait; calm is when nobody does.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_matrix, diags_array
from scipy.sparse.linalg import expm_multiply, spsolve


class Recovery(NamedTuple):
    """The chain of recovery; rates per second."""

    clients: int
    think_rate: float
    service_rate: float
    retry_rate: float
    room: int

    @property
    def start(self) -> int:
        """The number of the state in which all wait."""
        return self._number(0, self.clients)

    def _number(self, queued: int, waiting: int) -> int:
        return queued * (self.clients + 1) + waiting

    def states(self) -> tuple[Any, Any]:
        """How many requests are at the server, and how many clients wait, by number of the state; any of them."""
        numbers = np.arange((self.room + 1) * (self.clients + 1))
        return numbers // (self.clients + 1), numbers % (self.clients + 1)

    def rates(self) -> Any:
        """The generator of the chain, shape (states, states)."""
        moves: list[tuple[int, int, float]] = []
        for queued in range(self.room + 1):
            for waiting in range(self.clients - queued + 1):
                here, thinking = self._number(queued, waiting), self.clients - queued - waiting
                if queued < self.room:
                    moves.append((here, here + self.clients + 1, self.think_rate * thinking))
                    moves.append((here, here + self.clients, self.retry_rate * waiting))
                else:
                    moves.append((here, here + 1, self.think_rate * thinking))
                if queued:
                    moves.append((here, here - self.clients - 1, self.service_rate))
        rows, columns, values = zip(*(move for move in moves if move[2] > 0), strict=True)
        size = (self.room + 1) * (self.clients + 1)
        rates = coo_matrix((values, (rows, columns)), shape=(size, size)).tocsr()
        return (rates - diags_array(np.asarray(rates.sum(axis=1)).ravel())).tocsr()

    def mean_s(self) -> float:
        """Mean time until nobody waits."""
        unsettled, inner = self._before_calm()
        times = spsolve(inner.tocsc(), -np.ones(len(unsettled)))
        return float(times[np.searchsorted(unsettled, self.start)])

    def within(self, time_s: float) -> float:
        """Probability that nobody waits at some instant up to `time_s`."""
        unsettled, inner = self._before_calm()
        left = expm_multiply(inner * time_s, np.ones(len(unsettled)))
        return float(1.0 - left[np.searchsorted(unsettled, self.start)])

    def attempts_per_s(self) -> float:
        """Attempts per second, first ones and repeated ones, in the long run."""
        queued, waiting = self.states()
        possible = np.flatnonzero(queued + waiting <= self.clients)
        balance = self.rates()[possible][:, possible].T.tolil()
        balance[0, :] = 1.0
        right = np.zeros(len(possible))
        right[0] = 1.0
        chances = spsolve(balance.tocsc(), right)
        thinking = self.clients - queued - waiting
        return float(chances @ (self.think_rate * thinking + self.retry_rate * waiting)[possible])

    def _before_calm(self) -> tuple[Any, Any]:
        queued, waiting = self.states()
        unsettled = np.flatnonzero((queued + waiting <= self.clients) & (waiting > 0))
        return unsettled, self.rates()[unsettled][:, unsettled]

    def prism(self) -> str:
        """The chain in PRISM's language."""
        thinking = f"({self.clients} - q - w)"
        return f"""ctmc
module recovery
  q : [0..{self.room}] init 0;
  w : [0..{self.clients}] init {self.clients};
  <> q < {self.room} & {thinking} > 0 -> {self.think_rate} * {thinking} : (q' = q + 1);
  <> q = {self.room} & {thinking} > 0 -> {self.think_rate} * {thinking} : (w' = w + 1);
  <> q < {self.room} & w > 0 -> {self.retry_rate} * w : (q' = q + 1) & (w' = w - 1);
  <> q > 0 -> {self.service_rate} : (q' = q - 1);
endmodule
rewards "attempts"
  true : {self.think_rate} * {thinking} + {self.retry_rate} * w;
endrewards
label "calm" = w = 0;
"""


def retrials_in_prism(licenses: int, erlangs: float, retry_rate: float, orbit: int, users: float) -> str:
    """M/M/c with retrials, service rate 1 and room for so many who wait, in PRISM's language.

    So many users together offer the erlangs; `inf`: a Poisson stream.
    """
    arriving = f"{erlangs} * (1 - (b + w) / {users})" if users < float("inf") else f"{erlangs}"
    return f"""ctmc
module retrials
  b : [0..{licenses}] init 0;
  w : [0..{orbit}] init 0;
  <> b < {licenses} -> {arriving} : (b' = b + 1);
  <> b = {licenses} & w < {orbit} -> {arriving} : (w' = w + 1);
  <> b < {licenses} & w > 0 -> {retry_rate} * w : (b' = b + 1) & (w' = w - 1);
  <> b > 0 -> b : (b' = b - 1);
endmodule
rewards "waiting"
  true : w;
endrewards
rewards "busy"
  b = {licenses} : 1;
endrewards
rewards "denied"
  b = {licenses} : {erlangs} + {retry_rate} * w;
endrewards
rewards "tries"
  true : {erlangs} + {retry_rate} * w;
endrewards
"""
