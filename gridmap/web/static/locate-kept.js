"use strict";
// What the page on the spot keeps on the device: the area seen last, and reports that wait. All of it
// is one account's: what another left is deleted before anything is read.
const gridmapKept = (() => {
  const NAME = "gridmap-locate";
  let opened = null;
  let owner = "";

  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  async function open(whose) {
    owner = whose;
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("own");
      request.result.createObjectStore("reports", { keyPath: "key" });
    };
    opened = await asked(request);
    if ((await asked(store("own", "readonly").get("owner"))) !== owner) {
      await asked(store("own", "readwrite").clear());
      await asked(store("reports", "readwrite").clear());
      await asked(store("own", "readwrite").put(owner, "owner"));
    }
  }

  const store = (name, mode) => opened.transaction(name, mode).objectStore(name);
  const works = () => opened !== null;

  return {
    open: (whose) => open(whose).catch(() => { opened = null; }),
    works,
    area: async () => (works() ? asked(store("own", "readonly").get("area")) : undefined),
    keepArea: async (area) => { if (works()) await asked(store("own", "readwrite").put(area, "area")); },
    reports: async () => (works() ? asked(store("reports", "readonly").getAll()) : []),
    keepReport: async (report) => asked(store("reports", "readwrite").put(report)),
    dropReport: async (key) => asked(store("reports", "readwrite").delete(key)),
    forget: async () => {
      if (!works()) return;
      await asked(store("own", "readwrite").delete("area"));
    },
  };
})();
