"""The time loop, driven by a run that only counts."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfpde_solvers.evolve import BlowUp, Instant, ResolutionLost, evolve
from mfpde_solvers.stepping import FixedStep


class Clock:
    """A run without a state but its time; it remembers its steps and fails past ``end``."""

    memory = 0

    def __init__(self, dt, time=0.0, end=np.inf):
        self.time, self.steps, self._controller, self._end = time, [], FixedStep(dt), end

    def step(self, limit):
        if self.time >= self._end:
            raise BlowUp(self.time, "the clock stopped")
        _, self.time = self._controller.next(self.time, limit)
        self.steps.append(self.time)
        return self.time

    def observe(self):
        return {}

    def diagnostics(self):
        return {}

    def state(self):
        return {"time": np.asarray(self.time)}

    def restore(self, state):
        self.time = float(state["time"])


gaps = st.lists(st.floats(0.05, 2.0), min_size=1, max_size=6)


@given(gaps=gaps, dt=st.floats(0.04, 3.0), every=st.none() | st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_every_requested_time_is_reached_exactly_and_once(gaps, dt, every):
    times = np.cumsum([0.0, *gaps])
    run = Clock(dt)
    instants = list(evolve(run, times, every))
    requested = [(i.time, i.index) for i in instants if i.index is not None]
    assert requested == [(t, n) for n, t in enumerate(times)]
    moments = [i.time for i in instants]
    assert np.all(np.diff(moments) > 0)  # no moment twice
    assert set(moments) <= {0.0, *run.steps}


@given(gaps=gaps, dt=st.floats(0.04, 1.0), every=st.integers(1, 5), stop=st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_a_run_restored_at_a_requested_time_pauses_at_the_same_moments(gaps, dt, every, stop):
    times = np.cumsum([0.0, *gaps])
    stop = min(stop, len(gaps))
    whole = [i.time for i in evolve(Clock(dt), times, every)]
    resumed = Clock(dt)
    resumed.restore({"time": times[stop]})
    rest = [i.time for i in evolve(resumed, times[stop:], every)]
    assert rest == [t for t in whole if t >= times[stop]]


def test_pauses_are_counted_in_steps_from_the_last_requested_time():
    instants = list(evolve(Clock(0.25), [0.0, 1.0, 1.75], every=2))
    assert instants == [
        Instant(0.0, 0),
        Instant(0.5, None),
        Instant(1.0, 1),  # the fourth step falls on it and pauses once
        Instant(1.5, None),
        Instant(1.75, 2),
    ]


def test_no_step_is_taken_before_it_is_asked_for():
    run = Clock(0.5)
    loop = evolve(run, [0.0, 1.0, 2.0])
    assert next(loop) == Instant(0.0, 0)
    assert run.steps == []
    assert next(loop) == Instant(1.0, 1)
    assert run.steps == [0.5, 1.0]


@pytest.mark.parametrize("error", [BlowUp, ResolutionLost])
def test_failures_tell_when_and_why_also_after_a_trip_between_processes(error):
    failure = pickle.loads(pickle.dumps(error(1.25, "too steep")))
    assert type(failure) is error
    assert (failure.time, failure.reason) == (1.25, "too steep")
    assert str(failure) == "at t = 1.25: too steep"


def test_a_failed_step_ends_the_loop_after_what_was_reached():
    loop = evolve(Clock(0.5, end=1.0), [0.0, 1.0, 2.0])
    assert [next(loop).time, next(loop).time] == [0.0, 1.0]
    with pytest.raises(BlowUp, match="the clock stopped"):
        next(loop)
