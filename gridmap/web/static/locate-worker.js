"use strict";
// Keeps the shell of the page on the spot for a lost connection. What is asked of the server is
// always asked first; data is kept by the page itself (locate-kept.js), never here.
const CACHE = "gridmap-locate-3";
const PAGE = "/locate";
const SHELL = [
  "/static/page.css", "/static/locate.css", "/static/locate.js", "/static/finder.js", "/static/map/hatch.js", "/static/locate-kept.js",
  "/static/vendor/leaflet/leaflet.css", "/static/vendor/leaflet/leaflet.js",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

async function firstAsked(request, key) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    // A page to sign in at is not this page: who is signed out keeps none.
    if (answer.ok && !answer.redirected) await cache.put(key, answer.clone());
    else if (key === PAGE) await cache.delete(key);
    return answer;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && url.pathname === PAGE) event.respondWith(firstAsked(event.request, PAGE));
  else if (SHELL.includes(url.pathname)) event.respondWith(firstAsked(event.request, url.pathname));
});
