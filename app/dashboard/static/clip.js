// The clip page.
import { decide, dialogOpen, typing } from "./app.js";
import { player } from "./player.js";

const card = document.querySelector(".clip");
const video = document.getElementById("player");
const deck = player(video ? [video] : [], Number(card.dataset.fps));
const next = () => document.getElementById("next");

// Reloads the changed parts of the page without interrupting the player.
async function refresh() {
  const text = await fetch(location.href, { headers: { Accept: "text/html" } }).then((page) => page.text());
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const name of ["state", "actions", "timeline", "credential", "downloads"]) {
    const here = document.getElementById(name), there = fresh.getElementById(name);
    if (!here || !there) continue;
    here.replaceWith(document.adoptNode(there));
    htmx.process(there);
  }
  Object.assign(card.dataset, fresh.querySelector(".clip").dataset);
}

const act = (name) => {
  const button = document.querySelector(`#actions [data-act=${name}]`);
  if (button) decide([card], name);
};
const keys = {
  j: () => next()?.click(), k: () => document.getElementById("previous")?.click(), " ": deck.toggle,
  ",": () => deck.step(-1), ".": () => deck.step(1), ArrowLeft: () => deck.step(-1), ArrowRight: () => deck.step(1),
  a: () => act("approve"), r: () => act("reject"), g: () => act("reroll"), w: () => act("withdraw"),
  c: () => document.querySelector("a[href^='/compare']")?.click(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || dialogOpen()) return;
  if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  if (event.key === " " && event.target.closest("button, a, summary, input[type=checkbox]")) return;
  const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!key) return;
  event.preventDefault();
  key();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.act) act(button.dataset.act);
  else if (button?.dataset.seek) deck.seek(Number(button.dataset.seek));
});
document.addEventListener("card", ({ detail }) => detail.id === card.dataset.id && detail.seen !== card.dataset.seen && refresh());
document.addEventListener("decided", (event) => event.detail.ok && refresh());
document.getElementById("comment-form")?.addEventListener("htmx:configRequest", (event) => {
  event.detail.parameters.clip_s = document.getElementById("at-now").checked ? deck.time().toFixed(3) : "";
});
document.getElementById("comment-form")?.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) event.target.reset();
});
