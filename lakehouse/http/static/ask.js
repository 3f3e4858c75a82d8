// How both pages ask their service: with a time limit, and with the token where one is needed.
const TIMEOUT_MS = 10000;
const KEY = "token";

export class NeedsToken extends Error {}

export const token = () => sessionStorage.getItem(KEY);
export const keepToken = (text) => sessionStorage.setItem(KEY, text);

// The response; raises NeedsToken on 401 and an AbortError or TypeError when nothing answers.
export async function ask(path, { timeout = TIMEOUT_MS, headers = {}, ...options } = {}) {
  const given = token();
  const sent = given ? { ...headers, Authorization: `Bearer ${given}` } : headers;
  const response = await fetch(path, { ...options, headers: sent, signal: AbortSignal.timeout(timeout) });
  if (response.status === 401) throw new NeedsToken((await response.json()).error);
  return response;
}

// A link cannot carry the token: where one is kept, its file is fetched and saved instead.
export function saveByToken(event) {
  const link = event.target.closest("a[data-file]");
  if (!link || !token()) return;
  event.preventDefault();
  ask(link.href).then((response) => response.blob()).then((blob) => {
    const saved = document.createElement("a");
    saved.href = URL.createObjectURL(blob);
    saved.download = link.href.split("/").at(-1);
    saved.click();
    setTimeout(() => URL.revokeObjectURL(saved.href), 60000);
  });
}
