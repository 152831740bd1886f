"""GeoTIFF and Cloud Optimised GeoTIFF; wavelengths in each band's IMAGERY domain, where QGIS and EnMAP-Box look too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csakd.cubes import Cube
from csakd.io.atomic import replacing, scratch
from csakd.io.nodata import fitting
from csakd.io.outgoing import Outgoing, outgoing
from csakd.io.raster import RasterValues, coordinate_system, georeference, opened, without_sidecars, without_warning
from csakd.io.wavelengths import Spectral, described, in_nanometres

TILE = 128
CENTRES, WIDTHS = "CENTRAL_WAVELENGTH_UM", "FWHM_UM"
FOREIGN_CENTRES = ("wavelength", "wavelengths", "center_wavelength", "central_wavelength", "wavelength_nm")
FOREIGN_UNITS = ("wavelength_units", "wavelength_unit")


def read(path: Path) -> Cube:
    """The cube in a GeoTIFF, its pixels left there.

    Wavelengths come from the bands' IMAGERY domain, else from band tags `wavelength`, `wavelength_units`, `fwhm`,
    else from band descriptions such as "550.2 nm"; a mask inside the file becomes `valid`.

    Raises:
        ValueError: if the file is damaged, truncated, no GeoTIFF, or holds complex numbers.
    """
    from rasterio.enums import MaskFlags

    with opened(path, "GTiff") as source:
        if source.dtypes[0].startswith("complex"):
            raise ValueError(f"{path} holds complex numbers, a cube holds real ones")
        _check_length(source, path)
        wavelengths, fwhm = _spectral(source)
        values = RasterValues(path, "GTiff", (source.count, *source.shape), source.dtypes[0])
        masked = MaskFlags.per_dataset in source.mask_flag_enums[0] and MaskFlags.alpha not in source.mask_flag_enums[0]
        return Cube(
            values,
            wavelengths,
            fwhm,
            valid=source.read_masks(1) > 0 if masked else None,
            georeference=georeference(source),
            units=source.units[0] or "",
            nodata=fitting(source.nodata, values.dtype),
            source=f"{path}: GeoTIFF",
        )


def write(cube: Cube, path: Path) -> None:
    """Writes a tiled GeoTIFF (deflate, BigTIFF if needed), block by block."""
    with replacing(path) as draft:
        _write_tiled(outgoing(cube), draft)
    without_sidecars(path)


def write_cog(cube: Cube, path: Path) -> None:
    """Writes a Cloud Optimised GeoTIFF, with overviews."""
    import rasterio.shutil

    with scratch(path) as tiled, replacing(path) as draft:
        _write_tiled(outgoing(cube), tiled)
        rasterio.shutil.copy(
            tiled, draft, driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES", BIGTIFF="IF_SAFER", BLOCKSIZE=TILE
        )
        _check_written(draft)
    without_sidecars(path)


def _write_tiled(out: Outgoing, path: Path) -> None:
    import rasterio
    from rasterio.windows import Window

    cube, where = out.cube, out.cube.georeference
    height, width = cube.size
    image = {"width": width, "height": height, "count": cube.bands, "dtype": out.dtype.name, "nodata": out.nodata}
    tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "interleave": "band", "BIGTIFF": "IF_SAFER"}
    packing = {"compress": "deflate", "predictor": 3 if out.dtype.kind == "f" else 2}
    place = {"crs": coordinate_system(where), "transform": rasterio.Affine(*where.transform)} if where else {}
    with without_warning():
        target = rasterio.open(path, "w", driver="GTiff", **image, **tiles, **packing, **place)
    with target:
        for band in range(cube.bands):
            tags = {}
            if cube.wavelengths is not None:
                tags[CENTRES] = repr(float(cube.wavelengths[band]) / 1e3)
                target.set_band_description(band + 1, f"{cube.wavelengths[band]:.2f} nm")
            if cube.fwhm is not None:
                tags[WIDTHS] = repr(float(cube.fwhm[band]) / 1e3)
            target.update_tags(band + 1, ns="IMAGERY", **tags)
            target.set_band_unit(band + 1, cube.units)
        for rows, block in out.blocks(multiple=TILE):
            target.write(block, window=Window.from_slices(rows, slice(0, width)))
    _check_written(path)


def _check_written(path: Path) -> None:
    """GDAL only logs what goes wrong while it closes a file."""
    try:
        with opened(path, "GTiff") as result:
            _check_length(result, path)
    except ValueError as error:
        raise OSError("the disk is full, or failed") from error


def _check_length(source: Any, path: Path) -> None:
    """Looks where each band's last tile should end, so that a file cut short is noticed before its pixels are read."""
    height, width = source.block_shapes[0]
    corner = f"{(source.width - 1) // width}_{(source.height - 1) // height}"
    found = path.stat().st_size
    for band in source.indexes:
        start, length = (
            source.get_tag_item(f"BLOCK_{what}_{corner}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE")
        )
        if start and length and int(start) + int(length) > found:
            raise OSError(f"it has {found} bytes, but a tile ends at {int(start) + int(length)}")


def _spectral(source: Any) -> Spectral:
    """Band centres and widths in nm, as far as every band has them."""
    domains = [source.tags(band, ns="IMAGERY") for band in source.indexes]
    centres, widths = _numbers(domains, CENTRES), _numbers(domains, WIDTHS)
    if centres is not None or widths is not None:
        return in_nanometres(centres, widths, "um")
    tags = [{name.lower(): text for name, text in source.tags(band).items()} for band in source.indexes]
    unit = next((tags[0][name] for name in FOREIGN_UNITS if name in tags[0]), "")
    centres = next((found for name in FOREIGN_CENTRES if (found := _numbers(tags, name)) is not None), None)
    if centres is None:
        return described(source.descriptions), None
    return in_nanometres(centres, _numbers(tags, "fwhm"), unit)


def _numbers(tags: list[dict[str, str]], name: str) -> NDArray[np.float64] | None:
    try:
        return np.array([float(tag[name].split()[0]) for tag in tags])
    except (KeyError, ValueError, IndexError):
        return None
