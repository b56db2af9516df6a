"""The report as one self-contained HTML page: words, interactive charts, tables, method, manifest."""

from reports.page.write import PAGE, Page, page, write_page

__all__ = ["PAGE", "Page", "page", "write_page"]
