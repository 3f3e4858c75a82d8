// The page of the service: lists the routes of /openapi.json and sends what its forms hold.
const KEY = "key";
const JSON_TYPE = "application/json";
const find = (selector, from = document) => from.querySelector(selector);

function headers(media) {
  const key = sessionStorage.getItem(KEY);
  return { ...(media ? { "Content-Type": media } : {}), ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

// Whole numbers stay as they came, so that 2.0 is not shown as another value than it is.
const pretty = (text) => {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

function field(box, parameter) {
  const label = box.appendChild(document.createElement("label"));
  label.textContent = `${parameter.name} `;
  const input = label.appendChild(document.createElement("input"));
  input.name = parameter.name;
  input.dataset.place = parameter.in;
  input.required = parameter.required;
  input.placeholder = (parameter.schema.enum ?? [parameter.schema.type]).join(" or ");
}

function offerSamples(box, content) {
  const text = find("textarea", box);
  for (const [name, sample] of Object.entries(content.examples ?? {})) {
    const button = find(".samples", box).appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => { text.value = JSON.stringify(sample.value, null, 2); });
  }
  const first = Object.values(content.examples ?? {})[0];
  text.value = first ? JSON.stringify(first.value, null, 2) : "{}";
  text.setAttribute("aria-label", "Body");
}

async function send(node, method, path) {
  const form = find("form", node), status = find(".status", node), answer = find(".answer", node);
  let address = path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("input")) {
    if (input.dataset.place === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.set(input.name, input.value);
  }
  if (query.size) address += `?${query}`;
  const options = method === "post" ? { method: "POST", body: find("textarea", form).value } : {};
  status.textContent = "Waiting …";
  try {
    const response = await fetch(address, { ...options, headers: headers(options.body === undefined ? null : JSON_TYPE) });
    const stages = response.headers.get("Server-Timing");
    status.textContent = `${response.status} ${response.statusText}${stages ? ` · ${stages.replaceAll(";dur=", " ")} ms` : ""}`;
    answer.textContent = pretty(await response.text());
    answer.hidden = false;
  } catch (error) {
    status.textContent = `No answer: ${error.message}`;
  }
}

function show(path, method, route) {
  const node = find("#route").content.cloneNode(true).firstElementChild;
  find(".method", node).textContent = method.toUpperCase();
  find(".method", node).classList.add(method);
  find(".path", node).textContent = path;
  find(".says", node).textContent = route.summary;
  for (const parameter of route.parameters ?? []) field(find(".parameters", node), parameter);
  const content = route.requestBody?.content[JSON_TYPE];
  if (content) offerSamples(find(".body", node), content);
  else find(".body", node).hidden = true;
  find("form", node).addEventListener("submit", (event) => {
    event.preventDefault();
    send(node, method, path);
  });
  return node;
}

async function load() {
  const response = await fetch("/openapi.json", { headers: headers() });
  const list = find("#routes");
  find("#access").hidden = response.status !== 401;
  list.replaceChildren();
  const document_ = await response.json();
  if (!response.ok) {
    const said = list.appendChild(document.createElement("p"));
    said.textContent = document_.error;
    return;
  }
  find("#about").textContent = document_.info.description;
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, route] of Object.entries(methods)) list.append(show(path, method, route));
  }
}

find("#access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, find("#key").value);
  load();
});
load();
