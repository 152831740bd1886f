"""How a scene becomes a pair: sensors, point spread functions, responses, noise, Wald's protocol."""

from csakd.physics.blind import Calibration, calibrate, estimate_psf, estimate_response
from csakd.physics.operators import Sensors, SpatialResponse, SpectralResponse, check_ratio, spectral_response, upsample
from csakd.physics.sensors import MULTISPECTRAL, BandList, band_list, hyperspectral_names, resample
from csakd.physics.wald import add_noise, noise_like, observe

__all__ = [
    "MULTISPECTRAL",
    "BandList",
    "Calibration",
    "Sensors",
    "SpatialResponse",
    "SpectralResponse",
    "add_noise",
    "band_list",
    "calibrate",
    "check_ratio",
    "estimate_psf",
    "estimate_response",
    "hyperspectral_names",
    "noise_like",
    "observe",
    "resample",
    "spectral_response",
    "upsample",
]
