"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");
  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Charts. Everything but colours comes ready from the report; colours depend on the reader's theme.
  function themed(trace) {
    const made = structuredClone(trace);
    const look = made.look;
    delete made.look;
    if (look === "heat") {
      made.colorscale = [[0, variable("--slower")], [0.5, variable("--card")], [1, variable("--faster")]];
      return made;
    }
    const colour = look === "roof" ? variable("--roof") : look[dark.matches ? 1 : 0];
    for (const part of ["line", "marker", "error_y"]) {
      if (made[part]) made[part].color = colour;
    }
    if (made.marker) made.marker.line = { color: colour, width: 1.5 };
    return made;
  }

  function layoutOf(chart) {
    const axis = (own) => Object.assign({ gridcolor: variable("--line"), zerolinecolor: variable("--line"),
      linecolor: variable("--muted"), automargin: true }, own);
    const base = { height: 440, margin: { l: 56, r: 12, t: 12, b: 48 }, paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)", font: { color: variable("--text"), size: narrow.matches ? 11 : 12 },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, hovermode: "closest",
      hoverlabel: { bgcolor: variable("--bg"), bordercolor: variable("--muted"), align: "left",
        font: { color: variable("--text"), size: 12 } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: variable("--muted"), activecolor: variable("--accent") }, dragmode: narrow.matches ? false : "zoom" };
    const made = Object.assign(base, structuredClone(chart.layout));
    made.xaxis = axis(made.xaxis);
    made.yaxis = axis(made.yaxis);
    return made;
  }

  let shown = null;
  function draw() {
    if (!shown) return;
    const options = { responsive: true, displaylogo: false, displayModeBar: narrow.matches ? false : "hover",
      // Named one by one: Plotly's own choice has a button that sends the chart to its makers' servers.
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] };
    Plotly.react("chart", shown.data.map(themed), layoutOf(shown), options);
    byId("chart-note").textContent = shown.note;
  }

  function showKind(kind) {
    for (const tab of document.querySelectorAll("[role=tab]")) {
      tab.setAttribute("aria-selected", String(tab.dataset.kind === kind));
    }
    const which = byId("which");
    which.replaceChildren(...data.charts[kind].map((chart, n) => new Option(chart.name, String(n))));
    which.parentElement.hidden = data.charts[kind].length < 2;
    which.onchange = () => { shown = data.charts[kind][Number(which.value)]; draw(); };
    which.onchange();
  }

  if (byId("chart") && window.Plotly) {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    tabs.forEach((tab, n) => {
      tab.onclick = () => showKind(tab.dataset.kind);
      tab.onkeydown = (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) tabs[(n + step + tabs.length) % tabs.length].focus();
      };
    });
    showKind(tabs[0].dataset.kind);
    dark.addEventListener("change", draw);
    narrow.addEventListener("change", draw);
  }

  // A bar beside each mean of the speed-ups: to the right for faster, to the left for slower.
  const means = [...document.querySelectorAll("#standings th")].findIndex((head) => head.textContent === "mean");
  for (const row of document.querySelectorAll("#standings tr")) {
    const made = document.createElement(row.closest("thead") ? "th" : "td"), bar = document.createElement("i");
    const mean = Number(row.cells[means].textContent);
    made.className = "bars";
    made.setAttribute("aria-hidden", "true");
    if (mean > 0) {
      bar.className = `bar ${mean >= 1 ? "up" : "down"}`;
      bar.style.width = `${Math.min(50, 50 * Math.abs(Math.log(mean)) / Math.log(4))}%`;
      made.append(bar);
    }
    row.append(made);
  }

  // The table: columns of texts are codes into lists of their distinct values.
  const { count, texts, numbers } = data.rows;
  const text = (column, row) => texts[column].values[texts[column].codes[row]];
  const PER_PAGE = 50;
  let rows = [];
  let page = 0;
  let sorted = { column: null, down: false };

  function significant(value, digits = 3) {
    if (value === null) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size < 1e-3 || size >= 1e6) return value.toExponential(digits - 1);
    if (size >= 10 ** digits) return String(Math.round(value));
    const shown = value.toPrecision(digits);
    return shown.includes("e") ? String(Number(shown)) : shown;
  }

  function timeText(us) {
    const [size, unit] = us >= 1e6 ? [1e6, "s"] : us >= 1e3 ? [1e3, "ms"] : us >= 1 ? [1, "µs"] : [1e-3, "ns"];
    return `${significant(us / size)} ${unit}`;
  }

  function filtered() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const columns = Object.values(texts);
    // For each word, which distinct values of which column contain it: rows are then only looked up.
    const hits = words.map((word) => columns.map((column) => column.values.map((v) => v.toLowerCase().includes(word))));
    const chosen = [...document.querySelectorAll("[data-filter]")].filter((select) => select.value !== "")
      .map((select) => [texts[select.dataset.filter].codes, Number(select.value)]);
    const validOnly = byId("valid").checked;
    const found = [];
    for (let row = 0; row < count; row++) {
      if (!chosen.every(([codes, code]) => codes[row] === code)) continue;
      if (validOnly && (text("doubts", row) !== "" || text("outcome", row) !== "ok")) continue;
      if (!hits.every((perColumn) => perColumn.some((values, n) => values[columns[n].codes[row]]))) continue;
      found.push(row);
    }
    return found;
  }

  function sort(found) {
    const { column, down } = sorted;
    if (!column) return found;
    let key;
    if (texts[column]) {
      const order = texts[column].values.map((_, n) => n)
        .sort((a, b) => texts[column].values[a].localeCompare(texts[column].values[b]));
      const rank = new Array(order.length);
      order.forEach((code, place) => { rank[code] = place; });
      key = (row) => rank[texts[column].codes[row]];
    } else {
      key = (row) => numbers[column][row];
    }
    const sign = down ? -1 : 1;
    return found.sort((a, b) => {
      const x = key(a), y = key(b);
      if (x === y) return a - b;
      if (x === null) return 1;  // what was not measured comes last, whichever way
      if (y === null) return -1;
      return sign * (x - y);
    });
  }

  function cell(content, kind, small) {
    const made = document.createElement("td");
    if (kind) made.className = kind;
    made.textContent = content;
    if (small) {
      const detail = document.createElement("small");
      detail.textContent = ` ${small}`;
      made.append(detail);
    }
    return made;
  }

  function line(row) {
    const made = document.createElement("tr");
    const time = numbers.time_us[row], low = numbers.low_us[row], high = numbers.high_us[row];
    const width = low === null || !time ? "" : `±${((high - low) / 2 / time * 100).toFixed(1)}%`;
    const speedup = numbers.speedup[row], least = numbers.speedup_low[row];
    const interval = least === null ? "" : `${least.toFixed(2)}–${numbers.speedup_high[row].toFixed(2)}`;
    const isBaseline = speedup === 1 && text("verdict", row) === "";
    const doubts = text("doubts", row), outcome = text("outcome", row), regime = text("regime", row);
    const verdict = text("verdict", row);
    // What the share of the roof is divided by: the fastest stream of the case, undisturbed.
    const share = numbers.roof_percent[row];
    const roof = share === null ? "" : `of ${significant(numbers.roof_gbps[row])} (${text("roof", row)})`;
    const energy = numbers.energy_mj[row];
    const perGb = energy === null ? "" : `${significant(energy / (numbers.bytes[row] / 1e9))} per GB`;
    const cells = {
      op: () => cell(text("op", row), "", text("variant", row)),
      elements: () => cell(text("size", row), "n"),
      dtype: () => cell(text("dtype", row)),
      provider: () => cell(text("provider", row)),
      device: () => cell(text("device", row)),
      time_us: () => cell(time === null ? "–" : timeText(time), "n", width),
      gbps: () => cell(significant(numbers.gbps[row]), "n"),
      roof_percent: () => cell(share === null ? "–" : share.toFixed(0), "n", roof),
      speedup: () => cell(speedup === null ? "–" : isBaseline ? "1" : speedup.toFixed(2), "n", isBaseline ? "" : interval),
      verdict: () => cell(verdict || "–", verdict),
      max_ulp: () => cell(significant(numbers.max_ulp[row], 2), "n"),
      energy_mj: () => cell(energy === null ? "–" : significant(energy), "n", perGb),
      outcome: () => cell(outcome === "ok" ? (doubts || "valid") : outcome, "", outcome === "ok" ? regime : ""),
    };
    made.append(...[...document.querySelectorAll("#table th")].map((head) => cells[head.dataset.column]()));
    const why = [...text("flags", row).split(" ").filter(Boolean).map((flag) => data.flags[flag] || flag), text("reason", row)];
    made.title = why.filter(Boolean).join("; ");
    return made;
  }

  function showPage() {
    const pages = Math.max(1, Math.ceil(rows.length / PER_PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    byId("table").tBodies[0].replaceChildren(...rows.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(line));
    byId("count").textContent = `${rows.length.toLocaleString("en")} of ${count.toLocaleString("en")} rows`;
    byId("page").textContent = `page ${page + 1} of ${pages}`;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
  }

  function update() {
    rows = sort(filtered());
    page = 0;
    showPage();
  }

  for (const select of document.querySelectorAll("[data-filter]")) {
    const name = select.dataset.filter;
    const options = texts[name].values.map((value, code) => [value, code]).filter(([value]) => value !== "")
      .sort(([a], [b]) => a.localeCompare(b));
    select.replaceChildren(new Option(`any ${name}`, ""), ...options.map(([v, code]) => new Option(v, String(code))));
    select.hidden = options.length < 2;
    select.onchange = update;
  }
  let waiting = 0;
  byId("search").oninput = () => { clearTimeout(waiting); waiting = setTimeout(update, 120); };
  byId("valid").onchange = update;
  byId("filters").onsubmit = (event) => event.preventDefault();
  byId("filters").onreset = () => setTimeout(update);
  byId("previous").onclick = () => { page -= 1; showPage(); };
  byId("next").onclick = () => { page += 1; showPage(); };
  for (const head of document.querySelectorAll("#table th")) {
    head.tabIndex = 0;
    head.onclick = () => {
      const column = head.dataset.column;
      sorted = { column, down: sorted.column === column ? !sorted.down : false };
      for (const other of document.querySelectorAll("#table th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      update();
    };
    head.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); head.onclick(); }
    };
  }
  update();
})();
