// The service worker of web apps that get our pushes: navigator.serviceWorker.register("/push-worker.js").
// It shows each push, and opens what the push is about when somebody clicks on it (docs/notifications.md).
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  // A browser takes the permission away from a page whose pushes show nothing.
  event.waitUntil(show(event.data ? event.data.json() : {}));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

async function show(push) {
  await self.registration.showNotification(push.title || "Souk Loop", {
    body: push.body || "",
    lang: push.language || "en",
    dir: push.direction || "auto",
    tag: push.tag || "",
    renotify: Boolean(push.tag), // a newer one takes its place, and is noticed
    icon: "/favicon.svg",
    data: { url: push.url || "/", notificationId: push.notification_id, kind: push.kind },
  });
  if (self.navigator.setAppBadge && Number.isInteger(push.badge)) {
    await (push.badge ? self.navigator.setAppBadge(push.badge) : self.navigator.clearAppBadge()).catch(() => {});
  }
}

async function open(url) {
  const address = new URL(url, self.location.origin);
  if (address.protocol !== "https:" && address.origin !== self.location.origin) return;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = windows.find((window) => window.url === address.href);
  await (shown ? shown.focus() : self.clients.openWindow(address.href));
}
