// The gallery grid: keyboard control, selection, playing on hover.
import { ask, decide, dialogOpen, notify, typing } from "./app.js";

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const cards = () => [...document.querySelectorAll("#grid > .card")];
const selected = () => cards().filter((each) => each.classList.contains("chosen"));
let currentId = null;
let pageTurn = null;

const current = () => document.getElementById(currentId ?? "") ?? null;

function go(card) {
  if (!card) return;
  current()?.removeAttribute("aria-current");
  current()?.querySelector("video")?.remove();
  currentId = card.id;
  card.setAttribute("aria-current", "true");
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = cards(), at = all.indexOf(current());
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  if (next) return go(next);
  const link = document.getElementById(by > 0 ? "later" : "earlier");
  pageTurn = by;
  link?.click();
}

function play(thumb) {
  if (thumb.querySelector("video") || !thumb.querySelector("img")) return thumb.querySelector("video");
  const video = document.createElement("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true, preload: "auto", src: thumb.dataset.src });
  thumb.append(video);
  video.play().catch(() => video.remove());
  return video;
}

function toggle(card, on = !card.classList.contains("chosen")) {
  card.classList.toggle("chosen", on);
  card.querySelector(".pick").checked = on;
  count();
}

function count() {
  const number = selected().length;
  document.getElementById("toolbar").hidden = !number;
  document.getElementById("chosen-count").textContent = `${number} selected`;
}

function targets() {
  const picked = selected();
  return picked.length ? picked : [current()].filter(Boolean);
}

function act(name) {
  const some = targets();
  if (!some.length) return notify("No clip is selected. Press J to go to the next clip.");
  const advance = (answer) => {
    some.forEach((each) => each.classList.add("pending"));
    if (!selected().length) move(1);
    selected().forEach((each) => toggle(each, false));
    answer.then((ok) => ok || some.forEach((each) => document.getElementById(each.id)?.classList.remove("pending")));
  };
  if (name === "reroll") ask("reroll", some, advance, new URLSearchParams(document.getElementById("results").dataset.query).get("campaign"));
  else decide(some, name, advance);
}

function compare() {
  const ids = targets().map((each) => each.dataset.id);
  if (ids.length > 4) notify("You can compare up to four clips. Select fewer.");
  else if (ids.length > 1) location.assign(`/compare?${ids.map((id) => `id=${id}`).join("&")}`);
  else if (ids.length) location.assign(`/compare?of=${ids[0]}&${document.getElementById("results").dataset.query}`);
  else location.assign(`/compare?${document.getElementById("results").dataset.query}`);
}

const open = (card) => {
  const query = document.getElementById("results").dataset.query;
  location.assign(`/clips/${card.dataset.id}?in=${encodeURIComponent(query)}`);
};

const canReview = document.querySelector("[data-act=approve]") !== null;
const keys = {
  j: () => move(1), ArrowRight: () => move(1), k: () => move(-1), ArrowLeft: () => move(-1),
  a: () => canReview && act("approve"), r: () => canReview && act("reject"), g: () => canReview && act("reroll"), w: () => canReview && act("withdraw"),
  x: () => current() && toggle(current()), c: compare,
  " ": () => {
    const thumb = current()?.querySelector(".thumb");
    const video = thumb?.querySelector("video");
    if (video) video.remove(); else if (thumb) play(thumb);
  },
  Enter: () => current() && open(current()),
  "/": () => { document.querySelector(".filters").open = true; document.getElementById("search").focus(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || dialogOpen()) return;
  if (["Enter", " "].includes(event.key) && event.target.closest("button, a, summary, input")) return;
  const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!key) return;
  event.preventDefault();
  key();
});

document.addEventListener("pointerover", (event) => {
  const thumb = event.target.closest?.(".thumb");
  if (thumb && !reducedMotion.matches && event.pointerType !== "touch") play(thumb);
});
document.addEventListener("pointerout", (event) => {
  const thumb = event.target.closest?.(".thumb");
  if (thumb && !thumb.contains(event.relatedTarget)) thumb.querySelector("video")?.remove();
});
document.addEventListener("click", (event) => {
  const card = event.target.closest(".card"), button = event.target.closest("[data-act]");
  if (event.target.closest(".pick")) return toggle(card, event.target.checked);
  if (event.target.closest("a.prompt") && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
  if (event.target.closest("a.prompt")) { event.preventDefault(); return open(card); }
  if (event.target.closest(".thumb")) { go(card); return play(event.target.closest(".thumb")); }
  if (!button) return;
  if (button.dataset.act === "all") cards().forEach((each) => toggle(each, true));
  else if (button.dataset.act === "none") selected().forEach((each) => toggle(each, false));
  else if (button.dataset.act === "compare") compare();
  else if (button.dataset.act === "bundle") location.assign(`/bundle?${selected().map((each) => `id=${each.dataset.id}`).join("&")}`);
  else act(button.dataset.act);
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (pageTurn === null || event.target.id !== "results") return;
  const all = cards(), first = pageTurn > 0 ? all[0] : all.at(-1);
  pageTurn = null;
  go(first);
});
// Pass the query of new results to the links and forms of the page.
document.addEventListener("htmx:afterSwap", (event) => {
  const query = document.getElementById("results")?.dataset.query ?? "";
  document.querySelectorAll("[data-bulk]").forEach((each) => { each.href = `/bulk?outcome=${each.dataset.bulk}&${query}`; });
  document.querySelectorAll(".views [name=query], #save-view [name=query]").forEach((each) => { each.value = query; });
  if (event.target.id === "results") count();
});
document.addEventListener("decided", () => {
  const card = current();
  if (card && !card.hasAttribute("aria-current") && !dialogOpen()) go(card);
  count();
});
