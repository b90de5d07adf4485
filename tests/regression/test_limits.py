"""Small runs of three limit equations against stored ones, with the plugin that users have.

The tolerances are those of the methods' own errors of a step, 1e-9, summed over the run: another compiler or
library moves the last digits only. A change of a method that is meant is stored by ``pytest
--mfpde-regenerate``.
"""

from __future__ import annotations

import mfpde as mf

FIELD = (1e-7, 1e-10)


def test_landau_damping(mfpde_regression):
    problem = mf.problems.landau_damping(amplitude=0.3).replace(resolution={"x": 16, "v": 64})
    run = mf.solve(problem, [0.0, 2.0, 4.0])
    mf.testing.assert_conserved(run, "mass", rtol=1e-10)
    mfpde_regression.check(run, {"density": FIELD, "mean_field_x": FIELD, "potential_energy": FIELD})


def test_keller_segel(mfpde_regression):
    run = mf.solve(
        mf.problems.keller_segel(domain="torus").replace(resolution={"x": 32, "y": 32}), [0.0, 0.5, 1.0]
    )
    mf.testing.assert_monotone(run, "free_energy")
    mfpde_regression.check(run.isel(diagnostic_time=[0, -1]), {"density": FIELD, "free_energy": FIELD})


def test_kuramoto(mfpde_regression):
    run = mf.solve(mf.problems.kuramoto(), [0.0, 2.0, 10.0])
    last = run.sel(diagnostic_time=[0.0, 2.0, 10.0])
    mfpde_regression.check(last, {"density": FIELD, "order_parameter": FIELD})
