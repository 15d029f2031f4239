"""Where text that others wrote (names, units, cells, exceptions) leaves for a page, a CSV, a terminal or a record: one file each.

Figures take no part: `report/style.py` draws every text as it stands, and HTML is escaped by `report/markup.py`.
"""
