// Links to the pages of the other services, which listen on other ports of the same machine.
export async function linkServices() {
  const ports = await (await fetch("/services")).json();
  for (const link of document.querySelectorAll("a[data-service]")) {
    link.href = `${location.protocol}//${location.hostname}:${ports[link.dataset.service]}/${link.dataset.path ?? ""}`;
    link.hidden = false;
  }
}
