// The home page: each domain's flow with its counts, asked for every two seconds.
import { NeedsToken, ask, keepToken, saveByToken, token } from "/shared/ask.js";
import { linkServices } from "/shared/services.js";
import { Flow } from "./flow.js";

const POLL_MS = 2000;
const PATIENCE_MS = 8000;
const find = (id) => document.getElementById(id);
const sections = [...document.querySelectorAll("section.domain")].map((section) => {
  const root = section.querySelector(".flow");
  return { section, flow: new Flow(root, JSON.parse(root.dataset.stations)) };
});

function show(domains) {
  for (const { section, flow } of sections) {
    const { steps } = domains.find((one) => one.name === section.dataset.domain);
    const isEmpty = steps.every((step) => !step.count);
    section.toggleAttribute("data-idle", isEmpty);
    section.querySelector(".idle").hidden = !isEmpty;
    flow.show(steps);
  }
}

function say(state, text) {
  find("health").dataset.state = state;
  find("health").textContent = text;
}

async function poll() {
  if (!document.hidden) {
    try {
      const answer = await ask("/domains", { timeout: PATIENCE_MS });
      show(await answer.json());
      find("token-form").hidden = true;
      say("ok", "connected");
    } catch (error) {
      const isRefused = error instanceof NeedsToken;
      find("token-form").hidden = !isRefused;
      find("token-note").textContent = isRefused && token() ? "That is not the token of this service." : "";
      say(isRefused ? "waiting" : "down", isRefused ? "asks for its token" : "no answer");
    }
  }
  setTimeout(poll, POLL_MS);
}

find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(event.target.elements.token.value);
});
document.addEventListener("click", saveByToken);
linkServices().catch(() => {});
poll();
