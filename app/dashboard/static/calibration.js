// Shows precision and recall at the selected threshold, from the data in the page.
const points = JSON.parse(document.getElementById("curve-data")?.textContent ?? "[]");
const slider = document.getElementById("slider"), preview = document.getElementById("preview");
const percent = (part, whole) => `${Math.round(100 * part / whole)}%`;

function show() {
  const threshold = Number(slider.value);
  // Use the first point at or above the threshold. Between two points nothing changes.
  const [, hits, wrong, missed] = points.find(([at]) => at >= threshold) ?? points.at(-1);
  const passed = hits + wrong;
  preview.textContent = `At ${threshold.toFixed(3)}, ${passed} reviewed ${passed === 1 ? "clip" : "clips"} would pass.`
    + (passed ? ` People approved ${percent(hits, passed)} of them (precision).` : "")
    + (hits + missed ? ` Of all approved clips, ${percent(hits, hits + missed)} would pass (recall).` : "");
  slider.setAttribute("aria-valuetext", preview.textContent);
  const mark = document.getElementById("mark"), low = Number(slider.min), high = Number(slider.max);
  const field = document.getElementById("chosen");
  if (field) field.value = threshold.toFixed(3);
  const at = (threshold - low) / (high - low) * (document.querySelector(".curves").viewBox.baseVal.width - 60);
  mark.setAttribute("x1", at);
  mark.setAttribute("x2", at);
}

if (points.length) {
  slider.step = "0.001";
  slider.addEventListener("input", show);
  show();
}
