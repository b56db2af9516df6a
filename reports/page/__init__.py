"""The report as one self-contained HTML page: words, interactive charts, tables, method, manifest."""

from reports.page.write import PAGE, write_page

__all__ = ["PAGE", "write_page"]
