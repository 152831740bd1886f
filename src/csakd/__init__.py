"""csakd: fuse a low-resolution hyperspectral with a high-resolution multispectral image."""
