"""Escaping and masking of text that others wrote (names, units, cells, exceptions): one module per kind of output.

The kinds are Markdown pages, CSV files, terminals and records. Figures and HTML are handled elsewhere: `report/style.py` draws
every text literally, and `report/markup.py` escapes HTML.
"""
