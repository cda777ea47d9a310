// The comparison page.
import { decide, dialogOpen, typing } from "./app.js";
import { player } from "./player.js";

const cards = () => [...document.querySelectorAll("#grid > .card")];
const deck = player([...document.querySelectorAll("#grid video")], Number(cards()[0]?.dataset.fps ?? 8));
let current = cards()[0]?.id;

function go(card) {
  if (!card) return;
  document.getElementById(current)?.removeAttribute("aria-current");
  current = card.id;
  card.setAttribute("aria-current", "true");
  card.focus({ preventScroll: true });
}
function move(by) {
  const all = cards(), card = all[all.findIndex((each) => each.id === current) + by];
  if (card) go(card);
  else document.getElementById(by > 0 ? "later" : "earlier")?.click();
}
function act(name, card = document.getElementById(current)) {
  if (document.querySelector("[data-act]") && card) decide([card], name, () => move(1));
}
document.addEventListener("card", ({ detail }) => {
  const card = cards().find((each) => each.dataset.id === detail.id);
  if (!card) return;
  Object.assign(card.dataset, detail);
  const state = card.querySelector(".state");
  state.textContent = detail.state;
  state.className = `state ${detail.state}`;
  card.querySelector(".decide")?.toggleAttribute("hidden", !["passed", "failed"].includes(detail.state));
});
const keys = {
  j: () => move(1), k: () => move(-1), " ": deck.toggle, ",": () => deck.step(-1), ".": () => deck.step(1),
  a: () => act("approve"), r: () => act("reject"), g: () => act("reroll"), w: () => act("withdraw"),
  Enter: () => location.assign(`/clips/${document.getElementById(current).dataset.id}`),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || dialogOpen()) return;
  if (["Enter", " "].includes(event.key) && event.target.closest("button, a, summary")) return;
  if (/^[1-4]$/.test(event.key)) return go(cards()[Number(event.key) - 1]);
  const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!key) return;
  event.preventDefault();
  key();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest(".card [data-act]"), card = event.target.closest(".card");
  if (card) go(card);
  if (button) act(button.dataset.act, card);
});
go(cards()[0]);
