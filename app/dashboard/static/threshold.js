// Shows how many clips of the campaign would pass at the selected threshold: one chart for each model.

// ``threshold`` is a number for all briefs, or a function that returns the threshold of a brief.
function passing(data, threshold) {
  const of = typeof threshold === "number" ? () => threshold : threshold;
  const briefs = new Map();
  for (const [brief, from, number, open] of data.bins) {
    const sums = briefs.get(brief) ?? { pass: 0, all: 0 };
    sums.all += number;
    if (from + data.width / 2 >= of(brief)) sums.pass += open;
    briefs.set(brief, sums);
  }
  return briefs;
}

function minutes(data, briefs) {
  let seconds = 0;
  for (const [brief, want] of Object.entries(data.wants)) {
    const { pass = 0, all = 0 } = briefs.get(brief) ?? {};
    if (pass >= want) continue;
    if (!pass || !all) return null;
    seconds += (want - pass) / (pass / all) * data.seconds;
  }
  return seconds / 60;
}

function show(chart, data) {
  const slider = chart.querySelector("input"), preview = chart.querySelector("output");
  const threshold = Number(slider.value), briefs = passing(data, threshold);
  const total = (map) => [...map.values()].reduce((sum, each) => sum + each.pass, 0);
  const now = total(passing(data, (brief) => data.own[brief] ?? data.now)), then = total(briefs), left = minutes(data, briefs);
  const wanted = Object.keys(data.wants).length
    ? left === null ? ". For at least one brief, no clip would pass at this threshold, so the remaining time is unknown"
      : left === 0 ? ". All briefs reach their target" : `. About ${left.toFixed(1)} more device-minutes are needed to reach the target`
    : "";
  preview.textContent = `${then.toLocaleString("en")} ${then === 1 ? "clip" : "clips"} would pass at ${threshold.toFixed(3)} (${now.toLocaleString("en")} pass now)${wanted}.`;
  slider.setAttribute("aria-valuetext", preview.textContent);
  chart.querySelectorAll("rect").forEach((bar) => bar.classList.toggle("passes", Number(bar.dataset.from) + data.width / 2 >= threshold));
  const mark = chart.querySelector("line"), width = chart.querySelector("svg").viewBox.baseVal.width;
  const at = (threshold - Number(slider.min)) / (Number(slider.max) - Number(slider.min)) * width;
  mark.setAttribute("x1", at);
  mark.setAttribute("x2", at);
}

// The charts are loaded after the page.
document.addEventListener("htmx:afterSettle", () => {
  for (const chart of document.querySelectorAll(".scores:not(.shown)")) {
    const data = JSON.parse(chart.querySelector(".threshold-data").textContent);
    chart.classList.add("shown");
    chart.querySelector("input").addEventListener("input", () => show(chart, data));
    show(chart, data);
  }
});
