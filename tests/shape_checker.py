"""The run-time type checker behind `conftest.py`; an int is a float here, as in PEP 484."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
