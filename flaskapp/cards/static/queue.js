// The investigators' page: the queue, and how far each stage is behind, asked for every two seconds.
// A verdict removes its transaction from the list once it is recorded.
import { NeedsToken, ask, keepToken, token } from "/shared/ask.js";
import { linkServices } from "/shared/services.js";

const POLL_MS = 2000;
const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");

function say(text) {
  find("said").textContent = text;
}

async function told(answer) {
  if (answer.ok) return answer;
  throw new Error((await answer.json()).error);
}

const send = async (path, body) =>
  told(await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));

function refused(error) {
  const isRefused = error instanceof NeedsToken;
  find("token-form").hidden = !isRefused;
  if (isRefused) find("token-note").textContent = token() ? "That is not the token of this service." : "";
  return isRefused;
}

async function load() {
  try {
    const answer = await told(await ask("rows"));
    find("queue").innerHTML = await answer.text(); // escaped by the service, and scripts are forbidden
    say("");
  } catch (error) {
    if (!refused(error)) say(`The queue cannot be read now: ${error.message}`);
  }
}

async function confirm(article, fraud) {
  try {
    await send("confirm", { trans_num: article.dataset.transaction, fraud_confirmed: fraud });
    article.remove();
    say("Recorded.");
  } catch (error) {
    say(`Not recorded: ${error.message}`);
  }
}

function make(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function showStages(stages) {
  find("stages").replaceChildren(...stages.map(({ title, waiting }) => {
    const item = document.createElement("li");
    item.toggleAttribute("data-waits", waiting > 0);
    item.toggleAttribute("data-unknown", waiting === null);
    item.append(make("span", title), make("b", waiting === null ? "unknown" : number.format(waiting)));
    return item;
  }));
}

// The buttons stay the same elements, so that a press is not lost while the page is renewed.
function showParts(parts) {
  const list = find("parts").querySelector("ul");
  find("parts").hidden = parts.length === 0;
  for (const { name, title, without, is_away: isAway } of parts) {
    let item = list.querySelector(`[data-name="${name}"]`);
    if (!item) {
      item = document.createElement("li");
      item.dataset.name = name;
      item.append(make("b", ""), make("button", ""), make("small", ""));
      item.querySelector("button").className = "quiet";
      item.querySelector("button").addEventListener("click", () => change(item));
      list.append(item);
    }
    item.toggleAttribute("data-away", isAway);
    item.querySelector("b").textContent = isAway ? `${title}: away` : title;
    item.querySelector("button").textContent = isAway ? "Bring back" : "Take away";
    item.querySelector("small").textContent = without;
  }
}

async function change(item) {
  try {
    await send("parts", { name: item.dataset.name, is_away: !item.hasAttribute("data-away") });
    await renew();
  } catch (error) {
    say(`Nothing was changed: ${error.message}`);
  }
}

async function renew() {
  const { stages, parts } = await (await told(await ask("stations"))).json();
  showStages(stages);
  showParts(parts);
}

async function poll() {
  if (!document.hidden) await renew().catch(refused);
  setTimeout(poll, POLL_MS);
}

document.addEventListener("click", (event) => {
  const fraud = event.target.dataset.fraud;
  if (fraud !== undefined) confirm(event.target.closest("article"), Number(fraud));
});
find("refresh").addEventListener("click", load);
find("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(event.target.elements.token.value);
  load();
});
linkServices().catch(() => {});
load();
poll();
