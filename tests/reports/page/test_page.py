"""The page as text, and as people see it: in a real headless browser, at two widths and in two themes."""

from __future__ import annotations

import html.parser
import json
import re
import subprocess
import sys
from copy import copy
from dataclasses import replace

import pytest

from harness.ops.cases import make_case
from harness.store.records import ErrorByInput
from reports.page import PAGE, page, write_page
from reports.page.rows import embedded
from tests.reports.browser import browser, dress, errors, requests
from tests.reports.runs import control, record, roof, run_of, untimed

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&amp;{{7*7}}"
GPU = {"kind": "cuda", "name": f"A GPU {HOSTILE}", "last_level_cache_bytes": 50 << 20}


def content(name: str = "theirs"):
    """A run with curves, losses, marks, a rejection, an error profile, and a hostile name wherever one may be."""
    records = []
    for size in (256, 512, 1024, 2048):
        for dtype in ("bfloat16", "float32"):
            case = make_case("elu", (size, size), dtype)
            time_s = case.bytes_moved / 500e9
            records += [
                record(case, "eager", time_s),
                record(case, "triton", time_s / 2, error_by_input=PROFILE if dtype == "bfloat16" else None),
                record(case, name, time_s * 1.25, flags=("noisy",) if size == 512 else ()),
                replace(roof(case, time_s / 3), roof_gbps=1600.0),
                control(0.005, case, time_s),
            ]
    backward = make_case("elu_backward", (1024, 1024), "bfloat16")
    records += [
        untimed(backward, "compile", "rejected", reason=f"wrong {HOSTILE}", worst_input="x=-1"),
        untimed(backward),
    ]
    return run_of(*records, device=GPU, argv=[HOSTILE])


PROFILE = ErrorByInput(128, (*[0.4] * 255, None, *[0.49] * 255, None))


def test_everything_is_on_the_page_without_a_byte_from_elsewhere(tmp_path):
    path = write_page(content(), tmp_path / "report")
    text = path.read_text(encoding="utf-8")
    assert path.name == PAGE and "In short" in text and "0123456789abcdef" in text
    assert "triton runs at 2.00× the speed of eager, the geometric mean of 8 cases" in text
    assert "theirs runs at 0.80× the speed of eager, the geometric mean of 6 cases" in text  # two rows carry a mark
    assert "compile gives wrong results in 1 case" in text

    class Loads(html.parser.HTMLParser):
        found: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag, attributes):
            named = dict(attributes)
            self.found += [named[name] for name in ("src", "href") if name in named]

    parser = Loads()
    parser.feed(text)
    assert all(address.startswith(("#", "data:")) for address in parser.found)


def test_energy_is_a_column_where_it_was_counted():
    assert 'data-column="energy_mj"' in page(run_of(record(energy_j=12.34e-3)), "0" * 64).text
    assert 'data-column="energy_mj"' not in page(run_of(record()), "0" * 64).text


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes():
    code = "from tests.reports.page.test_page import content, page; print(hash_of(page(content()).text.encode()))"
    code = f"from zlib import crc32 as hash_of; {code}"
    assert len({subprocess.check_output([sys.executable, "-c", code]) for _ in range(2)}) == 1


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "\ud800", "&lt;", 'a"b\\'])
def test_embedded_data_reads_back_and_ends_no_element(text):
    shown = embedded({text: [text]})
    assert not set("<>&\u2028") & set(shown)
    safe = text.encode("utf-8", "replace").decode()
    assert json.loads(shown) == {safe: [safe]}


def test_an_empty_run_has_a_page():
    assert "no record yet" in page(run_of()).text


def test_a_manifest_with_holes_has_a_page():
    assert (
        "unknown device" in page(run_of(record(), device=None, sweep=None, versions=None, git=None, created=None)).text
    )


def test_without_plotly_the_figures_are_pictures_and_the_page_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    made = page(content())
    text = made.text
    assert made.left_out == ("the interactive charts need plotly: pip install plotly",)
    assert "Plotly is not installed" in text and "data:image/svg+xml;base64," in text and len(text) < 3e6
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = page(content()).text
    assert "Matplotlib is missing too" in text and "data:image/svg" not in text


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write_page(content(HOSTILE), tmp_path_factory.mktemp("run")).as_uri()


def table(driver, column: int) -> list[str]:
    return driver.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].map(row => row.cells[arguments[0]].textContent)",
        column,
    )


def choose(driver, name: str, value: str) -> None:
    driver.execute_script(
        "const s = document.querySelector(`[data-filter=${arguments[0]}]`);"
        "s.value = [...s.options].find(o => o.text === arguments[1]).value; s.onchange()", name, value,
    )  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_opens_without_an_error_or_a_request_at_every_width_and_theme(chromium, address, width, theme):
    dress(chromium, width, theme)
    requests(chromium), errors(chromium)
    chromium.get(address)
    assert errors(chromium) == []
    # "chrome": what the browser still loads of its own first page.
    assert {url.partition(":")[0] for url in requests(chromium)} <= {"file", "data", "blob", "chrome"}
    assert chromium.execute_script("return document.documentElement.scrollWidth") == width, "scrolls sideways"
    assert chromium.execute_script("return document.querySelectorAll('#chart .point').length") > 0
    background = chromium.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (theme == "light")
    assert chromium.title == f"elubench: A GPU {HOSTILE}"


@pytest.mark.browser
def test_every_tab_draws_and_names_from_outside_stay_text(chromium, address):
    dress(chromium, 1280, "light")
    chromium.get(address)
    tabs = chromium.find_elements("css selector", "[role=tab]")
    buttons = "return [...document.querySelectorAll('.modebar-btn')].map(button => button.dataset.title)"
    assert set(chromium.execute_script(buttons)) == {
        "Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"
    }, "a button of Plotly's that may send the chart away"  # fmt: skip
    assert [tab.text.split()[0] for tab in tabs] == ["Bandwidth", "Speed-up", "Roofline", "Error"]
    for tab in tabs:
        tab.click()
        assert tab.get_attribute("aria-selected") == "true"
        assert chromium.execute_script("return document.querySelectorAll('#chart .trace, #chart image').length") > 0
    assert chromium.execute_script("return document.querySelectorAll('#chart img, #chart script').length") == 0
    assert errors(chromium) == [] and chromium.title != "owned"


@pytest.mark.browser
def test_pointing_at_a_mark_says_case_provider_time_interval_and_validity(chromium, address):
    from selenium.webdriver import ActionChains

    dress(chromium, 1280, "light")
    chromium.get(address)
    chart = chromium.find_element("id", "chart")
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    shown = set()
    for point in chromium.find_elements("css selector", "#chart .scatterlayer .points path.point"):
        ActionChains(chromium).move_to_element(point).perform()
        texts = chromium.find_elements("css selector", "#chart .hoverlayer .hovertext")
        shown |= {text.text for text in texts}
    triton = next(text for text in shown if "triton" in text)
    assert (
        re.search(r"elu \d+×\d+ bfloat16", triton) and "95%:" in triton and "GB/s" in triton and "2.00× eager" in triton
    )
    assert "valid, cold, 40 samples" in triton
    assert any("not valid: the 95% interval of the median is wider" in text for text in shown)
    assert any(HOSTILE[:20] in text for text in shown)


@pytest.mark.browser
def test_filters_filter_search_searches_and_columns_sort(chromium, address):
    dress(chromium, 1280, "light")
    chromium.get(address)
    count = chromium.find_element("id", "count")
    assert count.text == "26 of 26 rows"
    choose(chromium, "provider", "triton")
    assert set(table(chromium, 3)) == {"triton"} and count.text == "9 of 26 rows"
    choose(chromium, "dtype", "float32")
    assert count.text == "4 of 26 rows"
    time = chromium.find_element("css selector", "#table th[data-column=time_us]")
    for direction in ("ascending", "descending"):
        time.click()
        assert time.get_attribute("aria-sort") == direction
        sizes = [int(text.split("×")[0]) for text in table(chromium, 1)]
        assert sizes == sorted([256, 512, 1024, 2048], reverse=direction == "descending")
    chromium.find_element("css selector", "#filters [type=reset]").click()
    chromium.find_element("id", "search").send_keys("backward REJECTED")
    wait_for(chromium, "count", "1 of 26 rows")
    chromium.find_element("css selector", "#filters [type=reset]").click()
    wait_for(chromium, "count", "26 of 26 rows")
    chromium.find_element("id", "valid").click()
    assert count.text == "22 of 26 rows"  # two rows carry a mark, two were not timed
    assert errors(chromium) == []


def wait_for(driver, element: str, text: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 20).until(lambda d: d.find_element("id", element).text == text)


@pytest.mark.browser
def test_a_report_of_100_000_records_stays_small_and_can_be_filtered(chromium, tmp_path):
    proto = record()
    providers = ("eager", "triton", "compile", "theirs")

    def like(**changes):  # as `replace` makes it, which takes two seconds for all of them
        made = copy(proto)
        vars(made).update(changes)
        return made

    records = [
        like(case_key=f"{op} {size} {dtype}", op=op, dtype=dtype, shape=(size, 64), elements=64 * size,
             bytes_moved=64 * size * 8, provider=name, median_s=1e-6 * size * (1 + n), bandwidth_gbps=0.5 / (1 + n),
             ci95_s=(0.99e-6 * size * (1 + n), 1.01e-6 * size * (1 + n)), samples_s=())
        for op in ("elu", "elu_backward", "bias_elu", "bias_elu_backward")
        for dtype in ("bfloat16", "float32")
        for size in range(1, 3126)
        for n, name in enumerate(providers)
    ]  # fmt: skip
    assert len(records) == 100_000
    path = write_page(run_of(*records), tmp_path)
    assert path.stat().st_size < 20e6
    dress(chromium, 1280, "light")
    chromium.get(path.as_uri())
    count = chromium.find_element("id", "count")
    assert count.text == "100,000 of 100,000 rows"
    choose(chromium, "provider", "theirs")
    chromium.find_element("id", "search").send_keys("3125×64 bias_elu_backward bfloat16")
    wait_for(chromium, "count", "1 of 100,000 rows")
    assert table(chromium, 3) == ["theirs"]
    assert "the median of the cases of about its size" in chromium.find_element("id", "chart-note").text
    assert len(chromium.find_elements("css selector", "#chart .scatterlayer .point")) < 500
    assert errors(chromium) == []
