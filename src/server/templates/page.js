// Renews what is shown every 15 seconds, without moving the focus or the place on the page.
"use strict";
const state = document.getElementById("state");
const say = (text) => { if (state.textContent !== text) state.textContent = text; };
let renewed = new Date();
async function renew() {
  const main = document.querySelector("main");
  if (document.hidden) return;
  if (main.contains(document.activeElement) || !getSelection().isCollapsed) {
    say(`paused while you use it, as of ${renewed.toLocaleTimeString()}`);
    return;
  }
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("main");
    if (!next) throw new Error("no page");
    main.replaceWith(next);
    document.title = page.title;
    document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href;
    renewed = new Date();
    say("renews itself every 15 s");
  } catch {
    say(`NOT RENEWED since ${renewed.toLocaleTimeString()}: the exporter does not answer`);
  }
}
say("renews itself every 15 s");
setInterval(renew, 15000);
document.addEventListener("visibilitychange", renew);
