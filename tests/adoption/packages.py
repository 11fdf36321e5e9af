"""Calls of functions of packages from the package index, by which adoption is judged.

One row a call: an expression of `x`, and behind the bar what `x` is. The first words of a package's
rows are statements, such as imports, that the expressions need. `np` and the package are there.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PACKAGES", "Package"]


class Package(NamedTuple):
    """A package: its name on the index, the module that is adopted, the statements that its calls
    need, and the calls as pairs of an expression and the value of `x`."""

    index: str
    module: str
    setup: str
    calls: list[tuple[str, str]]


PACKAGES: dict[str, Package] = {}


def _package(index: str, module: str, setup: str, rows: str) -> None:
    calls = []
    for line in rows.strip().splitlines():
        expression, _, x = line.strip().rpartition(" | ")
        calls.append((expression.strip(), x.strip()))
    PACKAGES[index] = Package(index, module, setup, calls)


_package(
    "pvlib",
    "pvlib",
    "import pvlib",
    """
    pvlib.irradiance.aoi(30.0, x, 40.0, 170.0) | 190.0
    pvlib.irradiance.aoi_projection(x, 180.0, 40.0, 170.0) | 30.0
    pvlib.irradiance.isotropic(x, 100.0) | 30.0
    pvlib.irradiance.haydavies(30.0, 180.0, x, 800.0, 1350.0, 40.0, 170.0) | 100.0
    pvlib.irradiance.perez(30.0, 180.0, x, 800.0, 1350.0, 40.0, 170.0, 1.3) | np.array([100.0, 120.0])
    pvlib.irradiance.disc(x, 40.0, 100)['dni'] | 600.0
    pvlib.irradiance.erbs(x, 40.0, 100)['dhi'] | 600.0
    pvlib.atmosphere.get_relative_airmass(x) | 60.0
    pvlib.atmosphere.pres2alt(x) | 90000.0
    pvlib.clearsky.simplified_solis(x, 0.1) | np.array([30.0, 60.0])
    pvlib.clearsky.simplified_solis(x) | 35.0
    pvlib.iam.ashrae(x) | 45.0
    pvlib.iam.physical(x) | np.array([20.0, 60.0])
    pvlib.iam.martin_ruiz(x) | 50.0
    pvlib.temperature.sapm_cell(x, 20.0, 3.0, -3.47, -0.0594, 3.0) | 900.0
    pvlib.temperature.faiman(900.0, 20.0, x) | 3.0
    pvlib.temperature.pvsyst_cell(900.0, x) | 20.0
    pvlib.pvsystem.singlediode(x, 1e-10, 0.5, 300.0, 1.5)['p_mp'] | 7.0
    pvlib.pvsystem.i_from_v(x, 7.0, 1e-10, 0.5, 300.0, 1.5) | 20.0
    pvlib.pvsystem.calcparams_desoto(x, 25.0, 0.003, 1.5, 7.0, 1e-10, 300.0, 0.5) | 900.0
    pvlib.singlediode.bishop88(x, 7.0, 1e-10, 0.5, 300.0, 1.5) | 20.0
    pvlib.inverter.pvwatts(x, 5000.0) | 3000.0
    pvlib.tracking.singleaxis(x, 170.0)['tracker_theta'] | 40.0
    pvlib.solarposition.declination_spencer71(x) | 120.0
""",
)

_package(
    "colour-science",
    "colour",
    "import colour",
    """
    colour.XYZ_to_Lab(x) | np.array([0.2, 0.12, 0.05])
    colour.Lab_to_XYZ(x) | np.array([41.5, 52.6, 26.9])
    colour.XYZ_to_sRGB(x) | np.array([0.2, 0.12, 0.05])
    colour.sRGB_to_XYZ(x) | np.array([0.7, 0.2, 0.15])
    colour.XYZ_to_xyY(x) | np.array([0.2, 0.12, 0.05])
    colour.XYZ_to_Luv(x) | np.array([0.2, 0.12, 0.05])
    colour.Lab_to_LCHab(x) | np.array([41.5, 52.6, 26.9])
    colour.delta_E(x, np.array([50.0, 60.0, 20.0])) | np.array([41.5, 52.6, 26.9])
    colour.delta_E(x, np.array([50.0, 60.0, 20.0]), method='CIE 1976') | np.array([41.5, 52.6, 26.9])
    colour.XYZ_to_CIECAM02(x, np.array([95.05, 100.0, 108.88]), 318.31, 20.0).J | np.array([19.01, 20.0, 21.78])
    colour.XYZ_to_Oklab(x) | np.array([0.2, 0.12, 0.05])
    colour.models.RGB_to_HSV(x) | np.array([0.45, 0.03, 0.04])
    colour.cctf_encoding(x) | np.array([0.18, 0.5])
    colour.models.eotf_ST2084(x) | np.array([0.5, 0.6])
    colour.chromatic_adaptation(x, np.array([0.95, 1.0, 1.09]), np.array([0.96, 1.0, 0.82])) | np.array([0.2, 0.12, 0.05])
    colour.adaptation.matrix_chromatic_adaptation_VonKries(x, np.array([0.96, 1.0, 0.82])) | np.array([0.95, 1.0, 1.09])
    colour.temperature.CCT_to_xy_CIE_D(x) | 6504.0
    colour.luminance(x) | np.array([37.9, 50.0])
    colour.lightness(x) | np.array([12.2, 30.0])
    colour.colorimetry.planck_law(x, 5500.0) | 500e-9
""",
)

_package(
    "scoringrules",
    "scoringrules",
    "import scoringrules as sr",
    """
    sr.crps_normal(0.3, x, 1.2) | 0.1
    sr.crps_normal(np.array([0.3, -0.2]), 0.1, x) | np.array([1.2, 0.8])
    sr.crps_logistic(0.3, x, 1.2) | 0.1
    sr.crps_laplace(0.3, 0.1, x) | 1.2
    sr.crps_gamma(0.7, x, 1.3) | 2.1
    sr.crps_exponential(0.7, x) | 1.4
    sr.crps_lognormal(0.7, x, 0.4) | 0.1
    sr.crps_uniform(0.4, x, 1.5) | 0.1
    sr.crps_gev(0.3, x, 0.1, 1.2) | 0.2
    sr.crps_ensemble(0.3, x, backend='numpy') | np.array([0.1, 0.7, -0.4, 1.2])
    sr.crps_quantile(0.3, x, np.array([0.1, 0.5, 0.9]), backend='numpy') | np.array([-0.4, 0.2, 1.2])
    sr.energy_score(np.array([0.3, 0.1]), x, backend='numpy') | np.array([[0.1, 0.7], [-0.4, 1.2], [0.5, 0.6]])
    sr.variogram_score(np.array([0.3, 0.1]), x, backend='numpy') | np.array([[0.1, 0.7], [-0.4, 1.2], [0.5, 0.6]])
    sr.logs_normal(0.3, x, 1.2) | 0.1
    sr.brier_score(1.0, x) | 0.3
""",
)

_package(
    "numpy-financial",
    "numpy_financial",
    "import numpy_financial as npf",
    """
    npf.npv(x, np.array([-100.0, 39.0, 59.0, 55.0])) | 0.08
    npf.npv(0.08, x) | np.array([-100.0, 39.0, 59.0, 55.0])
    npf.fv(x, 120, -100.0, -100.0) | 0.004
    npf.pv(x, 120, -100.0, 15000.0) | 0.004
    npf.pmt(x, 180, 200000.0) | 0.006
    npf.nper(0.005, x, 8000.0) | -150.0
    npf.ipmt(x, 3, 12, 2500.0) | 0.007
    npf.ppmt(x, 3, 12, 2500.0) | 0.007
    npf.irr(x) | np.array([-100.0, 39.0, 59.0, 55.0])
    npf.rate(10, x, -3500.0, 10000.0) | 100.0
    npf.mirr(x, 0.1, 0.12) | np.array([-4500.0, -800.0, 800.0, 800.0, 600.0, 600.0, 800.0])
""",
)

_package(
    "filterpy",
    "filterpy",
    """
import filterpy.kalman, filterpy.common, filterpy.stats, filterpy.gh

def kalman(r):
    kf = filterpy.kalman.KalmanFilter(dim_x=2, dim_z=1)
    kf.x, kf.F = np.array([[2.0], [0.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])
    kf.H, kf.P, kf.R, kf.Q = np.array([[1.0, 0.0]]), np.eye(2) * 10.0, r, np.eye(2) * 0.01
    for z in (1.0, 2.1, 2.9):
        kf.predict()
        kf.update(z)
    return kf.x

def gh(g):
    f = filterpy.gh.GHFilter(x=0.0, dx=0.0, dt=1.0, g=g, h=0.02)
    f.update(1.2)
    return f.update(2.1)
""",
    """
    filterpy.kalman.predict(np.array([1.0, 0.5]), np.eye(2), np.array([[1.0, x], [0.0, 1.0]]), 0.1) | 0.7
    filterpy.kalman.update(np.array([1.0, 0.5]), np.eye(2), x, 0.3, np.array([[1.0, 0.0]])) | 1.4
    kalman(np.array([[x]])) | 0.5
    kalman(x) | 0.5
    filterpy.common.Q_discrete_white_noise(2, dt=x, var=0.3) | 0.2
    filterpy.common.Q_continuous_white_noise(3, dt=x, spectral_density=0.3) | 0.2
    filterpy.common.van_loan_discretization(np.array([[0.0, 1.0], [-1.0, x]]), np.array([[0.0], [2.0]]), 0.1) | -0.3
    filterpy.stats.gaussian(x, 1.0, 0.5) | 0.6
    filterpy.stats.mahalanobis(x, np.array([1.0, 0.5]), np.array([[2.0, 0.3], [0.3, 1.0]])) | np.array([0.2, 0.9])
    filterpy.stats.multivariate_gaussian(x, np.array([1.0, 0.5]), np.array([[2.0, 0.3], [0.3, 1.0]])) | np.array([0.2, 0.9])
    filterpy.stats.mul(x, 0.4, 1.2, 0.6) | 0.7
    filterpy.kalman.MerweScaledSigmaPoints(2, 0.1, 2.0, 1.0).sigma_points(x, np.eye(2)) | np.array([0.2, 0.9])
    gh(x) | 0.5
""",
)

_package(
    "control",
    "control",
    "import control",
    """
    control.tf([x], [1.0, 2.0, 3.0])(2.0j) | 1.5
    control.ss([[0.0, 1.0], [-2.0, x]], [[0.0], [1.0]], [[1.0, 0.0]], 0.0)(1.0j) | -0.7
    control.ss([[0.0, 1.0], [-2.0, x]], [[0.0], [1.0]], [[1.0, 0.0]], 0.0).poles() | -0.7
    control.step_response(control.ss([[0.0, 1.0], [-2.0, x]], [[0.0], [1.0]], [[1.0, 0.0]], 0.0), np.linspace(0, 3, 7)).outputs | -0.7
    control.lqr(np.array([[0.0, 1.0], [-2.0, x]]), np.array([[0.0], [1.0]]), np.eye(2), np.eye(1))[0] | -0.7
    control.lyap(np.array([[-1.0, 0.2], [0.0, x]]), np.eye(2)) | -0.7
    control.care(np.array([[0.0, 1.0], [-2.0, x]]), np.array([[0.0], [1.0]]), np.eye(2))[0] | -0.7
    control.ctrb(np.array([[0.0, 1.0], [-2.0, x]]), np.array([[0.0], [1.0]])) | -0.7
    control.obsv(np.array([[0.0, 1.0], [-2.0, x]]), np.array([[1.0, 0.0]])) | -0.7
    control.acker(np.array([[0.0, 1.0], [-2.0, x]]), np.array([[0.0], [1.0]]), [-1.0, -2.0]) | -0.7
    control.mag2db(x) | 2.5
    control.dcgain(control.tf([x], [1.0, 2.0, 3.0])) | 1.5
""",
)

_package(
    "scikit-rf",
    "skrf",
    "import skrf",
    """
    skrf.network.s2z(np.array([[[x, 0.4j], [0.4j, 0.2]]])) | 0.1
    skrf.network.s2y(np.array([[[x, 0.4j], [0.4j, 0.2]]])) | 0.1
    skrf.network.s2t(np.array([[[x, 0.4j], [0.4j, 0.2]]])) | 0.1
    skrf.network.s2a(np.array([[[x, 0.4j], [0.4j, 0.2]]])) | 0.1
    skrf.network.z2s(np.array([[[x, 10.0], [10.0, 60.0]]])) | 45.0
    skrf.network.renormalize_s(np.array([[[x, 0.4j], [0.4j, 0.2]]]), 50.0, 75.0) | 0.1
    skrf.network.connect_s(np.array([[[x, 0.4j], [0.4j, 0.2]]]), 1, np.array([[[0.3, 0.4j], [0.4j, 0.2]]]), 0) | 0.1
    skrf.mathFunctions.complex_2_db(x) | 0.4
    skrf.mathFunctions.mag_2_db(x) | np.array([0.4, 2.0])
    skrf.mathFunctions.db_2_mag(x) | 3.0
    skrf.tlineFunctions.zl_2_Gamma0(50.0, x) | 75.0
    skrf.tlineFunctions.surface_resistivity(1e9, x, 1.2566370614359173e-06) | 1.7e-8
    skrf.tlineFunctions.zl_2_zin(50.0, x, 0.3j) | 75.0
""",
)

_package(
    "pymap3d",
    "pymap3d",
    "import pymap3d, pymap3d.vincenty",
    """
    pymap3d.geodetic2ecef(x, -82.0, 200.0) | 42.0
    pymap3d.ecef2geodetic(x, -4e6, 4e6) | 660e3
    pymap3d.geodetic2enu(x, -81.0, 300.0, 42.0, -82.0, 200.0) | 42.1
    pymap3d.geodetic2aer(42.1, x, 300.0, 42.0, -82.0, 200.0) | -81.0
    pymap3d.aer2geodetic(x, 40.0, 1000.0, 42.0, -82.0, 200.0) | 33.0
    pymap3d.enu2ecef(x, 200.0, 300.0, 42.0, -82.0, 200.0) | 100.0
    pymap3d.ecef2enu(x, -4e6, 4e6, 42.0, -82.0, 200.0) | 660e3
    pymap3d.geodetic2ned(x, -81.0, 300.0, 42.0, -82.0, 200.0) | 42.1
    pymap3d.enu2aer(x, 200.0, 300.0) | 100.0
    pymap3d.vincenty.vdist(x, -82.0, 43.0, -81.0)[0] | 42.0
    pymap3d.latitude.geodetic2geocentric(x, 0.0) | 42.0
    pymap3d.rcurve.transverse(x) | 42.0
""",
)

_package(
    "transforms3d",
    "transforms3d",
    "import transforms3d as t3",
    """
    t3.euler.euler2mat(x, 0.2, 0.3) | 0.1
    t3.euler.euler2quat(0.1, x, 0.3) | 0.2
    t3.euler.mat2euler(np.array([[1.0, 0.0, 0.0], [0.0, np.cos(x), -np.sin(x)], [0.0, np.sin(x), np.cos(x)]])) | 0.4
    t3.quaternions.quat2mat(x) | np.array([0.9, 0.1, 0.3, 0.2])
    t3.quaternions.qmult(x, np.array([0.9, 0.1, 0.3, 0.2])) | np.array([0.7, 0.2, -0.3, 0.5])
    t3.quaternions.qinverse(x) | np.array([0.9, 0.1, 0.3, 0.2])
    t3.quaternions.rotate_vector(x, np.array([0.9, 0.1, 0.3, 0.2])) | np.array([1.0, 2.0, 3.0])
    t3.axangles.axangle2mat(np.array([1.0, 2.0, 0.5]), x) | 0.7
    t3.quaternions.quat2axangle(x) | np.array([0.9, 0.1, 0.3, 0.2])
    t3.affines.compose(x, np.eye(3), np.array([1.0, 2.0, 3.0])) | np.array([1.0, 2.0, 3.0])
    t3.shears.striu2mat(x) | np.array([0.1, 0.2, 0.3])
""",
)

_package(
    "ahrs",
    "ahrs",
    """
import ahrs, ahrs.common.orientation as orientation
from ahrs.common.quaternion import Quaternion
""",
    """
    orientation.q2R(x) | np.array([0.9, 0.1, 0.3, 0.2]) / np.linalg.norm([0.9, 0.1, 0.3, 0.2])
    orientation.q_prod(x, np.array([0.9, 0.1, 0.3, 0.2])) | np.array([0.7, 0.2, -0.3, 0.5])
    orientation.q_conj(x) | np.array([0.7, 0.2, -0.3, 0.5])
    orientation.acc2q(x) | np.array([0.1, 0.2, 9.7])
    orientation.ecompass(x, np.array([0.2, 0.1, -0.4])) | np.array([0.1, 0.2, 9.7])
    orientation.rpy2q(x) | np.array([0.1, 0.2, 0.3])
    orientation.axang2quat(np.array([1.0, 0.0, 0.0]), x) | 0.4
    orientation.slerp(x, np.array([0.7, 0.2, -0.3, 0.5]), np.array([0.3])) | np.array([0.9, 0.1, 0.3, 0.2])
    ahrs.utils.WGS().normal_gravity(x) | 42.0
    ahrs.common.frames.geodetic2ecef(x, -82.0, 200.0) | 42.0
""",
)

_package(
    "metpy",
    "metpy",
    """
import metpy.calc as mc
from metpy.units import units
""",
    """
    mc.saturation_vapor_pressure(units.Quantity(x, 'kelvin')).magnitude | 290.0
    mc.potential_temperature(units.Quantity(x, 'hPa'), units.Quantity(290.0, 'kelvin')).magnitude | 850.0
    mc.dewpoint_from_relative_humidity(units.Quantity(x, 'kelvin'), 0.6).magnitude | 290.0
    mc.mixing_ratio(units.Quantity(x, 'hPa'), units.Quantity(850.0, 'hPa')).magnitude | 12.0
    mc.wind_speed(units.Quantity(x, 'm/s'), units.Quantity(4.0, 'm/s')).magnitude | 3.0
    mc.heat_index(units.Quantity(x, 'degF'), 0.6).magnitude | 95.0
    mc.pressure_to_height_std(units.Quantity(x, 'hPa')).magnitude | 850.0
    mc.coriolis_parameter(units.Quantity(x, 'radian')).magnitude | 0.7
""",
)

_package(
    "chemicals",
    "chemicals",
    "import chemicals",
    """
    chemicals.Antoine(x, 8.95894, 510.595, -15.95) | 100.0
    chemicals.Wagner(x, 190.53, 4596420.0, -6.00435, 1.1885, -0.834082, -1.22833) | 150.0
    chemicals.Rackett(x, 369.83, 4248000.0, 0.2763) | 272.0
    chemicals.COSTALD(x, 369.83, 0.000203, 0.1532) | 272.0
    chemicals.Lee_Kesler(x, 469.7, 3370000.0, 0.251) | 300.0
    chemicals.Rachford_Rice_flash_error(x, [0.5, 0.3, 0.2], [1.685, 0.742, 0.532]) | 0.4
    chemicals.Lucas(x, 10e5, 592.5, 41e5, 0.3, 30e3, 0.0005) | 300.0
    chemicals.viscosity_gas_Gharagheizi(x, 190.564, 45.99e5, 16.04246) | 120.0
    chemicals.Sheffy_Johnson(x, 280.0, 47.0) | 300.0
    chemicals.mixing_simple([x, 0.7], [1.2, 2.5]) | 0.3
    chemicals.Riedel(x, 33.3, 12.9e5) | 20.3
    chemicals.Zuo_Stenby(x, 369.83, 4248000.0, 0.152) | 300.0
""",
)

_package(
    "fluids",
    "fluids",
    "import fluids",
    """
    fluids.Reynolds(V=x, D=0.25, rho=1.1613, mu=1.9e-5) | 2.5
    fluids.friction_factor(Re=x, eD=0.001) | 1e5
    fluids.Colebrook(x, 0.001) | 1e5
    fluids.bend_rounded(Di=x, fd=0.01, angle=90.0, Re=1e5) | 0.1
    fluids.entrance_sharp() * fluids.dP_from_K(1.2, rho=1000.0, V=x) | 3.0
    fluids.Churchill_1977(x, 0.001) | 1e5
    fluids.drag_sphere(x) | 200.0
    fluids.v_terminal(D=x, rhop=2200.0, rho=1000.0, mu=0.001) | 7e-5
    fluids.isothermal_gas(rho=11.3, fd=0.00185, P1=1e6, P2=x, L=1000.0, D=0.5) | 9e5
    fluids.ATMOSPHERE_1976(x).P | 5000.0
    fluids.V_horiz_conical(D=108.0, L=156.0, a=42.0, h=x) | 36.0
    fluids.Ergun(dp=x, voidage=0.4, vs=1e-3, rho=1e3, mu=1e-3) | 8e-4
    fluids.nu_mu_converter(rho=x, mu=0.001) | 998.0
""",
)

_package(
    "astropy",
    "astropy",
    """
import astropy.units as u
from astropy import cosmology, stats, modeling, coordinates
from astropy.modeling import models
from astropy.coordinates import angles
""",
    """
    models.Gaussian1D.evaluate(x, 2.0, 0.3, 1.2) | np.array([0.1, 0.7])
    models.Gaussian1D.evaluate(np.array([0.1, 0.7]), x, 0.3, 1.2) | 2.0
    models.Lorentz1D.evaluate(np.array([0.1, 0.7]), 2.0, x, 1.2) | 0.3
    models.Sersic1D.evaluate(np.array([1.0, 2.0]), 1.0, x, 4.0) | 5.0
    models.Moffat1D.evaluate(np.array([0.1, 0.7]), 2.0, 0.3, x, 1.5) | 1.2
    models.PowerLaw1D.evaluate(np.array([1.0, 2.0]), 1.5, 1.1, x) | 2.1
    stats.biweight_location(x) | np.array([0.1, 0.7, -0.4, 1.2, 0.5])
    stats.mad_std(x) | np.array([0.1, 0.7, -0.4, 1.2, 0.5])
    coordinates.angular_separation(x, 0.2, 0.5, 0.4) | 0.1
    stats.sigma_clip(x).sum() | np.array([0.1, 0.7, -0.4, 1.2, 0.5])
    (x * u.m).to_value(u.cm) | 3.0
    cosmology.FlatLambdaCDM(70.0, 0.3).efunc(x) | 0.5
""",
)

_package(
    "statsmodels",
    "statsmodels",
    """
import statsmodels.api as sm
import statsmodels.tsa.api as tsa
from statsmodels.stats import moment_helpers, stattools, correlation_tools, weightstats
from statsmodels.robust import norms, scale
from statsmodels.nonparametric import kernels
from statsmodels.genmod import families
from statsmodels.tools import tools, eval_measures
Y = np.array([1.0, 2.1, 2.9, 4.2])
X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.5]])
""",
    """
    norms.HuberT().rho(x) | np.array([0.4, 2.0])
    norms.TukeyBiweight().rho(x) | np.array([0.4, 2.0])
    norms.AndrewWave().psi(x) | np.array([0.4, 2.0])
    families.links.Logit()(x) | np.array([0.2, 0.6])
    families.links.Log().inverse(x) | np.array([0.2, 0.6])
    families.Poisson().deviance(np.array([1.0, 2.0]), x) | np.array([1.2, 1.7])
    families.Gamma().loglike_obs(np.array([1.0, 2.0]), x) | np.array([1.2, 1.7])
    eval_measures.rmse(x, np.array([1.0, 2.0])) | np.array([1.2, 1.7])
    stattools.durbin_watson(x) | np.array([0.1, 0.7, -0.4, 1.2])
    stattools.jarque_bera(x) | np.array([0.1, 0.7, -0.4, 1.2, 0.4])
    scale.mad(x) | np.array([0.1, 0.7, -0.4, 1.2, 0.4])
    moment_helpers.mc2mnc(x) | [1.0, 0.8, 0.3, 2.0]
    sm.OLS(x, X).fit().params | np.array([1.0, 2.1, 2.9, 4.2])
    tsa.acf(x, nlags=2, fft=False) | np.array([0.1, 0.7, -0.4, 1.2, 0.4])
    sm.Logit(np.array([0.0, 1.0, 0.0, 1.0]), X).loglike(x) | np.array([0.3, 0.2])
    sm.OLS(Y, X).loglike(x) | np.array([0.3, 0.9])
""",
)

_package(
    "spatialmath-python",
    "spatialmath",
    "import spatialmath as sp\nimport spatialmath.base as smb",
    """
    smb.rotx(x) | 0.3
    smb.rpy2r(x, 0.2, 0.3) | 0.1
    smb.eul2r(x, 0.2, 0.3) | 0.1
    smb.angvec2r(x, np.array([1.0, 2.0, 0.5])) | 0.7
    smb.trexp(x) | np.array([0.1, 0.2, 0.3])
    smb.trlog(np.array([[1.0, 0.0, 0.0], [0.0, np.cos(x), -np.sin(x)], [0.0, np.sin(x), np.cos(x)]])) | 0.4
    smb.skew(x) | np.array([1.0, 2.0, 3.0])
    smb.q2r(x) | np.array([0.9, 0.1, 0.3, 0.2])
    smb.qqmul(x, np.array([0.9, 0.1, 0.3, 0.2])) | np.array([0.7, 0.2, -0.3, 0.5])
    smb.tr2rpy(np.array([[1.0, 0.0, 0.0], [0.0, np.cos(x), -np.sin(x)], [0.0, np.sin(x), np.cos(x)]])) | 0.4
    smb.unitvec(x) | np.array([1.0, 2.0, 3.0])
    sp.SE3.Rx(x).A | 0.3
    smb.transl(x, 0.2, 0.3) | 0.1
""",
)

_package(
    "ht",
    "ht",
    "import ht",
    """
    ht.Nu_conv_internal(Re=x, Pr=0.7) | 1e5
    ht.LMTD(x, 60.0, 30.0, 40.2) | 100.0
    ht.turbulent_Dittus_Boelter(Re=x, Pr=1.2) | 1e5
    ht.effectiveness_from_NTU(NTU=x, Cr=0.7, subtype='counterflow') | 5.0
    ht.conv_external.Nu_cylinder_Churchill_Bernstein(Re=x, Pr=2.63) | 6071.0
    ht.Nu_cylinder_Zukauskas(x, 0.707) | 7992.0
    ht.turbulent_Gnielinski(Re=x, Pr=1.2, fd=0.0185) | 1e5
    ht.wall_factor(mu=x, mu_wall=5e-4, property_option='Viscosity') | 8e-4
""",
)

_package(
    "seawater",
    "seawater",
    "import seawater as sw",
    """
    sw.dens0(x, 10.0) | 35.0
    sw.dens(35.0, x, 1000.0) | 10.0
    sw.svel(35.0, x, 1000.0) | 10.0
    sw.ptmp(35.0, x, 1000.0) | 10.0
    sw.salt(x, 10.0, 100.0) | 1.0
    sw.dpth(x, 30.0) | 1000.0
    sw.cp(35.0, x, 1000.0) | 10.0
""",
)

_package(
    "pyet",
    "pyet",
    "import pyet",
    """
    pyet.calc_e0(x) | 20.0
    pyet.calc_vpc(x) | 20.0
    pyet.calc_psy(x) | 101.3
    pyet.calc_lambda(x) | 20.0
    pyet.calc_rho(101.3, x, 1.2) | 20.0
    pyet.calc_res_surf(lai=x) | 2.5
""",
)

_package(
    "haversine",
    "haversine",
    "from haversine import haversine, inverse_haversine, Direction",
    """
    haversine((x, 4.8422), (48.8567, 2.3508)) | 45.7597
    haversine((45.7597, 4.8422), (48.8567, x)) | 2.3508
    inverse_haversine((45.7597, x), 50.0, Direction.EAST) | 4.8422
""",
)

_package(
    "hydroeval",
    "hydroeval",
    "import hydroeval",
    """
    hydroeval.nse(x, np.array([1.0, 2.1, 2.9, 4.2])) | np.array([1.1, 2.0, 3.2, 4.0])
    hydroeval.kge(x, np.array([1.0, 2.1, 2.9, 4.2])) | np.array([1.1, 2.0, 3.2, 4.0])
    hydroeval.rmse(x, np.array([1.0, 2.1, 2.9, 4.2])) | np.array([1.1, 2.0, 3.2, 4.0])
    hydroeval.pbias(x, np.array([1.0, 2.1, 2.9, 4.2])) | np.array([1.1, 2.0, 3.2, 4.0])
""",
)

_package(
    "galpy",
    "galpy",
    "from galpy.potential import MWPotential2014, evaluatePotentials, evaluateRforces, vcirc\nfrom galpy.potential import MiyamotoNagaiPotential, NFWPotential, PlummerPotential",
    """
    MiyamotoNagaiPotential(a=0.5, b=0.05)(x, 0.1) | 1.0
    MiyamotoNagaiPotential(a=0.5, b=0.05).Rforce(x, 0.1) | 1.0
    NFWPotential(a=2.0)(x, 0.1) | 1.0
    PlummerPotential(b=0.5).dens(x, 0.1) | 1.0
    vcirc(MiyamotoNagaiPotential(a=0.5, b=0.05), x) | 1.0
""",
)

_package(
    "iapws",
    "iapws",
    "import iapws, iapws.iapws97, iapws._iapws",
    """
    iapws._iapws._Viscosity(998.0, x) | 298.15
    iapws._iapws._ThCond(998.0, x) | 298.15
    iapws._iapws._Tension(x) | 300.0
    iapws.iapws97._PSat_T(x) | 500.0
    iapws.iapws97._TSat_P(x) | 10.0
    iapws.iapws97._Region1(x, 3.0)['h'] | 300.0
""",
)
