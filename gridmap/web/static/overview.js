/* Keeps the overview fresh and lets it fill a wall. What comes from the server is its own page,
   parsed without running anything, and put in place only where it differs. */
"use strict";

const overview = (() => {
  const byId = (id) => document.getElementById(id);
  const { seconds, words } = JSON.parse(byId("said").textContent);
  const t = (message) => words[message] || message;
  // As it came: what a reader opens or has the focus on is no change of the figures.
  const state = { checked: new Date(), asking: false, timer: null, shown: byId("overview").innerHTML };

  const clock = (time) =>
    [time.getHours(), time.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");

  function say(message, link = null) {
    byId("told").replaceChildren(message);
    if (!link) return;
    const way = document.createElement("a");
    way.href = link;
    way.textContent = message;
    byId("told").replaceChildren(way);
  }

  function checked() {
    state.checked = new Date();
    byId("updated").textContent = `${t("checked")} ${clock(state.checked)}`;
  }

  /* The page as it is now; null where the session has ended. */
  async function fetched() {
    const response = await fetch(location.pathname + location.search, { cache: "no-store" });
    if (response.status === 401 || new URL(response.url).pathname !== location.pathname) return null;
    if (!response.ok) throw new Error(String(response.status));
    return new DOMParser().parseFromString(await response.text(), "text/html").getElementById("overview");
  }

  async function refresh() {
    if (state.asking) return;
    state.asking = true;
    try {
      const found = await fetched();
      if (found === null) {
        const here = encodeURIComponent(location.pathname + location.search);
        say(t("Your session has ended: sign in again."), `/sign-in?next=${here}`);
        return;
      }
      checked();
      const changed = found.innerHTML !== state.shown;
      say(changed ? t("The figures have changed.") : "");
      if (changed) replace(found);
    } catch {
      say(`${t("The server does not answer; these figures are from")} ${clock(state.checked)}`);
    } finally {
      state.asking = false;
    }
  }

  /* What had the focus has it again, what was open is open, and nothing jumps. */
  function replace(found) {
    state.shown = found.innerHTML;
    const open = byId("overview").querySelector("details[open]") !== null;
    const held = document.activeElement;
    const address = held && byId("overview").contains(held) ? held.getAttribute("href") : null;
    byId("overview").replaceChildren(...document.adoptNode(found).childNodes);
    for (const one of byId("overview").querySelectorAll("details")) one.open = open;
    if (!address) return;
    const again = [...byId("overview").querySelectorAll("a")].find((a) => a.getAttribute("href") === address);
    if (again) again.focus({ preventScroll: true });
  }

  /* Nobody looks at a hidden tab: it asks nothing, and at once when it is seen again. */
  function watch() {
    clearInterval(state.timer);
    if (document.hidden) return;
    state.timer = setInterval(refresh, seconds * 1000);
    if (Date.now() - state.checked > seconds * 1000) refresh();
  }

  function full() {
    const button = byId("full");
    if (!document.fullscreenEnabled) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else byId("main").requestFullscreen().catch(() => {});
    });
    document.addEventListener("fullscreenchange", () => {
      button.textContent = t(document.fullscreenElement ? "Leave full screen" : "Full screen");
    });
  }

  checked();
  full();
  document.addEventListener("visibilitychange", watch);
  window.addEventListener("online", refresh);
  watch();
  document.documentElement.dataset.ready = "yes";
  return { refresh, state: () => ({ ...state }) };
})();
