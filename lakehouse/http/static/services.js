// Links to the pages of the other services, which listen on other ports of the same machine: a link
// names its service, or its port where the page knows it.
export async function linkServices() {
  const ports = await (await fetch("/services")).json();
  for (const link of document.querySelectorAll("a[data-service], a[data-port]")) {
    const port = link.dataset.port ?? ports[link.dataset.service];
    link.href = `${location.protocol}//${location.hostname}:${port}/${link.dataset.path ?? ""}`;
    link.hidden = false;
  }
}
